//! From a selection to a plan: orientation of the edges, and the runs that are refused.

use std::collections::BTreeMap;

use super::{Barred, Desired, MissingNeed, Node, NodeIx, Observed, Plan, PlanError, Wait};
use crate::{
    graph::{Graph, Selection},
    name::{ChartName, Direction, Milestone, ReleaseStatus},
    stack::{Chart, Intent},
};

/// What is known beside the stack and its releases when a plan is made. Everything may be missing.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Context of the cluster.
    pub context: Option<String>,
    /// What was found in the charts' files.
    pub contents: BTreeMap<ChartName, Contents>,
    /// How long charts took in earlier runs, in milliseconds. Charts without an entry count as the
    /// mean of the others.
    pub durations: BTreeMap<ChartName, u64>,
}

/// What the files of a chart say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// `version` of its Chart.yaml.
    pub version: Option<String>,
    /// Digest of what would be executed, to be compared with [`Marks::digest`](super::Marks).
    pub digest: Option<String>,
}

impl Plan {
    /// The way up: installs and upgrades in the order of the needs; charts with
    /// `action = "destroy"` are removed, each after those of its dependents that are removed too.
    ///
    /// `observed` must hold the releases of the whole stack, also of charts that are not selected:
    /// a need outside the selection must already be deployed.
    pub fn up(
        graph: &Graph<'_>,
        selection: &Selection,
        observed: &Observed,
        known: &Known,
    ) -> Result<Self, PlanError> {
        let _ = (graph, selection, observed, known);
        todo!()
    }

    /// The way down: every selected chart is removed, after everything that needs it or comes
    /// `after` it.
    ///
    /// `observed` as for [`Plan::up`]: installed dependents outside the selection bar the way.
    pub fn down(
        graph: &Graph<'_>,
        selection: &Selection,
        observed: &Observed,
        known: &Known,
        include_protected: bool,
    ) -> Result<Self, PlanError> {
        let _ = (graph, selection, observed, known, include_protected);
        todo!()
    }

    /// Without a cluster: as if nothing were installed (up), or everything (down).
    pub fn offline(
        graph: &Graph<'_>,
        selection: &Selection,
        direction: Direction,
        known: &Known,
    ) -> Result<Self, PlanError> {
        let _ = (graph, selection, direction, known);
        todo!()
    }
}
