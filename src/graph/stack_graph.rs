//! The graph of a stack's charts.

use super::{Dag, Selection};
use crate::{
    name::{ChartName, Milestone},
    stack::Stack,
};

/// The graph of a stack: its charts by their position in the file, edges from what is needed to
/// what needs it. Two charts may use each other's CRDs; without such edges there are no cycles.
#[derive(Debug)]
pub struct Graph<'a> {
    stack: &'a Stack,
    dag: Dag<Edge>,
}

/// What an edge waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// How far the first chart must have come.
    pub until: Milestone,
    /// From `after`: order only.
    pub soft: bool,
}

impl Edge {
    /// Whether it waits for the chart itself, not only for its CRDs.
    pub(crate) fn is_of_chart(self) -> bool {
        self.until != Milestone::Crds
    }
}

/// A need that crosses the border of a selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outside {
    /// The selected chart.
    pub chart: ChartName,
    /// The chart outside: one that it needs, or one that needs it.
    pub other: ChartName,
}

impl<'a> Graph<'a> {
    /// The graph of a validated stack.
    pub fn new(stack: &'a Stack) -> Self {
        let mut dag = Dag::new(stack.charts.len());
        for (index, chart) in stack.charts.values().enumerate() {
            let hard = chart.needs.iter().map(|need| (need, false));
            let soft = chart.after.iter().map(|need| (need, true));
            for (need, soft) in hard.chain(soft) {
                let first = stack
                    .charts
                    .get_index_of(&need.chart)
                    .expect("a validated stack holds every chart that is needed");
                let until = need.until;
                dag.add(first, index, Edge { until, soft });
            }
        }
        Self { stack, dag }
    }

    /// The stack.
    pub fn stack(&self) -> &'a Stack {
        self.stack
    }

    /// Hard needs of selected charts that are not selected: they must already be deployed when the
    /// run starts.
    pub fn needs_outside(&self, selection: &Selection) -> Vec<Outside> {
        self.crossing(selection, |index| self.before(index), |_| true)
    }

    /// Charts outside the selection with a hard need on a selected one: if installed, the selected
    /// one cannot be removed. Whoever needs its CRDs only does not count: they stay.
    pub fn dependents_outside(&self, selection: &Selection) -> Vec<Outside> {
        self.crossing(selection, |index| self.after(index), Edge::is_of_chart)
    }

    fn crossing<N: Iterator<Item = (usize, Edge)>>(
        &self,
        selection: &Selection,
        neighbours: impl Fn(usize) -> N,
        counts: impl Fn(Edge) -> bool,
    ) -> Vec<Outside> {
        let mut found = Vec::new();
        for index in selection.indices() {
            let mut others: Vec<usize> = neighbours(index)
                .filter(|&(other, edge)| !edge.soft && !selection.holds(other) && counts(edge))
                .map(|(other, _)| other)
                .collect();
            others.sort_unstable();
            others.dedup();
            found.extend(others.into_iter().map(|other| Outside {
                chart: self.name(index).clone(),
                other: self.name(other).clone(),
            }));
        }
        found
    }

    /// What the chart at `index` of the file waits for on the way up, hard and soft.
    pub(crate) fn before(&self, index: usize) -> impl Iterator<Item = (usize, Edge)> {
        self.dag.before(index).map(|(other, &edge)| (other, edge))
    }

    /// What waits for the chart at `index` of the file on the way up, hard and soft.
    pub(crate) fn after(&self, index: usize) -> impl Iterator<Item = (usize, Edge)> {
        self.dag.after(index).map(|(other, &edge)| (other, edge))
    }

    pub(super) fn dag(&self) -> &Dag<Edge> {
        &self.dag
    }

    pub(super) fn name(&self, index: usize) -> &'a ChartName {
        &self.stack.charts[index].name
    }
}
