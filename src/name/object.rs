//! One object of a cluster.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Names one object of any kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectRef {
    /// `apps/v1`.
    pub api_version: String,
    /// `Deployment`.
    pub kind: String,
    /// Its namespace. Ignored for cluster-scoped kinds, so that the namespace of a release may be
    /// given for objects whose scope is not known yet; `None` for a namespaced kind means the
    /// default namespace of the context.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}
