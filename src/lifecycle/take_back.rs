//! One node of a rollback: the change of one chart is taken back.
//!
//! An upgrade goes back to the revision before it; a new release is uninstalled as on the way down,
//! with the steps that belong to that. The moment it is back, the record of the rollback says so:
//! whoever goes on with it later leaves the chart alone.

use super::{Context, HelmChart, RunContext, Standing, StepError, ready, rollback, standing};
use crate::{
    engine::Done,
    event::Failure,
    lock::Change,
    name::{Action, ChartName, RunId},
};

/// Does what the plan of the rollback says.
pub(super) async fn run(cx: &Context<'_>, chart: &dyn HelmChart) -> Result<Done, Failure> {
    let intents = &cx.run.intents;
    let Some((of, change)) = intents.change(&cx.chart.name).await else {
        // Another run was faster.
        return Ok(Done::Unchanged);
    };
    let is_due = cx.phase("history", || is_due(cx, &of, &change)).await?;
    let done = match cx.action {
        _ if !is_due => Done::Unchanged,
        Action::Uninstall => chart.run(cx).await?,
        _ => return roll_back(cx, &of, &change).await,
    };
    is_back(cx).await;
    Ok(done)
}

/// A chart that stays as it is: nobody need look at it again.
pub(super) async fn skip(run: &RunContext, chart: &ChartName) -> Done {
    if let Err(error) = run.intents.taken_back(chart).await {
        tracing::debug!(%chart, %error, "it stays on the record of the rollback");
    }
    Done::Skipped
}

/// Whether there is anything to take back, now that its turn has come.
async fn is_due(cx: &Context<'_>, of: &RunId, change: &Change) -> Result<bool, StepError> {
    let standing = standing(&cx.run.releases, of, change).await?;
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
        if !is_due(cx, of, change).await? {
            return Ok(None);
        }
        rollback::to(cx, before, newest).await?;
        Ok(Some(before))
    });
    let gone_back = gone_back.await?;
    is_back(cx).await;
    let Some(revision) = gone_back else {
        return Ok(Done::Unchanged);
    };
    if ready::is_awaited(cx) {
        cx.phase("ready", || rollback::wait(cx, revision)).await?;
    }
    Ok(Done::Succeeded)
}

/// Takes the chart off the record of the rollback.
async fn is_back(cx: &Context<'_>) {
    if let Err(error) = cx.run.intents.taken_back(&cx.chart.name).await {
        cx.warn(&format!(
            "that it was taken back could not be written down, and is looked at again next time: {error}"
        ));
    }
}
