//! The plan itself: an oriented graph of nodes, ready to run.

use crate::name::{
    Action, ChartName, Direction, EnvironmentName, Milestone, Namespace, NodeName, ReleaseId,
    ReleaseName, RunId, StackName,
};

/// Index of a [`Node`] in its [`Plan`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIx(pub u32);

/// A run, decided. Its nodes form an acyclic graph through their waits.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The stack.
    pub stack: StackName,
    /// The environment of the stack, when one was chosen.
    pub environment: Option<EnvironmentName>,
    /// Up, down, or rollback.
    pub direction: Direction,
    /// The run that a rollback takes back.
    pub rollback_of: Option<RunId>,
    /// Context of the cluster; `None` offline or in a cluster.
    pub context: Option<String>,
    /// Made without looking at a cluster: every action is a guess.
    pub offline: bool,
    /// What was selected, in words (`all 8 charts`, `web and what it needs`).
    pub selection: String,
    /// Charts of the stack that are not part of it.
    pub left_out: Vec<ChartName>,
    /// The charts and their CRDs, in a topological order (waves, then the order of the file).
    pub nodes: Vec<Node>,
    /// What the user should know before it is run: CRDs that several charts would bring, or that
    /// stay and may not be seen.
    pub warnings: Vec<String>,
    /// Down: also remove what stackctl has made beside the releases, CRDs and empty namespaces.
    pub purge: bool,
    /// Down: CRDs of its charts that stay, by name.
    pub kept_crds: Vec<KeptCrd>,
    /// The path that bounds the run's duration, first to last.
    pub critical_path: Vec<NodeIx>,
    /// How long that path takes, in milliseconds: `None` as long as no earlier run tells.
    pub expected_ms: Option<u64>,
}

/// One chart of a plan, or its CRDs.
#[derive(Debug, Clone)]
pub struct Node {
    /// The chart, or its CRDs.
    pub key: NodeName,
    /// The chart's release.
    pub release: ReleaseId,
    /// Chart as the user knows it (path as given).
    pub chart: String,
    /// Version of the chart to be installed, when known.
    pub version: Option<String>,
    /// What is done to it.
    pub action: Action,
    /// There is no release, as far as anybody has looked.
    pub is_absent: bool,
    /// Why that action, in words.
    pub reason: String,
    /// Of a CRD node: names of the CRDs it is about, sorted. Empty on charts, and as long as it is
    /// not known what the chart carries.
    pub crds: Vec<String>,
    /// What must happen before it starts.
    pub waits: Vec<Wait>,
    /// Expected cost: milliseconds where earlier runs tell of any node of the plan, else 1.
    pub weight: u64,
    /// Generation of the topological order, from 0.
    pub wave: usize,
    /// Weight of the longest path from this node (included) to an end: larger starts first.
    pub priority: u64,
}

/// A CRD that a run on the way down leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCrd {
    /// Its name.
    pub name: String,
    /// Made by this stack, in this environment, for a chart of the run, and used by none outside of
    /// it: a purge would remove it.
    pub is_ours: bool,
}

/// An oriented edge of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// The node waited for.
    pub on: NodeIx,
    /// How far it must have come.
    pub until: Milestone,
    /// Order only: its failure does not matter, its end is enough.
    pub soft: bool,
}

impl NodeIx {
    /// As an index into [`Plan::nodes`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl Plan {
    /// Whether nothing is to be done to any chart, because it is as it is to be or cannot be touched.
    pub fn is_idle(&self) -> bool {
        let mut nodes = self.nodes.iter();
        nodes.all(|node| matches!(node.action, Action::Unchanged | Action::Blocked))
    }

    /// The node at `ix`.
    pub fn node(&self, ix: NodeIx) -> &Node {
        &self.nodes[ix.index()]
    }

    /// All nodes with their indices.
    pub fn iter(&self) -> impl Iterator<Item = (NodeIx, &Node)> {
        (0..).map(NodeIx).zip(&self.nodes)
    }
}

impl Node {
    /// Whether nothing is removed any more: the clean-up steps of a removal run all the same.
    pub fn only_cleans_up(&self) -> bool {
        self.action == Action::Uninstall && self.is_absent
    }

    /// An install without waits, for plans that do not come from a stack; its release bears the
    /// chart's name, in the namespace `default`.
    pub fn install(key: ChartName) -> Self {
        let namespace = Namespace::new("default").expect("`default` is a namespace");
        let name = ReleaseName::new(key.as_str()).expect("a chart's name is a release's, too");
        Self {
            chart: key.to_string(),
            key: key.into(),
            release: ReleaseId { namespace, name },
            version: None,
            action: Action::Install,
            is_absent: true,
            reason: "not installed".into(),
            crds: Vec::new(),
            waits: Vec::new(),
            weight: 1,
            wave: 0,
            priority: 0,
        }
    }
}
