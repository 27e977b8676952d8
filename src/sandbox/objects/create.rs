//! Creating.

use serde_json::{Value, json};

use super::{
    Objects, Place, Writing, Written, admission, crds, in_version, meta, names, services, validate,
};
use crate::sandbox::{
    kinds::Kind,
    patch::{self, Manager},
    random,
    refusal::Refusal,
    store::WriteError,
};

/// Names tried before a `generateName` gives up.
const TRIES: u32 = 8;

impl Objects {
    /// Creates an object; `place` has no name yet, the object has it.
    pub(in crate::sandbox) async fn create(
        &self,
        place: &Place<'_>,
        object: Value,
        writing: &Writing<'_>,
    ) -> Result<Written, Refusal> {
        self.bring(place, object, writing, true).await
    }

    /// Creates an object that a client sent or applied. `track`: it is an update by the manager;
    /// else `managedFields` are settled.
    pub(super) async fn bring(
        &self,
        place: &Place<'_>,
        mut object: Value,
        writing: &Writing<'_>,
        track: bool,
    ) -> Result<Written, Refusal> {
        let kind = place.kind;
        meta::settle(place, &mut object)?;
        let warnings = admission::fields(kind, &mut object, writing.validation, track)?;
        if !matches!(meta::text(&object, "resourceVersion"), "" | "0") {
            let message = "resourceVersion should not be set on objects to be created";
            return Err(Refusal::plain(500, message));
        }
        if kind.review {
            return Ok(Written {
                object: review(object).into(),
                created: true,
                warnings,
            });
        }
        let generated = meta::text(&object, "generateName").to_owned();
        let generate = meta::text(&object, "name").is_empty() && !generated.is_empty();
        let mut tries = 0;
        loop {
            tries += 1;
            let mut object = object.clone();
            if generate && let Some(metadata) = meta::of(&mut object) {
                // Kubernetes cuts the prefix so that the whole is a label.
                let prefix: String = generated.chars().take(58).collect();
                metadata.insert("name".to_owned(), (prefix + &random::suffix()).into());
            }
            let name = meta::text(&object, "name").to_owned();
            let place = Place {
                name: &name,
                ..*place
            };
            self.needs_namespace(&place)?;
            meta::begin(kind, &mut object);
            begin_status(kind, &mut object);
            complete(kind, &mut object);
            let mut causes = names::check(&place, &object);
            causes.extend(validate::check(kind, &object));
            if !causes.is_empty() {
                return Err(Refusal::invalid(kind, &name, &causes));
            }
            if track {
                let (api_version, time) = (kind.api_version(), meta::now());
                let manager = Manager {
                    name: writing.manager,
                    api_version: &api_version,
                    subresource: "",
                    time: &time,
                };
                patch::track_update(kind.schema.as_deref(), None, &mut object, &manager);
            }
            let addresses = services::allocates(kind);
            let _held = if addresses {
                Some(self.addresses.lock().await)
            } else {
                None
            };
            if addresses {
                services::allocate(self, &mut object);
            }
            add(kind, &mut object);
            if writing.dry_run && self.store.get(&place.key()).is_some() {
                return Err(Refusal::already_exists(kind, &name));
            }
            match self.put(&place, None, object, writing.dry_run).await {
                Ok(object) => {
                    return Ok(Written {
                        object: in_version(kind, object),
                        created: true,
                        warnings,
                    });
                }
                Err(WriteError::Exists) if generate && tries < TRIES => {}
                Err(error) => return Err(Refusal::of_write(&error, kind, &name)),
            }
        }
    }
}

/// The status of a new object is the server's.
fn begin_status(kind: &Kind, object: &mut Value) {
    if !kind.status || kind.is("", "Node") {
        return;
    }
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if kind.custom.is_some() {
        return;
    }
    let status = match &*kind.kind {
        "Namespace" => json!({ "phase": "Active" }),
        "Pod" => json!({ "phase": "Pending", "qosClass": quality(&object["spec"]) }),
        "PersistentVolume" | "PersistentVolumeClaim" => json!({ "phase": "Pending" }),
        "Service" | "Ingress" => json!({ "loadBalancer": {} }),
        "DaemonSet" => json!({
            "currentNumberScheduled": 0,
            "desiredNumberScheduled": 0,
            "numberMisscheduled": 0,
            "numberReady": 0,
        }),
        "ReplicaSet" => json!({ "replicas": 0 }),
        "StatefulSet" => json!({ "availableReplicas": 0, "replicas": 0 }),
        "HorizontalPodAutoscaler" => json!({ "currentMetrics": null, "desiredReplicas": 0 }),
        "PodDisruptionBudget" => json!({
            "currentHealthy": 0,
            "desiredHealthy": 0,
            "disruptionsAllowed": 0,
            "expectedPods": 0,
        }),
        _ => json!({}),
    };
    object["status"] = status;
}

/// A pod's class by what its containers ask for.
fn quality(spec: &Value) -> &'static str {
    let lists = ["initContainers", "containers"].map(|list| spec[list].as_array());
    let amounts = |container: &Value, of: &str| {
        let of = container["resources"][of].as_object().cloned();
        let mut of = of.unwrap_or_default();
        of.retain(|name, _| ["cpu", "memory"].contains(&&**name));
        of
    };
    let (mut any, mut all) = (false, true);
    for container in lists.into_iter().flatten().flatten() {
        let (requests, limits) = (amounts(container, "requests"), amounts(container, "limits"));
        any |= !requests.is_empty() || !limits.is_empty();
        all &= limits.len() == 2 && requests == limits;
    }
    match (any, all) {
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
        (false, _) => "BestEffort",
    }
}

/// What single kinds get beside their defaults; whoever creates them owns it.
fn complete(kind: &Kind, object: &mut Value) {
    if kind.is("", "Namespace") {
        let name = object["metadata"]["name"].clone();
        object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
    } else if kind.is("", "Secret") {
        fold_string_data(object);
        if object["type"].as_str().unwrap_or_default().is_empty() {
            object["type"] = "Opaque".into();
        }
    }
}

/// What the server adds, and nobody owns.
fn add(kind: &Kind, object: &mut Value) {
    if kind.is("", "Namespace") {
        object["spec"]["finalizers"] = json!(["kubernetes"]);
    } else if kind.is("batch", "Job") && object["spec"]["manualSelector"] != true {
        select_own_pods(object);
        // One without labels has those of its pods.
        if object["metadata"]["labels"].is_null() {
            object["metadata"]["labels"] = object["spec"]["template"]["metadata"]["labels"].clone();
        }
    } else if crds::is_crd(kind) {
        crds::establish(object);
    } else if kind.is("", "PersistentVolumeClaim") && object["spec"]["storageClassName"].is_null() {
        object["spec"]["storageClassName"] = "standard".into();
    }
}

/// `stringData` is for writing only: it goes into `data`.
pub(super) fn fold_string_data(object: &mut Value) {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let Some(fields) = object.as_object_mut() else {
        return;
    };
    if let Some(Value::Object(texts)) = fields.remove("stringData") {
        for (key, text) in texts {
            let text = STANDARD.encode(text.as_str().unwrap_or_default());
            object["data"][key] = text.into();
        }
    }
}

/// A Job finds its pods by its uid.
fn select_own_pods(object: &mut Value) {
    let uid = object["metadata"]["uid"].clone();
    let name = object["metadata"]["name"].clone();
    let own = [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("job-name", &name),
    ];
    for (label, value) in own {
        object["spec"]["template"]["metadata"]["labels"][label] = value.clone();
    }
    object["spec"]["selector"]["matchLabels"] = json!({ (own[0].0): uid });
}

/// May the asker? Roles are not modelled: always.
fn review(mut object: Value) -> Value {
    object["status"] = json!({
        "allowed": true,
        "reason": "the stackctl sandbox does not model roles",
    });
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pods_class_is_that_of_its_weakest_container() {
        let container = |requests: Value, limits: Value| json!({ "resources": { "requests": requests, "limits": limits } });
        let none = || json!({ "name": "x", "resources": {} });
        let all = json!({ "cpu": "1", "memory": "1Gi" });
        let whole = || container(all.clone(), all.clone());
        let less = container(json!({ "cpu": "500m", "memory": "1Gi" }), all.clone());
        let one = container(json!({ "cpu": "1" }), json!({ "cpu": "1" }));
        let disk = container(json!({ "ephemeral-storage": "1Gi" }), Value::Null);
        for (containers, class) in [
            (vec![none()], "BestEffort"),
            (vec![disk], "BestEffort"),
            (vec![whole(), whole()], "Guaranteed"),
            (vec![whole(), none()], "Burstable"),
            (vec![less], "Burstable"),
            (vec![one], "Burstable"),
        ] {
            let spec = json!({ "containers": containers });
            assert_eq!(quality(&spec), class, "{spec}");
        }
        let spec = json!({ "containers": [whole()], "initContainers": [none()] });
        assert_eq!(quality(&spec), "Burstable");
    }
}
