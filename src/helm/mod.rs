//! Drives the real helm binary, 3 and 4: versions, argument vectors, error classes.

mod cause;
mod detect;

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, time::Duration};

pub use cause::{Aftermath, Cause};
pub use detect::DetectError;

use crate::{event::Stream, name::ReleaseId, secret::Secret, shutdown::Shutdown};

/// A helm binary, looked at once.
#[derive(Debug, Clone)]
pub struct Helm {
    /// The binary.
    pub binary: PathBuf,
    /// Its version.
    pub version: semver::Version,
    /// 3 or 4.
    pub major: Major,
}

/// Helm's major versions differ in flags, texts and waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Major {
    /// 3.14 and later.
    V3,
    /// 4.
    V4,
}

/// What every helm child of a run shares: the private kubeconfig and folders, and the rest of the
/// environment it may see.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The user's environment; `HELM_KUBE*`, `HELM_NAMESPACE`, `KUBECONFIG` are dropped from it.
    pub env: BTreeMap<OsString, OsString>,
    /// Private kubeconfig (0600) with exactly one context.
    pub kubeconfig: PathBuf,
    /// `KUBECACHEDIR` of the run.
    pub cache: PathBuf,
}

/// `helm upgrade --install`.
#[derive(Debug, Clone)]
pub struct Upgrade {
    /// Release name and namespace.
    pub release: ReleaseId,
    /// Folder or archive.
    pub chart: PathBuf,
    /// `-f`, in order.
    pub values_files: Vec<PathBuf>,
    /// Computed values: one JSON document on standard input, after the files.
    pub values: Secret,
    /// Helm's `--timeout`, per operation.
    pub timeout: Duration,
    /// Whether Helm waits.
    pub wait: WaitMode,
    /// `--history-max`.
    pub history_max: u32,
    /// `--labels`.
    pub labels: BTreeMap<String, String>,
    /// `--force` / `--force-replace`.
    pub force_replace: bool,
}

/// Whether Helm itself waits for workloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitMode {
    /// No `--wait`.
    None,
    /// `--wait` (Helm 3), `--wait=watcher` (Helm 4).
    Helm,
}

/// `helm uninstall`.
#[derive(Debug, Clone)]
pub struct Uninstall {
    /// Release name and namespace.
    pub release: ReleaseId,
    /// Helm's `--timeout`.
    pub timeout: Duration,
    /// Wait until its objects are gone.
    pub wait: bool,
}

/// `helm rollback`.
#[derive(Debug, Clone)]
pub struct Rollback {
    /// Release name and namespace.
    pub release: ReleaseId,
    /// Revision to go back to.
    pub revision: u32,
    /// Helm's `--timeout`.
    pub timeout: Duration,
    /// `--history-max`.
    pub history_max: u32,
}

/// How one call is run: who may stop it, who sees its output.
pub struct Call<'a> {
    /// Environment and kubeconfig.
    pub surroundings: &'a Surroundings,
    /// Who may stop it.
    pub shutdown: &'a Shutdown,
    /// Sees each line as it comes.
    pub on_line: &'a mut (dyn FnMut(Stream, &str) + Send),
}

/// What Helm said of a release it installed or upgraded (`-o json`).
#[derive(Debug, Clone)]
pub struct Upgraded {
    /// The revision it made.
    pub revision: u32,
}

/// A failed helm call: cause and outcome apart, since a rolled back timeout is still a timeout.
#[derive(Debug, Clone, thiserror::Error)]
#[error("helm {operation} of {release} failed: {cause}")]
pub struct HelmError {
    /// `upgrade`, `uninstall`, …
    pub operation: &'static str,
    /// The release.
    pub release: ReleaseId,
    /// Why.
    pub cause: Cause,
    /// What it left behind, as far as its words tell.
    pub aftermath: Aftermath,
    /// Helm's own words, without noise, by line. Not redacted yet.
    pub words: Vec<String>,
}

impl Helm {
    /// `helm upgrade --install`.
    pub async fn upgrade(&self, call: Call<'_>, op: &Upgrade) -> Result<Upgraded, HelmError> {
        let _ = (call, op);
        todo!()
    }

    /// `helm uninstall`; false if the release was not there.
    pub async fn uninstall(&self, call: Call<'_>, op: &Uninstall) -> Result<bool, HelmError> {
        let _ = (call, op);
        todo!()
    }

    /// `helm rollback`.
    pub async fn rollback(&self, call: Call<'_>, op: &Rollback) -> Result<(), HelmError> {
        let _ = (call, op);
        todo!()
    }

    /// `helm template`: renders without a cluster.
    pub async fn template(&self, call: Call<'_>, op: &Upgrade) -> Result<String, HelmError> {
        let _ = (call, op);
        todo!()
    }
}
