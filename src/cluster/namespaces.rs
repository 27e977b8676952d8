//! Namespaces: made when missing, labelled as the stack says.

use std::collections::BTreeMap;

use super::{Cluster, ClusterError};
use crate::name::Namespace;

/// What [`Cluster::ensure_namespace`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ensured {
    /// It was missing.
    Created,
    /// Labels or annotations were missing or different.
    Updated,
    /// Nothing to do.
    Unchanged,
}

impl Cluster {
    /// Makes sure the namespace exists and carries these labels and annotations. Others are left
    /// alone. A namespace that is being deleted is an error ([`ClusterError::Conflict`]).
    pub async fn ensure_namespace(
        &self,
        namespace: &Namespace,
        labels: &BTreeMap<String, String>,
        annotations: &BTreeMap<String, String>,
    ) -> Result<Ensured, ClusterError> {
        let _ = (namespace, labels, annotations);
        todo!()
    }
}
