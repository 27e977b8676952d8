//! Why a helm call failed and what it left behind: two questions, since a rolled back timeout is
//! still a timeout. [`super::classify`] answers them from Helm's words.

use std::fmt;

/// Why a helm call failed. Helm always exits with 1, so all but the last five are read from its
/// words (helm.md section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Another operation on the release runs, or died without closing its record.
    LockHeld,
    /// Another helm created the same revision first.
    LockLost,
    /// The release exists, where it must not.
    NameInUse,
    /// The release, or the revision asked for, is not there.
    NotFound,
    /// Objects were not ready, or not gone, within `--timeout`.
    WaitTimeout,
    /// A workload failed for good: no waiting helps.
    WorkloadFailed,
    /// A hook of the chart failed or took too long.
    Hook,
    /// Someone else signalled helm, and it closed its record.
    Cancelled,
    /// A field that Kubernetes does not allow to change.
    Immutable,
    /// Another field manager owns a field (server-side apply).
    FieldConflict,
    /// An object of the chart exists and belongs to nobody or to another release.
    Ownership,
    /// The cluster does not know a kind of the chart.
    NoMatch,
    /// The values violate the chart's `values.schema.json`.
    ValuesSchema,
    /// The values, or a values file, could not be read.
    Values,
    /// The rendered manifest is not valid YAML or not what the API accepts.
    Manifest,
    /// A template failed, or asked to fail.
    Template,
    /// The chart does not support the cluster's Kubernetes version.
    KubeVersion,
    /// The chart is not there or is no chart.
    ChartMissing,
    /// Subcharts are declared but not vendored.
    Dependencies,
    /// The API server does not answer.
    Unreachable,
    /// The API server does not know who asks (401).
    Unauthorized,
    /// The API server knows who asks and refuses (403).
    Forbidden,
    /// An admission webhook or policy, or a quota, refused an object.
    Denied,
    /// The namespace does not exist.
    NamespaceMissing,
    /// The release record is larger than a Secret may be.
    TooLarge,
    /// The release record could not be read or written.
    Storage,
    /// Some objects could not be deleted.
    UninstallFailed,
    /// Helm's client-side rate limit left no time.
    Throttled,
    /// This helm does not know a flag that stackctl passed.
    BadFlags,
    /// A webhook, or its certificate, did not answer.
    Webhook,
    /// The connection broke while helm worked.
    Network,
    /// Nothing known.
    Other,
    /// stackctl's own deadline ended it.
    TimedOut,
    /// stackctl ended it, or did not start it, because the run is interrupted.
    Interrupted,
    /// A signal that stackctl did not send ended it (out of memory, `kill`).
    Killed,
    /// The process could not be started or followed.
    NotStarted,
    /// It succeeded, but what it printed is not what helm prints.
    BadAnswer,
}

/// What a failed helm call left behind, as far as its words tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Aftermath {
    /// The words do not tell: read the record.
    Unknown,
    /// Nothing was written.
    Untouched,
    /// Objects may have changed; the revision is recorded as failed.
    Failed,
    /// Objects may have changed; the record may be left `pending-*` or `uninstalling`.
    Pending,
    /// Helm went back to the revision before.
    RolledBack,
    /// Helm removed what it had installed.
    Uninstalled,
    /// Helm tried to go back or to remove, and failed.
    RollbackFailed,
}

impl Cause {
    /// What to do next, where there is something to say.
    pub fn hint(self) -> Option<&'static str> {
        todo!()
    }

    /// Whether the same call may succeed a little later without anyone changing anything.
    pub fn retryable(self) -> bool {
        todo!()
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = f;
        todo!()
    }
}
