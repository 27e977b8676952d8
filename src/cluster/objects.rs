//! References to objects of any kind, and reading, listing and deleting them.

use std::fmt;

use serde_json::Value;

use super::{Cluster, ClusterError};

/// Names one object of any kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// `apps/v1`.
    pub api_version: String,
    /// `Deployment`.
    pub kind: String,
    /// Its namespace. Ignored for cluster-scoped kinds, so the namespace of a release may be given
    /// for objects whose scope is not known yet; `None` for a namespaced kind means the default
    /// namespace of the context.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

impl Cluster {
    /// The object, `None` if it is not there. A quorum read: never older than the call.
    pub async fn get(&self, object: &ObjectRef) -> Result<Option<Value>, ClusterError> {
        let _ = object;
        todo!()
    }

    /// All objects of a kind, in one namespace or (`None`) all, narrowed by a label selector
    /// (`app=web,tier!=db`; empty for all).
    pub async fn list(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        selector: &str,
    ) -> Result<Vec<Value>, ClusterError> {
        let _ = (api_version, kind, namespace, selector);
        todo!()
    }

    /// Deletes the object; false if it was not there. Does not wait for it to be gone.
    pub async fn delete(&self, object: &ObjectRef) -> Result<bool, ClusterError> {
        let _ = object;
        todo!()
    }
}
