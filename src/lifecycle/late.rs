//! Charts that are fetched when their turn comes (`fetch = "late"`), since something that the same
//! run installs serves them: here, after their needs, they get what preflight did for all others.
//!
//! The run knows where charts come from and how they are judged ([`LateCharts`]); patience is ours:
//! what was just installed may take a moment to answer, so everything that may pass is tried again
//! for as long as the chart's timeout.

use std::{path::PathBuf, time::Duration};

use async_trait::async_trait;
use tokio::time::{Instant, timeout_at};

use super::{Context, StepError, crds, ready::interruptible, words::in_words};
use crate::{
    chart::{Chart, FetchError, FetchProgress, FetchStep},
    event::Failure,
    stack,
};

/// Pauses between two attempts: at first short, then ever longer.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Sees how fetching gets on.
pub type FetchWatch<'a> = &'a mut (dyn FnMut(FetchProgress) + Send);

/// Gets charts while a run is under way.
#[async_trait]
pub trait LateCharts: Send + Sync {
    /// Fetches a chart: exactly what is locked, if it is. One attempt, with the short retries of
    /// any download.
    async fn fetch(
        &self,
        chart: &stack::Chart,
        watch: FetchWatch<'_>,
    ) -> Result<PathBuf, FetchError>;

    /// Opens a fetched chart and judges it as preflight does: version, values, templates, CRDs.
    async fn open(&self, chart: &stack::Chart, path: PathBuf) -> Result<LateChart, StepError>;
}

/// A chart that was fetched late, and is sound.
#[derive(Debug, Clone)]
pub struct LateChart {
    /// The chart.
    pub chart: Chart,
    /// The CRDs it has to bring. It has no node for them: nobody knew of them.
    pub crds: Vec<String>,
    /// Those that another chart of the run brings.
    pub brought: Vec<String>,
}

/// Fetches the chart, unless it is there already, and applies its CRDs.
pub(super) async fn fetch(cx: &Context<'_>) -> Result<(), Failure> {
    let Some(charts) = cx.run.late.as_ref().filter(|_| cx.opened().is_none()) else {
        return Ok(());
    };
    let work = || async {
        // Nothing here starts Helm, until the chart is rendered.
        cx.park();
        let path = interruptible(cx, patiently(cx, &**charts)).await??;
        cx.unpark().await?;
        let found = charts.open(cx.chart, path).await?;
        cx.open(found.chart);
        Ok((found.crds, found.brought))
    };
    let (crds, brought) = cx.phase("fetch", work).await?;
    if !brought.is_empty() {
        cx.warn(&format!(
            "CRDs that another chart of this run brings are left as they are: {}",
            brought.join(", ")
        ));
    }
    if crds.is_empty() {
        return Ok(());
    }
    crds::apply_own(cx, &crds).await
}

async fn patiently(cx: &Context<'_>, charts: &dyn LateCharts) -> Result<PathBuf, StepError> {
    let deadline = Instant::now() + cx.chart.timeout;
    let mut pause = FIRST_PAUSE;
    let mut last = None;
    loop {
        let mut watch = |progress: FetchProgress| tell(cx, &progress.step);
        let error = match timeout_at(deadline, charts.fetch(cx.chart, &mut watch)).await {
            Ok(Ok(path)) => return Ok(path),
            Ok(Err(error)) if !error.may_pass() => return Err(refused(cx, &error)),
            Ok(Err(error)) => error.to_string(),
            Err(_) => return Err(too_late(cx, last)),
        };
        if Instant::now() + pause >= deadline {
            return Err(too_late(cx, Some(error)));
        }
        cx.status(&error);
        cx.pause(pause).await?;
        pause = (pause * 2).min(LONGEST_PAUSE);
        last = Some(error);
    }
}

fn refused(cx: &Context<'_>, error: &FetchError) -> StepError {
    let step_error = StepError::new(error.to_string());
    match error {
        FetchError::Digest { .. } => step_error.hint(format!(
            "it is fetched late: `stackctl fetch --update {}` names it",
            cx.chart.name
        )),
        _ => step_error,
    }
}

fn tell(cx: &Context<'_>, step: &FetchStep) {
    match step {
        FetchStep::Retrying { reason, .. } => cx.status(reason),
        FetchStep::Done { version, .. } => cx.status(&format!("version {version}")),
        FetchStep::Resolving | FetchStep::Downloading { .. } | FetchStep::Failed => {}
    }
}

fn too_late(cx: &Context<'_>, last: Option<String>) -> StepError {
    let after = in_words(cx.chart.timeout);
    let error = StepError::new(format!("the chart could not be fetched within {after}"));
    let hint = "let it need the chart that serves it, until that answers; or give it a longer \
                `timeout`";
    match last {
        Some(last) => error.cause(last).hint(hint),
        None => error.hint(hint),
    }
}
