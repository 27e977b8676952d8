//! The Kubernetes API, as far as a run needs it, behind one client with deadlines.

mod dossier;
mod error;
mod guard;
mod investigate;
mod kubeconfig;
mod lease;
mod namespaces;
mod objects;
pub mod ready;
mod service_proxy;
mod watches;

use std::{path::Path, sync::Arc};

pub use dossier::dossier;
pub use error::ClusterError;
pub use guard::{Guarded, guard};
pub use investigate::Finding;
pub use kubeconfig::{ConnectError, Options};
pub use lease::Lease;
pub use namespaces::Ensured;
pub use objects::ObjectRef;
pub use ready::Readiness;
pub use service_proxy::ProxyAnswer;
pub use watches::{NotReady, Progress, Watches};

/// One cluster, as one user, for one run. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Cluster(Arc<()>);

/// Version of the API server (`GET /version`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerVersion {
    /// `1`.
    pub major: u32,
    /// `37`.
    pub minor: u32,
    /// `v1.37.2`.
    pub git: String,
}

/// One question to the server's authorizer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access<'a> {
    /// `create`, `list`, …
    pub verb: &'a str,
    /// API group, empty for core.
    pub group: &'a str,
    /// Plural resource (`secrets`).
    pub resource: &'a str,
    /// `None` asks for all namespaces (or a cluster-scoped resource).
    pub namespace: Option<&'a str>,
}

impl Cluster {
    /// Resolves kubeconfig and context, once, and makes the client. No request is made, but a
    /// credential plugin may run.
    pub async fn connect(options: &Options) -> Result<Self, ConnectError> {
        let _ = options;
        todo!()
    }

    /// The context; `None` in a cluster.
    pub fn context(&self) -> Option<&str> {
        todo!()
    }

    /// URL of the API server.
    pub fn server(&self) -> &str {
        todo!()
    }

    /// The context's namespace, `default` unless it says otherwise.
    pub fn default_namespace(&self) -> &str {
        todo!()
    }

    /// Writes a kubeconfig (0600 from the start) that holds exactly this cluster, context and user.
    pub fn write_private_kubeconfig(&self, path: &Path) -> std::io::Result<()> {
        let _ = path;
        todo!()
    }

    /// Asks the server for its version: the cheapest proof that it is there.
    pub async fn version(&self) -> Result<ServerVersion, ClusterError> {
        todo!()
    }

    /// Whether we may do this (`SelfSubjectAccessReview`).
    pub async fn can(&self, access: &Access<'_>) -> Result<bool, ClusterError> {
        let _ = access;
        todo!()
    }
}
