//! The charts' edges as a graph of integers, and its topological order.

use std::collections::VecDeque;

use crate::stack::validate::edges::Edge;

/// The edges that leave each chart, by index into the list they were made of.
#[derive(Debug)]
pub(crate) struct Leaving {
    starts: Vec<usize>,
    edges: Vec<usize>,
}

impl Leaving {
    pub(crate) fn of(charts: usize, edges: &[Edge]) -> Self {
        let mut starts = vec![0; charts + 1];
        for edge in edges {
            starts[edge.from + 1] += 1;
        }
        for chart in 0..charts {
            starts[chart + 1] += starts[chart];
        }
        let mut next = starts.clone();
        let mut sorted = vec![0; edges.len()];
        for (index, edge) in edges.iter().enumerate() {
            sorted[next[edge.from]] = index;
            next[edge.from] += 1;
        }
        Self {
            starts,
            edges: sorted,
        }
    }

    /// Edges from a chart to what it waits for, in the order of the file.
    pub(crate) fn from(&self, chart: usize) -> &[usize] {
        &self.edges[self.starts[chart]..self.starts[chart + 1]]
    }
}

/// How many charts the longest chain below each chart holds: what waits for nothing is at 0.
/// `None` if the edges form a cycle.
pub(crate) fn levels(charts: usize, edges: &[Edge]) -> Option<Vec<u32>> {
    let mut waits = vec![0_usize; charts];
    let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); charts];
    for edge in edges {
        waits[edge.from] += 1;
        dependents[edge.to].push(edge.from);
    }
    let mut levels = vec![0; charts];
    let mut ready: VecDeque<usize> = (0..charts).filter(|chart| waits[*chart] == 0).collect();
    let mut placed = 0;
    while let Some(chart) = ready.pop_front() {
        placed += 1;
        for &dependent in &dependents[chart] {
            levels[dependent] = levels[dependent].max(levels[chart] + 1);
            waits[dependent] -= 1;
            if waits[dependent] == 0 {
                ready.push_back(dependent);
            }
        }
    }
    (placed == charts).then_some(levels)
}
