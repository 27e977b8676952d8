//! Reads and marks release records in the cluster. Never starts a Helm process.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    Marks, Payload, PayloadError,
    codec::{decode_base64, encode_base64},
};
use crate::{
    cluster::{Cluster, ClusterError, ObjectRef},
    name::{Namespace, ReleaseId, ReleaseName, ReleaseStatus},
};

/// LISTs under way at once where the cluster as a whole may not be listed.
const LISTS: usize = 8;

/// Helm's own records (helm.md section 1).
const LABELS: &str = "owner=helm";
const FIELDS: &str = "type=helm.sh/release.v1";

/// Why a release record could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The request failed.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The record is not there.
    #[error("release {release} has no revision {revision}")]
    Missing {
        /// The release.
        release: ReleaseId,
        /// The revision.
        revision: u32,
    },
    /// The record is damaged.
    #[error("revision {revision} of release {release}: {problem}")]
    Payload {
        /// The release.
        release: ReleaseId,
        /// The revision.
        revision: u32,
        /// What is wrong with it.
        problem: PayloadError,
    },
}

/// One revision of a release, by the metadata of its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The revision.
    pub revision: u32,
    /// Its status (label).
    pub status: ReleaseStatus,
    /// What we wrote on it.
    pub marks: Marks,
    /// When it began (`metadata.creationTimestamp`).
    pub created: Option<Timestamp>,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
}

/// Revisions by release, oldest first: the last is the newest, which is the highest number, not
/// the one that says `deployed` (helm.md section 1).
pub type Records = BTreeMap<ReleaseId, Vec<Revision>>;

/// The release records of a cluster.
#[derive(Debug, Clone)]
pub struct Releases {
    cluster: Cluster,
}

impl Releases {
    /// Of this cluster.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }

    /// All revisions of all releases in these namespaces, without payload: one LIST of the whole
    /// cluster where that is allowed, else one per namespace.
    pub async fn list(&self, namespaces: &[Namespace]) -> Result<Records, StoreError> {
        let items = match self
            .cluster
            .list_metadata("v1", "Secret", None, LABELS, FIELDS)
            .await
        {
            Ok(items) => items,
            Err(ClusterError::Forbidden { .. }) => self.list_each(namespaces).await?,
            Err(error) => return Err(error.into()),
        };
        let mut records = sort(&items);
        records.retain(|release, _| namespaces.contains(&release.namespace));
        Ok(records)
    }

    async fn list_each(&self, namespaces: &[Namespace]) -> Result<Vec<Value>, StoreError> {
        let lists = stream::iter(namespaces.to_vec()).map(|namespace| async move {
            let namespace = Some(namespace.as_str());
            self.cluster
                .list_metadata("v1", "Secret", namespace, LABELS, FIELDS)
                .await
        });
        let lists: Vec<Vec<Value>> = lists.buffer_unordered(LISTS).try_collect().await?;
        Ok(lists.into_iter().flatten().collect())
    }

    /// All revisions of one release, oldest first; empty if there is none.
    pub async fn history(&self, release: &ReleaseId) -> Result<Vec<Revision>, StoreError> {
        let namespace = Some(release.namespace.as_str());
        let labels = format!("{LABELS},name={}", release.name);
        let items = self
            .cluster
            .list_metadata("v1", "Secret", namespace, &labels, FIELDS)
            .await?;
        Ok(sort(&items).remove(release).unwrap_or_default())
    }

    /// One record with its payload, `None` if it is not there.
    pub async fn get(
        &self,
        release: &ReleaseId,
        revision: u32,
    ) -> Result<Option<Payload>, StoreError> {
        let record = self.cluster.get(&record(release, revision)).await?;
        record
            .map(|record| read(&record, release, revision))
            .transpose()
    }

    /// Marks a revision `failed` with a reason, as Helm would have done: payload and label, in one
    /// write with the record's resourceVersion. [`ClusterError::Conflict`] if someone else wrote
    /// it in between.
    pub async fn set_failed(
        &self,
        release: &ReleaseId,
        revision: u32,
        reason: &str,
    ) -> Result<(), StoreError> {
        let object = record(release, revision);
        let missing = || StoreError::Missing {
            release: release.clone(),
            revision,
        };
        let mut record = self.cluster.get(&object).await?.ok_or_else(missing)?;
        let mut payload = read(&record, release, revision)?;
        payload.set_status(ReleaseStatus::Failed, reason);
        let problem = |problem| StoreError::Payload {
            release: release.clone(),
            revision,
            problem,
        };
        let data = encode_base64(payload.encode().map_err(problem)?);
        record["data"]["release"] = Value::from(data);
        record["metadata"]["labels"]["status"] = Value::from(ReleaseStatus::Failed.as_str());
        self.cluster.replace(&object, &record).await?;
        Ok(())
    }
}

/// The Secret of a revision.
fn record(release: &ReleaseId, revision: u32) -> ObjectRef {
    ObjectRef {
        api_version: "v1".to_owned(),
        kind: "Secret".to_owned(),
        namespace: Some(release.namespace.to_string()),
        name: format!("sh.helm.release.v1.{}.v{revision}", release.name),
    }
}

fn read(record: &Value, release: &ReleaseId, revision: u32) -> Result<Payload, StoreError> {
    let problem = |problem| StoreError::Payload {
        release: release.clone(),
        revision,
        problem,
    };
    let data = record["data"]["release"]
        .as_str()
        .ok_or_else(|| problem(PayloadError("it has no `release` key".to_owned())))?;
    let text = decode_base64(data.as_bytes()).map_err(problem)?;
    Payload::decode(&text).map_err(problem)
}

fn sort(items: &[Value]) -> Records {
    let mut records = Records::new();
    for (release, revision) in items.iter().filter_map(revision) {
        records.entry(release).or_default().push(revision);
    }
    for revisions in records.values_mut() {
        revisions.sort_by_key(|revision| revision.revision);
    }
    records
}

/// `None` for a Secret that only looks like a record.
fn revision(item: &Value) -> Option<(ReleaseId, Revision)> {
    let metadata = &item["metadata"];
    let labels: BTreeMap<String, String> = metadata["labels"]
        .as_object()?
        .iter()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect();
    let release = ReleaseId {
        namespace: Namespace::new(metadata["namespace"].as_str()?).ok()?,
        name: ReleaseName::new(labels.get("name")?).ok()?,
    };
    let revision = Revision {
        revision: labels.get("version")?.parse().ok()?,
        status: ReleaseStatus::from_helm(labels.get("status")?),
        marks: Marks::parse(&labels),
        created: metadata["creationTimestamp"]
            .as_str()
            .and_then(|time| time.parse().ok()),
        resource_version: metadata["resourceVersion"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    };
    Some((release, revision))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::testing::{Answer, Call, Script};

    fn secrets() -> Answer {
        Answer::json(&json!({ "groupVersion": "v1", "resources": [
            { "name": "secrets", "singularName": "", "namespaced": true, "kind": "Secret",
              "verbs": [] },
        ] }))
    }

    fn item(namespace: &str, name: &str, revision: u32, status: &str) -> Value {
        json!({ "metadata": {
            "name": format!("sh.helm.release.v1.{name}.v{revision}"), "namespace": namespace,
            "resourceVersion": "5", "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": { "owner": "helm", "name": name, "version": revision.to_string(),
                        "status": status, "stackctl.io/rev": "2" },
        } })
    }

    fn names(namespaces: &[&str]) -> Vec<Namespace> {
        namespaces
            .iter()
            .map(|name| Namespace::new(name).unwrap())
            .collect()
    }

    fn web() -> ReleaseId {
        ReleaseId {
            namespace: Namespace::new("a").unwrap(),
            name: ReleaseName::new("web").unwrap(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_metadata_list_finds_the_newest_by_number() {
        let (cluster, script) = Script::cluster(|nth, _| match nth {
            0 => secrets(),
            1 => Answer::json(&json!({ "metadata": { "continue": "more" }, "items": [
                item("a", "web", 10, "pending-upgrade"), item("a", "web", 9, "deployed"),
                item("elsewhere", "x", 1, "deployed"),
            ] })),
            _ => Answer::json(&json!({ "metadata": {}, "items": [
                item("a", "web", 2, "superseded"), item("b", "db", 1, "deployed"),
                { "metadata": { "name": "odd", "namespace": "a", "labels": { "owner": "helm" } } },
            ] })),
        });
        let records = Releases::new(cluster)
            .list(&names(&["a", "b"]))
            .await
            .unwrap();
        let web = &records[&web()];
        let revisions: Vec<_> = web.iter().map(|it| it.revision).collect();
        assert_eq!(revisions, [2, 9, 10]);
        assert_eq!(web[2].status, ReleaseStatus::PendingUpgrade);
        assert_eq!(web[0].marks.revision, Some(2));
        assert_eq!(records.len(), 2);
        let call: &Call = &script.calls()[1];
        assert!(call.path.starts_with("/api/v1/secrets?"), "{}", call.path);
        assert!(
            call.path.contains("labelSelector=owner=helm"),
            "{}",
            call.path
        );
        assert!(
            call.path.contains("fieldSelector=type=helm.sh/release.v1"),
            "{}",
            call.path
        );
        assert!(
            call.accept.contains("as=PartialObjectMetadataList"),
            "{}",
            call.accept
        );
    }

    #[tokio::test(start_paused = true)]
    async fn where_the_cluster_may_not_be_listed_each_namespace_is() {
        let (cluster, script) = Script::cluster(|_, call| match call.path.split('?').next() {
            Some("/api/v1") => secrets(),
            Some("/api/v1/secrets") => Answer::status(403, "secrets is forbidden"),
            Some("/api/v1/namespaces/a/secrets") => {
                Answer::json(&json!({ "items": [item("a", "web", 1, "deployed")] }))
            }
            _ => Answer::json(&json!({ "items": null })),
        });
        let releases = Releases::new(cluster);
        let records = releases.list(&names(&["a", "b"])).await.unwrap();
        assert_eq!(records.keys().collect::<Vec<_>>(), [&web()]);
        assert_eq!(script.count(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_namespace_that_may_not_be_listed_is_an_error() {
        let (cluster, _script) = Script::cluster(|_, call| match call.path.as_str() {
            "/api/v1" => secrets(),
            _ => Answer::status(403, "secrets is forbidden"),
        });
        let error = Releases::new(cluster)
            .list(&names(&["a"]))
            .await
            .unwrap_err();
        assert!(
            matches!(error, StoreError::Cluster(ClusterError::Forbidden { .. })),
            "{error}"
        );
    }

    fn stored() -> Value {
        let payload =
            json!({ "version": 3, "info": { "status": "pending-upgrade", "notes": "n" } });
        let text = encode_base64(payload.to_string().into_bytes());
        let mut record = item("a", "web", 3, "pending-upgrade");
        record["data"] = json!({ "release": encode_base64(text.into_bytes()), "other": "eA==" });
        record["type"] = json!("helm.sh/release.v1");
        record
    }

    #[tokio::test(start_paused = true)]
    async fn marking_as_failed_changes_payload_and_label_only() {
        let (cluster, script) = Script::cluster(|nth, _| match nth {
            0 => secrets(),
            _ => Answer::json(&stored()),
        });
        Releases::new(cluster)
            .set_failed(&web(), 3, "never got ready")
            .await
            .unwrap();
        let put = &script.calls()[2];
        assert_eq!(put.method, "PUT");
        assert_eq!(
            put.path,
            "/api/v1/namespaces/a/secrets/sh.helm.release.v1.web.v3?"
        );
        let payload = read(&put.body, &web(), 3).unwrap();
        assert_eq!(payload.status(), ReleaseStatus::Failed);
        assert_eq!(payload.description(), "never got ready");
        let mut expected = stored();
        expected["metadata"]["labels"]["status"] = json!("failed");
        expected["data"]["release"] = put.body["data"]["release"].clone();
        assert_eq!(put.body, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_that_changed_meanwhile_is_a_conflict() {
        let (cluster, script) = Script::cluster(|nth, _| match nth {
            0 => secrets(),
            1 => Answer::json(&stored()),
            _ => Answer::status(409, "the object has been modified"),
        });
        let error = Releases::new(cluster)
            .set_failed(&web(), 3, "x")
            .await
            .unwrap_err();
        assert!(
            matches!(error, StoreError::Cluster(ClusterError::Conflict { .. })),
            "{error}"
        );
        assert_eq!(script.count(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_that_is_damaged_names_its_release() {
        let (cluster, _script) = Script::cluster(|nth, _| match nth {
            0 => secrets(),
            1 => Answer::status(404, "no"),
            _ => Answer::json(&json!({ "data": { "release": "JSUl" } })),
        });
        let releases = Releases::new(cluster);
        assert_eq!(releases.get(&web(), 1).await, Ok(None));
        let error = releases.get(&web(), 1).await.unwrap_err().to_string();
        assert!(
            error.starts_with("revision 1 of release a/web: the release record"),
            "{error}"
        );
    }
}
