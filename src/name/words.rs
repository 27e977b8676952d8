//! How far a chart has come, which way a run goes, and what it does to a chart.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How far a chart has come. Edges of the graph wait for one of these.
///
/// The order of the variants is the order in which a chart reaches them on the way up; reaching
/// one implies those before it. `Gone` is the only one on the way down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Milestone {
    /// Its CRDs are served.
    Crds,
    /// Helm returned success.
    Deployed,
    /// The workloads of the release are ready.
    Ready,
    /// All validation steps passed. What a plain `needs = ["x"]` waits for.
    Validated,
    /// The release is gone (way down).
    Gone,
}

impl Milestone {
    /// Milestones a stack file may name after the `:` of a need.
    pub const NAMEABLE: [Self; 4] = [Self::Crds, Self::Deployed, Self::Ready, Self::Validated];

    /// The word used in stack files, plans and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crds => "crds",
            Self::Deployed => "deployed",
            Self::Ready => "ready",
            Self::Validated => "validated",
            Self::Gone => "gone",
        }
    }
}

impl fmt::Display for Milestone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Way of a run through the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// `up`: needs first.
    Up,
    /// `down`: dependents first.
    Down,
    /// What an `up` that failed has changed is taken back (`failure_policy = "rollback"`):
    /// dependents first, as on the way down.
    Rollback,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Rollback => "rollback",
        })
    }
}

/// What a run does to a chart (design, "Words": action).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// No release yet.
    Install,
    /// A release is there: a new revision.
    Upgrade,
    /// Uninstall, then install (`reinstall_below`).
    Reinstall,
    /// Remove the release, or finish the clean-up of one that is already gone.
    Uninstall,
    /// Go back to the revision that was deployed before the run that is taken back.
    Rollback,
    /// Nothing to do, proved.
    Unchanged,
    /// Deployed as wanted, but not validated yet: only what comes after exec is done.
    Validate,
    /// Asked for with `action = "skip"`: everything but exec runs.
    Skip,
    /// Nothing can be done to it: it belongs to another stack, or it cannot be told what to do.
    Blocked,
    /// Known only when the chart starts.
    Decide,
}

impl Action {
    /// The word used in plans and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Upgrade => "upgrade",
            Self::Reinstall => "reinstall",
            Self::Uninstall => "uninstall",
            Self::Rollback => "rollback",
            Self::Unchanged => "unchanged",
            Self::Validate => "validate",
            Self::Skip => "skip",
            Self::Blocked => "blocked",
            Self::Decide => "decide",
        }
    }

    /// Whether the release exists, with what the stack file says, after this action.
    pub fn deploys(self) -> bool {
        matches!(
            self,
            Self::Install
                | Self::Upgrade
                | Self::Reinstall
                | Self::Unchanged
                | Self::Validate
                | Self::Decide
        )
    }

    /// Whether Helm installs or upgrades the release, or may.
    pub fn executes(self) -> bool {
        matches!(
            self,
            Self::Install | Self::Upgrade | Self::Reinstall | Self::Decide
        )
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
