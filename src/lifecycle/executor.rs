//! The engine's [`Execute`], made of lifecycles.

use std::{collections::BTreeMap, sync::Arc};

use super::{CommonChart, Context, HelmChart, RunContext, crds};
use crate::{
    engine::{Done, Execute, Progress},
    event::Failure,
    name::{Action, ChartName, NodeName, Part},
    plan::{NodeIx, Plan},
};

/// Implementations a program registered, by chart. All others are [`CommonChart`].
pub type Implementations = BTreeMap<ChartName, Arc<dyn HelmChart>>;

/// Runs each node of one plan: the lifecycle of a chart, or what is done to its CRDs.
pub struct Executor {
    run: Arc<RunContext>,
    nodes: Vec<Task>,
    implementations: Implementations,
}

struct Task {
    node: NodeName,
    action: Action,
    reason: String,
    crds: Vec<String>,
}

impl Executor {
    /// For the nodes of `plan`, which must have been made from the run's stack.
    pub fn new(run: Arc<RunContext>, plan: &Plan, implementations: Implementations) -> Self {
        let task = |node: &crate::plan::Node| Task {
            node: node.key.clone(),
            action: node.action,
            reason: node.reason.clone(),
            crds: node.crds.clone(),
        };
        Self {
            run,
            nodes: plan.nodes.iter().map(task).collect(),
            implementations,
        }
    }
}

impl Execute for Executor {
    async fn execute(&self, node: NodeIx, progress: Progress) -> Result<Done, Failure> {
        let task = &self.nodes[node.0 as usize];
        match task.action {
            Action::Unchanged => return Ok(Done::Unchanged),
            Action::Blocked => {
                return Err(Failure {
                    step: "check_prerequisites".into(),
                    error: task.reason.clone(),
                    ..Failure::default()
                });
            }
            _ => {}
        }
        let chart = &self.run.stack.charts[&task.node.chart];
        let cx = Context::new(&self.run, chart, task.action, &progress);
        match (task.node.part, task.action) {
            (Part::Crds, Action::Uninstall) => crds::remove(&cx, &task.crds).await,
            (Part::Crds, _) => crds::apply(&cx, &task.crds).await,
            (Part::Chart, _) => {
                let implementation: &dyn HelmChart = match self.implementations.get(&chart.name) {
                    Some(own) => &**own,
                    None => &CommonChart,
                };
                implementation.run(&cx).await
            }
        }
    }
}
