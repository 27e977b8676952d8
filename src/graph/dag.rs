//! petgraph behind our words: numbered nodes, and edges that say who comes first.

use petgraph::{
    Direction,
    algo::kosaraju_scc,
    graph::{DiGraph, NodeIndex},
    visit::EdgeRef,
};

/// Nodes `0..n` and edges from what comes first to what comes after it.
#[derive(Debug, Clone)]
pub struct Dag<E> {
    inner: DiGraph<(), E>,
}

/// The generations of a graph: a node is one wave after the last of those before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layers {
    /// Wave of each node, from 0.
    pub wave: Vec<usize>,
    /// Nodes of each wave, ascending. One after the other they are a topological order.
    pub waves: Vec<Vec<usize>>,
}

/// Nodes that come before themselves, so that no order exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    /// Members of one cycle, or of cycles that touch; ascending.
    pub nodes: Vec<usize>,
}

impl<E> Dag<E> {
    /// A graph of `nodes` nodes without edges.
    pub fn new(nodes: usize) -> Self {
        let mut inner = DiGraph::with_capacity(nodes, nodes);
        for _ in 0..nodes {
            inner.add_node(());
        }
        Self { inner }
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.inner.node_count()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Says that `first` comes before `then`.
    pub fn add(&mut self, first: usize, then: usize, edge: E) {
        self.inner
            .add_edge(NodeIndex::new(first), NodeIndex::new(then), edge);
    }

    /// What comes directly before `node`, with the edges.
    pub fn before(&self, node: usize) -> impl Iterator<Item = (usize, &E)> {
        self.inner
            .edges_directed(NodeIndex::new(node), Direction::Incoming)
            .map(|edge| (edge.source().index(), edge.weight()))
    }

    /// What comes directly after `node`, with the edges.
    pub fn after(&self, node: usize) -> impl Iterator<Item = (usize, &E)> {
        self.inner
            .edges_directed(NodeIndex::new(node), Direction::Outgoing)
            .map(|edge| (edge.target().index(), edge.weight()))
    }

    /// Waves, and with them a topological order.
    pub fn layers(&self) -> Result<Layers, Cycle> {
        let mut open: Vec<usize> = (0..self.len())
            .map(|node| self.before(node).count())
            .collect();
        let mut wave = vec![0; self.len()];
        let mut free: Vec<usize> = (0..self.len()).filter(|&node| open[node] == 0).collect();
        let mut n_placed = 0;
        while let Some(node) = free.pop() {
            n_placed += 1;
            for (next, _) in self.after(node) {
                wave[next] = wave[next].max(wave[node] + 1);
                open[next] -= 1;
                if open[next] == 0 {
                    free.push(next);
                }
            }
        }
        if n_placed < self.len() {
            return Err(self.cycle());
        }
        let mut waves = vec![Vec::new(); wave.iter().max().map_or(0, |last| last + 1)];
        for (node, &wave) in wave.iter().enumerate() {
            waves[wave].push(node);
        }
        Ok(Layers { wave, waves })
    }

    /// For each node the weight of the heaviest path from it (included) to an end.
    pub fn longest_to_end(&self, layers: &Layers, weight: impl Fn(usize) -> u64) -> Vec<u64> {
        let mut longest = vec![0_u64; self.len()];
        for &node in layers.waves.iter().rev().flatten() {
            let rest = self.after(node).map(|(next, _)| longest[next]).max();
            longest[node] = weight(node).saturating_add(rest.unwrap_or(0));
        }
        longest
    }

    /// Marks, beside the marked nodes, all that come before them over edges that `follow`.
    pub fn mark_before(&self, marked: &mut [bool], follow: impl Fn(&E) -> bool) {
        spread(marked, |node, found| {
            found.extend(self.before(node).filter(|(_, e)| follow(e)).map(|(n, _)| n));
        });
    }

    /// Marks, beside the marked nodes, all that come after them over edges that `follow`.
    pub fn mark_after(&self, marked: &mut [bool], follow: impl Fn(&E) -> bool) {
        spread(marked, |node, found| {
            found.extend(self.after(node).filter(|(_, e)| follow(e)).map(|(n, _)| n));
        });
    }

    fn cycle(&self) -> Cycle {
        let mut nodes: Vec<usize> = kosaraju_scc(&self.inner)
            .into_iter()
            .find(|part| part.len() > 1 || self.inner.contains_edge(part[0], part[0]))
            .into_iter()
            .flatten()
            .map(NodeIndex::index)
            .collect();
        nodes.sort_unstable();
        Cycle { nodes }
    }
}

fn spread(marked: &mut [bool], neighbours: impl Fn(usize, &mut Vec<usize>)) {
    let mut open: Vec<usize> = (0..marked.len()).filter(|&node| marked[node]).collect();
    let mut found = Vec::new();
    while let Some(node) = open.pop() {
        neighbours(node, &mut found);
        for next in found.drain(..) {
            if !marked[next] {
                marked[next] = true;
                open.push(next);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dag(nodes: usize, edges: &[(usize, usize)]) -> Dag<()> {
        let mut dag = Dag::new(nodes);
        for &(first, then) in edges {
            dag.add(first, then, ());
        }
        dag
    }

    #[test]
    fn waves_are_generations_in_ascending_order() {
        let dag = dag(5, &[(4, 0), (4, 1), (0, 2), (1, 2), (4, 2)]);
        let layers = dag.layers().unwrap();
        assert_eq!(layers.waves, [vec![3, 4], vec![0, 1], vec![2]]);
        assert_eq!(layers.wave, [1, 1, 2, 0, 0]);
    }

    #[test]
    fn the_longest_path_counts_weights_not_edges() {
        let dag = dag(4, &[(0, 1), (1, 2), (0, 3)]);
        let layers = dag.layers().unwrap();
        let weights = [1, 2, 3, 10];
        assert_eq!(dag.longest_to_end(&layers, |n| weights[n]), [11, 5, 3, 10]);
    }

    #[test]
    fn a_cycle_is_named_without_what_hangs_on_it() {
        let cycle = dag(5, &[(0, 1), (1, 2), (2, 1), (2, 3)]).layers();
        assert_eq!(cycle, Err(Cycle { nodes: vec![1, 2] }));
        assert_eq!(dag(1, &[(0, 0)]).layers(), Err(Cycle { nodes: vec![0] }));
    }

    #[test]
    fn marks_spread_one_way_over_followed_edges() {
        let mut dag = Dag::new(4);
        dag.add(0, 1, true);
        dag.add(1, 2, false);
        dag.add(1, 3, true);
        let mut marked = [false, true, false, false];
        dag.mark_after(&mut marked, |&follow| follow);
        assert_eq!(marked, [false, true, false, true]);
        dag.mark_before(&mut marked, |_| true);
        assert_eq!(marked, [true, true, false, true]);
    }

    proptest! {
        #[test]
        fn every_edge_goes_to_a_later_wave_and_every_wave_is_as_early_as_it_can_be(
            edges in prop::collection::vec((0_usize..30, 1_usize..10), 0..80)
        ) {
            let edges: Vec<_> = edges.into_iter().map(|(a, d)| (a, a + d)).collect();
            let dag = dag(40, &edges);
            let layers = dag.layers().unwrap();
            for node in 0..40 {
                let earliest = dag.before(node).map(|(n, ())| layers.wave[n] + 1).max();
                prop_assert_eq!(layers.wave[node], earliest.unwrap_or(0));
            }
        }
    }
}
