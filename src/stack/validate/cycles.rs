//! Cycles over needs and order.

use std::collections::{HashMap, HashSet, VecDeque};

use petgraph::graph::{DiGraph, NodeIndex};

use crate::stack::validate::{edges::Edge, order::Leaving};

/// How many charts all searches in one knot may visit. In a knot of more than a thousand charts
/// the shortest cycle is looked for from some of them only: a search from each is quadratic.
const VISITS: usize = 1_000_000;

/// One cycle of every strongly connected component, the shortest, as its edges in order. Each
/// begins at the chart that comes first in the file. There must be no edge from a chart to itself.
pub(crate) fn find(charts: usize, edges: &[Edge]) -> Vec<Vec<&Edge>> {
    let leaving = Leaving::of(charts, edges);
    let mut cycles: Vec<Vec<&Edge>> = knots(charts, edges)
        .iter()
        .filter_map(|knot| shortest(edges, &leaving, knot))
        .collect();
    for cycle in &mut cycles {
        let first = (0..cycle.len()).min_by_key(|index| cycle[*index].from);
        cycle.rotate_left(first.unwrap_or_default());
    }
    cycles.sort_by_key(|cycle| cycle.first().map(|edge| edge.from));
    cycles
}

/// Strongly connected components of more than one chart.
fn knots(charts: usize, edges: &[Edge]) -> Vec<Vec<usize>> {
    let mut graph: DiGraph<(), ()> = DiGraph::with_capacity(charts, edges.len());
    for _ in 0..charts {
        graph.add_node(());
    }
    for edge in edges {
        graph.add_edge(NodeIndex::new(edge.from), NodeIndex::new(edge.to), ());
    }
    // Not Tarjan's: petgraph's is recursive, and a chain may be long.
    petgraph::algo::kosaraju_scc(&graph)
        .into_iter()
        .filter(|component| component.len() > 1)
        .map(|component| component.into_iter().map(NodeIndex::index).collect())
        .collect()
}

fn shortest<'e>(edges: &'e [Edge], leaving: &Leaving, knot: &[usize]) -> Option<Vec<&'e Edge>> {
    let inside: HashSet<usize> = knot.iter().copied().collect();
    let mut starts = knot.to_vec();
    starts.sort_unstable();
    starts.truncate((VISITS / knot.len()).max(1));
    starts
        .into_iter()
        .filter_map(|start| through(edges, leaving, &inside, start))
        .min_by_key(Vec::len)
}

/// The shortest cycle through a chart, breadth first.
fn through<'e>(
    edges: &'e [Edge],
    leaving: &Leaving,
    inside: &HashSet<usize>,
    start: usize,
) -> Option<Vec<&'e Edge>> {
    let mut reached: HashMap<usize, &Edge> = HashMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(chart) = queue.pop_front() {
        for edge in leaving.from(chart).iter().map(|index| &edges[*index]) {
            if !inside.contains(&edge.to) || reached.contains_key(&edge.to) {
                continue;
            }
            reached.insert(edge.to, edge);
            if edge.to == start {
                return Some(path_to(start, &reached));
            }
            queue.push_back(edge.to);
        }
    }
    None
}

fn path_to<'e>(start: usize, reached: &HashMap<usize, &'e Edge>) -> Vec<&'e Edge> {
    let mut path = Vec::new();
    let mut chart = start;
    while let Some(edge) = reached.get(&chart) {
        path.push(*edge);
        chart = edge.from;
        if chart == start {
            break;
        }
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::{super::edges::tests::edges, *};

    fn cycles(charts: usize, pairs: &[(usize, usize)]) -> Vec<Vec<usize>> {
        let edges = edges(pairs);
        let found = find(charts, &edges);
        let starts = |cycle: &Vec<&Edge>| cycle.iter().map(|edge| edge.from).collect();
        found.iter().map(starts).collect()
    }

    #[test]
    fn every_knot_shows_its_shortest_cycle() {
        assert!(cycles(3, &[(0, 1), (1, 2), (0, 2)]).is_empty());
        assert_eq!(cycles(2, &[(0, 1), (1, 0)]), [[0, 1]]);
        let two = [(2, 1), (1, 0), (0, 2), (4, 3), (3, 4), (4, 0)];
        assert_eq!(cycles(5, &two), [vec![0, 2, 1], vec![3, 4]]);
        let shortcut = [(0, 1), (1, 2), (2, 3), (3, 0), (2, 1)];
        assert_eq!(cycles(4, &shortcut), [[1, 2]]);
    }

    #[test]
    fn a_long_ring_is_found_without_recursion() {
        let ring: Vec<_> = (0..100_000)
            .map(|chart| (chart, (chart + 1) % 100_000))
            .collect();
        assert_eq!(cycles(100_000, &ring)[0].len(), 100_000);
    }
}
