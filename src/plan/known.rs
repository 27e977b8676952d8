//! What a plan is made from, beside the stack and what the cluster holds.

use std::collections::BTreeMap;

use super::Node;
use crate::{
    digest::Digests,
    name::{Action, ChartName, NodeName},
};

/// What is known beside the stack and its releases when a plan is made. Everything may be missing.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Context of the cluster.
    pub context: Option<String>,
    /// What was found in the charts' files.
    pub contents: BTreeMap<ChartName, Contents>,
    /// How long nodes took in earlier runs for an action, in milliseconds. Those of a plan that have
    /// no entry count as the mean of the others.
    pub durations: BTreeMap<(NodeName, Action), u64>,
    /// Charts that are deployed though nothing of them has changed; why, in words.
    pub anew: BTreeMap<ChartName, &'static str>,
}

impl Known {
    /// Gives nodes the weights that earlier runs tell; others count as the mean of those. False if
    /// nothing is told of any.
    pub(super) fn weigh(&self, nodes: &mut [Node]) -> bool {
        let of = |node: &Node| {
            let learned = self.durations.get(&(node.key.clone(), node.action));
            learned.map(|&milliseconds| milliseconds.max(1))
        };
        let weights: Vec<Option<u64>> = nodes.iter().map(of).collect();
        let known = || weights.iter().flatten();
        let sum = known().fold(0_u64, |sum, &one| sum.saturating_add(one));
        let Some(mean) = sum.checked_div(known().count() as u64) else {
            return false;
        };
        for (node, weight) in nodes.iter_mut().zip(&weights) {
            node.weight = weight.unwrap_or(mean);
        }
        true
    }
}

/// What the files of a chart say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// `version` of its Chart.yaml.
    pub version: Option<String>,
    /// What its release would be made of.
    pub wanted: Wanted,
    /// CRDs of its `crds/` folder, and of those of its subcharts that are enabled.
    pub crds: Vec<CrdContent>,
}

/// What a release would be made of, as far as it is known when a plan is made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Wanted {
    /// To be compared with [`Marks::digest`](super::Marks).
    Known {
        /// Of what it would be made.
        digests: Digests,
        /// Paths of the values that are not those of the newest revision, if these were compared.
        changed_values: Vec<String>,
    },
    /// Something that it is made of is known only when the run has begun.
    #[default]
    Later,
    /// It is deployed whatever it is made of; why, in words.
    Always(&'static str),
}

/// A CRD that a chart carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrdContent {
    /// Its name.
    pub name: String,
    /// Digest of it, to be compared with [`ObservedCrd::digest`](super::ObservedCrd).
    pub digest: String,
}

/// What a run on the way down may remove beyond the releases of charts that are not protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removal {
    /// Protected charts, too.
    pub include_protected: bool,
    /// Also the CRDs, and the namespaces if empty, that stackctl has made.
    pub purge: bool,
}
