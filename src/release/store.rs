//! Reads and marks release records in the cluster.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Marks, Payload, PayloadError};
use crate::{
    cluster::{Cluster, ClusterError},
    name::{Namespace, ReleaseId, ReleaseStatus},
};

/// Why a release record could not be read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The request failed.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The record is damaged.
    #[error("record of revision {revision} of release {release} cannot be read")]
    Payload {
        /// The release.
        release: ReleaseId,
        /// The revision.
        revision: u32,
        /// What is wrong with it.
        #[source]
        source: PayloadError,
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

/// The release records of a cluster. Never starts a Helm process.
#[derive(Debug, Clone)]
pub struct Releases {
    cluster: Cluster,
}

impl Releases {
    /// Of this cluster.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }

    /// All revisions of all releases of these namespaces, oldest first, without payload.
    pub async fn list(
        &self,
        namespaces: &[Namespace],
    ) -> Result<BTreeMap<ReleaseId, Vec<Revision>>, StoreError> {
        let _ = (namespaces, &self.cluster);
        todo!()
    }

    /// All revisions of one release, oldest first; empty if there is none.
    pub async fn history(&self, release: &ReleaseId) -> Result<Vec<Revision>, StoreError> {
        let _ = release;
        todo!()
    }

    /// One record with its payload, `None` if it is not there.
    pub async fn get(
        &self,
        release: &ReleaseId,
        revision: u32,
    ) -> Result<Option<Payload>, StoreError> {
        let _ = (release, revision);
        todo!()
    }

    /// Marks a revision `failed` with a reason, as Helm would have done: payload and label, with
    /// its resourceVersion.
    pub async fn set_failed(
        &self,
        release: &ReleaseId,
        revision: u32,
        reason: &str,
    ) -> Result<(), StoreError> {
        let _ = (release, revision, reason);
        todo!()
    }
}
