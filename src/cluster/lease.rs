//! Reads and writes a `coordination.k8s.io/v1` Lease. What it means is `lock`'s business.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use kube::core::{
    Request,
    params::{GetParams, PostParams},
};
use serde_json::{Value, json};

use super::{Cluster, ClusterError, objects::absent_as_none};
use crate::name::Namespace;

/// A Lease, as far as we use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// `metadata.resourceVersion`; empty in a lease not yet created.
    pub resource_version: String,
    /// `metadata.uid`; empty in a lease not yet created.
    pub uid: String,
    /// `spec.holderIdentity`; none or empty when released.
    pub holder: Option<String>,
    /// `spec.leaseDurationSeconds`.
    pub duration: Duration,
    /// `spec.acquireTime`, by the holder's clock.
    pub acquired: Option<Timestamp>,
    /// `spec.renewTime`, by the holder's clock.
    pub renewed: Option<Timestamp>,
    /// `spec.leaseTransitions`: how often the holder changed.
    pub transitions: u32,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
}

impl Cluster {
    /// The lease, `None` if it is not there.
    pub async fn get_lease(
        &self,
        namespace: &Namespace,
        name: &str,
    ) -> Result<Option<Lease>, ClusterError> {
        let operation = format!("GET Lease/{name}");
        let request = collection(namespace).get(name, &GetParams::default());
        let found = absent_as_none(self.gate().read::<Value>(&operation, request).await)?;
        Ok(found.map(|value| from_json(&value)))
    }

    /// Creates it; [`ClusterError::Conflict`] when another one was faster.
    pub async fn create_lease(
        &self,
        namespace: &Namespace,
        name: &str,
        lease: &Lease,
    ) -> Result<Lease, ClusterError> {
        let operation = format!("POST Lease/{name}");
        let body = to_json(name, lease).to_string().into_bytes();
        let request = collection(namespace).create(&PostParams::default(), body);
        let value = self.gate().idempotent::<Value>(&operation, request).await?;
        Ok(from_json(&value))
    }

    /// Replaces it, if its resourceVersion is still `lease.resource_version`; else, also if it was
    /// deleted, [`ClusterError::Conflict`].
    pub async fn update_lease(
        &self,
        namespace: &Namespace,
        name: &str,
        lease: &Lease,
    ) -> Result<Lease, ClusterError> {
        let operation = format!("PUT Lease/{name}");
        let body = to_json(name, lease).to_string().into_bytes();
        let request = collection(namespace).replace(name, &PostParams::default(), body);
        match self.gate().write::<Value>(&operation, request).await {
            Ok(value) => Ok(from_json(&value)),
            Err(ClusterError::NotFound { message }) => Err(ClusterError::Conflict {
                exists: false,
                message,
            }),
            Err(error) => Err(error),
        }
    }

    /// Deletes it, if its resourceVersion is still this one; else [`ClusterError::Conflict`]. One
    /// that is gone already is no error.
    pub async fn delete_lease(
        &self,
        namespace: &Namespace,
        name: &str,
        resource_version: &str,
    ) -> Result<(), ClusterError> {
        self.delete_own("Lease", collection(namespace), name, resource_version)
            .await
    }
}

fn collection(namespace: &Namespace) -> Request {
    Request::new(format!(
        "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
    ))
}

fn to_json(name: &str, lease: &Lease) -> Value {
    // The API wants exactly microseconds (`MicroTime`).
    let time = |time: Option<Timestamp>| time.map(|time| format!("{time:.6}"));
    let mut value = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": { "name": name, "annotations": lease.annotations },
        "spec": {
            "holderIdentity": lease.holder,
            "leaseDurationSeconds": lease.duration.as_secs(),
            "acquireTime": time(lease.acquired),
            "renewTime": time(lease.renewed),
            "leaseTransitions": lease.transitions,
        },
    });
    if !lease.resource_version.is_empty() {
        value["metadata"]["resourceVersion"] = Value::from(lease.resource_version.as_str());
        // The API server makes a lease anew that is replaced after it was deleted, unless it is to
        // be a certain one.
        value["metadata"]["uid"] = Value::from(lease.uid.as_str());
    }
    value
}

fn from_json(value: &Value) -> Lease {
    let spec = &value["spec"];
    let time = |field: &str| spec[field].as_str().and_then(|text| text.parse().ok());
    let metadata = |field: &str| value["metadata"][field].as_str().unwrap_or_default();
    let annotations = value["metadata"]["annotations"].as_object();
    Lease {
        resource_version: metadata("resourceVersion").into(),
        uid: metadata("uid").into(),
        holder: spec["holderIdentity"].as_str().map(str::to_owned),
        duration: Duration::from_secs(spec["leaseDurationSeconds"].as_u64().unwrap_or_default()),
        acquired: time("acquireTime"),
        renewed: time("renewTime"),
        transitions: spec["leaseTransitions"]
            .as_u64()
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or_default(),
        annotations: annotations
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::{Answer, Script};

    fn lease() -> Lease {
        Lease {
            resource_version: "7".to_owned(),
            uid: "u-1".to_owned(),
            holder: Some("me@here 1 r1".to_owned()),
            duration: Duration::from_mins(1),
            acquired: Some("2026-01-01T00:00:00Z".parse().unwrap()),
            renewed: Some("2026-01-01T00:00:10.5Z".parse().unwrap()),
            transitions: 2,
            annotations: BTreeMap::from([("stackctl.io/run".to_owned(), "r1".to_owned())]),
        }
    }

    #[test]
    fn a_lease_reads_back_what_it_writes() {
        let value = to_json("stackctl-x", &lease());
        assert_eq!(value["spec"]["renewTime"], "2026-01-01T00:00:10.500000Z");
        assert_eq!(from_json(&value), lease());
        let fresh = Lease {
            resource_version: String::new(),
            uid: String::new(),
            ..lease()
        };
        let fresh = &to_json("stackctl-x", &fresh)["metadata"];
        assert_eq!(fresh.get("resourceVersion"), None);
        assert_eq!(fresh.get("uid"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn losing_a_race_is_a_conflict() {
        let namespace = Namespace::new("default").unwrap();
        let (cluster, script) = Script::cluster(|nth, _| match nth {
            0 => Answer::status(404, "no"),
            1 => Answer::reason(409, "exists", "AlreadyExists"),
            2 => Answer::json(&to_json("x", &lease())),
            3 => Answer::status(404, "it was deleted"),
            _ => Answer::status(409, "the object has been modified"),
        });
        assert_eq!(cluster.get_lease(&namespace, "x").await, Ok(None));
        let created = cluster.create_lease(&namespace, "x", &lease()).await;
        assert!(matches!(
            created,
            Err(ClusterError::Conflict { exists: true, .. })
        ));
        let found = cluster.get_lease(&namespace, "x").await.unwrap().unwrap();
        for _ in 0..2 {
            let updated = cluster.update_lease(&namespace, "x", &found).await;
            assert!(matches!(
                updated,
                Err(ClusterError::Conflict { exists: false, .. })
            ));
        }
        let replaced = &script.calls()[3].body["metadata"];
        assert_eq!(replaced["resourceVersion"], "7");
        assert_eq!(replaced["uid"], "u-1", "not one made anew meanwhile");
        let deleted = cluster.delete_lease(&namespace, "x", "7").await;
        assert!(matches!(deleted, Err(ClusterError::Conflict { .. })));
        assert_eq!(
            script.calls()[5].body["preconditions"]["resourceVersion"],
            "7"
        );
    }
}
