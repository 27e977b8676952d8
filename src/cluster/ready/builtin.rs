//! Claims, Services, Namespaces, budgets, CRDs, `APIService`s.

use serde_json::Value;

use super::{Conditions, Readiness, fields::text, unobserved};

pub(super) fn claim(object: &Value) -> Readiness {
    match text(object, "/status/phase") {
        "Bound" => Readiness::Ready,
        "Lost" => Readiness::Failed("its volume is lost".to_owned()),
        _ => Readiness::Progressing("it is not bound to a volume".to_owned()),
    }
}

/// Whether this claim cannot be bound before a pod uses it, and no pod does yet: its storage class
/// binds on the first consumer, and the scheduler has chosen no node for one
/// (`volume.kubernetes.io/selected-node`). Waiting for it would be waiting for a pod that may not
/// be part of the chart; the pods that are, are waited for themselves.
pub fn waits_for_consumer(claim: &Value, storage_class: &Value) -> bool {
    let annotations = &claim["metadata"]["annotations"];
    text(claim, "/status/phase") == "Pending"
        && text(storage_class, "/volumeBindingMode") == "WaitForFirstConsumer"
        && annotations
            .get("volume.kubernetes.io/selected-node")
            .is_none()
}

pub(super) fn service(object: &Value) -> Readiness {
    let has_some = |pointer| {
        object
            .pointer(pointer)
            .and_then(Value::as_array)
            .is_some_and(|it| !it.is_empty())
    };
    let balanced = text(object, "/spec/type") == "LoadBalancer";
    if balanced && !has_some("/status/loadBalancer/ingress") && !has_some("/spec/externalIPs") {
        return Readiness::Progressing("its load balancer has no address yet".to_owned());
    }
    Readiness::Ready
}

pub(super) fn namespace(object: &Value) -> Readiness {
    match text(object, "/status/phase") {
        "Active" => Readiness::Ready,
        phase => Readiness::Progressing(format!("it is {phase}")),
    }
}

/// Its controller has computed the allowed disruptions; how many there are is not its readiness.
pub(super) fn disruption_budget(object: &Value) -> Readiness {
    unobserved(object, true).unwrap_or(Readiness::Ready)
}

pub(super) fn definition(object: &Value) -> Readiness {
    let conditions = Conditions::of(object);
    if let Some(names) = conditions
        .get("NamesAccepted")
        .filter(|names| names.status() == "False")
    {
        return Readiness::Failed(names.words("its names are taken"));
    }
    match conditions.get("Established") {
        Some(established) if established.is_true() => Readiness::Ready,
        Some(established) => Readiness::Progressing(established.words("not established")),
        None => Readiness::Progressing("not established".to_owned()),
    }
}

pub(super) fn api_service(object: &Value) -> Readiness {
    match Conditions::of(object).get("Available") {
        Some(available) if available.is_true() => Readiness::Ready,
        Some(available) => Readiness::Progressing(available.words("not available")),
        None => Readiness::Progressing("not available".to_owned()),
    }
}
