//! Why a helm call failed and what it left behind: two questions, since a rolled back timeout is
//! still a timeout. [`classify`](super::classify()) answers them from Helm's words.

use std::fmt;

/// Why a helm call failed. Helm always exits with 1, so all but the last five are read from its
/// words (helm.md section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Another operation on the release runs, or died without closing its record.
    LockHeld,
    /// Another helm created the same revision first.
    LockLost,
    /// The release exists, where it must not. To `upgrade --install` that happens only when another
    /// helm installed it at the same time.
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
    /// The program that rendered manifests are piped through failed.
    PostRenderer,
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
    /// The namespace does not exist, or is being deleted.
    NamespaceMissing,
    /// The release record, or an object, is larger than Kubernetes stores.
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
    /// The release is gone from Helm's records; some of its objects may not be.
    Uninstalled,
    /// Helm tried to go back or to remove, and failed.
    RollbackFailed,
}

impl Cause {
    /// What to do next, where there is something to say.
    pub fn hint(self) -> Option<&'static str> {
        Some(match self {
            Self::LockHeld => {
                "wait for the other operation; if none runs, helm died: see `helm history`, and go back or remove with `helm rollback` or `helm uninstall`"
            }
            Self::LockLost | Self::NameInUse => {
                "something else installs this release too: try again"
            }
            Self::WaitTimeout => {
                "see what its pods and events say; give the chart a longer `timeout` if it is only slow"
            }
            Self::WorkloadFailed => "see what its pods and events say",
            Self::Hook => "see the logs of the hook's Job or pod; helm left it in the cluster",
            Self::Immutable => {
                "delete the object, or reinstall the chart (`reinstall_below`), if what it holds may be lost"
            }
            Self::FieldConflict => {
                "let one side own the field: take it out of the chart's values, or stop the other manager"
            }
            Self::Ownership => {
                "delete the object, or hand it to the release: label it app.kubernetes.io/managed-by=Helm and annotate it meta.helm.sh/release-name and meta.helm.sh/release-namespace"
            }
            Self::NoMatch => "let the chart need the one that brings the kind's CRD",
            Self::ValuesSchema | Self::Values => "correct the chart's values",
            Self::KubeVersion => "use a version of the chart that supports the cluster",
            Self::Dependencies => "run `helm dependency build` in the chart's folder",
            Self::Unreachable => {
                "check the kubeconfig's server, the network and the proxy settings"
            }
            Self::Unauthorized => "log in again, or renew the credentials of the kubeconfig",
            Self::Forbidden => "ask for the right that the message names",
            Self::TooLarge => {
                "the record holds the whole chart and its values and may take 1 MiB: keep large files out of the chart (.helmignore)"
            }
            Self::UninstallFailed => "delete what is left by hand, then run `down` again",
            Self::Throttled => "run fewer charts at once (`concurrency`), or raise HELM_QPS",
            Self::BadFlags | Self::BadAnswer => {
                "use a Helm that stackctl knows: 3.14 or later, or 4"
            }
            Self::Webhook => {
                "see whether the webhook's own pods run; if they just started, try again"
            }
            Self::TimedOut => {
                "give the chart a longer `timeout`, or see why the API server is slow"
            }
            Self::Killed => "see whether the machine ran out of memory",
            Self::NotFound
            | Self::Cancelled
            | Self::Manifest
            | Self::Template
            | Self::PostRenderer
            | Self::ChartMissing
            | Self::Denied
            | Self::NamespaceMissing
            | Self::Storage
            | Self::Network
            | Self::Other
            | Self::Interrupted
            | Self::NotStarted => return None,
        })
    }

    /// Whether the same call may succeed a little later without anyone changing the chart, its
    /// values or the cluster's rules.
    pub fn retryable(self) -> bool {
        match self {
            Self::LockHeld
            | Self::LockLost
            | Self::NameInUse
            | Self::NoMatch
            | Self::Unreachable
            | Self::Storage
            | Self::Throttled
            | Self::Webhook
            | Self::Network => true,
            Self::NotFound
            | Self::WaitTimeout
            | Self::WorkloadFailed
            | Self::Hook
            | Self::Cancelled
            | Self::Immutable
            | Self::FieldConflict
            | Self::Ownership
            | Self::ValuesSchema
            | Self::Values
            | Self::Manifest
            | Self::Template
            | Self::PostRenderer
            | Self::KubeVersion
            | Self::ChartMissing
            | Self::Dependencies
            | Self::Unauthorized
            | Self::Forbidden
            | Self::Denied
            | Self::NamespaceMissing
            | Self::TooLarge
            | Self::UninstallFailed
            | Self::BadFlags
            | Self::Other
            | Self::TimedOut
            | Self::Interrupted
            | Self::Killed
            | Self::NotStarted
            | Self::BadAnswer => false,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::LockHeld => "another operation on the release is in progress, or died",
            Self::LockLost => "another helm was faster",
            Self::NameInUse => "the release exists already",
            Self::NotFound => "the release, or its revision, does not exist",
            Self::WaitTimeout => "the timeout passed while helm waited for objects",
            Self::WorkloadFailed => "a workload failed",
            Self::Hook => "a hook of the chart failed",
            Self::Cancelled => "helm was asked to stop",
            Self::Immutable => "a field cannot be changed on an existing object",
            Self::FieldConflict => "someone else manages a field of an object",
            Self::Ownership => "an object exists and does not belong to the release",
            Self::NoMatch => "the cluster does not know a kind of the chart",
            Self::ValuesSchema => "the values violate the chart's schema",
            Self::Values => "the values could not be read",
            Self::Manifest => "the API does not accept what the chart renders",
            Self::Template => "a template of the chart failed",
            Self::PostRenderer => "the post-renderer failed",
            Self::KubeVersion => "the chart does not support the cluster's Kubernetes version",
            Self::ChartMissing => "the chart was not found",
            Self::Dependencies => "subcharts of the chart are missing",
            Self::Unreachable => "the cluster could not be reached",
            Self::Unauthorized => "the cluster did not accept the credentials",
            Self::Forbidden => "the cluster refused for lack of rights",
            Self::Denied => "an admission rule or a quota refused an object",
            Self::NamespaceMissing => "the namespace does not exist, or is being deleted",
            Self::TooLarge => "the release record or an object is larger than Kubernetes stores",
            Self::Storage => "the release record could not be read or written",
            Self::UninstallFailed => "some objects could not be deleted",
            Self::Throttled => "helm's own request limit left it no time",
            Self::BadFlags => "this helm does not know how stackctl calls it",
            Self::Webhook => "an admission webhook did not answer",
            Self::Network => "the connection to the cluster broke",
            Self::Other => "helm reported an error",
            Self::TimedOut => "it was ended at its deadline",
            Self::Interrupted => "the run was interrupted",
            Self::Killed => "helm was killed",
            Self::NotStarted => "helm could not be started",
            Self::BadAnswer => "its answer could not be read",
        })
    }
}
