//! The plan that takes back what a failed run has changed: dependents first, as on the way down.

use std::collections::{BTreeMap, BTreeSet};

use super::{Node, NodeIx, Plan, Wait};
use crate::{
    graph::Graph,
    name::{Action, ChartName, Direction, Milestone, ReleaseId, RunId},
};

/// What is to be done about one release that a run has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reversal {
    /// The chart, as it was called then.
    pub chart: ChartName,
    /// Its release.
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
        let number = stack.charts.len();
        let mut placed: Vec<(usize, Reversal)> = reversals
            .into_iter()
            .map(|one| (stack.charts.get_index_of(&one.chart).unwrap_or(number), one))
            .collect();
        placed.sort_by_key(|&(index, _)| index);
        let in_file = placed
            .iter()
            .map(|&(index, _)| index)
            .zip((0..).map(NodeIx));
        let nodes_by_index: BTreeMap<usize, NodeIx> =
            in_file.filter(|&(index, _)| index < number).collect();
        let nodes: Vec<Node> = placed
            .into_iter()
            .map(|(index, reversal)| {
                let declared = stack.charts.get_index(index);
                let waits = match declared {
                    Some(_) => dependents(graph, index, &nodes_by_index),
                    None => Vec::new(),
                };
                Node {
                    key: reversal.chart.into(),
                    release: reversal.release,
                    chart: declared
                        .map_or_else(|| "-".to_owned(), |(_, one)| one.source.to_string()),
                    version: None,
                    action: reversal.action,
                    reason: reversal.reason,
                    crds: Vec::new(),
                    waits,
                    weight: 1,
                    wave: 0,
                    priority: 0,
                }
            })
            .collect();
        let selection = match nodes.len() {
            1 => format!("1 chart that run {of} has changed"),
            n => format!("{n} charts that run {of} has changed"),
        };
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
fn dependents(graph: &Graph<'_>, index: usize, nodes: &BTreeMap<usize, NodeIx>) -> Vec<Wait> {
    let mut seen = BTreeSet::new();
    let mut waits = Vec::new();
    let mut open = vec![index];
    while let Some(at) = open.pop() {
        for (other, edge) in graph.after(at) {
            // CRDs stay.
            if !edge.is_of_chart() || !seen.insert(other) {
                continue;
            }
            match nodes.get(&other) {
                Some(&on) => waits.push(Wait {
                    on,
                    until: Milestone::Gone,
                    soft: true,
                }),
                None => open.push(other),
            }
        }
    }
    waits
}
