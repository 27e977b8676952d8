//! The engine's [`Execute`], made of lifecycles.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    CommonChart, Context, HelmChart, RunContext, StepError, crds, late, take_back, unchanged,
};
use crate::{
    engine::{Done, Execute, Progress},
    event::Failure,
    name::{Action, ChartName, Direction, NodeName, Part},
    plan::{Node, NodeIx, Plan},
};

/// Implementations a program registered, by chart. All others are [`CommonChart`].
pub type Implementations = BTreeMap<ChartName, Arc<dyn HelmChart>>;

/// Runs each node of one plan: the lifecycle of a chart, or what is done to its CRDs.
pub struct Executor {
    run: Arc<RunContext>,
    nodes: Vec<Task>,
    direction: Direction,
    implementations: Implementations,
}

struct Task {
    node: NodeName,
    action: Action,
    reason: String,
    crds: Vec<String>,
    is_relied_on: bool,
}

impl Executor {
    /// For the nodes of `plan`, which must have been made from the run's stack.
    pub fn new(run: Arc<RunContext>, plan: &Plan, implementations: Implementations) -> Self {
        let mut relied_on = vec![false; plan.nodes.len()];
        let changed = |node: &&Node| node.action.executes() || node.action == Action::Validate;
        for wait in plan
            .nodes
            .iter()
            .filter(changed)
            .flat_map(|node| &node.waits)
        {
            relied_on[wait.on.index()] |= !wait.soft;
        }
        let task = |(node, is_relied_on): (&Node, bool)| Task {
            is_relied_on,
            node: node.key.clone(),
            action: node.action,
            reason: node.reason.clone(),
            crds: node.crds.clone(),
        };
        Self {
            run,
            direction: plan.direction,
            nodes: plan.nodes.iter().zip(relied_on).map(task).collect(),
            implementations,
        }
    }
}

impl Execute for Executor {
    async fn execute(&self, node: NodeIx, progress: Progress) -> Result<Done, Failure> {
        let task = &self.nodes[node.0 as usize];
        match task.action {
            Action::Unchanged if task.node.is_crds() && !task.is_relied_on => {
                return Ok(Done::Unchanged);
            }
            Action::Blocked => {
                return Err(Failure {
                    step: "check_prerequisites".into(),
                    error: task.reason.clone(),
                    ..Failure::default()
                });
            }
            Action::Skip if self.direction == Direction::Rollback => {
                return Ok(take_back::skip(&self.run, &task.node).await);
            }
            // It stays as it is.
            Action::Skip if self.direction == Direction::Down => return Ok(Done::Skipped),
            _ => {}
        }
        let chart = &self.run.stack.charts[&task.node.chart];
        let mut cx = Context::new(&self.run, chart, task.action, &progress);
        cx.is_relied_on = task.is_relied_on;
        if task.action == Action::Decide && !task.node.is_crds() {
            late::fetch(&cx).await?;
            cx.action = cx.phase("decide", || unchanged::settle(&cx)).await?;
        }
        if cx.action == Action::Validate {
            let left = unchanged::left(&cx).await;
            let failure = |error: StepError| error.into_failure("ready", &self.run.redactor);
            cx.left = Some(left.map_err(failure)?);
        }
        let implementation: &dyn HelmChart = match self.implementations.get(&chart.name) {
            Some(own) => &**own,
            None => &CommonChart,
        };
        match (task.node.part, task.action) {
            (Part::Crds, Action::Uninstall) => crds::remove(&cx, &task.crds).await,
            (Part::Crds, Action::Unchanged) => crds::look(&cx, &task.crds).await,
            (Part::Crds, _) => crds::apply(&cx, &task.crds).await,
            (Part::Chart, _) if self.direction == Direction::Rollback => {
                take_back::run(&cx, implementation).await
            }
            (Part::Chart, _) => implementation.run(&cx).await,
        }
    }
}
