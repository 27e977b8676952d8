//! The nodes of a plan while it is made: who waits for whom.

use std::collections::BTreeMap;

use super::{Node, NodeIx, Wait};
use crate::name::{Milestone, Part};

/// Nodes in the order in which they are added. Charts are told by their position in the stack
/// file; waits for what is not there are none.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    pub(super) list: Vec<Node>,
    charts: Vec<Option<NodeIx>>,
    crds: BTreeMap<usize, NodeIx>,
}

impl Nodes {
    /// Adds a node of the chart at `index`.
    pub(super) fn add(&mut self, index: usize, node: Node) {
        let ix = u32::try_from(self.list.len()).expect("plans are numbered with 32 bits");
        match node.key.part {
            Part::Chart => {
                let n_positions = self.charts.len().max(index + 1);
                self.charts.resize(n_positions, None);
                self.charts[index] = Some(NodeIx(ix));
            }
            Part::Crds => {
                self.crds.insert(index, NodeIx(ix));
            }
        }
        self.list.push(node);
    }

    /// The one chart waits for the other one.
    pub(super) fn wait(&mut self, index: usize, on: usize, until: Milestone, soft: bool) {
        if let (Some(then), Some(on)) = (self.chart(index), self.chart(on)) {
            self.push(then, Wait { on, until, soft });
        }
    }

    /// The chart waits for the CRD nodes of others.
    pub(super) fn wait_for_crds(
        &mut self,
        index: usize,
        bringers: impl Iterator<Item = usize>,
        soft: bool,
    ) {
        let Some(then) = self.chart(index) else {
            return;
        };
        let until = Milestone::Crds;
        for bringer in bringers {
            if let Some(&on) = self.crds.get(&bringer) {
                self.push(then, Wait { on, until, soft });
            }
        }
    }

    /// Adds CRD nodes that come when all charts are gone: after their own chart, and after those
    /// whose end no other chart needs.
    pub(super) fn add_last(&mut self, nodes: Vec<(usize, Node)>) {
        let mut is_needed = vec![false; self.list.len()];
        let waits = self.list.iter().flat_map(|node| &node.waits);
        for wait in waits.filter(|wait| !wait.soft) {
            is_needed[wait.on.index()] = true;
        }
        let ends = self.charts.iter().flatten().copied();
        let ends: Vec<NodeIx> = ends.filter(|ix| !is_needed[ix.index()]).collect();
        for (index, mut node) in nodes {
            let own = self.chart(index);
            node.waits = ends
                .iter()
                .copied()
                .chain(own)
                .map(|on| Wait {
                    on,
                    until: Milestone::Gone,
                    soft: false,
                })
                .collect();
            self.add(index, node);
        }
    }

    fn chart(&self, index: usize) -> Option<NodeIx> {
        self.charts.get(index).copied().flatten()
    }

    fn push(&mut self, node: NodeIx, wait: Wait) {
        self.list[node.index()].waits.push(wait);
    }
}
