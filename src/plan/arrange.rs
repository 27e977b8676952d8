//! From a list of nodes to a plan in order: waves, priorities, critical path.

use super::{Node, NodeIx, Plan, Wait};
use crate::{
    graph::{Cycle, Dag, Layers},
    name::{ChartName, Direction, StackName},
};

/// Nodes that wait for each other, so that none can start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("charts wait for each other: {}", .charts.iter().map(ChartName::as_str).collect::<Vec<_>>().join(", "))]
pub struct CyclicPlan {
    /// Members of the cycle.
    pub charts: Vec<ChartName>,
}

impl Plan {
    /// A plan of these nodes, whose waits point into the list as given. They are put in order (by
    /// wave, then as given); their `wave` and `priority` are found here. What a plan says about
    /// selection and cluster is left neutral: all charts, offline.
    pub fn from_nodes(
        stack: StackName,
        direction: Direction,
        nodes: Vec<Node>,
    ) -> Result<Self, CyclicPlan> {
        let mut dag = Dag::new(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            for wait in &node.waits {
                dag.add(wait.on.index(), index, ());
            }
        }
        let layers = dag.layers().map_err(|Cycle { nodes: cycle }| CyclicPlan {
            charts: cycle
                .iter()
                .map(|&index| nodes[index].key.clone())
                .collect(),
        })?;
        let longest = dag.longest_to_end(&layers, |index| nodes[index].weight);
        let nodes = reorder(nodes, &layers, &longest);
        Ok(Self {
            stack,
            direction,
            context: None,
            offline: true,
            selection: format!("all {} charts", nodes.len()),
            left_out: Vec::new(),
            critical_path: critical_path(&nodes),
            nodes,
        })
    }
}

fn reorder(nodes: Vec<Node>, layers: &Layers, longest: &[u64]) -> Vec<Node> {
    let mut new_index = vec![NodeIx(0); nodes.len()];
    let order = layers.waves.iter().flatten();
    for (&old, new) in order.zip((0..).map(NodeIx)) {
        new_index[old] = new;
    }
    let mut placed: Vec<(NodeIx, Node)> = nodes
        .into_iter()
        .enumerate()
        .map(|(old, mut node)| {
            node.wave = layers.wave[old];
            node.priority = longest[old];
            for wait in &mut node.waits {
                wait.on = new_index[wait.on.index()];
            }
            node.waits
                .sort_by_key(|&Wait { on, until, soft }| (on, until, soft));
            node.waits.dedup();
            (new_index[old], node)
        })
        .collect();
    placed.sort_unstable_by_key(|&(new, _)| new);
    placed.into_iter().map(|(_, node)| node).collect()
}

/// The heaviest path, first to last; of equal ones the one that comes first in the plan.
fn critical_path(nodes: &[Node]) -> Vec<NodeIx> {
    let mut path: Vec<NodeIx> = Vec::new();
    let indexed = || (0..).map(NodeIx).zip(nodes);
    let heaviest = nodes.iter().map(|node| node.priority).max().unwrap_or(0);
    let mut wanted = heaviest;
    // Plan order is topological, so one pass finds every next member behind the last one.
    for (index, node) in indexed() {
        let follows = path
            .last()
            .is_none_or(|last| node.waits.iter().any(|wait| wait.on == *last));
        if node.priority == wanted && follows {
            path.push(index);
            wanted -= node.weight;
        }
    }
    path
}
