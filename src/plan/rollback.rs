//! The plan that takes back what a failed run has changed: dependents first, as on the way down.

use std::collections::{BTreeMap, BTreeSet};

use super::{Node, NodeIx, Plan, Wait};
use crate::{
    graph::Graph,
    name::{Action, Direction, Milestone, NodeName, ReleaseId, RunId},
};

/// What is to be done about one release that a run has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reversal {
    /// The chart, as it was called then, or its CRDs.
    pub key: NodeName,
    /// The chart's release.
    pub release: ReleaseId,
    /// Roll back or uninstall; skip, if it stays as it is; blocked, if it cannot be worked on.
    pub action: Action,
    /// Why, in words.
    pub reason: String,
}

impl Plan {
    /// Takes a run back. A release comes after those of the charts that need its own, also by way of
    /// charts that the run did not change, or that come `after` it. All of that is order only: what
    /// cannot be taken back does not keep the rest as it is.
    pub fn rollback(
        graph: &Graph<'_>,
        of: &RunId,
        reversals: Vec<Reversal>,
        context: Option<String>,
    ) -> Self {
        let stack = graph.stack();
        let index = |one: &Reversal| stack.charts.get_index_of(&one.key.chart);
        let mut reversals = reversals;
        reversals.sort_by_key(|one| (index(one).unwrap_or(usize::MAX), one.key.clone()));
        let charts: BTreeMap<usize, NodeIx> = (0..)
            .map(NodeIx)
            .zip(&reversals)
            .filter(|(_, one)| !one.key.is_crds())
            .filter_map(|(ix, one)| Some((index(one)?, ix)))
            .collect();
        let nodes: Vec<Node> = reversals
            .into_iter()
            .map(|one| {
                let index = index(&one);
                let source = index.map(|index| stack.charts[index].source.to_string());
                let waits = match index {
                    Some(index) if !one.key.is_crds() => dependents(graph, index, &charts),
                    _ => Vec::new(),
                };
                Node {
                    key: one.key,
                    release: one.release,
                    chart: source.unwrap_or_else(|| "-".to_owned()),
                    version: None,
                    action: one.action,
                    reason: one.reason,
                    crds: Vec::new(),
                    waits,
                    weight: 1,
                    wave: 0,
                    priority: 0,
                }
            })
            .collect();
        let selection = format!("what run {of} has changed");
        let plan = Self::from_nodes(stack.name.clone(), Direction::Rollback, nodes);
        Self {
            environment: stack.environment.clone(),
            context,
            offline: false,
            rollback_of: Some(of.clone()),
            selection,
            ..plan.expect("the graph of a stack has no cycles, and neither has its reverse")
        }
    }
}

/// Waits for the nearest charts of the plan that come after the one at `index`.
fn dependents(graph: &Graph<'_>, index: usize, charts: &BTreeMap<usize, NodeIx>) -> Vec<Wait> {
    let mut seen = BTreeSet::new();
    let mut waits = Vec::new();
    let mut open = vec![index];
    while let Some(at) = open.pop() {
        for (other, edge) in graph.after(at) {
            // CRDs stay.
            if !edge.is_of_chart() || !seen.insert(other) {
                continue;
            }
            match charts.get(&other) {
                None => open.push(other),
                Some(&on) => waits.push(Wait {
                    on,
                    until: Milestone::Gone,
                    soft: true,
                }),
            }
        }
    }
    waits
}
