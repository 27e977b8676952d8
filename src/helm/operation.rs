//! What can be asked of helm, as data.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use super::PostRenderer;
use crate::{name::ReleaseId, secret::Secret};

/// A helm command that stackctl uses on releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `helm upgrade --install`, or `helm install`.
    Upgrade,
    /// `helm uninstall`.
    Uninstall,
    /// `helm rollback`.
    Rollback,
    /// `helm template`.
    Template,
    /// `helm test`.
    Test,
}

impl Operation {
    /// Helm's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Upgrade => "upgrade",
            Self::Uninstall => "uninstall",
            Self::Rollback => "rollback",
            Self::Template => "template",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// `helm install` or `helm upgrade --install`, and `helm template` of the same.
#[derive(Debug, Clone)]
pub struct Upgrade {
    /// Release name and namespace.
    pub release: ReleaseId,
    /// No revision was found: `helm install`, which need not look for one, and refuses where
    /// another one was quicker.
    pub is_first: bool,
    /// Folder or archive.
    pub chart: PathBuf,
    /// `-f`, in order.
    pub values_files: Vec<PathBuf>,
    /// Computed values: one JSON document on standard input, after the files.
    pub values: Secret,
    /// Helm's `--timeout`, per Kubernetes operation: each hook, the wait, each deletion.
    pub timeout: Duration,
    /// Whether Helm waits.
    pub wait: WaitMode,
    /// `--history-max`; 0 = all.
    pub history_max: u32,
    /// `--labels` of the release record.
    pub labels: BTreeMap<String, String>,
    /// How it changes what is there.
    pub mode: ApplyMode,
    /// `--take-ownership`.
    pub take_ownership: bool,
    /// `--skip-schema-validation`.
    pub skip_schema_validation: bool,
    /// `--post-renderer`. Helm 4 gives it hooks, too, Helm 3 does not.
    pub post_renderer: Option<PostRenderer>,
}

/// How Helm changes what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ApplyMode {
    /// As it does by itself.
    #[default]
    Auto,
    /// From the client's side, which is all that Helm 3 can.
    ClientSide,
    /// Server-side, and with force if fields of others are to be taken over. Helm 4 only; Helm 3
    /// applies as always.
    ServerSide {
        /// `--force-conflicts`.
        force_conflicts: bool,
    },
    /// Replace objects instead of patching them: `--force` / `--force-replace`.
    Replace,
}

/// The cluster that `helm template` is to imagine.
#[derive(Debug, Clone, Copy)]
pub struct Imagined<'a> {
    /// Its version (`v1.37.2`); without, the one that Helm was made for.
    pub kube_version: Option<&'a str>,
    /// What it serves beside what every cluster does: `GROUP/VERSION` and `GROUP/VERSION/KIND`.
    pub api_versions: &'a [String],
    /// Whether its CRDs are still to come: those of `crds/` are rendered, too.
    pub include_crds: bool,
}

/// Whether Helm itself waits for workloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitMode {
    /// No `--wait`. With Helm 4 not for charts with hooks: without it, Helm 4 does not wait until
    /// the hook object of the last time is gone, and may take its success for the new one's
    /// (helm.md section 3).
    None,
    /// `--wait` (Helm 3), `--wait=watcher` (Helm 4).
    Helm,
}

/// `helm uninstall`.
#[derive(Debug, Clone)]
pub struct Uninstall {
    /// Release name and namespace.
    pub release: ReleaseId,
    /// Helm's `--timeout`, per Kubernetes operation.
    pub timeout: Duration,
    /// Wait until its objects, and what these own (pods), are gone.
    pub wait: bool,
}

/// `helm rollback`.
#[derive(Debug, Clone)]
pub struct Rollback {
    /// Release name and namespace.
    pub release: ReleaseId,
    /// Revision to go back to.
    pub revision: u32,
    /// Helm's `--timeout`, per Kubernetes operation.
    pub timeout: Duration,
    /// `--history-max`; 0 = all.
    pub history_max: u32,
}

/// `helm test`: the tests of the chart that is installed.
#[derive(Debug, Clone)]
pub struct Test {
    /// Release name and namespace.
    pub release: ReleaseId,
    /// Helm's `--timeout`, per test.
    pub timeout: Duration,
    /// Names of the tests to run; none: all.
    pub filter: Vec<String>,
    /// `--logs`: what the tests printed, too.
    pub logs: bool,
}
