//! Readiness: pure predicates over one object, after the rules of kstatus
//! (sigs.k8s.io/cli-utils, `pkg/kstatus`), which Helm 4 uses as well.
//!
//! Where we differ, and why:
//! - `CrashLoopBackOff` alone is not a failure: the next start may work, and a Deployment has its
//!   own deadline (`progressDeadlineSeconds`) for giving up.
//! - A Job counts when it is complete, not when it has started. A suspended one counts as done:
//!   its spec asks for no pods.
//! - A paused Deployment counts as ready, as in Helm 3: nobody asked it to roll out.
//! - `OnDelete` workloads must have all replicas ready, old or new: only the update is left to
//!   their owner.
//! - A `LoadBalancer` Service must have an address, as in Helm 3.
//! - A claim is ready when it is bound; [`waits_for_consumer`] tells which claims cannot be bound
//!   before a pod uses them, and are therefore not worth waiting for.

mod builtin;
mod custom;
mod fields;
#[cfg(test)]
mod table;
mod workloads;

pub use builtin::waits_for_consumer;
use fields::{Conditions, integer, text};
use serde_json::Value;

/// How far an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It is what its spec says.
    Ready,
    /// On its way; what it lacks, for people (`0 of 3 replicas available`).
    Progressing(String),
    /// It says itself that it will not get there.
    Failed(String),
}

/// Judges one object; `None` is an object that is not there.
pub fn readiness(object: Option<&Value>) -> Readiness {
    let Some(object) = object else {
        return Readiness::Progressing("it does not exist".to_owned());
    };
    if object["metadata"].get("deletionTimestamp").is_some() {
        return Readiness::Progressing("it is being deleted".to_owned());
    }
    let kind = text(object, "/kind");
    match (group(text(object, "/apiVersion")), kind) {
        ("apps", "Deployment") => workloads::deployment(object),
        ("apps", "StatefulSet") => workloads::stateful_set(object),
        ("apps", "DaemonSet") => workloads::daemon_set(object),
        ("apps", "ReplicaSet") => workloads::replica_set(object),
        ("batch", "Job") => workloads::job(object),
        ("", "Pod") => workloads::pod(object),
        ("", "PersistentVolumeClaim") => builtin::claim(object),
        ("", "Service") => builtin::service(object),
        ("", "Namespace") => builtin::namespace(object),
        ("policy", "PodDisruptionBudget") => builtin::disruption_budget(object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => builtin::definition(object),
        ("apiregistration.k8s.io", "APIService") => builtin::api_service(object),
        (group, _) if BUILT_IN_GROUPS.contains(&group) => Readiness::Ready,
        _ => custom::custom(object),
    }
}

/// Whether objects of this kind take time to be ready. Those that do not (`ConfigMap`, `Role`,
/// `Ingress`, `CronJob`, …) are ready from the moment the API server accepts them, and never need
/// to be read.
pub fn takes_time(api_version: &str, kind: &str) -> bool {
    let kinds: &[&str] = match group(api_version) {
        "apps" => &["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"],
        "batch" => &["Job"],
        "" => &["Pod", "PersistentVolumeClaim", "Service", "Namespace"],
        "policy" => &["PodDisruptionBudget"],
        "apiextensions.k8s.io" => &["CustomResourceDefinition"],
        "apiregistration.k8s.io" => &["APIService"],
        group => return !BUILT_IN_GROUPS.contains(&group),
    };
    kinds.contains(&kind)
}

/// Whether an object of this kind that failed can still become ready by itself. A Job or Pod that
/// failed stays failed; a Deployment past its deadline goes on trying.
pub fn can_recover(kind: &str) -> bool {
    !matches!(kind, "Job" | "Pod" | "PersistentVolumeClaim")
}

/// Groups served by the API server itself. Their kinds have no readiness beyond the rules here.
/// Other groups of `*.k8s.io` are custom resources like any other.
const BUILT_IN_GROUPS: [&str; 21] = [
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

/// Whether a group is served by the API server itself.
pub(super) fn is_built_in(group: &str) -> bool {
    BUILT_IN_GROUPS.contains(&group)
}

/// `apps` of `apps/v1`, empty for `v1`.
fn group(api_version: &str) -> &str {
    api_version.rsplit_once('/').map_or("", |(group, _)| group)
}

/// `Progressing` if the controller has not yet looked at the newest spec. `required`: the kind's
/// controller always says what it has looked at.
fn unobserved(object: &Value, required: bool) -> Option<Readiness> {
    let generation = integer(object, "/metadata/generation").unwrap_or_default();
    let stale = match integer(object, "/status/observedGeneration") {
        Some(observed) => observed < generation,
        None => required,
    };
    stale.then(|| {
        Readiness::Progressing("its controller has not seen the newest version yet".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_there_or_going_away_is_not_ready() {
        assert_eq!(
            readiness(None),
            Readiness::Progressing("it does not exist".to_owned())
        );
        let going = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" },
        });
        assert_eq!(
            readiness(Some(&going)),
            Readiness::Progressing("it is being deleted".to_owned())
        );
    }

    #[test]
    fn kinds_without_readiness_are_ready_and_need_no_look() {
        for (api_version, kind) in [
            ("v1", "ConfigMap"),
            ("v1", "Secret"),
            ("batch/v1", "CronJob"),
            ("networking.k8s.io/v1", "Ingress"),
            ("rbac.authorization.k8s.io/v1", "ClusterRole"),
            ("autoscaling/v2", "HorizontalPodAutoscaler"),
        ] {
            assert!(!takes_time(api_version, kind), "{kind}");
            let object = json!({ "apiVersion": api_version, "kind": kind, "metadata": {} });
            assert_eq!(readiness(Some(&object)), Readiness::Ready, "{kind}");
        }
        for (api_version, kind) in [
            ("apps/v1", "Deployment"),
            ("v1", "Service"),
            ("cert-manager.io/v1", "Certificate"),
            ("gateway.networking.k8s.io/v1", "Gateway"),
        ] {
            assert!(takes_time(api_version, kind), "{kind}");
        }
    }
}
