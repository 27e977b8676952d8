//! The engine's [`Execute`], made of lifecycles.

use std::{collections::BTreeMap, sync::Arc};

use super::{CommonChart, Context, HelmChart, RunContext};
use crate::{
    engine::{Done, Execute, Progress},
    event::Failure,
    name::{Action, ChartName},
    plan::{NodeIx, Plan},
};

/// Implementations a program registered, by chart. All others are [`CommonChart`].
pub type Implementations = BTreeMap<ChartName, Arc<dyn HelmChart>>;

/// Runs the lifecycle of each node of one plan.
pub struct Executor {
    run: Arc<RunContext>,
    nodes: Vec<Task>,
    implementations: Implementations,
}

struct Task {
    chart: ChartName,
    action: Action,
    reason: String,
}

impl Executor {
    /// For the nodes of `plan`, which must have been made from the run's stack.
    pub fn new(run: Arc<RunContext>, plan: &Plan, implementations: Implementations) -> Self {
        let task = |node: &crate::plan::Node| Task {
            chart: node.key.clone(),
            action: node.action,
            reason: node.reason.clone(),
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
        let chart = &self.run.stack.charts[&task.chart];
        let cx = Context::new(&self.run, chart, task.action, &progress);
        let implementation: &dyn HelmChart = match self.implementations.get(&task.chart) {
            Some(own) => &**own,
            None => &CommonChart,
        };
        implementation.run(&cx).await
    }
}
