//! Collects what is known about objects that are not ready: conditions, pods, events.

use super::{Cluster, ObjectRef};

/// One object under suspicion, and everything found out about it.
#[derive(Debug, Clone, Default)]
pub struct Finding {
    /// `Deployment/web`.
    pub object: String,
}

impl Cluster {
    /// Looks into each object (why: what the wait said of it). Best effort: what cannot be read is
    /// said in the findings.
    pub async fn investigate(&self, suspects: &[(ObjectRef, String)]) -> Vec<Finding> {
        let _ = suspects;
        todo!()
    }
}
