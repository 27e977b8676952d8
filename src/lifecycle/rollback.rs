//! The built-in rollback phase: takes a failed exec back, after the failure hook has looked at it.
//!
//! Never Helm's `--atomic`: that removes what one needs to see and swallows signals (helm.md
//! section 2). This one is interruptible, has its own deadline (the chart's timeout again) and
//! says what it did.

use super::{Context, StepError, ready, remove};
use crate::{helm::Rollback, name::Action, stack::RollbackOnFailure};

/// Whether the stack wants it for this failure.
pub(super) fn is_due(cx: &Context<'_>) -> bool {
    let policy = cx.chart.rollback_on_failure;
    match cx.action {
        Action::Install | Action::Upgrade | Action::Reinstall | Action::Decide => {
            let memory = cx.memory();
            match policy {
                RollbackOnFailure::Never => false,
                RollbackOnFailure::Upgrades => memory.good_revision.is_some(),
                RollbackOnFailure::Always => true,
            }
        }
        _ => false,
    }
}

/// Rolls back to the revision that was deployed before, or uninstalls a failed first install.
/// Returns what was done, in words.
pub(super) async fn run(cx: &Context<'_>) -> Result<String, StepError> {
    let release = &cx.chart.release;
    let newest = cx.run.releases.history(release).await?.last().cloned();
    let memory = cx.memory();
    let Some(newest) = newest else {
        return Ok("nothing to roll back: no release was made".into());
    };
    if memory.last_revision == Some(newest.revision) {
        return Ok(format!(
            "nothing to roll back: revision {} was not touched",
            newest.revision
        ));
    }
    cx.unpark().await?;
    let Some(good) = memory.good_revision else {
        remove::uninstall(cx).await?;
        return Ok("the failed first install was uninstalled".into());
    };
    let rollback = Rollback {
        release: release.clone(),
        revision: good,
        timeout: cx.chart.timeout,
        history_max: cx.chart.history_max,
    };
    cx.helm(async |call| cx.run.helm.rollback(call, &rollback).await)
        .await?;
    let objects = ready::objects_of(cx, good).await?;
    cx.park();
    match ready::wait_for(cx, &objects).await {
        Ok(()) => Ok(format!("rolled back to revision {good}")),
        Err(error) if error.cancelled => Err(error),
        Err(error) => Ok(format!("rolled back to revision {good}, which is {error}")),
    }
}
