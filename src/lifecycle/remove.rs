//! Uninstall.

use super::{Context, StepError, ready};
use crate::{
    cluster::ObjectRef,
    helm::Uninstall,
    release::{Payload, Revision, manifest_objects},
};

/// Uninstalls the release if it is there, and waits until its objects are gone: as on the way up,
/// by watching them ourselves, while the chart holds no slot. Helm's uninstall checks no lock, so
/// we do: on top of a live upgrade it would delete under its feet (helm.md section 2).
pub async fn uninstall(cx: &Context<'_>) -> Result<(), StepError> {
    let release = &cx.chart.release;
    let history = cx.run.releases.history(release).await?;
    let Some(last) = history.last() else {
        cx.status("not installed");
        return Ok(());
    };
    if last.status.is_pending() {
        return Err(locked(cx, last));
    }
    let record = cx.run.releases.get(release, last.revision).await?;
    let uninstall = Uninstall {
        release: release.clone(),
        timeout: cx.chart.timeout,
        // Hooks that run after the deletion would run too early.
        wait: record.as_ref().is_some_and(has_post_delete_hooks),
    };
    let going = record
        .as_ref()
        .map(|record| deleted_by(cx, record))
        .transpose()?;
    cx.helm(async |call| cx.run.helm.uninstall(call, &uninstall).await)
        .await?;
    cx.park();
    ready::wait_gone(cx, &going.unwrap_or_default()).await
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

/// Another Helm operation holds the release, or died holding it.
pub(super) fn locked(cx: &Context<'_>, last: &Revision) -> StepError {
    let release = &cx.chart.release;
    StepError::new(format!(
        "release {release} is locked: revision {} is {}",
        last.revision, last.status
    ))
    .hint(format!(
        "if nobody is working on it any more, clear it: helm rollback {name} -n {ns} (upgrade or rollback), or helm uninstall {name} -n {ns} (first install)",
        name = release.name,
        ns = release.namespace
    ))
}
