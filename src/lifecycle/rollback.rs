//! The built-in rollback phase: takes a failed exec back, after the failure hook has looked at it.
//!
//! Never Helm's `--atomic`: that removes what one needs to see and swallows signals (helm.md
//! section 2). This one is interruptible, has its own deadline (the chart's timeout again) and
//! says what it did.

use super::{
    Context, StepError,
    intents::Undertaking,
    ready,
    recover::{self, Depth, Next},
    remove,
};
use crate::{helm::Rollback, lock::Operation, stack::RollbackOnFailure};

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
    let release = &cx.chart.release;
    cx.unpark().await?;
    let history = recover::clear_way(
        cx,
        Next::RollBack,
        Depth::Payload,
        &cx.limit(cx.chart.timeout),
    )
    .await?;
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
    let rollback = Rollback {
        release: release.clone(),
        revision: good,
        timeout: cx.chart.timeout,
        history_max: cx.chart.history_max,
    };
    let work = Box::pin(cx.helm(async |call| cx.run.helm.rollback(call, &rollback).await));
    let undertaking = Undertaking {
        operation: Operation::Rollback,
        from_revision: Some(newest.revision),
        lasts: rollback.deadline(),
        deletes: Vec::new(),
    };
    recover::announced(cx, undertaking, work).await??;
    let objects = ready::objects_of(cx, good).await?;
    cx.park();
    match ready::wait_for(cx, &objects).await {
        Ok(()) => Ok(format!("rolled back to revision {good}")),
        Err(error) if error.cancelled => Err(error),
        Err(error) => Ok(format!("rolled back to revision {good}, which is {error}")),
    }
}
