//! Reads and marks release records in the cluster. Never starts a Helm process.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    Marks, Payload, PayloadError,
    codec::{decode_base64, encode_base64},
    marks::{DONE, REVISION},
};
use crate::{
    cluster::{Cluster, ClusterError, Deletion, ObjectRef},
    digest::Done,
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

/// One record as it was read, to be written back only if nobody else wrote it in between.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What it says.
    pub payload: Payload,
    release: ReleaseId,
    revision: u32,
    secret: Value,
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

    /// All revisions of all releases, without payload: one LIST of the whole cluster where that is
    /// allowed, else one for each of these namespaces.
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
        Ok(sort(&items))
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
        let record = self.record(release, revision).await?;
        Ok(record.map(|record| record.payload))
    }

    /// One record to be changed, `None` if it is not there.
    pub async fn record(
        &self,
        release: &ReleaseId,
        revision: u32,
    ) -> Result<Option<Record>, StoreError> {
        let Some(secret) = self.cluster.get(&object(release, revision)).await? else {
            return Ok(None);
        };
        Ok(Some(Record {
            payload: read(&secret, release, revision)?,
            release: release.clone(),
            revision,
            secret,
        }))
    }

    /// As [`Self::mark_failed`], for a revision as it is now.
    pub async fn set_failed(
        &self,
        release: &ReleaseId,
        revision: u32,
        reason: &str,
    ) -> Result<(), StoreError> {
        let record = self.record(release, revision).await?;
        let record = record.ok_or_else(|| StoreError::Missing {
            release: release.clone(),
            revision,
        })?;
        self.mark_failed(record, reason).await
    }

    /// Marks a revision `failed` with a reason, as Helm would have done: payload and label, in one
    /// write with the record's resourceVersion. [`ClusterError::Conflict`] if someone else wrote
    /// it since it was read.
    pub async fn mark_failed(&self, record: Record, reason: &str) -> Result<(), StoreError> {
        let Record {
            mut payload,
            release,
            revision,
            mut secret,
        } = record;
        payload.set_status(ReleaseStatus::Failed, reason);
        let object = object(&release, revision);
        let data = payload.encode().map_err(|problem| StoreError::Payload {
            release,
            revision,
            problem,
        })?;
        secret["data"]["release"] = Value::from(encode_base64(data));
        secret["metadata"]["labels"]["status"] = Value::from(ReleaseStatus::Failed.as_str());
        Ok(self.cluster.replace(&object, &secret).await?)
    }

    /// Says on a revision how far its chart has come since it was made.
    /// [`ClusterError::Conflict`] if someone else wrote its record since it was listed.
    pub async fn mark_done(
        &self,
        release: &ReleaseId,
        revision: &Revision,
        done: &Done,
    ) -> Result<(), StoreError> {
        let labels = [(DONE.to_owned(), done.to_string())].into();
        let object = object(release, revision.revision);
        let marked = self
            .cluster
            .set_labels(&object, &revision.resource_version, &labels);
        Ok(marked.await?)
    }

    /// Says of a revision that our marks on it are about this very one, if Helm has copied them there
    /// with all that they tell of: it went back to one that they were written for.
    /// [`ClusterError::Conflict`] if someone else wrote its record since it was listed.
    pub async fn mark_copied(
        &self,
        release: &ReleaseId,
        revision: &Revision,
    ) -> Result<(), StoreError> {
        let labels = [(REVISION.to_owned(), revision.revision.to_string())].into();
        let object = object(release, revision.revision);
        let marked = self
            .cluster
            .set_labels(&object, &revision.resource_version, &labels);
        Ok(marked.await?)
    }

    /// Deletes a record, as if its operation had not begun. [`ClusterError::Conflict`] if someone
    /// else wrote it since it was read; one that is gone is no error.
    pub async fn forget(&self, record: &Record) -> Result<(), StoreError> {
        let version = record.secret["metadata"]["resourceVersion"].as_str();
        let deletion = Deletion {
            resource_version: Some(version.unwrap_or_default().to_owned()),
            ..Deletion::default()
        };
        let object = object(&record.release, record.revision);
        self.cluster.delete_with(&object, &deletion).await?;
        Ok(())
    }
}

/// The Secret of a revision.
fn object(release: &ReleaseId, revision: u32) -> ObjectRef {
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
mod tests;
