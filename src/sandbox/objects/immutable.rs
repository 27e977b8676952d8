//! What may not change once it is there, refused in Kubernetes' words.

use serde_json::Value;

use super::crds;
use crate::sandbox::{kinds::Kind, refusal::Cause};

const IMMUTABLE: &str = "field is immutable";

/// Fields of a kind that never change, as JSON pointers.
fn fixed(kind: &Kind) -> &'static [&'static str] {
    match (&*kind.group, &*kind.kind) {
        ("apps", "Deployment" | "DaemonSet" | "ReplicaSet") => &["/spec/selector"],
        ("batch", "Job") => &[
            "/spec/completions",
            "/spec/selector",
            "/spec/template",
            "/spec/completionMode",
        ],
        ("", "Secret") => &["/type"],
        ("apiextensions.k8s.io", _) => &[
            "/spec/group",
            "/spec/scope",
            "/spec/names/plural",
            "/spec/names/kind",
        ],
        ("storage.k8s.io", "StorageClass") => &[
            "/provisioner",
            "/parameters",
            "/reclaimPolicy",
            "/volumeBindingMode",
        ],
        ("networking.k8s.io", "IngressClass") => &["/spec/controller"],
        ("scheduling.k8s.io", "PriorityClass") => &["/value", "/preemptionPolicy"],
        ("node.k8s.io", "RuntimeClass") => &["/handler"],
        _ => &[],
    }
}

/// Fields that a client may leave out of an update without meaning to empty them.
pub(super) fn carry(kind: &Kind, live: &Value, object: &mut Value) {
    if kind.is("batch", "Job") && object["spec"]["manualSelector"] != true {
        if object["spec"]["selector"].is_null() {
            object["spec"]["selector"] = live["spec"]["selector"].clone();
        }
        // What the server put there itself.
        let own = live["spec"]["template"]["metadata"]["labels"].clone();
        for (key, value) in own.as_object().into_iter().flatten() {
            let label = &mut object["spec"]["template"]["metadata"]["labels"][key];
            if key.contains("controller-uid") || key.ends_with("job-name") {
                *label = value.clone();
            }
        }
    }
    if kind.is("", "PersistentVolumeClaim") {
        for field in ["volumeName", "storageClassName"] {
            if object["spec"][field].is_null() && !live["spec"][field].is_null() {
                object["spec"][field] = live["spec"][field].clone();
            }
        }
    }
    if kind.is("", "Pod")
        && object["spec"]["nodeName"].is_null()
        && live["spec"]["nodeName"].is_string()
    {
        object["spec"]["nodeName"] = live["spec"]["nodeName"].clone();
    }
    if crds::is_crd(kind) {
        crds::follow(object);
    }
}

/// What the change does that it may not.
pub(super) fn check(kind: &Kind, live: &Value, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    for pointer in fixed(kind) {
        let (before, after) = (live.pointer(pointer), object.pointer(pointer));
        if before != after {
            let field = pointer[1..].replace('/', ".");
            let after = after.unwrap_or(&Value::Null);
            causes.push(Cause::invalid(field, after, IMMUTABLE));
        }
    }
    match (&*kind.group, &*kind.kind) {
        ("apps", "StatefulSet") => stateful_set(live, object, &mut causes),
        ("", "Service") => service(live, object, &mut causes),
        ("", "Pod") => pod(live, object, &mut causes),
        ("", "PersistentVolumeClaim") => claim(live, object, &mut causes),
        ("", "Secret" | "ConfigMap") => sealed(live, object, &mut causes),
        ("rbac.authorization.k8s.io", _) if live["roleRef"] != object["roleRef"] => {
            let detail = "cannot change roleRef";
            causes.push(Cause::invalid("roleRef", &object["roleRef"], detail));
        }
        _ => {}
    }
    causes
}

/// Does the spec differ in anything but these fields?
fn differs_beyond(live: &Value, object: &Value, may: &[&str]) -> bool {
    let rest = |object: &Value| {
        let mut spec = object["spec"].clone();
        if let Some(fields) = spec.as_object_mut() {
            fields.retain(|name, _| !may.contains(&&**name));
        }
        spec
    };
    rest(live) != rest(object)
}

fn stateful_set(live: &Value, object: &Value, causes: &mut Vec<Cause>) {
    let may = [
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    if differs_beyond(live, object, &may) {
        let detail = "updates to statefulset spec for fields other than 'replicas', 'ordinals', \
                      'template', 'updateStrategy', 'revisionHistoryLimit', \
                      'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
        causes.push(Cause::forbidden("spec", detail));
    }
}

fn service(live: &Value, object: &Value, causes: &mut Vec<Cause>) {
    let kept = |object: &Value| object["spec"]["type"] != "ExternalName";
    let (before, after) = (&live["spec"]["clusterIP"], &object["spec"]["clusterIP"]);
    if kept(live) && kept(object) && before != after {
        let addresses = &object["spec"]["clusterIPs"];
        let shown = if addresses.is_null() {
            after
        } else {
            addresses
        };
        causes.push(Cause::invalid(
            "spec.clusterIPs[0]",
            shown,
            "may not change once set",
        ));
    }
}

fn pod(live: &Value, object: &Value, causes: &mut Vec<Cause>) {
    let settled = |object: &Value| {
        let mut spec = object["spec"].clone();
        for list in ["containers", "initContainers"] {
            for container in spec[list].as_array_mut().into_iter().flatten() {
                if let Some(fields) = container.as_object_mut() {
                    fields.remove("image");
                }
            }
        }
        if let Some(fields) = spec.as_object_mut() {
            fields.retain(|name, value| {
                let may = [
                    "activeDeadlineSeconds",
                    "tolerations",
                    "terminationGracePeriodSeconds",
                ];
                !may.contains(&&**name) && !value.is_null()
            });
        }
        spec
    };
    // The node is set once.
    let bound = live["spec"]["nodeName"].is_null();
    let mut before = settled(live);
    if bound && let Some(node) = object["spec"].get("nodeName") {
        before["nodeName"] = node.clone();
    }
    if before != settled(object) {
        let detail = "pod updates may not change fields other than \
                      `spec.containers[*].image`,`spec.initContainers[*].image`,\
                      `spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing \
                      tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if \
                      it was previously negative)";
        causes.push(Cause::forbidden("spec", detail));
    }
}

fn claim(live: &Value, object: &Value, causes: &mut Vec<Cause>) {
    let bind = live["spec"]["volumeName"].is_null();
    let mut may = vec!["resources", "volumeAttributesClassName"];
    if bind {
        may.push("volumeName");
    }
    if differs_beyond(live, object, &may) {
        let detail = "spec is immutable after creation except resources.requests and \
                      volumeAttributesClassName for bound claims";
        causes.push(Cause::forbidden("spec", detail));
    }
}

/// Secrets and `ConfigMap`s that say themselves that they do not change.
fn sealed(live: &Value, object: &Value, causes: &mut Vec<Cause>) {
    if live["immutable"] != true {
        return;
    }
    let detail = "field is immutable when `immutable` is set";
    for field in ["immutable", "data", "binaryData"] {
        if live[field] != object[field] {
            causes.push(Cause::forbidden(field, detail));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sandbox::kinds::Kinds;

    fn refused(resource: &str, live: &Value, object: &Value) -> Vec<String> {
        let kind = Kinds::new(&[]).of_resource(resource).unwrap();
        let causes = check(&kind, live, object).into_iter();
        causes
            .map(|cause| format!("{}: {}", cause.field, cause.message))
            .collect()
    }

    #[test]
    fn what_may_not_change_is_refused_in_kubernetes_words() {
        let live =
            json!({ "spec": { "selector": { "matchLabels": { "a": "b" } }, "replicas": 1 } });
        let other =
            json!({ "spec": { "selector": { "matchLabels": { "a": "c" } }, "replicas": 1 } });
        assert_eq!(
            refused("deployments.apps", &live, &other),
            ["spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"c\"}}: field is immutable"]
        );
        let more =
            json!({ "spec": { "selector": { "matchLabels": { "a": "b" } }, "replicas": 2 } });
        assert!(refused("deployments.apps", &live, &more).is_empty());
        assert!(refused("statefulsets.apps", &live, &more).is_empty());
        let said = refused("statefulsets.apps", &live, &other);
        assert!(said[0].starts_with("spec: Forbidden: updates to statefulset spec for fields"));
    }

    #[test]
    fn a_pod_keeps_its_node_and_may_change_its_image() {
        let live = json!({ "spec": { "containers": [{ "name": "a", "image": "x:1" }] } });
        let bound =
            json!({ "spec": { "containers": [{ "name": "a", "image": "x:2" }], "nodeName": "n" } });
        assert!(refused("pods", &live, &bound).is_empty());
        let moved =
            json!({ "spec": { "containers": [{ "name": "a", "image": "x:2" }], "nodeName": "m" } });
        assert_eq!(refused("pods", &bound, &moved).len(), 1);
    }

    #[test]
    fn a_sealed_config_map_stays() {
        let live = json!({ "immutable": true, "data": { "a": "b" } });
        let other = json!({ "data": { "a": "c" } });
        assert_eq!(refused("configmaps", &live, &other).len(), 2);
    }
}
