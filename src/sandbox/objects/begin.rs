//! What every cluster has from the start.

use serde_json::{Value, json};

use super::{Objects, Place, Writing, admission::KEPT};
use crate::sandbox::refusal::Refusal;

/// Brings what is not there yet.
pub(in crate::sandbox) async fn begin(objects: &Objects) -> Result<(), Refusal> {
    for name in KEPT {
        let namespace = json!({ "metadata": { "name": name } });
        bring(objects, "namespaces", "", namespace).await?;
    }
    let class = json!({
        "metadata": {
            "name": "standard",
            "annotations": { "storageclass.kubernetes.io/is-default-class": "true" },
        },
        "provisioner": "stackctl.dev/sandbox",
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    });
    bring(objects, "storageclasses.storage.k8s.io", "", class).await
}

async fn bring(
    objects: &Objects,
    resource: &str,
    namespace: &str,
    object: Value,
) -> Result<(), Refusal> {
    let Some(kind) = objects.kinds().of_resource(resource) else {
        return Ok(());
    };
    let place = Place {
        kind: &kind,
        namespace,
        name: "",
        subresource: "",
    };
    match objects.create(&place, object, &Writing::SERVER).await {
        Err(refusal) if refusal.reason != "AlreadyExists" => Err(refusal),
        _ => Ok(()),
    }
}
