//! Why there is no cluster to talk to, one clear sentence each.

use std::path::PathBuf;

/// Why there is no cluster to talk to. No request was made yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// Nothing found.
    #[error("no kubeconfig found (looked at {})", looked.join(", "))]
    NoKubeconfig {
        /// Where was looked.
        looked: Vec<String>,
    },
    /// The file that was named is not there. Never another one in its place.
    #[error("kubeconfig {path} does not exist (named by {named_by})")]
    Missing {
        /// The path, or all of a list.
        path: String,
        /// `--kubeconfig` or `KUBECONFIG`.
        named_by: &'static str,
    },
    /// The file cannot be read.
    #[error("kubeconfig {} cannot be read: {message}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        message: String,
    },
    /// The file is no kubeconfig.
    #[error("kubeconfig {} is not valid: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, without the text: it may hold credentials.
        message: String,
    },
    /// Nothing in it.
    #[error("kubeconfig {path} has no contexts")]
    Empty {
        /// The file or files.
        path: String,
    },
    /// No context asked for, and none is current.
    #[error(
        "kubeconfig {path} has no current context: choose one with `--kube-context` ({})",
        known.join(", ")
    )]
    NoContext {
        /// The file or files.
        path: String,
        /// The contexts it has.
        known: Vec<String>,
    },
    /// The context is not there.
    #[error(
        "kubeconfig {path} has no context `{context}`{}; it has {}",
        suggestion.as_ref().map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default(),
        known.join(", ")
    )]
    UnknownContext {
        /// The file or files.
        path: String,
        /// The context asked for.
        context: String,
        /// The contexts it has.
        known: Vec<String>,
        /// The most similar one.
        suggestion: Option<String>,
    },
    /// A context was asked for in a pod that has only its service account.
    #[error(
        "context `{context}` was asked for, but there is no kubeconfig, only the pod's service \
         account"
    )]
    ContextInCluster {
        /// The context asked for.
        context: String,
    },
    /// The context names a cluster or a user that is not there, or one without a server.
    #[error("context `{context}` of kubeconfig {path} is not complete: {missing}")]
    Incomplete {
        /// The file or files.
        path: String,
        /// The context.
        context: String,
        /// What is missing.
        missing: String,
    },
    /// Files or data it refers to cannot be used (certificates, keys, URLs).
    #[error("the cluster's configuration cannot be used: {message}")]
    Unusable {
        /// What is wrong.
        message: String,
    },
    /// A credential plugin failed, a token file cannot be read.
    #[error("no credentials for the cluster: {message}")]
    Credentials {
        /// What it said.
        message: String,
    },
}

impl ConnectError {
    /// What to do next, if there is something to say.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoKubeconfig { .. } => Some("give one with `--kubeconfig` or KUBECONFIG"),
            Self::Credentials { .. } => Some(
                "the credentials may have expired: log in to the cluster's provider again, and \
                 check with `kubectl auth whoami`",
            ),
            _ => None,
        }
    }
}
