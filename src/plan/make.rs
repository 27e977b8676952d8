//! From a selection to a plan: orientation of the edges, and the runs that are refused.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Barred, Contents, Desired, KeptCrd, Known, MissingNeed, Node, Observed, Plan, PlanError,
    Removal,
    crds::{self, Brought, Carrier, Leaving},
    decide::{Decision, OFFLINE},
    nodes::Nodes,
};
use crate::{
    graph::{Edge, Graph, Selection},
    name::{Action, Direction, Milestone, NodeName, ReleaseStatus},
    stack::{Chart, Intent},
};

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
            purge: false,
            observed: Some(observed),
            known,
        };
        draft.refuse_removal_of_needed()?;
        draft.refuse_missing_needs(observed)?;
        draft.refuse_installed_dependents(observed)?;
        draft.plan()
    }

    /// The way down: every selected chart is removed, after everything that needs it or comes
    /// `after` it. With a purge, the CRDs that were made for it go when all charts are gone.
    ///
    /// `observed` as for [`Plan::up`]: installed dependents outside the selection bar the way.
    pub fn down(
        graph: &Graph<'_>,
        selection: &Selection,
        observed: &Observed,
        known: &Known,
        removal: Removal,
    ) -> Result<Self, PlanError> {
        let draft = Draft {
            graph,
            selection,
            direction: Direction::Down,
            purge: removal.purge,
            observed: Some(observed),
            known,
        };
        if !removal.include_protected {
            draft.refuse_protected()?;
        }
        draft.refuse_removal_of_what_stays_needs()?;
        draft.refuse_installed_dependents(observed)?;
        draft.plan()
    }

    /// Without a cluster: as if nothing were installed (up), or everything (down). It cannot be
    /// run, so what depends on the cluster or on consent is not refused.
    pub fn offline(
        graph: &Graph<'_>,
        selection: &Selection,
        direction: Direction,
        removal: Removal,
        known: &Known,
    ) -> Result<Self, PlanError> {
        let draft = Draft {
            graph,
            selection,
            direction,
            purge: removal.purge && direction == Direction::Down,
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
    purge: bool,
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

    /// Charts that are skipped stay, with all that they need.
    fn refuse_removal_of_what_stays_needs(&self) -> Result<(), PlanError> {
        let removed = self.selection.indices();
        let removed = removed.filter(|&index| self.chart(index).intent != Intent::Skip);
        let barred = removed.flat_map(|index| {
            let dependents = self.graph.after(index).filter(|(_, edge)| !edge.soft);
            let skipped = dependents.filter(|&(other, _)| {
                self.chart(other).intent == Intent::Skip && self.is_installed(other)
            });
            skipped.map(move |(other, _)| Barred {
                chart: self.chart(index).name.clone(),
                dependent: self.chart(other).name.clone(),
            })
        });
        refuse(barred, PlanError::NeededBySkipped)
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
        let brought = self.brought();
        let leaving = self.leaving();
        let mut nodes = self.nodes(&brought, &leaving);
        let is_learned = self.known.weigh(&mut nodes);
        let plan = Plan::from_nodes(stack.name.clone(), self.direction, nodes);
        let plan = plan.map_err(PlanError::Cyclic)?;
        // Several charts may carry one CRD: it is ours if any of them says so.
        let mut kept: BTreeMap<String, bool> = BTreeMap::new();
        for (name, is_ours) in leaving.into_values().flat_map(|leaving| leaving.crds) {
            *kept.entry(name).or_default() |= is_ours;
        }
        kept.retain(|_, &mut is_ours| !(is_ours && self.purge));
        Ok(Plan {
            environment: stack.environment.clone(),
            context: self.known.context.clone(),
            offline: self.observed.is_none(),
            selection: self.selection.sentence().to_owned(),
            left_out: self.selection.left_out().to_vec(),
            warnings: brought.warnings,
            purge: self.purge,
            kept_crds: kept
                .into_iter()
                .map(|(name, is_ours)| KeptCrd { name, is_ours })
                .collect(),
            expected_ms: plan.longest().filter(|_| is_learned),
            ..plan
        })
    }

    fn contents(&self, index: usize) -> Option<&'a Contents> {
        self.known.contents.get(&self.chart(index).name)
    }

    /// Who brings which CRD: the charts that are deployed.
    fn brought(&self) -> Brought<'a> {
        if self.direction == Direction::Down {
            return Brought::default();
        }
        let edges = self.selection.indices();
        let waited_for: BTreeSet<usize> = edges
            .flat_map(|index| self.graph.before(index))
            .filter(|(_, edge)| !edge.is_of_chart())
            .map(|(other, _)| other)
            .collect();
        let indices = self.selection.indices();
        let deployed = indices.filter(|&index| self.chart(index).intent == Intent::Deploy);
        Brought::by(deployed.map(|index| Carrier {
            index,
            chart: self.chart(index),
            contents: self.contents(index),
            is_waited_for: waited_for.contains(&index),
        }))
    }

    /// The CRDs of the charts that go, by position.
    fn leaving(&self) -> BTreeMap<usize, Leaving> {
        if self.direction == Direction::Up {
            return BTreeMap::new();
        }
        let stays = |index| !self.selection.holds(index) && self.is_installed(index);
        let carried = (0..self.graph.stack().charts.len()).filter(|&index| stays(index));
        let carried = carried.filter_map(|index| self.contents(index));
        let carried = carried.flat_map(|contents| &contents.crds);
        let carried: BTreeSet<&str> = carried.map(|crd| crd.name.as_str()).collect();
        let of_chart = |index| {
            let (stack, chart) = (self.graph.stack(), self.chart(index));
            let mut dependents = self.graph.after(index);
            let is_needed = chart.intent == Intent::Skip
                || dependents.any(|(other, edge)| !edge.soft && stays(other));
            let is_used = |name: &str| is_needed || carried.contains(name);
            let contents = self.contents(index);
            let leaving = Leaving::of(stack, chart, contents, self.observed, is_used);
            (index, leaving)
        };
        self.selection.indices().map(of_chart).collect()
    }

    fn is_installed(&self, index: usize) -> bool {
        let releases = self.observed.map(|observed| &observed.releases);
        let release = releases.and_then(|releases| releases.get(&self.chart(index).release));
        release.is_some_and(|release| release.status != ReleaseStatus::Uninstalled)
    }

    fn nodes(&self, brought: &Brought<'a>, leaving: &BTreeMap<usize, Leaving>) -> Vec<Node> {
        let mut nodes = Nodes::default();
        for index in self.selection.indices() {
            if let Some(own) = brought.own(index) {
                let decision = match self.observed {
                    None => (Action::Install, OFFLINE.into()),
                    Some(observed) => crds::decide(self.chart(index).crds, own, observed),
                };
                let names = own.iter().map(|crd| crd.name.clone()).collect();
                nodes.add(index, self.crd_node(index, decision, names));
            }
            nodes.add(index, self.chart_node(index));
        }
        for index in self.selection.indices() {
            nodes.wait_for_crds(index, brought.bringers(index), false);
            for (other, edge) in self.graph.before(index) {
                if edge.is_of_chart() {
                    self.wait(&mut nodes, index, other, edge);
                } else if !self.removes(index) {
                    nodes.wait_for_crds(index, brought.bringers(other), edge.soft);
                }
            }
        }
        if self.purge {
            let purged = leaving
                .iter()
                .map(|(&index, leaving)| (index, leaving.purged()));
            let purged = purged.filter(|(_, names)| !names.is_empty());
            let purging = purged.map(|(index, names)| {
                let reason = match self.observed {
                    None => OFFLINE.into(),
                    Some(_) => format!("made by this stack: {}", names.join(", ")),
                };
                let decision = (Action::Uninstall, reason);
                (index, self.crd_node(index, decision, names))
            });
            nodes.add_last(purging.collect());
        }
        nodes.list
    }

    /// Turns an edge between charts into a wait, the other way round between charts that go.
    fn wait(&self, nodes: &mut Nodes, index: usize, other: usize, edge: Edge) {
        let Edge { until, soft } = edge;
        match (self.removes(other), self.removes(index)) {
            (false, false) => nodes.wait(index, other, until, soft),
            (true, true) => nodes.wait(other, index, Milestone::Gone, soft),
            (true, false) => nodes.wait(index, other, Milestone::Gone, soft),
            (false, true) if soft => nodes.wait(index, other, until, soft),
            // What it needs stays: its removal has nothing to wait for.
            (false, true) => {}
        }
    }

    fn chart_node(&self, index: usize) -> Node {
        let chart = self.chart(index);
        let contents = self.contents(index);
        let desired = Desired {
            chart,
            contents,
            anew: self.known.anew.get(&chart.name).copied(),
        };
        let decision = match self.observed {
            None => desired.guess(self.direction),
            Some(observed) => desired.decide(self.direction, observed.releases.get(&chart.release)),
        };
        let (action, reason) = decision;
        let decision = (action, with_known_after(chart, action, reason));
        let releases = self.observed.map(|observed| &observed.releases);
        Node {
            is_absent: releases.is_some_and(|releases| !releases.contains_key(&chart.release)),
            ..self.node(index, chart.name.clone().into(), decision)
        }
    }

    fn crd_node(&self, index: usize, decision: Decision, crds: Vec<String>) -> Node {
        let key = NodeName::crds(self.chart(index).name.clone());
        Node {
            crds,
            ..self.node(index, key, decision)
        }
    }

    /// A node of the chart that is not weighed yet.
    fn node(&self, index: usize, key: NodeName, (action, reason): Decision) -> Node {
        let chart = self.chart(index);
        let contents = self.contents(index);
        Node {
            key,
            release: chart.release.clone(),
            chart: chart.source.to_string(),
            version: contents.and_then(|contents| contents.version.clone()),
            action,
            is_absent: false,
            reason,
            crds: Vec::new(),
            waits: Vec::new(),
            weight: 1,
            wave: 0,
            priority: 0,
        }
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
