//! What is special about CRDs: their kinds are served from the moment they are written.

use serde_json::{Value, json};

use super::meta;
use crate::sandbox::kinds::Kind;

/// Their key in the store.
pub(super) const RESOURCE: &str = "customresourcedefinitions.apiextensions.k8s.io";
/// Held until the last object of its kind is gone.
pub(super) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

pub(super) fn is_crd(kind: &Kind) -> bool {
    kind.resource == RESOURCE
}

/// A new one is accepted and established at once.
pub(super) fn establish(object: &mut Value) {
    let now = meta::now();
    let condition = |name: &str, reason: &str, message: &str| {
        json!({
            "type": name,
            "status": "True",
            "reason": reason,
            "message": message,
            "lastTransitionTime": now,
        })
    };
    object["status"] = json!({ "conditions": [
        condition("NamesAccepted", "NoConflicts", "no conflicts found"),
        condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ] });
    follow(object);
}

/// Keeps what the status says about the spec true.
pub(super) fn follow(object: &mut Value) {
    let kind = object["spec"]["names"]["kind"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let names = &mut object["spec"]["names"];
    if names["singular"].is_null() {
        names["singular"] = kind.to_lowercase().into();
    }
    if names["listKind"].is_null() {
        names["listKind"] = format!("{kind}List").into();
    }
    if object["spec"]["conversion"].is_null() {
        object["spec"]["conversion"] = json!({ "strategy": "None" });
    }
    object["status"]["acceptedNames"] = object["spec"]["names"].clone();
    let versions = object["spec"]["versions"].as_array().into_iter().flatten();
    let stored = versions.filter(|version| version["storage"] == true);
    let stored: Vec<Value> = stored.map(|version| version["name"].clone()).collect();
    let mut known = object["status"]["storedVersions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    known.extend(
        stored
            .into_iter()
            .filter(|name| !known.contains(name))
            .collect::<Vec<_>>(),
    );
    object["status"]["storedVersions"] = known.into();
}
