//! Why a command ended before, or instead of, a run.

use std::path::PathBuf;

use crate::{
    chart::{FetchError, LockFileError},
    cluster::{ClusterError, ConnectError, Guarded},
    diagnostic::Problems,
    graph::{SelectError, SelectorError},
    helm::DetectError,
    inputs::InputsError,
    journal::JournalError,
    name::{ChartName, Namespace, RunId},
    plan::PlanError,
    provide::ProvideError,
    release::{ManifestError, StoreError},
    sandbox::SandboxError,
};

/// Nothing of the run was done, unless it is [`RunError::Journal`] in the middle of one.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The cluster cannot be reached, or says no.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// There is no usable kubeconfig.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The stack says it is not for this cluster.
    #[error(transparent)]
    Guard(#[from] Guarded),
    /// There is no sandbox.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A failure is rehearsed for a chart that the stack does not have.
    #[error("the stack has no chart `{name}` to rehearse a failure of")]
    RehearseUnknown {
        /// As given.
        name: String,
    },
    /// No usable Helm.
    #[error(transparent)]
    Helm(#[from] DetectError),
    /// No usable Helm, and none could be got for the rehearsal.
    #[error(transparent)]
    Provide(#[from] ProvideError),
    /// Helm is not of a version that the stack accepts.
    #[error("{} is helm {found}, the stack wants {wanted}", binary.display())]
    HelmVersion {
        /// The binary.
        binary: PathBuf,
        /// Its version.
        found: semver::Version,
        /// `[stack] helm`.
        wanted: String,
    },
    /// A program registered an implementation for a chart that the stack does not have.
    #[error("the stack has no chart `{name}` to run an implementation for")]
    UnknownChart {
        /// As given.
        name: String,
    },
    /// The cache of charts cannot be used.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The lock file cannot be read or written.
    #[error(transparent)]
    LockFile(#[from] LockFileError),
    /// Inputs have no value, or a command that gives one failed: findings with their places.
    #[error(transparent)]
    Inputs(#[from] InputsError),
    /// A selector that is none.
    #[error(transparent)]
    Selector(#[from] SelectorError),
    /// Nothing, or something unknown, was selected.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// What the charts hold does not fit what the stack file says: findings with their places.
    #[error(transparent)]
    Stack(Problems),
    /// There is no such plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Helm's records cannot be read.
    #[error(transparent)]
    Release(#[from] StoreError),
    /// A release's manifest cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Something would fail: found before the first change.
    #[error("{} found before anything was changed", count(.0.len()))]
    Preflight(Vec<Problem>),
    /// Charts whose values cannot be made, or that do not render. Nothing was to be changed.
    #[error("{} failed", charts(.0.len()))]
    Charts(Vec<Problem>),
    /// A file that was asked for cannot be written.
    #[error("could not write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another run of the stack holds the lease.
    #[error("{message}")]
    Locked {
        /// Who holds it, since when.
        message: String,
    },
    /// A run that failed was not taken back to the end.
    #[error("run {of} failed, and what it has changed is not all taken back yet")]
    UnfinishedRollback {
        /// That run.
        of: RunId,
    },
    /// What is to be taken back cannot be written down.
    #[error("what there is to take back could not be written down: {message}")]
    RollbackRecord {
        /// The cause.
        message: String,
    },
    /// What somebody agreed to is not what would be done now.
    #[error("another run of this stack was at work meanwhile: the plan is not the same any more")]
    Overtaken,
    /// The user may not hold the stack's lock.
    #[error("the stack's lock in namespace {namespace} cannot be used: {source}")]
    NoLock {
        /// Where it is.
        namespace: Namespace,
        /// The server's words.
        source: ClusterError,
    },
    /// The run that was to lose the stack's lock does not hold it.
    #[error("{message}")]
    NotHeld {
        /// Who does.
        message: String,
    },
    /// The run was asked to end before its first change.
    #[error("interrupted before anything was changed")]
    Interrupted,
    /// The run folder cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A private folder for the run could not be made.
    #[error("could not make a private folder for the run")]
    Private(#[source] std::io::Error),
}

fn count(problems: usize) -> String {
    if problems == 1 {
        "1 problem was".into()
    } else {
        format!("{problems} problems were")
    }
}

fn charts(failed: usize) -> String {
    if failed == 1 {
        "1 chart".into()
    } else {
        format!("{failed} charts")
    }
}

/// One finding of preflight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The chart, if it is about one.
    pub chart: Option<ChartName>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl RunError {
    /// What to do next, when there is something to say.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Cluster(error) | Self::Release(StoreError::Cluster(error)) => {
                error.hint().map(str::to_owned)
            }
            Self::Plan(error) => error.hint().map(str::to_owned),
            Self::Connect(ConnectError::NoKubeconfig { .. }) => {
                Some("`check`, `graph` and `plan --offline` need no cluster".into())
            }
            Self::UnfinishedRollback { .. } => Some(
                "the same command finishes that first; --no-rollback leaves it as it is".into(),
            ),
            Self::Locked { .. } => Some("wait for it with --lock-timeout 10m".into()),
            Self::Overtaken => Some("nothing was changed; run the same command again".into()),
            Self::NoLock { namespace, .. } => Some(format!(
                "ask for the rights to get, create, update, patch and delete leases \
                 (coordination.k8s.io) and configmaps in namespace {namespace}, or run without \
                 the lock: --no-lock"
            )),
            Self::NotHeld { .. } => Some("`stackctl lock show` tells who holds it".into()),
            _ => None,
        }
    }
}
