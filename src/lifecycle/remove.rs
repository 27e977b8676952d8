//! Uninstall.

use super::{Context, StepError};
use crate::{helm::Uninstall, release::Revision};

/// Uninstalls the release if it is there, and waits until its objects are gone. Helm's uninstall
/// checks no lock, so we do: on top of a live upgrade it would delete under its feet (helm.md
/// section 2).
pub async fn uninstall(cx: &Context<'_>) -> Result<(), StepError> {
    let history = cx.run.releases.history(&cx.chart.release).await?;
    let Some(last) = history.last() else {
        cx.status("not installed");
        return Ok(());
    };
    if last.status.is_pending() {
        return Err(locked(cx, last));
    }
    let uninstall = Uninstall {
        release: cx.chart.release.clone(),
        timeout: cx.chart.timeout,
        wait: true,
    };
    cx.helm(async |call| cx.run.helm.uninstall(call, &uninstall).await)
        .await?;
    Ok(())
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
