//! From a selection to a plan: orientation of the edges, and the runs that are refused.

use std::collections::{BTreeMap, BTreeSet};

use super::{Barred, Desired, MissingNeed, Node, NodeIx, Observed, Plan, PlanError, Wait};
use crate::{
    graph::{Graph, Selection},
    name::{Action, ChartName, Direction, Milestone, ReleaseStatus},
    stack::{Chart, Intent},
};

/// What is known beside the stack and its releases when a plan is made. Everything may be missing.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Context of the cluster.
    pub context: Option<String>,
    /// What was found in the charts' files.
    pub contents: BTreeMap<ChartName, Contents>,
    /// How long charts took in earlier runs, in milliseconds. Charts without an entry count as the
    /// mean of the others.
    pub durations: BTreeMap<ChartName, u64>,
}

/// What the files of a chart say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// `version` of its Chart.yaml.
    pub version: Option<String>,
    /// Digest of what would be executed, to be compared with [`Marks::digest`](super::Marks).
    pub digest: Option<String>,
}

impl Plan {
    /// The way up: installs and upgrades in the order of the needs; charts with
    /// `action = "destroy"` are removed, each after those of its dependents that are removed too.
    ///
    /// `observed` must hold the releases of the whole stack, also of charts that are not selected:
    /// a need outside the selection must already be deployed.
    pub fn up(
        graph: &Graph<'_>,
        selection: &Selection,
        observed: &Observed,
        known: &Known,
    ) -> Result<Self, PlanError> {
        let draft = Draft {
            graph,
            selection,
            direction: Direction::Up,
            observed: Some(observed),
            known,
        };
        draft.refuse_removal_of_needed()?;
        draft.refuse_missing_needs(observed)?;
        draft.refuse_installed_dependents(observed)?;
        draft.plan()
    }

    /// The way down: every selected chart is removed, after everything that needs it or comes
    /// `after` it.
    ///
    /// `observed` as for [`Plan::up`]: installed dependents outside the selection bar the way.
    pub fn down(
        graph: &Graph<'_>,
        selection: &Selection,
        observed: &Observed,
        known: &Known,
        include_protected: bool,
    ) -> Result<Self, PlanError> {
        let draft = Draft {
            graph,
            selection,
            direction: Direction::Down,
            observed: Some(observed),
            known,
        };
        if !include_protected {
            draft.refuse_protected()?;
        }
        draft.refuse_installed_dependents(observed)?;
        draft.plan()
    }

    /// Without a cluster: as if nothing were installed (up), or everything (down). It cannot be
    /// run, so what depends on the cluster or on consent is not refused.
    pub fn offline(
        graph: &Graph<'_>,
        selection: &Selection,
        direction: Direction,
        known: &Known,
    ) -> Result<Self, PlanError> {
        let draft = Draft {
            graph,
            selection,
            direction,
            observed: None,
            known,
        };
        if direction == Direction::Up {
            draft.refuse_removal_of_needed()?;
        }
        draft.plan()
    }
}

/// Everything a plan is made from.
struct Draft<'a> {
    graph: &'a Graph<'a>,
    selection: &'a Selection,
    direction: Direction,
    observed: Option<&'a Observed>,
    known: &'a Known,
}

impl<'a> Draft<'a> {
    fn chart(&self, index: usize) -> &'a Chart {
        &self.graph.stack().charts[index]
    }

    /// Whether the run takes the chart away: its edges then point the other way.
    fn removes(&self, index: usize) -> bool {
        self.direction == Direction::Down || self.chart(index).intent == Intent::Destroy
    }

    fn refuse_protected(&self) -> Result<(), PlanError> {
        let charts = self.selection.indices().map(|index| self.chart(index));
        let protected = charts.filter(|chart| chart.protected);
        refuse(
            protected.map(|chart| chart.name.clone()),
            PlanError::Protected,
        )
    }

    /// A need on a chart that the file wants destroyed contradicts itself, on either side of the
    /// selection's border.
    fn refuse_removal_of_needed(&self) -> Result<(), PlanError> {
        let all = 0..self.graph.stack().charts.len();
        let doomed = all.filter(|&index| self.removes(index));
        let mut pairs: Vec<(usize, usize)> = doomed
            .flat_map(|index| {
                let dependents = self.graph.after(index);
                let kept = dependents.filter(|&(other, edge)| !edge.soft && !self.removes(other));
                kept.map(move |(other, _)| (index, other))
            })
            .filter(|&(index, other)| self.selection.holds(index) || self.selection.holds(other))
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        let barred = pairs.into_iter().map(|(index, other)| Barred {
            chart: self.chart(index).name.clone(),
            dependent: self.chart(other).name.clone(),
        });
        refuse(barred, PlanError::StillNeeded)
    }

    fn refuse_missing_needs(&self, observed: &Observed) -> Result<(), PlanError> {
        let missing = self.graph.needs_outside(self.selection).into_iter();
        let missing = missing.filter_map(|outside| {
            let chart = &self.graph.stack().charts[&outside.chart];
            if chart.intent == Intent::Destroy {
                return None;
            }
            let need = &self.graph.stack().charts[&outside.other];
            let state = match observed.releases.get(&need.release) {
                None => "is not installed".to_owned(),
                Some(release) if release.status == ReleaseStatus::Deployed => return None,
                Some(release) => format!("is {} (revision {})", release.status, release.revision),
            };
            Some(MissingNeed {
                chart: outside.chart,
                need: outside.other,
                state,
            })
        });
        refuse(missing, PlanError::NeedsMissing)
    }

    fn refuse_installed_dependents(&self, observed: &Observed) -> Result<(), PlanError> {
        let dependents = self.graph.dependents_outside(self.selection).into_iter();
        let installed = dependents.filter(|outside| {
            let charts = &self.graph.stack().charts;
            let release = observed.releases.get(&charts[&outside.other].release);
            let removed = self.direction == Direction::Down
                || charts[&outside.chart].intent == Intent::Destroy;
            removed && release.is_some_and(|r| r.status != ReleaseStatus::Uninstalled)
        });
        let barred = installed.map(|outside| Barred {
            chart: outside.chart,
            dependent: outside.other,
        });
        refuse(barred, PlanError::DependentsInstalled)
    }

    fn plan(&self) -> Result<Plan, PlanError> {
        let stack = self.graph.stack();
        let plan = Plan::from_nodes(stack.name.clone(), self.direction, self.nodes());
        let plan = plan.map_err(PlanError::Cyclic)?;
        Ok(Plan {
            environment: stack.environment.clone(),
            context: self.known.context.clone(),
            offline: self.observed.is_none(),
            selection: self.selection.sentence().to_owned(),
            left_out: self.selection.left_out().to_vec(),
            ..plan
        })
    }

    fn nodes(&self) -> Vec<Node> {
        let default_weight = self.default_weight();
        let mut nodes: Vec<Node> = self
            .selection
            .indices()
            .map(|index| self.node(index, default_weight))
            .collect();
        let mut position = vec![None; self.graph.stack().charts.len()];
        for (index, node) in self.selection.indices().zip((0..).map(NodeIx)) {
            position[index] = Some(node);
        }
        for index in self.selection.indices() {
            for (other, edge) in self.graph.before(index) {
                let (Some(first), Some(then)) = (position[other], position[index]) else {
                    continue;
                };
                let soft = edge.soft;
                let (node, on, until) = match (self.removes(other), self.removes(index)) {
                    (false, false) => (then, first, edge.until),
                    (true, true) => (first, then, Milestone::Gone),
                    (true, false) => (then, first, Milestone::Gone),
                    (false, true) if soft => (then, first, edge.until),
                    // What it needs stays: its removal has nothing to wait for.
                    (false, true) => continue,
                };
                nodes[node.index()].waits.push(Wait { on, until, soft });
            }
        }
        nodes
    }

    fn node(&self, index: usize, default_weight: u64) -> Node {
        let chart = self.chart(index);
        let contents = self.known.contents.get(&chart.name);
        let desired = Desired { chart, contents };
        let (action, reason) = match self.observed {
            None => desired.guess(self.direction),
            Some(observed) => desired.decide(self.direction, observed.releases.get(&chart.release)),
        };
        let reason = with_known_after(chart, action, reason);
        let learned = self.known.durations.get(&chart.name);
        Node {
            key: chart.name.clone(),
            release: chart.release.clone(),
            chart: chart.source.to_string(),
            version: contents.and_then(|contents| contents.version.clone()),
            action,
            reason,
            waits: Vec::new(),
            weight: learned.map_or(default_weight, |&millis| millis.max(1)),
            wave: 0,
            priority: 0,
        }
    }

    /// Of a chart whose duration is not known: the mean of those that are.
    fn default_weight(&self) -> u64 {
        let charts = self.selection.charts().iter();
        let learned = charts.filter_map(|name| self.known.durations.get(name));
        let (sum, n) = learned.fold((0_u64, 0), |(sum, n), &one| {
            (sum.saturating_add(one), n + 1)
        });
        sum.checked_div(n).unwrap_or(1).max(1)
    }
}

/// Says what a plan cannot know: what of the cluster a chart refers to.
fn with_known_after(chart: &Chart, action: Action, reason: String) -> String {
    let outputs = chart.outputs_in_use(action);
    let charts: BTreeSet<&str> = outputs.iter().map(|(chart, _)| chart.as_str()).collect();
    if charts.is_empty() {
        return reason;
    }
    let charts: Vec<&str> = charts.into_iter().collect();
    format!(
        "{reason}; refers to what is known after {}",
        charts.join(", ")
    )
}

/// All reasons at once, or none.
fn refuse<T>(
    found: impl Iterator<Item = T>,
    error: impl Fn(Vec<T>) -> PlanError,
) -> Result<(), PlanError> {
    let found: Vec<T> = found.collect();
    if found.is_empty() {
        Ok(())
    } else {
        Err(error(found))
    }
}
