//! What single objects get at once: addresses from outside, bound claims, a namespace's own things.

use serde_json::{Value, json};

use super::{Again, text, world::World};
use crate::sandbox::refusal::Refusal;

/// Every LoadBalancer's address: from a range that nobody uses.
const OUTSIDE: &str = "192.0.2.10";

/// Who is nobody else in a namespace.
const ACCOUNT: &str = "default";

/// Holds the certificate of the API server for pods.
const ROOT_CA: &str = "kube-root-ca.crt";

/// As the real server describes it.
const ABOUT_CA: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when \
    using internal endpoints such as the internal service IP or kubernetes.default.svc. No other \
    usage is guaranteed across distributions of Kubernetes clusters.";

pub(super) async fn service(world: &World, service: &Value) -> Result<Again, Refusal> {
    let wanted = text(service, "/spec/type") == "LoadBalancer";
    let there = service.pointer("/status/loadBalancer/ingress").is_some();
    if wanted != there {
        let balancer = if wanted {
            json!({"ingress": [{"ip": OUTSIDE, "ipMode": "VIP"}]})
        } else {
            json!({})
        };
        let status = json!({"loadBalancer": balancer});
        world.set_status("services", service, status).await?;
    }
    Ok(None)
}

pub(super) async fn claim(world: &World, claim: &Value) -> Result<Again, Refusal> {
    if text(claim, "/status/phase") == "Bound" {
        return Ok(None);
    }
    let mut status = json!({"phase": "Bound", "accessModes": claim["spec"]["accessModes"]});
    if let Some(storage) = claim.pointer("/spec/resources/requests/storage") {
        status["capacity"] = json!({"storage": storage});
    }
    let resource = "persistentvolumeclaims";
    world.set_status(resource, claim, status).await?;
    Ok(None)
}

pub(super) async fn namespace(world: &World, namespace: &Value) -> Result<Again, Refusal> {
    let name = text(namespace, "/metadata/name");
    let account = json!({"metadata": {"name": ACCOUNT}});
    let certificate = json!({
        "metadata": {"name": ROOT_CA, "annotations": {"kubernetes.io/description": ABOUT_CA}},
        "data": {"ca.crt": ""},
    });
    for (resource, own, object) in [
        ("serviceaccounts", ACCOUNT, account),
        ("configmaps", ROOT_CA, certificate),
    ] {
        if world.get(resource, name, own).is_none() {
            world.create(resource, name, object).await?;
        }
    }
    Ok(None)
}
