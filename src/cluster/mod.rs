//! The Kubernetes API, as far as a run needs it, behind one client with deadlines.
//!
//! ```text
//! kubeconfig ─ proxy ─ connect ─▶ Cluster ─▶ gate (deadline, second attempts) ─▶ API server
//!                                   │
//!            kinds · called · objects · change · namespaces · lease · config_map · service_proxy · access
//!                                   │
//!            crds (apply, with `marks` of ours) · discovery (what is served) · remains (what is left)
//!                                   │
//!            ready (pure rules) ─ watches (one per kind) ─ investigate · logs ─ dossier (pure)
//! ```
//!
//! Uses only leaves. `release` builds on it; `lifecycle` and `run` use both.

mod access;
mod called;
mod change;
mod config_map;
mod connect;
mod connect_error;
mod crds;
mod discovery;
mod dossier;
mod error;
mod evidence;
mod gate;
mod guard;
mod investigate;
mod kinds;
mod kubeconfig;
mod lease;
mod logs;
mod marks;
mod namespaces;
mod objects;
mod proxy;
pub mod ready;
mod remains;
mod service_proxy;
#[cfg(test)]
pub(crate) mod testing;
mod watches;
mod wire;

use std::{fmt, path::Path, sync::Arc};

pub use access::{Access, ServerVersion};
pub use called::ServedKind;
pub use change::{Deletion, MANAGER, Patched, Propagation};
pub use config_map::ConfigMap;
use connect::Identity;
pub use connect_error::ConnectError;
pub use crds::{CrdMarks, LiveCrd};
pub use dossier::{dossier, logs as log_lines};
pub use error::ClusterError;
pub use evidence::{ContainerState, EventLine, Finding, LogTail, PodState};
use gate::Gate;
pub use guard::{Guarded, guard};
use kinds::{Kind, Kinds};
pub use kubeconfig::Options;
pub use lease::Lease;
pub use marks::Owner;
pub use namespaces::{Ensured, LiveNamespace, Standing};
pub use ready::Readiness;
pub use remains::{Contents, Remaining};
pub use service_proxy::ProxyAnswer;
pub use watches::{NotReady, Progress, Watches};

pub use crate::name::ObjectRef;

/// One cluster, as one user, for one run. Cheap to clone.
#[derive(Clone)]
pub struct Cluster(Arc<Inner>);

struct Inner {
    identity: Identity,
    gate: Gate,
    kinds: Kinds,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("context", &self.context())
            .field("server", &self.server())
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// Resolves kubeconfig and context, once, and makes the client. No request is made, but a
    /// credential plugin may run. Must be called within a Tokio runtime, which also carries the
    /// client's connections.
    pub async fn connect(options: &Options) -> Result<Self, ConnectError> {
        let (identity, client) = connect::connect(options).await?;
        let gate = Gate::new(client, identity.server.clone());
        Ok(Self(Arc::new(Inner {
            identity,
            gate,
            kinds: Kinds::default(),
        })))
    }

    /// The context; `None` in a cluster.
    pub fn context(&self) -> Option<&str> {
        self.0.identity.context.as_deref()
    }

    /// URL of the API server, as the kubeconfig has it.
    pub fn server(&self) -> &str {
        self.0.gate.server()
    }

    /// The context's namespace, `default` unless it says otherwise.
    pub fn default_namespace(&self) -> &str {
        &self.0.identity.namespace
    }

    /// Writes a kubeconfig that holds exactly this context, its cluster and its user, for children.
    /// It is readable by nobody else from its first moment; a path that exists is an error. If a
    /// credential plugin is started with it, that gets this variable, unless the user set it there.
    pub fn write_private_kubeconfig(
        &self,
        path: &Path,
        plugin_env: (&str, String),
    ) -> std::io::Result<()> {
        connect::write_private(&self.0.identity.kubeconfig, plugin_env, path)
    }

    fn gate(&self) -> &Gate {
        &self.0.gate
    }

    async fn kind(&self, api_version: &str, kind: &str) -> Result<Kind, ClusterError> {
        self.0.kinds.resolve(self.gate(), api_version, kind).await
    }

    #[cfg(test)]
    fn from_gate(gate: Gate) -> Self {
        let identity = Identity {
            context: Some("test".to_owned()),
            server: gate.server().to_owned(),
            namespace: "default".to_owned(),
            kubeconfig: kube::config::Kubeconfig::default(),
        };
        Self(Arc::new(Inner {
            identity,
            gate,
            kinds: Kinds::default(),
        }))
    }
}
