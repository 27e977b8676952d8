//! Waiting for objects: one watch per kind, shared by all charts of a run.

use tokio::time::Instant;

use super::{Cluster, ClusterError, ObjectRef};

/// The watches of a run. Cheap to clone; ends with its last clone.
#[derive(Debug, Clone)]
pub struct Watches {
    cluster: Cluster,
}

/// How far a wait is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Objects that are ready (or gone).
    pub done: usize,
    /// Objects waited for.
    pub total: usize,
    /// What is still waited for, with what it lacks, in the order given.
    pub waiting: Vec<(ObjectRef, String)>,
}

/// A wait that did not end well.
#[derive(Debug, Clone, thiserror::Error)]
#[error("not ready")]
pub struct NotReady {
    /// Objects that failed, and why.
    pub failed: Vec<(ObjectRef, String)>,
    /// Objects that were not ready in time, and what they lacked.
    pub late: Vec<(ObjectRef, String)>,
    /// The last trouble in reading the cluster, if it was not over when the wait ended.
    pub trouble: Option<ClusterError>,
}

impl Watches {
    /// No watch yet: each kind is watched from the first wait on that needs it.
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }

    /// Waits until all these objects are ready at once, one fails, or the deadline is over.
    pub async fn wait_ready(
        &self,
        objects: &[ObjectRef],
        deadline: Instant,
        on_status: &mut (dyn FnMut(&Progress) + Send),
    ) -> Result<(), NotReady> {
        let _ = (objects, deadline, on_status, &self.cluster);
        todo!()
    }

    /// Waits until all these objects are gone (or replaced by others of the same name).
    pub async fn wait_gone(
        &self,
        objects: &[ObjectRef],
        deadline: Instant,
        on_status: &mut (dyn FnMut(&Progress) + Send),
    ) -> Result<(), NotReady> {
        let _ = (objects, deadline, on_status, &self.cluster);
        todo!()
    }
}
