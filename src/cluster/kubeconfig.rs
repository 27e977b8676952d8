//! Which cluster: finds the kubeconfig and the context, once per run.

use std::{ffi::OsString, path::PathBuf};

/// Where to look for a cluster. `cli` fills it from flags and environment.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `--kubeconfig`.
    pub kubeconfig: Option<PathBuf>,
    /// `KUBECONFIG`: one path, or several separated as in `PATH`.
    pub env_kubeconfig: Option<OsString>,
    /// The home folder, for `~/.kube/config`.
    pub home: Option<PathBuf>,
    /// `--kube-context` or the stack's `context`; else the kubeconfig's current context.
    pub context: Option<String>,
    /// Use the pod's service account when no kubeconfig is found.
    pub in_cluster: bool,
    /// `HTTPS_PROXY` (a kubeconfig's own `proxy-url` wins).
    pub https_proxy: Option<String>,
    /// `NO_PROXY`.
    pub no_proxy: Option<String>,
}

/// Why there is no cluster to talk to. No request was made yet.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nothing found.
    #[error("no kubeconfig found (looked at: {})", looked.join(", "))]
    NoKubeconfig {
        /// Where was looked.
        looked: Vec<String>,
    },
}
