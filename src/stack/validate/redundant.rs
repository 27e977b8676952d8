//! Needs that other needs imply already.

use crate::stack::validate::{edges::Edge, order::Leaving};

/// How many edges are looked at per chart, on the average. In stacks of thousands of densely
/// connected charts the last ones may go unchecked: the finding is a hint, the time is not.
const STEPS_PER_CHART: usize = 20;

/// Smaller stacks are always looked at as a whole.
const STEPS: usize = 500_000;

/// Hard edges `a → c` for which there is a way `a → b → … → c` of hard edges whose end waits for
/// at least as much: `b` cannot start before it, and `a` not before `b`. `levels` are those of
/// [`super::order::levels`].
pub(crate) fn find<'e>(edges: &'e [Edge], levels: &[u32]) -> Vec<&'e Edge> {
    let mut search = Search {
        edges,
        leaving: &Leaving::of(levels.len(), edges),
        levels,
        seen_by: vec![usize::MAX; levels.len()],
        budget: STEPS + STEPS_PER_CHART * levels.len(),
    };
    let mut found = Vec::new();
    for chart in 0..levels.len() {
        for index in search.implied(chart) {
            found.push(&edges[index]);
        }
    }
    found
}

struct Search<'e> {
    edges: &'e [Edge],
    leaving: &'e Leaving,
    levels: &'e [u32],
    /// The last chart whose search came by.
    seen_by: Vec<usize>,
    budget: usize,
}

impl Search<'_> {
    /// The chart's edges that are implied by its others.
    fn implied(&mut self, chart: usize) -> Vec<usize> {
        let hard = |edge: &usize| !self.edges[*edge].soft;
        let own: Vec<usize> = self
            .leaving
            .from(chart)
            .iter()
            .copied()
            .filter(hard)
            .collect();
        let targets = || own.iter().map(|edge| self.edges[*edge].to);
        let Some(lowest) = targets()
            .map(|to| self.levels[to])
            .min()
            .filter(|_| own.len() > 1)
        else {
            return Vec::new();
        };
        let mut implied = Vec::new();
        let mut stack: Vec<usize> = targets().collect();
        while let Some(node) = stack.pop() {
            if self.seen_by[node] == chart || self.levels[node] <= lowest {
                continue;
            }
            self.seen_by[node] = chart;
            let edges = self
                .leaving
                .from(node)
                .iter()
                .map(|index| &self.edges[*index]);
            for edge in edges.filter(|edge| !edge.soft) {
                let Some(left) = self.budget.checked_sub(1) else {
                    return implied;
                };
                self.budget = left;
                implied.extend(own.iter().copied().filter(|one| {
                    let direct = &self.edges[*one];
                    direct.to == edge.to && direct.until <= edge.until
                }));
                stack.push(edge.to);
            }
        }
        implied.sort_unstable();
        implied.dedup();
        implied
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{edges::tests::edges, order},
        *,
    };
    use crate::name::Milestone;

    fn redundant(charts: usize, edges: &[Edge]) -> Vec<(usize, usize)> {
        let levels = order::levels(charts, edges).unwrap();
        let found = find(edges, &levels);
        found.iter().map(|edge| (edge.from, edge.to)).collect()
    }

    #[test]
    fn a_need_that_follows_from_others_is_found() {
        let diamond = edges(&[(0, 1), (0, 2), (1, 3), (2, 3), (0, 3)]);
        assert_eq!(redundant(4, &diamond), [(0, 3)]);
        let long = edges(&[(0, 1), (1, 2), (2, 3), (3, 4), (0, 4), (0, 2)]);
        assert_eq!(redundant(5, &long), [(0, 4), (0, 2)]);
        assert!(redundant(3, &edges(&[(0, 1), (0, 2)])).is_empty());
    }

    #[test]
    fn a_need_that_says_more_is_not_redundant() {
        let mut said = edges(&[(0, 1), (1, 2), (0, 2)]);
        said[1].until = Milestone::Deployed;
        assert!(redundant(3, &said).is_empty());
        said[2].until = Milestone::Deployed;
        assert_eq!(redundant(3, &said), [(0, 2)]);
        said[1].soft = true;
        assert!(redundant(3, &said).is_empty());
    }
}
