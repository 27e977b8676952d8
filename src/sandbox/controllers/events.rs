//! Events: what people and stackctl's dossiers read when something does not get ready.

use serde_json::{Value, json};

use super::{text, world::World};
use crate::sandbox::objects::now;

/// Tells of something bad that happened to the object. Nothing depends on it being told.
pub(super) async fn warn(world: &World, object: &Value, reason: &str, message: &str) {
    let source = match text(object, "/kind") {
        "Pod" => json!({"component": "kubelet", "host": super::world::NODE}),
        "Job" => json!({"component": "job-controller"}),
        _ => json!({"component": "replicaset-controller"}),
    };
    let namespace = text(object, "/metadata/namespace");
    let event = json!({
        "metadata": {"generateName": format!("{}.", text(object, "/metadata/name"))},
        "involvedObject": {
            "apiVersion": object["apiVersion"],
            "kind": object["kind"],
            "name": object["metadata"]["name"],
            "namespace": namespace,
            "uid": object["metadata"]["uid"],
            "resourceVersion": object["metadata"]["resourceVersion"],
        },
        "type": "Warning",
        "reason": reason,
        "message": message,
        "count": 1,
        "firstTimestamp": now(),
        "lastTimestamp": now(),
        "reportingComponent": source["component"],
        "source": source,
    });
    // A namespace that is being emptied takes none.
    let _ = world.create("events", namespace, event).await;
}
