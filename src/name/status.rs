//! Helm's own word for where a release stands.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Status of a release revision, as Helm writes it into the payload and the `status` label
/// (`pkg/release/common/status.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseStatus {
    /// Helm does not know.
    Unknown,
    /// The current, successful revision.
    Deployed,
    /// Uninstalled with `--keep-history`.
    Uninstalled,
    /// An older revision.
    Superseded,
    /// The operation of this revision failed.
    Failed,
    /// An uninstall began and did not end.
    Uninstalling,
    /// An install began and did not end.
    PendingInstall,
    /// An upgrade began and did not end.
    PendingUpgrade,
    /// A rollback began and did not end.
    PendingRollback,
}

impl ReleaseStatus {
    const ALL: [Self; 9] = [
        Self::Unknown,
        Self::Deployed,
        Self::Uninstalled,
        Self::Superseded,
        Self::Failed,
        Self::Uninstalling,
        Self::PendingInstall,
        Self::PendingUpgrade,
        Self::PendingRollback,
    ];

    /// Reads Helm's word; anything Helm may add later is `Unknown`.
    pub fn from_helm(text: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .unwrap_or(Self::Unknown)
    }

    /// Helm's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Deployed => "deployed",
            Self::Uninstalled => "uninstalled",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
            Self::Uninstalling => "uninstalling",
            Self::PendingInstall => "pending-install",
            Self::PendingUpgrade => "pending-upgrade",
            Self::PendingRollback => "pending-rollback",
        }
    }

    /// Helm's own lock: an operation runs, or died (`Status.IsPending`).
    pub fn is_pending(self) -> bool {
        matches!(
            self,
            Self::PendingInstall | Self::PendingUpgrade | Self::PendingRollback
        )
    }
}

impl fmt::Display for ReleaseStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_back_what_it_writes() {
        for status in ReleaseStatus::ALL {
            assert_eq!(ReleaseStatus::from_helm(status.as_str()), status);
        }
        assert_eq!(ReleaseStatus::from_helm("paused"), ReleaseStatus::Unknown);
    }
}
