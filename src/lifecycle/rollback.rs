//! The built-in rollback phase: takes a failed exec back, after the failure hook has looked at it.
//!
//! Never Helm's `--atomic`: that removes what one needs to see and swallows signals (helm.md
//! section 2). This one is interruptible, has its own deadline (the chart's timeout again) and
//! says what it did. `take_back` uses it for charts of a whole run.

use super::{
    Context, StepError,
    intents::Undertaking,
    ready,
    recover::{self, Depth, Next},
    remove,
};
use crate::{helm::Rollback, lock::Operation, release::Revision, stack::RollbackOnFailure};

/// Whether the stack wants it for this failure. Nothing is taken back where Helm was not asked to
/// change anything (the namespace was refused, say), or where it is not known what there was.
pub(super) fn is_due(cx: &Context<'_>) -> bool {
    let Some(before) = cx.memory().before else {
        return false;
    };
    match cx.chart.rollback_on_failure {
        RollbackOnFailure::Never => false,
        RollbackOnFailure::Upgrades => before.good_revision.is_some(),
        RollbackOnFailure::Always => true,
    }
}

/// Rolls back to the revision that was deployed before, or uninstalls a failed first install.
/// Returns what was done, in words.
pub(super) async fn run(cx: &Context<'_>) -> Result<String, StepError> {
    let history = way_cleared(cx).await?;
    let (Some(newest), Some(before)) = (history.last(), cx.memory().before) else {
        return Ok("nothing to roll back: no release was made".into());
    };
    if before.last_revision == Some(newest.revision) {
        return Ok(format!(
            "nothing to roll back: revision {} was not touched",
            newest.revision
        ));
    }
    let Some(good) = before.good_revision else {
        remove::finish(cx, &history).await?;
        return Ok("the failed first install was uninstalled".into());
    };
    to(cx, good, newest).await?;
    cx.run.changes.forget(&cx.chart.name);
    match wait(cx, good).await {
        Ok(()) => Ok(format!("rolled back to revision {good}")),
        Err(error) if error.cancelled => Err(error),
        Err(error) => Ok(format!("rolled back to revision {good}, which is {error}")),
    }
}

/// The release's history, once nobody else works on it. The chart holds a slot then.
pub(super) async fn way_cleared(cx: &Context<'_>) -> Result<Vec<Revision>, StepError> {
    cx.unpark().await?;
    let limit = cx.limit(cx.chart.timeout);
    recover::clear_way(cx, Next::RollBack, Depth::Payload, &limit).await
}

/// Helm's rollback to a revision, from the newest.
pub(super) async fn to(cx: &Context<'_>, good: u32, newest: &Revision) -> Result<(), StepError> {
    let rollback = Rollback {
        release: cx.chart.release.clone(),
        revision: good,
        timeout: cx.chart.timeout,
        history_max: cx.chart.history_max,
    };
    let helm = cx.run.helm()?;
    let work = Box::pin(cx.helm(async |call| helm.rollback(call, &rollback).await));
    let undertaking = Undertaking {
        operation: Operation::Rollback,
        from_revision: Some(newest.revision),
        goes_on_from: None,
        lasts: rollback.deadline(),
        deletes: Vec::new(),
    };
    recover::announced(cx, undertaking, work).await??;
    if let Err(error) = mark(cx, good, newest.revision).await {
        tracing::debug!(chart = %cx.chart.name, %error, "the next run takes it for changed");
    }
    Ok(())
}

/// Helm copies the labels of the revision it goes back to: what they tell of it is true of the new
/// one, too, but for its number. It is not marked as done: its steps have not run again.
async fn mark(cx: &Context<'_>, good: u32, from: u32) -> Result<(), StepError> {
    let release = &cx.chart.release;
    let history = cx.run.releases.history(release).await?;
    let newest = history.last().filter(|newest| newest.revision == from + 1);
    if let Some(newest) = newest.filter(|newest| newest.marks.revision == Some(good)) {
        cx.run.releases.mark_copied(release, newest).await?;
    }
    Ok(())
}

/// Waits for the objects of the revision that was gone back to.
pub(super) async fn wait(cx: &Context<'_>, good: u32) -> Result<(), StepError> {
    let objects = ready::objects_of(cx, good).await?;
    cx.park();
    ready::wait_for(cx, &objects).await
}
