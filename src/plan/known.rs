//! What a plan is made from, beside the stack and what the cluster holds.

use std::collections::BTreeMap;

use crate::name::{ChartName, NodeName};

/// What is known beside the stack and its releases when a plan is made. Everything may be missing.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Context of the cluster.
    pub context: Option<String>,
    /// What was found in the charts' files.
    pub contents: BTreeMap<ChartName, Contents>,
    /// How long nodes took in earlier runs, in milliseconds. Those without an entry count as the
    /// mean of the others.
    pub durations: BTreeMap<NodeName, u64>,
}

/// What the files of a chart say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// `version` of its Chart.yaml.
    pub version: Option<String>,
    /// Digest of what would be executed, to be compared with [`Marks::digest`](super::Marks).
    pub digest: Option<String>,
    /// CRDs of its `crds/` folder, and of those of its subcharts that are enabled.
    pub crds: Vec<CrdContent>,
}

/// A CRD that a chart carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrdContent {
    /// Its name.
    pub name: String,
    /// Digest of it, to be compared with [`ObservedCrd::digest`](super::ObservedCrd).
    pub digest: String,
}

/// What a run on the way down may remove beyond the releases of charts that are not protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removal {
    /// Protected charts, too.
    pub include_protected: bool,
    /// Also the CRDs, and the namespaces if empty, that stackctl has made.
    pub purge: bool,
}
