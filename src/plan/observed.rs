//! What the cluster holds, as far as a plan needs to know it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::name::{ReleaseId, ReleaseStatus, RunId, StackName};

/// The newest revision of every release of interest.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// By release.
    pub releases: BTreeMap<ReleaseId, ObservedRelease>,
}

/// The newest revision of one release.
#[derive(Debug, Clone)]
pub struct ObservedRelease {
    /// Its revision.
    pub revision: u32,
    /// Its status.
    pub status: ReleaseStatus,
    /// What stackctl wrote on it. Only believed when it names this very revision: labels are
    /// inherited by manual upgrades and copied by rollbacks (helm.md section 1).
    pub marks: Marks,
    /// Version of the installed chart, when it was looked up or its marks are believed.
    pub chart_version: Option<semver::Version>,
    /// When this revision was created.
    pub created: Option<Timestamp>,
}

/// Labels of ours on a release record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// `stackctl.io/stack`.
    pub stack: Option<StackName>,
    /// `stackctl.io/run`.
    pub run: Option<RunId>,
    /// `stackctl.io/rev`: the revision the writer expected to make.
    pub revision: Option<u32>,
    /// `stackctl.io/digest`: of what was executed.
    pub digest: Option<String>,
    /// `stackctl.io/done`: `REVISION-DIGEST`, written after validation.
    pub done: Option<String>,
}

impl ObservedRelease {
    /// Whether the marks were written for this very revision.
    pub fn marks_hold(&self) -> bool {
        self.marks.revision == Some(self.revision)
    }
}

/// Reads the version of a chart as Helm does (Masterminds' `NewVersion`): a leading `v` and missing
/// minor and patch numbers are fine. `None` if it is no version.
pub fn parse_chart_version(text: &str) -> Option<semver::Version> {
    let text = text.trim();
    let text = text.strip_prefix('v').unwrap_or(text);
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    let missing = 2_usize.checked_sub(numbers.matches('.').count())?;
    semver::Version::parse(&format!("{numbers}{}{rest}", ".0".repeat(missing))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chart_versions_are_read_as_helm_reads_them() {
        for (text, expected) in [
            ("1.2.3", Some("1.2.3")),
            ("v1.18.2", Some("1.18.2")),
            ("1.2", Some("1.2.0")),
            ("v2", Some("2.0.0")),
            ("1.2.3-rc.1", Some("1.2.3-rc.1")),
            ("1.2-rc.1+b.5", Some("1.2.0-rc.1+b.5")),
            ("1.2.3.4", None),
            ("latest", None),
            ("", None),
        ] {
            let read = parse_chart_version(text).map(|version| version.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }
}
