//! Uninstall.

use futures::StreamExt as _;

use super::{
    Context, StepError,
    intents::Undertaking,
    ready,
    recover::{self, Depth, Next},
};
use crate::{
    cluster::{Cluster, ObjectRef},
    helm::Uninstall,
    lock::Operation,
    name::ReleaseStatus,
    release::{Payload, Revision, manifest_objects},
};

/// Objects looked at at once.
const AT_ONCE: usize = 8;

/// Uninstalls the release if it is there, and waits until its objects are gone: as on the way up,
/// by watching them ourselves, while the chart holds no slot. Helm's uninstall checks no lock, so
/// we do: on top of a live upgrade it would delete under its feet (helm.md section 2).
pub async fn uninstall(cx: &Context<'_>) -> Result<(), StepError> {
    cx.unpark().await?;
    let limit = cx.limit(cx.chart.timeout);
    let history = recover::clear_way(cx, Next::Remove, Depth::Payload, &limit).await?;
    finish(cx, &history).await
}

/// Uninstalls a release that nobody else works on. The chart holds a slot before, and none after.
pub(super) async fn finish(cx: &Context<'_>, history: &[Revision]) -> Result<(), StepError> {
    let release = &cx.chart.release;
    let Some(last) = history.last() else {
        cx.park();
        cx.status("not installed");
        return Ok(());
    };
    let record = cx.run.releases.get(release, last.revision).await?;
    let uninstall = Uninstall {
        release: release.clone(),
        timeout: cx.limit(cx.chart.timeout).timeout,
        // Hooks that run after the deletion would run too early.
        wait: record.as_ref().is_some_and(has_post_delete_hooks),
    };
    let going = record
        .as_ref()
        // Only its history is left: what has these names now is somebody else's.
        .filter(|_| last.status != ReleaseStatus::Uninstalled)
        .map(|record| deleted_by(cx, record))
        .transpose()?
        .unwrap_or_default();
    let helm = cx.run.helm()?;
    let work = Box::pin(cx.helm(async |call| helm.uninstall(call, &uninstall).await));
    let undertaking = Undertaking {
        operation: Operation::Uninstall,
        from_revision: Some(last.revision),
        goes_on_from: record
            .filter(|record| record.status() == ReleaseStatus::Uninstalling)
            .and_then(|record| record.deleted()),
        lasts: uninstall.deadline(),
        deletes: going.clone(),
    };
    recover::announced(cx, undertaking, work).await??;
    gone(cx, going).await
}

/// Waits until the objects of a release that is gone are gone, too. If they are not in time, they
/// stay announced, for whoever comes next. The chart holds no slot then.
pub(super) async fn gone(cx: &Context<'_>, deleted: Vec<ObjectRef>) -> Result<(), StepError> {
    cx.park();
    if deleted.is_empty() {
        return Ok(());
    }
    let (intents, release) = (&cx.run.intents, &cx.chart.release);
    let found = leaving(&cx.run.cluster, deleted).await;
    for object in &found.staying {
        cx.warn(&format!(
            "{object} is there and not being deleted: it belongs to somebody else, or was made anew"
        ));
    }
    if !found.leaving.is_empty() {
        intents.leaves(release, found.leaving.clone()).await?;
        ready::wait_gone(cx, &found.leaving).await?;
    }
    intents.clear_soon(release);
    Ok(())
}

/// What is there of the objects that Helm was to delete.
pub(super) struct Left {
    /// Those on their way out, and those that could not be read: that is for the wait to find out.
    pub(super) leaving: Vec<ObjectRef>,
    /// Helm has asked for each deletion by now, so one that is there without is not ours to wait
    /// for: Helm 4 leaves what belongs to another release (helm.md section 4), or a controller made
    /// it anew.
    staying: Vec<ObjectRef>,
}

pub(super) async fn leaving(cluster: &Cluster, objects: Vec<ObjectRef>) -> Left {
    let looked_at = futures::stream::iter(objects)
        .map(|object| async move { (cluster.get(&object).await, object) })
        .buffered(AT_ONCE);
    let found: Vec<_> = looked_at.collect().await;
    let mut left = Left {
        leaving: Vec::new(),
        staying: Vec::new(),
    };
    for (found, object) in found {
        match found {
            Ok(None) => {}
            Ok(Some(there)) if there["metadata"]["deletionTimestamp"].is_null() => {
                left.staying.push(object);
            }
            Ok(Some(_)) | Err(_) => left.leaving.push(object),
        }
    }
    left
}

fn has_post_delete_hooks(record: &Payload) -> bool {
    record
        .hooks()
        .iter()
        .any(|hook| hook.events.iter().any(|event| event == "post-delete"))
}

/// What Helm deletes: the objects of the manifest, but those it is told to keep.
fn deleted_by(cx: &Context<'_>, record: &Payload) -> Result<Vec<ObjectRef>, StepError> {
    let found = manifest_objects(record.manifest(), &cx.chart.release.namespace)?;
    Ok(found
        .into_iter()
        .filter(|found| !found.keep)
        .map(|found| found.object)
        .collect())
}
