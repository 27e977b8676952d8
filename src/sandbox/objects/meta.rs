//! `metadata`: what the server sets itself, and what is kept through an update.

use serde_json::{Map, Value, json};

use super::Place;
use crate::sandbox::{kinds::Kind, random, refusal::Refusal};

/// Built-in kinds whose `metadata.generation` counts changes of their spec; those of CRDs all have
/// it.
const COUNTED: [&str; 14] = [
    "CronJob",
    "CustomResourceDefinition",
    "DaemonSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "Ingress",
    "Job",
    "MutatingWebhookConfiguration",
    "NetworkPolicy",
    "Pod",
    "PodDisruptionBudget",
    "ReplicaSet",
    "StatefulSet",
    "ValidatingWebhookConfiguration",
];

/// What only the server writes into `metadata`.
const SERVERS: [&str; 5] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "uid",
];

/// Now, as Kubernetes writes times.
pub(in crate::sandbox) fn now() -> String {
    let now = jiff::Timestamp::now().round(jiff::Unit::Second);
    now.unwrap_or_default().to_string()
}

/// `metadata`, made if it is not there. `None` if it is no object.
pub(super) fn of(object: &mut Value) -> Option<&mut Map<String, Value>> {
    let metadata = object.as_object_mut()?.entry("metadata");
    metadata.or_insert_with(|| json!({})).as_object_mut()
}

/// A text of `metadata`, empty if it is not there.
pub(super) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

/// Is it being deleted?
pub(super) fn going(object: &Value) -> bool {
    !text(object, "deletionTimestamp").is_empty()
}

/// Its finalizers.
pub(super) fn finalizers(object: &Value) -> Vec<&str> {
    let finalizers = object["metadata"]["finalizers"].as_array();
    let texts = finalizers.into_iter().flatten();
    texts.filter_map(Value::as_str).collect()
}

/// What the request says must fit the place: kind, version and namespace; absent ones are filled
/// in.
pub(super) fn settle(place: &Place<'_>, object: &mut Value) -> Result<(), Refusal> {
    let kind = place.kind;
    let (api_version, name) = (kind.api_version(), &kind.kind);
    let said = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
    let (said_version, said_kind) = (said("apiVersion"), said("kind"));
    let fits = (said_version.is_empty() || said_version == api_version)
        && (said_kind.is_empty() || said_kind == *name);
    if !fits {
        return Err(Refusal::bad_request(format!(
            "the object provided is {said_kind} in version {said_version:?}, and cannot be handled \
             as a {name} in version {api_version:?}"
        )));
    }
    let no_object = || {
        Refusal::bad_request(format!(
            "{name} in version \"{}\" cannot be handled as a {name}: json: cannot unmarshal into Go \
             value of type v1.{name}",
            kind.version
        ))
    };
    let fields = object.as_object_mut().ok_or_else(no_object)?;
    fields.insert("apiVersion".to_owned(), api_version.into());
    fields.insert("kind".to_owned(), name.as_str().into());
    let metadata = of(object).ok_or_else(no_object)?;
    metadata.retain(|_, value| !value.is_null());
    metadata.remove("selfLink");
    match metadata.get("namespace").and_then(Value::as_str) {
        Some("") | None => {}
        Some(said) if said != place.namespace => {
            return Err(Refusal::bad_request(
                "the namespace of the provided object does not match the namespace sent on the \
                 request",
            ));
        }
        Some(_) => {}
    }
    if place.namespace.is_empty() {
        metadata.remove("namespace");
    } else {
        metadata.insert("namespace".to_owned(), place.namespace.into());
    }
    Ok(())
}

/// The metadata of a new object. Its name is settled.
pub(super) fn begin(kind: &Kind, object: &mut Value) {
    let counted = counts(kind);
    if let Some(metadata) = of(object) {
        for field in SERVERS {
            metadata.remove(field);
        }
        metadata.remove("resourceVersion");
        metadata.insert("uid".to_owned(), random::uid().into());
        metadata.insert("creationTimestamp".to_owned(), now().into());
        if counted {
            metadata.insert("generation".to_owned(), 1.into());
        }
    }
}

/// What the server wrote stays as it was. `managedFields` are the caller's to settle.
pub(super) fn carry(live: &Value, object: &mut Value) {
    if let Some(metadata) = of(object) {
        for field in SERVERS
            .into_iter()
            .chain(["name", "resourceVersion", "generateName"])
        {
            match live["metadata"].get(field) {
                Some(value) => metadata.insert(field.to_owned(), value.clone()),
                None => metadata.remove(field),
            };
        }
    }
}

/// Counts a change of the spec.
pub(super) fn count(kind: &Kind, live: &Value, object: &mut Value) {
    if !counts(kind) || !wanted_differs(kind, live, object) {
        return;
    }
    let generation = live["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
    if let Some(metadata) = of(object) {
        metadata.insert("generation".to_owned(), generation.into());
    }
}

fn counts(kind: &Kind) -> bool {
    kind.custom.is_some() || COUNTED.contains(&&*kind.kind)
}

fn wanted_differs(kind: &Kind, live: &Value, object: &Value) -> bool {
    if kind.custom.is_some() {
        let wanted = |object: &Value| {
            let mut object = object.clone();
            if let Some(fields) = object.as_object_mut() {
                fields.remove("metadata");
                fields.remove("apiVersion");
                if kind.status {
                    fields.remove("status");
                }
            }
            object
        };
        return wanted(live) != wanted(object);
    }
    live["spec"] != object["spec"] || live["webhooks"] != object["webhooks"]
}

/// Equal but for the times of `managedFields`? Then a write would change nothing.
pub(super) fn same(live: &Value, object: &Value) -> bool {
    let rest = |value: &Value| -> Option<Map<String, Value>> {
        let mut fields = value.as_object()?.clone();
        fields.remove("metadata");
        Some(fields)
    };
    // The metadata is small, the rest is not copied unless it has to be compared.
    let metadata = |value: &Value| {
        let mut metadata = value["metadata"].clone();
        let entries = metadata.get_mut("managedFields");
        for entry in entries.and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(entry) = entry.as_object_mut() {
                entry.remove("time");
            }
        }
        metadata
    };
    metadata(live) == metadata(object) && rest(live) == rest(object)
}
