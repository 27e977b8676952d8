//! Reads and writes a `coordination.k8s.io/v1` Lease. What it means is `lock`'s business.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use super::{Cluster, ClusterError};
use crate::name::Namespace;

/// A Lease, as far as we use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// `metadata.resourceVersion`; empty in a lease not yet created.
    pub resource_version: String,
    /// `spec.holderIdentity`; none or empty when released.
    pub holder: Option<String>,
    /// `spec.leaseDurationSeconds`.
    pub duration: Duration,
    /// `spec.acquireTime`, the holder's clock.
    pub acquired: Option<Timestamp>,
    /// `spec.renewTime`, the holder's clock.
    pub renewed: Option<Timestamp>,
    /// `spec.leaseTransitions`.
    pub transitions: i32,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
}

impl Cluster {
    /// The lease, `None` if it is not there.
    pub async fn get_lease(
        &self,
        ns: &Namespace,
        name: &str,
    ) -> Result<Option<Lease>, ClusterError> {
        let _ = (ns, name);
        todo!()
    }

    /// Creates it; [`ClusterError::Conflict`] when another one was faster.
    pub async fn create_lease(
        &self,
        ns: &Namespace,
        name: &str,
        lease: &Lease,
    ) -> Result<Lease, ClusterError> {
        let _ = (ns, name, lease);
        todo!()
    }

    /// Replaces it, if its resourceVersion is still `lease.resource_version`; else
    /// [`ClusterError::Conflict`].
    pub async fn update_lease(
        &self,
        ns: &Namespace,
        name: &str,
        lease: &Lease,
    ) -> Result<Lease, ClusterError> {
        let _ = (ns, name, lease);
        todo!()
    }

    /// Deletes it, if its resourceVersion is still this one; else [`ClusterError::Conflict`].
    pub async fn delete_lease(
        &self,
        ns: &Namespace,
        name: &str,
        resource_version: &str,
    ) -> Result<(), ClusterError> {
        let _ = (ns, name, resource_version);
        todo!()
    }
}
