//! One node of a rollback: the change of one chart is taken back.
//!
//! An upgrade goes back to the revision before it; a new release is uninstalled as on the way down,
//! with the steps that belong to that. The moment it is back, the record of the rollback says so:
//! whoever goes on with it later leaves the chart alone.

use super::{
    Context, HelmChart, RunContext, Standing, StepError, dossier, ready, rollback, standing,
};
use crate::{
    engine::Done,
    event::Failure,
    lock::Change,
    name::{Action, NodeName, RunId},
    release::Revision,
};

/// Does what the plan of the rollback says.
pub(super) async fn run(cx: &Context<'_>, chart: &dyn HelmChart) -> Result<Done, Failure> {
    let intents = &cx.run.intents;
    let Some((of, change)) = intents.change(&cx.chart.name).await else {
        // Another run was faster.
        return Ok(Done::Unchanged);
    };
    let is_due = async || {
        let history = cx.run.releases.history(&change.release).await?;
        is_due(cx, &of, &change, &history).await
    };
    let is_due = cx.phase("history", is_due).await?;
    let done = match cx.action {
        _ if !is_due => Done::Unchanged,
        Action::Uninstall => chart.run(cx).await?,
        _ => return roll_back(cx, &of, &change).await,
    };
    is_back(cx).await;
    Ok(done)
}

/// A chart that stays as it is: nobody need look at it again.
pub(super) async fn skip(run: &RunContext, node: &NodeName) -> Done {
    let chart = &node.chart;
    if node.is_crds() {
        return Done::Skipped;
    }
    if let Err(error) = run.intents.taken_back(chart).await {
        tracing::debug!(%chart, %error, "it stays on the record of the rollback");
    }
    Done::Skipped
}

/// Whether there is anything to take back, now that its turn has come.
async fn is_due(
    cx: &Context<'_>,
    of: &RunId,
    change: &Change,
    history: &[Revision],
) -> Result<bool, StepError> {
    let standing = standing(&cx.run.releases, of, change, history).await?;
    if let Standing::Lost(why) = &standing {
        cx.warn(&format!("it stays as it is: {why}"));
    }
    Ok(standing == Standing::Due)
}

async fn roll_back(cx: &Context<'_>, of: &RunId, change: &Change) -> Result<Done, Failure> {
    cx.lift_deadline();
    let before = change.before;
    let gone_back = cx.phase("rollback", async || {
        let history = rollback::way_cleared(cx).await?;
        // Whoever was in the way may have been at just this.
        let (Some(before), Some(newest)) = (before, history.last()) else {
            return Ok(None);
        };
        if !is_due(cx, of, change, &history).await? {
            return Ok(None);
        }
        rollback::to(cx, before, newest).await?;
        Ok(Some(before))
    });
    let gone_back = match gone_back.await {
        Ok(gone_back) => gone_back,
        Err(failure) => return Err(with_dossier(cx, failure).await),
    };
    is_back(cx).await;
    let Some(revision) = gone_back else {
        return Ok(Done::Unchanged);
    };
    if ready::is_awaited(cx) {
        let ready = cx.phase("ready", || rollback::wait(cx, revision)).await;
        if let Err(failure) = ready {
            return Err(with_dossier(cx, failure).await);
        }
    }
    Ok(Done::Succeeded)
}

/// What is not as it was although it was gone back to is explained as any failure is.
async fn with_dossier(cx: &Context<'_>, failure: Failure) -> Failure {
    if failure.cancelled {
        return failure;
    }
    dossier::collect(cx, &failure.error, &failure.cause).await;
    Failure {
        dossier: cx.take_dossier(),
        ..failure
    }
}

/// Takes the chart off the record of the rollback.
async fn is_back(cx: &Context<'_>) {
    if let Err(error) = cx.run.intents.taken_back(&cx.chart.name).await {
        cx.warn(&format!(
            "that it was taken back could not be written down, and is looked at again next time: {error}"
        ));
    }
}
