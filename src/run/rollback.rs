//! `failure_policy = "rollback"`: what a run has changed is taken back when it fails.
//!
//! A rollback is a run like any other, with a plan, a journal and an outcome of its own. What it is to
//! take back is written down beside the stack's lease first, and taken off as it is done. So whoever
//! interrupts it, the next `up` finds what is left and finishes it before anything else
//! ([`Session::unfinished_rollback`]), or drops it (`--no-rollback`).

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;

use super::{Finished, Notice, RunError, Session, Watch, execute::conduct, history};
use crate::{
    engine::Outcome,
    event::RunOutcome,
    graph::Graph,
    journal::{self, Journal},
    lifecycle::{Implementations, Intents, RunContext, Standing, StepError, standing},
    lock::{Change, StackRollback},
    name::{Action, ChartName, Direction, Namespace, ReleaseId, RunId},
    plan::{Node, Plan, Reversal, taken_back_before},
    release::Records,
    shutdown::Level,
    stack::{self, FailurePolicy, Stack},
};

impl Session {
    /// Whether a run of this plan is taken back when it fails. What is uninstalled on the way down
    /// cannot be.
    pub(super) fn may_take_back(&self, plan: &Plan) -> bool {
        plan.direction == Direction::Up
            && self.stack.settings.failure_policy == FailurePolicy::Rollback
    }

    /// Whether it is to be taken back now. An interrupted run is not: the next one goes on. Nor is
    /// anything more begun when what runs was killed: whoever does that does not want to wait.
    pub(super) fn is_taken_back(&self, plan: &Plan, outcome: &Outcome, level: Level) -> bool {
        self.may_take_back(plan) && outcome.outcome == RunOutcome::Failed && level < Level::Kill
    }

    /// Takes a run back that has failed, while it still holds the stack's lock; `None` if it has
    /// changed nothing. Of an error nothing more is begun: what was written down by then is taken
    /// back by the next run.
    pub(super) async fn roll_back(
        &self,
        failed: &RunContext,
        implementations: &Implementations,
        watch: Watch<'_>,
    ) -> Result<Option<Finished>, RunError> {
        let listed = self.releases.list(&self.namespaces()).await?;
        let found = failed.changes.to_take_back(&listed, &failed.id);
        let mut rollback = StackRollback {
            of: failed.id.clone(),
            changes: found.changes,
        };
        let graph = Graph::new(&self.stack);
        for (name, before) in taken_back_before(&graph, rollback.changes.keys()) {
            if let Some(change) = rollback.changes.get_mut(&name) {
                change.after = before;
            }
        }
        failed
            .intents
            .set_rollback(Some(rollback.clone()))
            .await
            .map_err(|error| unwritten(&error))?;
        let mut reversals = self.reversals(&rollback, &listed).await?;
        let stays = found.stays.into_iter().map(|(key, reason)| Reversal {
            release: self.stack.charts[&key.chart].release.clone(),
            key,
            action: Action::Skip,
            reason,
            after: BTreeSet::new(),
        });
        reversals.extend(stays);
        if reversals.is_empty() {
            return Ok(None);
        }
        let plan = self.rollback_plan(&rollback.of, reversals);
        let id = journal::following_run_id(&failed.id, Timestamp::now());
        let journal = Journal::create(&history::folder(&self.settings.state_dir), &id)?;
        let folder = journal.folder().clone();
        // To the cluster it is the same run: it holds the lock and has announced what is left over.
        let context = RunContext {
            folder: folder.clone(),
            ..failed.clone()
        };
        let options = self.options(id.clone(), plan.direction);
        let outcome = conduct(&plan, &context, implementations, options, (journal, watch)).await;
        Ok(Some(Finished {
            run: id,
            folder: folder.path().to_owned(),
            outcome,
            rollback: None,
        }))
    }

    /// The plan of what an interrupted rollback has left to do, to be executed before any `up`; `None`
    /// if there is none.
    pub async fn unfinished_rollback(&self) -> Result<Option<Plan>, RunError> {
        let (_, Some(rollback)) = self.announced().await? else {
            return Ok(None);
        };
        let namespaces = rollback.changes.values();
        let namespaces: BTreeSet<&Namespace> =
            namespaces.map(|change| &change.release.namespace).collect();
        let namespaces: Vec<Namespace> = namespaces.into_iter().cloned().collect();
        let listed = self.releases.list(&namespaces).await?;
        let reversals = self.reversals(&rollback, &listed).await?;
        Ok(Some(self.rollback_plan(&rollback.of, reversals)))
    }

    fn rollback_plan(&self, of: &RunId, reversals: Vec<Reversal>) -> Plan {
        let context = self.cluster.context().map(str::to_owned);
        Plan::rollback(&self.stack, of, reversals, context)
    }

    /// What is to be done about each change.
    async fn reversals(
        &self,
        rollback: &StackRollback,
        listed: &Records,
    ) -> Result<Vec<Reversal>, RunError> {
        let mut reversals = Vec::new();
        for (chart, change) in &rollback.changes {
            let history = listed.get(&change.release).map(Vec::as_slice);
            let history = history.unwrap_or_default();
            let standing = standing(&self.releases, &rollback.of, change, history).await?;
            let (action, reason) = reversal(&rollback.of, change, standing);
            reversals.push(Reversal {
                key: chart.clone().into(),
                release: change.release.clone(),
                action,
                reason,
                after: change.after.clone(),
            });
        }
        Ok(reversals)
    }

    /// The stack that a plan is about. A rollback may be of charts that the file has no more: of
    /// them only their release is known.
    pub(super) fn stack_of(&self, plan: &Plan) -> Arc<Stack> {
        let mut stack = Arc::clone(&self.stack);
        if plan.direction != Direction::Rollback {
            return stack;
        }
        for Node { key, release, .. } in &plan.nodes {
            let declared = self.stack.charts.get(&key.chart);
            if declared.is_none_or(|chart| chart.release != *release) {
                let chart = stack::Chart::released(key.chart.clone(), release.clone());
                let charts = &mut Arc::make_mut(&mut stack).charts;
                charts.insert(key.chart.clone(), chart);
            }
        }
        stack
    }

    /// What becomes of a rollback that an earlier run has left, now that this one holds the lock:
    /// an `up` drops it if told to, and else does not begin; what is removed now need not be taken
    /// back.
    pub(super) async fn settle_rollback(
        &self,
        plan: &Plan,
        intents: &Intents,
        notice: Notice<'_>,
    ) -> Result<(), RunError> {
        let Some(mut rollback) = intents.rollback().await else {
            return Ok(());
        };
        let left = match plan.direction {
            Direction::Rollback => return Ok(()),
            Direction::Up if !self.settings.no_rollback => {
                return Err(RunError::UnfinishedRollback { of: rollback.of });
            }
            Direction::Up => {
                notice(&dropped(&rollback));
                None
            }
            Direction::Down => {
                let removed = plan.nodes.iter();
                let removed = removed.filter(|node| node.action == Action::Uninstall);
                let removed: BTreeSet<&ReleaseId> = removed.map(|node| &node.release).collect();
                let changes = &mut rollback.changes;
                changes.retain(|_, change| !removed.contains(&change.release));
                Some(rollback)
            }
        };
        let set = intents.set_rollback(left).await;
        set.map_err(|error| unwritten(&error))
    }
}

fn unwritten(error: &StepError) -> RunError {
    RunError::RollbackRecord {
        message: error.to_string(),
    }
}

/// The action about one change, and why.
fn reversal(of: &RunId, change: &Change, standing: Standing) -> (Action, String) {
    match (standing, change.before) {
        (Standing::Lost(why), _) => (Action::Skip, why),
        (Standing::Done, _) => (Action::Skip, "it is as it was already".to_owned()),
        (Standing::Due, Some(before)) => (
            Action::Rollback,
            format!("to revision {before}, as before run {of}"),
        ),
        (Standing::Due, None) => (Action::Uninstall, format!("installed by run {of}")),
    }
}

/// What is told of a rollback that is dropped.
fn dropped(rollback: &StackRollback) -> String {
    let charts = rollback.changes.keys().map(ChartName::as_str);
    format!(
        "what run {} has changed is not taken back any more: {}",
        rollback.of,
        charts.collect::<Vec<_>>().join(", ")
    )
}
