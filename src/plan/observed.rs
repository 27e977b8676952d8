//! What the cluster holds, as far as a plan needs to know it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    digest::{Digests, Done},
    lock::Verdict,
    name::{ChartName, EnvironmentName, ReleaseId, ReleaseStatus, RunId, StackName},
};

/// What was found in the cluster.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The newest revision of every release of interest.
    pub releases: BTreeMap<ReleaseId, ObservedRelease>,
    /// CRDs by name, all of the cluster, or none if the run has nothing to do with any.
    pub crds: BTreeMap<String, ObservedCrd>,
}

/// One CRD.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObservedCrd {
    /// Digest of what stackctl applied last, if nobody changed it since.
    pub digest: Option<String>,
    /// The stack and environment that made it; `None` if it was not made by stackctl.
    pub created_by: Option<(StackName, Option<EnvironmentName>)>,
    /// The chart it was applied for last, if stackctl did.
    pub chart: Option<ChartName>,
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
    /// Who may be at work on it.
    pub verdict: Verdict,
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
    /// `stackctl.io/digest`: what the revision was made of.
    pub digest: Option<Digests>,
    /// `stackctl.io/done`: how far the chart has come since.
    pub done: Option<Done>,
}

impl ObservedRelease {
    /// Whether the marks were written for this very revision.
    pub fn marks_hold(&self) -> bool {
        self.marks.revision == Some(self.revision)
    }
}
