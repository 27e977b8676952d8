//! The built-in `ready` phase: the workloads of the release are really ready, watched by us.
//!
//! Helm has ended by then (without `--wait` it does in a fifth of a second), so a waiting chart
//! holds neither a process nor a slot. When it does not get ready, the record is set to `failed`
//! with the reason, as Helm itself would have done.

use std::{future::Future, time::Duration};

use serde_json::Value;
use tokio::time::Instant;

use super::{Context, StepError, words::in_words};
use crate::{
    cluster::{NotReady, ObjectRef, Progress},
    engine::Cancelled,
    release::{ManifestObject, manifest_content, manifest_objects},
    shutdown::Level,
    stack::{ErrorClass, Wait},
};

/// At most this many objects are named in one sentence.
const NAMED: usize = 3;

/// What the description of a revision begins with that we set to failed.
pub(super) const FAILED: &str = "stackctl: ";

/// How long something may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    /// Its end.
    pub until: Instant,
    /// Its length, for messages.
    pub timeout: Duration,
}

impl Limit {
    /// From now on.
    pub(super) fn of(timeout: Duration) -> Self {
        Self {
            until: Instant::now() + timeout,
            timeout,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}

/// Whether anybody waits for this chart.
pub(super) fn is_awaited(cx: &Context<'_>) -> bool {
    cx.chart.wait != Wait::No
}

/// Waits for the objects of the newest revision, up to the chart's timeout.
pub async fn wait(cx: &Context<'_>) -> Result<(), StepError> {
    let release = &cx.chart.release;
    let made = match cx.memory().made_revision {
        Some(revision) => Some(revision),
        None => cx
            .run
            .releases
            .history(release)
            .await?
            .last()
            .map(|last| last.revision),
    };
    // An overridden exec may have left no release at all.
    let Some(revision) = made else { return Ok(()) };
    let said = cx.memory().manifest;
    let objects = match said {
        Some(manifest) => objects_in(cx, &manifest).await?,
        None => objects_of(cx, revision).await?,
    };
    cx.park();
    let result = wait_for(cx, &objects).await;
    if let Err(error) = &result
        && !error.cancelled
    {
        let reason = format!("{FAILED}{error}");
        if let Err(error) = cx.run.releases.set_failed(release, revision, &reason).await {
            cx.warn(&format!(
                "revision {revision} of {release} could not be marked failed: {error}"
            ));
        }
    }
    result
}

/// Whether the objects of a release that is left as it is are ready. If they are not, the record
/// stays as it is, too.
pub(super) async fn look(cx: &Context<'_>) -> Result<(), StepError> {
    let history = cx.run.releases.history(&cx.chart.release).await?;
    let Some(last) = history.last() else {
        return Ok(());
    };
    let objects = objects_of(cx, last.revision).await?;
    cx.park();
    wait_for(cx, &objects).await
}

/// The objects in the manifest of a revision that can be waited for.
pub(super) async fn objects_of(
    cx: &Context<'_>,
    revision: u32,
) -> Result<Vec<ObjectRef>, StepError> {
    let release = &cx.chart.release;
    let Some(record) = cx.run.releases.get(release, revision).await? else {
        return Err(StepError::new(format!(
            "revision {revision} of {release} is gone"
        )));
    };
    objects_in(cx, record.manifest()).await
}

async fn objects_in(cx: &Context<'_>, manifest: &str) -> Result<Vec<ObjectRef>, StepError> {
    let found = manifest_objects(manifest, &cx.chart.release.namespace)?;
    let mut objects = Vec::new();
    for ManifestObject { object, .. } in found {
        if !is_done_and_gone(cx, manifest, &object).await? {
            objects.push(object);
        }
    }
    Ok(objects)
}

/// Whether it is a Job that the server removes when it is done (`ttlSecondsAfterFinished`), and has
/// removed: Helm had made it.
async fn is_done_and_gone(
    cx: &Context<'_>,
    manifest: &str,
    object: &ObjectRef,
) -> Result<bool, StepError> {
    if object.kind != "Job" {
        return Ok(false);
    }
    let rendered = manifest_content(manifest, &cx.chart.release.namespace, object);
    let is_removed = |job: Value| job["spec"]["ttlSecondsAfterFinished"].is_u64();
    Ok(rendered.is_some_and(is_removed) && cx.run.cluster.get(object).await?.is_none())
}

/// Waits until objects are ready, up to the chart's timeout, interruptibly.
pub async fn wait_for(cx: &Context<'_>, objects: &[ObjectRef]) -> Result<(), StepError> {
    ready_within(cx, objects, cx.limit(cx.chart.timeout)).await
}

/// Waits until objects are gone, up to the chart's timeout, interruptibly.
pub async fn wait_gone(cx: &Context<'_>, objects: &[ObjectRef]) -> Result<(), StepError> {
    gone_within(cx, objects, cx.limit(cx.chart.timeout)).await
}

/// Waits until objects are ready, interruptibly.
pub(super) async fn ready_within(
    cx: &Context<'_>,
    objects: &[ObjectRef],
    limit: Limit,
) -> Result<(), StepError> {
    let mut on_status = status(cx);
    let waiting = cx
        .run
        .watches
        .wait_ready(objects, limit.until, &mut on_status);
    let result = interruptible(cx, waiting).await?;
    result.map_err(|error| late(&error, "ready", limit))
}

/// Waits until objects are gone, interruptibly.
pub(super) async fn gone_within(
    cx: &Context<'_>,
    objects: &[ObjectRef],
    limit: Limit,
) -> Result<(), StepError> {
    let mut on_status = status(cx);
    let waiting = cx
        .run
        .watches
        .wait_gone(objects, limit.until, &mut on_status);
    let result = interruptible(cx, waiting).await?;
    result.map_err(|error| late(&error, "gone", limit))
}

pub(super) async fn interruptible<T>(
    cx: &Context<'_>,
    work: impl Future<Output = T>,
) -> Result<T, StepError> {
    tokio::select! {
        result = work => Ok(result),
        () = cx.run.shutdown.reached(Level::Terminate) => Err(Cancelled.into()),
    }
}

/// Tells what is waited for, whenever that changes.
fn status(cx: &Context<'_>) -> impl FnMut(&Progress) + Send {
    let mut last = String::new();
    move |progress| {
        let text = list(&progress.waiting);
        if text != last {
            cx.status(&text);
            last = text;
        }
    }
}

fn late(error: &NotReady, wanted: &str, limit: Limit) -> StepError {
    let step_error = if error.failed.is_empty() {
        let after = in_words(limit.timeout);
        let message = format!("not {wanted} after {after}: {}", list(&error.late));
        StepError::new(message).of_class(ErrorClass::Timeout)
    } else {
        StepError::new(format!("failed to get {wanted}: {}", list(&error.failed)))
    };
    match &error.trouble {
        Some(trouble) => step_error.cause(trouble.to_string()),
        None => step_error,
    }
}

/// `Deployment web: 0 of 2 replicas available, Job seed: running and 3 more`.
fn list(objects: &[(ObjectRef, String)]) -> String {
    let named: Vec<String> = objects
        .iter()
        .take(NAMED)
        .map(|(object, message)| format!("{object}: {message}"))
        .collect();
    let more = objects.len().saturating_sub(NAMED);
    let tail = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}{tail}", named.join(", "))
}
