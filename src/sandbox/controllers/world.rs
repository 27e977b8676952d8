//! The controllers' view of the objects: reading what is committed, writing as a cluster does.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::text;
use crate::sandbox::{
    Options,
    objects::{DeleteOptions, Objects, Place, Propagation, Writing, now},
    refusal::Refusal,
    store::{Key, Store},
};

/// The only node.
pub(super) const NODE: &str = "sandbox";

/// Reads and writes objects.
#[derive(Debug)]
pub(super) struct World {
    objects: Arc<Objects>,
    pub(super) options: Options,
    /// Since when there is a pod, by its uid: a timestamp in the object would be too coarse.
    seen: Mutex<HashMap<String, Instant>>,
}

impl World {
    pub(super) fn new(objects: Arc<Objects>, options: Options) -> Self {
        Self {
            objects,
            options,
            seen: Mutex::default(),
        }
    }

    /// What a cluster has before anyone uses it, and what only controllers need.
    pub(super) async fn begin(&self) {
        let amounts =
            json!({"cpu": "256", "memory": "1Ti", "pods": "5000", "ephemeral-storage": "1Ti"});
        let node = json!({
            "metadata": {
                "name": NODE,
                "labels": {
                    "kubernetes.io/hostname": NODE,
                    "kubernetes.io/os": "linux",
                    "kubernetes.io/arch": "amd64",
                },
            },
            "status": {
                "allocatable": amounts,
                "capacity": amounts,
                "addresses": [{"type": "InternalIP", "address": "192.0.2.1"}],
                "conditions": [{
                    "type": "Ready",
                    "status": "True",
                    "reason": "KubeletReady",
                    "message": "the sandbox's node is always ready",
                    "lastTransitionTime": now(),
                    "lastHeartbeatTime": now(),
                }],
                "nodeInfo": {
                    "architecture": "amd64",
                    "operatingSystem": "linux",
                    "kubeletVersion": "v1.37.0-stackctl",
                    "containerRuntimeVersion": "none",
                    "bootID": "", "kernelVersion": "", "kubeProxyVersion": "",
                    "machineID": "", "osImage": "", "systemUUID": "",
                },
            },
        });
        if self.get("nodes", "", NODE).is_none() {
            // Nobody depends on it: pods name it all the same.
            let _ = self.create("nodes", "", node).await;
        }
    }

    pub(super) fn store(&self) -> &Store {
        self.objects.store()
    }

    /// Where an object of that resource is kept.
    pub(super) fn key(resource: &str, object: &Value) -> Key {
        Key::new(
            resource,
            text(object, "/metadata/namespace"),
            text(object, "/metadata/name"),
        )
    }

    pub(super) fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Value>> {
        self.store().get(&Key::new(resource, namespace, name))
    }

    /// The objects of a resource in a namespace.
    pub(super) fn list(&self, resource: &str, namespace: &str) -> Vec<Arc<Value>> {
        self.store().list(resource, Some(namespace)).items
    }

    /// The objects that have this one as their controller.
    pub(super) fn controlled(&self, resource: &str, owner: &Value) -> Vec<Arc<Value>> {
        let mut objects = self.list(resource, text(owner, "/metadata/namespace"));
        objects.retain(|object| controller(object).is_some_and(|it| it["uid"] == uid(owner)));
        objects
    }

    /// Keys of an object's owners with what it says of them; only those of kinds that are served.
    pub(super) fn owners_of<'a>(&self, object: &'a Value) -> Vec<(Key, &'a Value)> {
        let namespace = text(object, "/metadata/namespace");
        let owners = object.pointer("/metadata/ownerReferences");
        let owners = owners.and_then(Value::as_array).into_iter().flatten();
        let kinds = self.objects.kinds().all();
        let keys = owners.filter_map(|owner| {
            let (version, name) = (text(owner, "/apiVersion"), text(owner, "/kind"));
            let mut kinds = kinds.iter();
            let kind = kinds.find(|kind| kind.kind == name && kind.api_version() == version)?;
            let namespace = if kind.namespaced { namespace } else { "" };
            let key = Key::new(&*kind.resource, namespace, text(owner, "/name"));
            Some((key, owner))
        });
        keys.collect()
    }

    /// How long the pod has been there, as far as this process knows.
    pub(super) fn age(&self, object: &Value) -> Duration {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let since = seen.entry(uid(object).to_owned());
        since.or_insert_with(Instant::now).elapsed()
    }

    /// Forgets an object that is gone.
    pub(super) fn forget(&self, uid: &str) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.remove(uid);
    }

    pub(super) async fn create(
        &self,
        resource: &str,
        namespace: &str,
        object: Value,
    ) -> Result<Arc<Value>, Refusal> {
        let kind = self.objects.kinds().of_resource(resource);
        let kind = kind.ok_or_else(Refusal::no_such_path)?;
        let place = Place {
            kind: &kind,
            namespace,
            name: "",
            subresource: "",
        };
        let written = self
            .objects
            .create(&place, object, &Writing::SERVER)
            .await?;
        Ok(written.object)
    }

    /// Replaces an object that was read before; refused if somebody wrote it since.
    pub(super) async fn write(&self, resource: &str, next: Value) -> Result<Arc<Value>, Refusal> {
        self.update(resource, next, "", Writing::SERVER).await
    }

    /// As [`Self::write`], for what a real controller writes along with the status.
    pub(super) async fn write_by_status(
        &self,
        resource: &str,
        next: Value,
    ) -> Result<Arc<Value>, Refusal> {
        let writing = Writing {
            through: Some("status"),
            ..Writing::SERVER
        };
        self.update(resource, next, "", writing).await
    }

    /// Replaces the status of an object that was read before, if it is another one.
    pub(super) async fn set_status(
        &self,
        resource: &str,
        live: &Value,
        status: Value,
    ) -> Result<(), Refusal> {
        if live.get("status") == Some(&status) {
            return Ok(());
        }
        let manager = match resource {
            "pods" => "kubelet",
            _ => "kube-controller-manager",
        };
        let mut next = live.clone();
        next["status"] = status;
        let writing = Writing {
            manager,
            ..Writing::SERVER
        };
        self.update(resource, next, "status", writing).await?;
        Ok(())
    }

    async fn update(
        &self,
        resource: &str,
        mut next: Value,
        subresource: &str,
        writing: Writing<'_>,
    ) -> Result<Arc<Value>, Refusal> {
        let kind = self.objects.kinds().of_object(resource, &next);
        let kind = kind.ok_or_else(Refusal::no_such_path)?;
        next["apiVersion"] = kind.api_version().into();
        let (namespace, name) = (
            text(&next, "/metadata/namespace").to_owned(),
            text(&next, "/metadata/name").to_owned(),
        );
        let place = Place {
            kind: &kind,
            namespace: &namespace,
            name: &name,
            subresource,
        };
        let written = self.objects.update(&place, next, &writing).await?;
        Ok(written.object)
    }

    /// Deletes an object as it was read, at once. That it is gone already is no error.
    pub(super) async fn delete(
        &self,
        resource: &str,
        object: &Value,
        propagation: Propagation,
    ) -> Result<(), Refusal> {
        let grace = None;
        self.delete_within(resource, object, propagation, grace)
            .await
    }

    /// As [`Self::delete`]; a pod may be given seconds to end in.
    pub(super) async fn delete_within(
        &self,
        resource: &str,
        object: &Value,
        propagation: Propagation,
        grace: Option<i64>,
    ) -> Result<(), Refusal> {
        let kind = self.objects.kinds().of_resource(resource);
        let kind = kind.ok_or_else(Refusal::no_such_path)?;
        let place = Place {
            kind: &kind,
            namespace: text(object, "/metadata/namespace"),
            name: text(object, "/metadata/name"),
            subresource: "",
        };
        let options = DeleteOptions {
            propagation: Some(propagation),
            grace,
            uid: Some(uid(object).to_owned()),
            ..DeleteOptions::default()
        };
        match self.objects.delete(&place, &options).await {
            Err(refusal) if refusal.code != 404 => Err(refusal),
            _ => Ok(()),
        }
    }
}

/// The reference to the owner that manages the object.
pub(super) fn controller(object: &Value) -> Option<&Value> {
    let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
    owners.iter().find(|owner| owner["controller"] == true)
}

/// Whoever controls what controls the pod; else the pod itself.
pub(super) fn top_of(world: &World, pod: &Value) -> Value {
    let mut top = pod.clone();
    while let Some(owner) = controller(&top).cloned() {
        let mut above = world.owners_of(&top).into_iter();
        let found = above.find(|(_, it)| **it == owner);
        let Some(above) = found.and_then(|(key, _)| world.store().get(&key)) else {
            break;
        };
        top = Value::clone(&above);
    }
    top
}

/// A reference to the owner that manages the object.
pub(super) fn reference_to(owner: &Value) -> Value {
    json!({
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

pub(super) fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

/// Is it being deleted?
pub(super) fn going(object: &Value) -> bool {
    !text(object, "/metadata/deletionTimestamp").is_empty()
}

/// Since when, in seconds; 0 if the time cannot be read.
pub(super) fn seconds_since(time: &str) -> i64 {
    let then = time.parse::<Timestamp>();
    then.map_or(0, |then| Timestamp::now().as_second() - then.as_second())
}

/// Seconds as a duration; none for the past.
pub(super) fn seconds(count: i64) -> Duration {
    Duration::from_secs(u64::try_from(count).unwrap_or(0))
}
