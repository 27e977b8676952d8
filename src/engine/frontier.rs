//! Which node may start: a pure ready-queue over the waits of a plan.
//!
//! Knows no time, no tasks and no events; [`run`](super::run()) drives it. Nodes are numbers, as in
//! the plan. Every node ends exactly once: after it was handed out by [`Frontier::pop`], or without
//! ever having been (then the caller learns of it at once).

use std::{cmp::Reverse, collections::BinaryHeap};

use crate::{name::Milestone, plan::Plan};

/// The state of a plan under way.
#[derive(Debug)]
pub(super) struct Frontier {
    nodes: Vec<Node>,
    /// Edges of node `n` to those that wait for it: `edges[first[n]..first[n + 1]]`.
    edges: Vec<Edge>,
    first: Vec<usize>,
    /// Nodes that may start: largest priority first, then plan order.
    ready: BinaryHeap<(u64, Reverse<usize>)>,
    barrier: Option<Barrier>,
}

#[derive(Debug)]
struct Node {
    state: State,
    /// Waits that do not hold yet.
    n_open: usize,
    priority: u64,
    wave: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Started,
    Ended,
}

#[derive(Debug)]
struct Edge {
    to: usize,
    until: Milestone,
    soft: bool,
    holds: bool,
}

/// Waves as barriers.
#[derive(Debug)]
struct Barrier {
    /// Nodes of this wave and earlier ones may start.
    wave: usize,
    /// Nodes of each wave that have not ended.
    n_left: Vec<usize>,
    /// Nodes of later waves whose waits hold already.
    held: Vec<usize>,
}

impl Frontier {
    /// The frontier of a plan of which nothing has started. With `waves`, a node also waits for the
    /// end of all nodes of earlier waves.
    pub(super) fn new(plan: &Plan, waves: bool) -> Self {
        let n = plan.nodes.len();
        let mut first = vec![0; n + 1];
        let all_waits = || plan.nodes.iter().flat_map(|node| &node.waits);
        for wait in all_waits() {
            first[wait.on.index() + 1] += 1;
        }
        for index in 0..n {
            first[index + 1] += first[index];
        }
        let mut sorted: Vec<(usize, Edge)> = Vec::with_capacity(first[n]);
        for (to, node) in plan.nodes.iter().enumerate() {
            sorted.extend(node.waits.iter().map(|wait| {
                let edge = Edge {
                    to,
                    until: wait.until,
                    soft: wait.soft,
                    holds: false,
                };
                (wait.on.index(), edge)
            }));
        }
        sorted.sort_by_key(|&(on, _)| on);
        let nodes = plan.nodes.iter().map(|node| Node {
            state: State::Waiting,
            n_open: node.waits.len(),
            priority: node.priority,
            wave: node.wave,
        });
        let mut frontier = Self {
            nodes: nodes.collect(),
            edges: sorted.into_iter().map(|(_, edge)| edge).collect(),
            first,
            ready: BinaryHeap::new(),
            barrier: waves.then(|| Barrier::new(plan)),
        };
        for index in 0..n {
            if frontier.nodes[index].n_open == 0 {
                frontier.make_ready(index);
            }
        }
        frontier
    }

    /// The best node that may start, which counts as started from now on.
    pub(super) fn pop(&mut self) -> Option<usize> {
        while let Some((_, Reverse(node))) = self.ready.pop() {
            // A node that is ready can still be lost: when what it needs fails after the milestone.
            if self.nodes[node].state == State::Waiting {
                self.nodes[node].state = State::Started;
                return Some(node);
            }
        }
        None
    }

    /// A started node reached a milestone.
    pub(super) fn reached(&mut self, node: usize, milestone: Milestone) {
        self.satisfy(node, |edge| implies(milestone, edge.until));
    }

    /// A started node ended well: whatever is waited for of it holds.
    pub(super) fn succeeded(&mut self, node: usize) {
        self.end(node);
        self.satisfy(node, |_| true);
    }

    /// A started node failed, or was cancelled. Returns the nodes that can now never start: those
    /// that need it, transitively, and were not started yet, in plan order.
    pub(super) fn failed(&mut self, node: usize) -> Vec<usize> {
        self.end(node);
        let mut lost = Vec::new();
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            for edge in self.first[node]..self.first[node + 1] {
                let Edge { to, soft, .. } = self.edges[edge];
                if !soft && self.nodes[to].state == State::Waiting {
                    self.end(to);
                    lost.push(to);
                    open.push(to);
                }
            }
            self.satisfy(node, |edge| edge.soft);
        }
        lost.sort_unstable();
        lost
    }

    /// Ends every node that was not started. Returns them in plan order.
    pub(super) fn close(&mut self) -> Vec<usize> {
        let all = 0..self.nodes.len();
        let rest: Vec<usize> = all
            .filter(|&node| self.nodes[node].state == State::Waiting)
            .collect();
        for &node in &rest {
            self.nodes[node].state = State::Ended;
        }
        rest
    }

    fn satisfy(&mut self, node: usize, which: impl Fn(&Edge) -> bool) {
        for index in self.first[node]..self.first[node + 1] {
            let edge = &mut self.edges[index];
            if edge.holds || !which(edge) {
                continue;
            }
            edge.holds = true;
            let to = edge.to;
            self.nodes[to].n_open -= 1;
            if self.nodes[to].n_open == 0 {
                self.make_ready(to);
            }
        }
    }

    fn make_ready(&mut self, index: usize) {
        let node = &self.nodes[index];
        match &mut self.barrier {
            Some(barrier) if node.wave > barrier.wave => barrier.held.push(index),
            _ => self.ready.push((node.priority, Reverse(index))),
        }
    }

    fn end(&mut self, node: usize) {
        self.nodes[node].state = State::Ended;
        let wave = self.nodes[node].wave;
        let Some(barrier) = &mut self.barrier else {
            return;
        };
        barrier.n_left[wave] -= 1;
        let before = barrier.wave;
        barrier.open();
        if barrier.wave > before {
            for index in std::mem::take(&mut barrier.held) {
                self.make_ready(index);
            }
        }
    }
}

impl Barrier {
    fn new(plan: &Plan) -> Self {
        let n_waves = plan.nodes.iter().map(|node| node.wave + 1).max();
        let mut n_left = vec![0; n_waves.unwrap_or(0)];
        for node in &plan.nodes {
            n_left[node.wave] += 1;
        }
        Self {
            wave: 0,
            n_left,
            held: Vec::new(),
        }
    }

    fn open(&mut self) {
        while self.n_left.get(self.wave) == Some(&0) {
            self.wave += 1;
        }
    }
}

/// Whether a node that reached one milestone has reached the other, too.
pub(super) fn implies(reached: Milestone, until: Milestone) -> bool {
    match (reached, until) {
        (Milestone::Gone, _) | (_, Milestone::Gone) => reached == until,
        _ => reached >= until,
    }
}

#[cfg(test)]
mod tests {
    use Milestone::{Deployed, Gone, Ready, Validated};

    use super::*;
    use crate::{
        engine::tests::{hard, plan, soft},
        plan::Wait,
    };

    fn free(frontier: &mut Frontier) -> Vec<usize> {
        std::iter::from_fn(|| frontier.pop()).collect()
    }

    #[test]
    fn a_node_starts_when_all_its_waits_hold() {
        let plan = plan(vec![vec![], vec![], vec![hard(0), hard(1)]]);
        let mut frontier = Frontier::new(&plan, false);
        assert_eq!(free(&mut frontier), [0, 1]);
        frontier.succeeded(0);
        assert_eq!(free(&mut frontier), [0; 0]);
        frontier.succeeded(1);
        assert_eq!(free(&mut frontier), [2]);
    }

    #[test]
    fn a_milestone_lets_go_those_who_wait_for_it_or_for_less() {
        let until = |until| vec![Wait { until, ..hard(0) }];
        let waits = [Deployed, Ready, Validated].map(until);
        let plan = plan([vec![vec![]], waits.to_vec()].concat());
        let mut frontier = Frontier::new(&plan, false);
        assert_eq!(free(&mut frontier), [0]);
        frontier.reached(0, Ready);
        assert_eq!(free(&mut frontier), [1, 2]);
        frontier.reached(0, Deployed);
        assert_eq!(free(&mut frontier), [0; 0]);
        frontier.succeeded(0);
        assert_eq!(free(&mut frontier), [3]);
    }

    #[test]
    fn gone_is_no_milestone_of_the_way_up() {
        let gone = Wait {
            until: Gone,
            ..hard(0)
        };
        let plan = plan(vec![vec![], vec![hard(0)], vec![gone]]);
        let mut frontier = Frontier::new(&plan, false);
        assert_eq!(free(&mut frontier), [0]);
        frontier.reached(0, Gone);
        assert_eq!(free(&mut frontier), [2]);
        frontier.reached(0, Validated);
        assert_eq!(free(&mut frontier), [1]);
    }

    #[test]
    fn a_failure_loses_what_needs_it_and_frees_what_only_comes_after() {
        //  0 <- 1 <- 2,  3 after 2,  4 after 0
        let waits = vec![
            vec![],
            vec![hard(0)],
            vec![hard(1)],
            vec![soft(2)],
            vec![soft(0)],
        ];
        let plan = plan(waits);
        let mut frontier = Frontier::new(&plan, false);
        let index = |name: &str| {
            plan.nodes
                .iter()
                .position(|n| n.key.to_string() == name)
                .unwrap()
        };
        assert_eq!(free(&mut frontier), [index("n0")]);
        let mut lost = vec![index("n1"), index("n2")];
        lost.sort_unstable();
        assert_eq!(frontier.failed(index("n0")), lost);
        let mut freed = free(&mut frontier);
        freed.sort_unstable();
        let mut expected = [index("n3"), index("n4")];
        expected.sort_unstable();
        assert_eq!(freed, expected);
    }

    #[test]
    fn a_failure_after_the_milestone_loses_only_who_has_not_started() {
        let early = Wait {
            until: Deployed,
            ..hard(0)
        };
        let plan = plan(vec![vec![], vec![early], vec![early]]);
        let mut frontier = Frontier::new(&plan, false);
        assert_eq!(frontier.pop(), Some(0));
        frontier.reached(0, Deployed);
        assert_eq!(frontier.pop(), Some(1));
        assert_eq!(frontier.failed(0), [2]);
        assert_eq!(frontier.pop(), None);
        assert_eq!(frontier.failed(1), [0; 0]);
        assert_eq!(frontier.close(), [0; 0]);
    }

    #[test]
    fn waves_wait_for_the_end_of_the_wave_before_even_without_an_edge() {
        // wave 0: 0, 1; wave 1: 2 (needs 0); wave 2: 3 (needs 2)
        let plan = plan(vec![vec![], vec![], vec![hard(0)], vec![hard(2)]]);
        let mut frontier = Frontier::new(&plan, true);
        assert_eq!(free(&mut frontier), [0, 1]);
        frontier.succeeded(0);
        assert_eq!(free(&mut frontier), [0; 0]);
        assert_eq!(frontier.failed(1), [0; 0]);
        assert_eq!(free(&mut frontier), [2]);
        assert_eq!(frontier.failed(2), [3]);
        assert_eq!(frontier.close(), [0; 0]);
    }

    #[test]
    fn the_longest_remaining_path_goes_first_then_the_order_of_the_plan() {
        let plan = plan(vec![vec![], vec![], vec![], vec![hard(2)]]);
        assert_eq!(free(&mut Frontier::new(&plan, false)), [2, 0, 1]);
    }
}
