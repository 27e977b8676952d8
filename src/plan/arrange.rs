//! From a list of nodes to a plan in order: waves, priorities, critical path.

use super::{Node, NodeIx, Plan, Wait};
use crate::{
    graph::{Cycle, Dag, Layers},
    name::{Direction, NodeName, StackName},
};

/// Nodes that wait for each other, so that none can start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("charts wait for each other: {}", .charts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
pub struct CyclicPlan {
    /// Members of the cycle.
    pub charts: Vec<NodeName>,
}

impl Plan {
    /// A plan of these nodes, whose waits point into the list as given. They are put in order (by
    /// wave, then as given); their `wave` and `priority` are found here. What a plan says about
    /// selection, environment, cluster, CRDs, time and a run taken back is left neutral: all charts,
    /// none, offline, none, not known, none.
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
            environment: None,
            direction,
            rollback_of: None,
            context: None,
            offline: true,
            selection: format!("all {} charts", nodes.len()),
            left_out: Vec::new(),
            warnings: Vec::new(),
            purge: false,
            kept_crds: Vec::new(),
            critical_path: critical_path(&nodes),
            expected_ms: None,
            nodes,
        })
    }
}

impl Plan {
    /// Weight of the critical path; `None` without nodes.
    pub(super) fn longest(&self) -> Option<u64> {
        self.nodes.iter().map(|node| node.priority).max()
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
    let heaviest = nodes.iter().map(|node| node.priority).max();
    let mut wanted = heaviest.unwrap_or(0);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{ChartName, Milestone};

    fn node(name: &str, weight: u64, waits: &[u32]) -> Node {
        let waits = waits.iter().map(|&on| Wait {
            on: NodeIx(on),
            until: Milestone::Validated,
            soft: false,
        });
        Node {
            weight,
            waits: waits.collect(),
            ..Node::install(ChartName::new(name).unwrap())
        }
    }

    fn plan(nodes: Vec<Node>) -> Result<Plan, CyclicPlan> {
        Plan::from_nodes(StackName::new("shop").unwrap(), Direction::Up, nodes)
    }

    #[test]
    fn nodes_are_in_waves_then_as_given_and_their_waits_follow_them() {
        let nodes = vec![
            node("web", 1, &[2, 1, 1]),
            node("api", 1, &[2]),
            node("db", 1, &[]),
            node("cache", 1, &[]),
        ];
        let plan = plan(nodes).unwrap();
        let told: Vec<String> = plan
            .nodes
            .iter()
            .map(|node| {
                let waits = node
                    .waits
                    .iter()
                    .map(|wait| plan.node(wait.on).key.to_string());
                format!("{} {} {:?}", node.wave, node.key, waits.collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(
            told,
            [
                "0 db []",
                "0 cache []",
                r#"1 api ["db"]"#,
                r#"2 web ["db", "api"]"#
            ]
        );
    }

    #[test]
    fn the_critical_path_is_the_heaviest_not_the_longest() {
        let nodes = vec![
            node("a", 1, &[]),
            node("b", 1, &[0]),
            node("c", 1, &[1]),
            node("d", 5, &[0]),
            node("e", 2, &[]),
            node("f", 3, &[4]),
        ];
        let plan = plan(nodes).unwrap();
        let names = |path: &[NodeIx]| {
            let names = path.iter().map(|&ix| plan.node(ix).key.to_string());
            names.collect::<String>()
        };
        assert_eq!(names(&plan.critical_path), "ad");
        let priority = |name: &str| {
            let mut nodes = plan.nodes.iter();
            nodes
                .find(|node| node.key.to_string() == name)
                .unwrap()
                .priority
        };
        assert_eq!(["a", "b", "e", "f"].map(priority), [6, 2, 5, 3]);
    }

    #[test]
    fn nodes_that_wait_for_each_other_are_named() {
        let nodes = vec![node("a", 1, &[1]), node("b", 1, &[0]), node("c", 1, &[1])];
        let error = plan(nodes).unwrap_err();
        assert_eq!(error.to_string(), "charts wait for each other: a, b");
    }
}
