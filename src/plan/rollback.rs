//! The plan that takes back what a failed run has changed: dependents first, as on the way down.

use std::collections::{BTreeMap, BTreeSet};

use super::{Node, NodeIx, Plan, Wait};
use crate::{
    graph::Graph,
    name::{Action, ChartName, Direction, Milestone, NodeName, ReleaseId, RunId},
    stack::Stack,
};

/// What is to be done about one release that a run has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reversal {
    /// The chart, as it was called then, or its CRDs.
    pub key: NodeName,
    /// The chart's release.
    pub release: ReleaseId,
    /// Roll back or uninstall; skip, if it stays as it is.
    pub action: Action,
    /// Why, in words.
    pub reason: String,
    /// Charts that come first, as far as they are part of it.
    pub after: BTreeSet<ChartName>,
}

/// Which charts of those that are taken back come right before each of them: the nearest that need
/// it, also by way of charts that are not among them, or that come `after` it.
pub fn taken_back_before<'c>(
    graph: &Graph<'_>,
    charts: impl Iterator<Item = &'c ChartName>,
) -> BTreeMap<ChartName, BTreeSet<ChartName>> {
    let stack = graph.stack();
    let indices: BTreeSet<usize> = charts
        .filter_map(|name| stack.charts.get_index_of(name))
        .collect();
    let name = |index: usize| stack.charts[index].name.clone();
    let of = |&index: &usize| {
        let mut seen = BTreeSet::new();
        let mut first = BTreeSet::new();
        let mut open = vec![index];
        while let Some(at) = open.pop() {
            for (other, edge) in graph.after(at) {
                // CRDs stay.
                if !edge.is_of_chart() || !seen.insert(other) {
                    continue;
                }
                if indices.contains(&other) {
                    first.insert(name(other));
                } else {
                    open.push(other);
                }
            }
        }
        (name(index), first)
    };
    indices.iter().map(of).collect()
}

impl Plan {
    /// Takes a run back. What comes first is order only: what cannot be taken back does not keep the
    /// rest as it is. Charts need not be part of the stack any more.
    pub fn rollback(
        stack: &Stack,
        of: &RunId,
        mut reversals: Vec<Reversal>,
        context: Option<String>,
    ) -> Self {
        let place = |one: &Reversal| stack.charts.get_index_of(&one.key.chart);
        reversals.sort_by_key(|one| (place(one).unwrap_or(usize::MAX), one.key.clone()));
        let charts: BTreeMap<ChartName, NodeIx> = (0..)
            .map(NodeIx)
            .zip(&reversals)
            .filter(|(_, one)| !one.key.is_crds())
            .map(|(ix, one)| (one.key.chart.clone(), ix))
            .collect();
        let node = |one: Reversal| Node {
            chart: place(&one).map_or_else(
                || "-".to_owned(),
                |index| stack.charts[index].source.to_string(),
            ),
            waits: one
                .after
                .iter()
                .filter_map(|name| charts.get(name))
                .map(|&on| Wait {
                    on,
                    until: Milestone::Gone,
                    soft: true,
                })
                .collect(),
            key: one.key,
            release: one.release,
            version: None,
            action: one.action,
            is_absent: false,
            reason: one.reason,
            crds: Vec::new(),
            weight: 1,
            wave: 0,
            priority: 0,
        };
        let nodes: Vec<Node> = reversals.into_iter().map(node).collect();
        let unordered = || {
            let free = |node: &Node| Node {
                waits: Vec::new(),
                ..node.clone()
            };
            nodes.iter().map(free).collect()
        };
        let plan = |nodes| Self::from_nodes(stack.name.clone(), Direction::Rollback, nodes);
        // An order that somebody has made a circle is none.
        let plan = plan(nodes.clone()).or_else(|_| plan(unordered()));
        Self {
            environment: stack.environment.clone(),
            context,
            offline: false,
            rollback_of: Some(of.clone()),
            selection: format!("what run {of} has changed"),
            ..plan.expect("nodes that wait for none are no circle")
        }
    }
}
