//! Install and upgrade: from what the stack says of a chart to one `helm install` or `helm upgrade
//! --install`.

use std::{borrow::Cow, collections::BTreeMap, path::PathBuf};

use super::{
    Context, StepError,
    context::Before,
    intents::Undertaking,
    ready,
    recover::{self, Depth, Next},
    remove, unchanged,
};
use crate::{
    digest::Digests,
    helm::{ApplyMode, Cause, HelmError, Major, PostRenderer, Upgrade, Upgraded, WaitMode},
    lock::Operation,
    name::{Action, ReleaseStatus, parse_version},
    release::{Marks, Revision},
    secret::Secret,
    stack::{self, Scope, Wait},
};

/// Makes sure that the release's namespace is there, with the labels the stack gives it; marked as
/// ours if it was not.
pub(super) async fn ensure_namespace(cx: &Context<'_>) -> Result<(), StepError> {
    let namespace = &cx.chart.release.namespace;
    let spec = cx
        .run
        .stack
        .namespaces
        .get(namespace)
        .cloned()
        .unwrap_or_default();
    cx.run
        .cluster
        .ensure_namespace(
            namespace,
            &spec.labels,
            &spec.annotations,
            Some(&cx.owner()),
        )
        .await?;
    Ok(())
}

/// `helm upgrade --install` with everything the file says, labelled as ours. Where another operation
/// is at work on the release, or died at it, it waits for its turn.
pub async fn upgrade(cx: &Context<'_>) -> Result<(), StepError> {
    let (values_files, values) = compose(cx).await?;
    let chart = cx
        .chart_path()
        .ok_or_else(|| StepError::new("the chart was not fetched"))?;
    let mut upgrade = Upgrade {
        release: cx.chart.release.clone(),
        is_first: false,
        chart: chart.to_owned(),
        values_files,
        values,
        timeout: cx.limit(cx.chart.timeout).timeout,
        wait: wait_mode(cx, cx.run.helm()?.major),
        history_max: cx.chart.history_max,
        labels: BTreeMap::new(),
        mode: mode(cx.chart.apply.mode),
        take_ownership: cx.chart.apply.take_ownership,
        skip_schema_validation: cx.chart.apply.skip_schema_validation,
        post_renderer: post_renderer(cx)?,
    };
    let digests = unchanged::of(cx).await?;
    let limit = cx.limit(cx.chart.timeout);
    let mut depth = Depth::Label;
    loop {
        // After a reinstall's removal, or a pause, the chart has given its slot back.
        cx.unpark().await?;
        let history = recover::clear_way(cx, Next::Deploy, depth, &limit).await?;
        let last = history.last();
        remember(cx, &history).await?;
        if let Some(last) = last.filter(|last| unchanged::is_there(cx, last, digests.as_ref())) {
            cx.status(&format!("revision {} is as wanted", last.revision));
            cx.remember(|memory| memory.made_revision = Some(last.revision));
            return Ok(());
        }
        let expected = last.map_or(1, |last| last.revision + 1);
        upgrade.is_first = last.is_none();
        upgrade.labels = labels(cx, expected, last, digests.clone())?;
        match run(cx, last.map(|last| last.revision), &upgrade).await? {
            Ok(made) => {
                check_revision(cx, &made, expected);
                cx.remember(|memory| memory.manifest = made.manifest.map(Into::into));
                return Ok(());
            }
            Err(error) if is_locked(&error) && !limit.is_over() => {
                depth = Depth::Payload;
                recover::pause(cx, &error.cause.to_string()).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn run(
    cx: &Context<'_>,
    last: Option<u32>,
    upgrade: &Upgrade,
) -> Result<Result<Upgraded, HelmError>, StepError> {
    let helm = cx.run.helm()?;
    let work = Box::pin(cx.helm(async |call| helm.upgrade(call, upgrade).await));
    let undertaking = Undertaking {
        operation: Operation::Upgrade,
        from_revision: last,
        goes_on_from: None,
        lasts: upgrade.deadline(),
        deletes: Vec::new(),
    };
    recover::announced(cx, undertaking, work).await
}

/// Helm's words for a release that somebody else works on: seen when it began, or met in a race
/// (helm.md section 2).
fn is_locked(error: &HelmError) -> bool {
    matches!(
        error.cause,
        Cause::LockHeld | Cause::LockLost | Cause::NameInUse
    )
}

fn check_revision(cx: &Context<'_>, made: &Upgraded, expected: u32) {
    cx.remember(|memory| memory.made_revision = Some(made.revision));
    if made.revision != expected {
        cx.warn(&format!(
            "helm made revision {} where {expected} was expected: somebody else changed {} meanwhile",
            made.revision, cx.chart.release
        ));
    }
}

/// Uninstalls what `reinstall_below` says must go first. The plan decided it, preflight asked for
/// consent. Looked at once more: while this run waited for its lease or its turn, another one may
/// have brought the new version, with its data.
pub(super) async fn remove_old(cx: &Context<'_>) -> Result<(), StepError> {
    if let Some(below) = &cx.chart.reinstall_below
        && let Some(installed) = installed_version(cx).await?
        && installed.cmp_precedence(&below.version).is_ge()
    {
        cx.warn(&format!(
            "chart version {installed} was installed since the plan was made: it is upgraded, not removed"
        ));
        return Ok(());
    }
    remove::uninstall(cx).await?;
    cx.unpark().await
}

async fn installed_version(cx: &Context<'_>) -> Result<Option<semver::Version>, StepError> {
    let release = &cx.chart.release;
    let Some(last) = cx.run.releases.history(release).await?.pop() else {
        return Ok(None);
    };
    let record = cx.run.releases.get(release, last.revision).await?;
    Ok(record.and_then(|record| parse_version(record.chart_version())))
}

/// What there is right before exec is remembered, since rollback goes back to what was good then.
async fn remember(cx: &Context<'_>, history: &[Revision]) -> Result<(), StepError> {
    let before = Before {
        good_revision: good(cx, history).await?,
        last_revision: history.last().map(|revision| revision.revision),
        is_installed: history
            .last()
            .is_some_and(|last| last.status != ReleaseStatus::Uninstalled),
    };
    // Of the first attempt: what later ones find is what it left.
    cx.remember(|memory| {
        memory.before.get_or_insert(before);
    });
    Ok(())
}

/// What to go back to: the deployed revision. There is none after an upgrade that Helm took for
/// done and we found not ready; what that one replaced was good then, unless it had failed, too.
async fn good(cx: &Context<'_>, history: &[Revision]) -> Result<Option<u32>, StepError> {
    let newest_first = |status| {
        let found = history.iter().rev();
        found.filter(move |found| found.status == status)
    };
    if let Some(deployed) = newest_first(ReleaseStatus::Deployed).next() {
        return Ok(Some(deployed.revision));
    }
    for old in newest_first(ReleaseStatus::Superseded) {
        let record = cx.run.releases.get(&cx.chart.release, old.revision).await?;
        if record.is_some_and(|record| !tells_failure(record.description())) {
            return Ok(Some(old.revision));
        }
    }
    Ok(None)
}

/// Whether a revision's description is that of one that was never good or had been uninstalled:
/// ours, Helm's (`Upgrade "web" failed: …`), or that of a kept history which a new install
/// replaced. Its status does not tell once it was superseded.
fn tells_failure(description: &str) -> bool {
    description.starts_with(ready::FAILED)
        || description.contains("\" failed: ")
        || description == "superseded by new release"
}

type ComposedValues = (Vec<PathBuf>, Secret);

/// What the chart's values may refer to.
pub(super) async fn scope<'c>(cx: &'c Context<'_>) -> Result<Cow<'c, Scope>, StepError> {
    let mut scope = cx.scope();
    if cx.chart.values.are_conditional() {
        // Of a release that is removed first nothing is installed any more.
        let installed = cx.action != Action::Reinstall && cx.was_installed().await?;
        scope.to_mut().installed = installed;
    }
    Ok(scope)
}

async fn compose(cx: &Context<'_>) -> Result<ComposedValues, StepError> {
    let values = &cx.chart.values;
    let scope = scope(cx).await?;
    let composed = values.compose(&scope).map_err(|error| {
        StepError::new(format!(
            "the values of chart {} cannot be made",
            cx.chart.name
        ))
        .cause(error.to_string())
    })?;
    for secret in &composed.secrets {
        cx.run.redactor.add(secret);
    }
    Ok((composed.files, Secret::new(composed.document.to_string())))
}

fn post_renderer(cx: &Context<'_>) -> Result<Option<PostRenderer>, StepError> {
    let Some(said) = &cx.chart.post_renderer else {
        return Ok(None);
    };
    let name = cx.chart.name.as_str();
    let made = PostRenderer::make(&cx.run.surroundings, name, &said.words, &said.dir);
    made.map(Some).map_err(|error| {
        StepError::new("the post-renderer cannot be handed to Helm").cause(error.to_string())
    })
}

fn mode(mode: stack::ApplyMode) -> ApplyMode {
    match mode {
        stack::ApplyMode::Auto => ApplyMode::Auto,
        stack::ApplyMode::ClientSide => ApplyMode::ClientSide,
        stack::ApplyMode::ServerSide { force_conflicts } => {
            ApplyMode::ServerSide { force_conflicts }
        }
        stack::ApplyMode::Replace => ApplyMode::Replace,
    }
}

/// Who waits. Hooks that run after readiness need Helm's own wait, or they would run too early.
/// Helm 4 without `--wait` does not await the deletion of old hook objects either, and may take
/// the end of an old hook Job for that of the new one (helm.md section 3), so there any hook will
/// do.
fn wait_mode(cx: &Context<'_>, major: Major) -> WaitMode {
    let hooks = cx.opened().map(|chart| chart.hooks).unwrap_or_default();
    let hooks_need_helm = hooks.after_ready || (hooks.any && major == Major::V4);
    match cx.chart.wait {
        Wait::Helm => WaitMode::Helm,
        Wait::Watch if hooks_need_helm => WaitMode::Helm,
        Wait::Watch | Wait::No => WaitMode::None,
    }
}

fn labels(
    cx: &Context<'_>,
    expected: u32,
    last: Option<&Revision>,
    digest: Option<Digests>,
) -> Result<BTreeMap<String, String>, StepError> {
    let version = cx.opened().map(|chart| chart.version.to_string());
    let marks = Marks {
        stack: Some(cx.run.stack.name.clone()),
        environment: cx.run.stack.environment.clone(),
        run: Some(cx.run.id.clone()),
        revision: Some(expected),
        chart_version: version,
        digest,
        ..Marks::default()
    };
    // Beside a history that is only kept, Helm installs: nothing is inherited.
    let inherited = last.filter(|last| last.status != ReleaseStatus::Uninstalled);
    Ok(marks.labels(inherited.map(|last| &last.marks))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_superseded_revision_still_tells_that_it_had_failed() {
        for (description, failed) in [
            ("stackctl: not ready after 5s: Deployment/web", true),
            ("Upgrade \"web\" failed: context deadline exceeded", true),
            ("Release \"web\" failed: context canceled", true),
            ("superseded by new release", true),
            ("Install complete", false),
            ("Upgrade complete", false),
            ("Rollback to 3", false),
            ("try again what failed last week", false),
            ("", false),
        ] {
            assert_eq!(tells_failure(description), failed, "{description}");
        }
    }
}
