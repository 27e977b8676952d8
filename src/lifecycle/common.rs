//! The default body of each step of [`HelmChart`](super::HelmChart): what the stack file declares.
//! An override that only adds something calls these.

use super::{Context, Payload, StepError, deploy, dossier, remove, steps};
use crate::name::Action;

/// Values files are there and readable (the seed's own check, B30). The same was checked for all
/// charts before the first change; a run is long, and files may be gone by now.
pub async fn check_prerequisites(cx: &Context<'_>) -> Result<Payload, StepError> {
    if cx.action.executes() {
        for file in &cx.chart.values.files {
            tokio::fs::File::open(file).await.map_err(|error| {
                StepError::new(format!(
                    "values file {} of chart {} cannot be read",
                    file.display(),
                    cx.chart.name
                ))
                .cause(error.to_string())
            })?;
        }
    }
    Ok(Payload::default())
}

/// The file's `pre` steps.
pub async fn pre_exec(cx: &Context<'_>, payload: Payload) -> Result<Payload, StepError> {
    steps::run(cx, "pre", &cx.chart.steps.pre, payload).await
}

/// The plan's action: Helm's upgrade or uninstall. An uninstall of a release that is not there
/// does nothing, so that an interrupted teardown comes to its end (B33, B42).
pub async fn exec(cx: &Context<'_>, payload: Payload) -> Result<Payload, StepError> {
    match cx.action {
        Action::Uninstall => remove::uninstall(cx).await?,
        Action::Skip | Action::Unchanged | Action::Validate => {}
        _ => deploy::upgrade(cx).await?,
    }
    Ok(payload)
}

/// The dossier, then the file's `on_failure` steps.
pub async fn on_deploy_failure(
    cx: &Context<'_>,
    error: &StepError,
    payload: Payload,
) -> Result<(), StepError> {
    dossier::collect(cx, &error.message, &error.cause).await;
    steps::run(cx, "on_failure", &cx.chart.steps.on_failure, payload)
        .await
        .map(drop)
}

/// The file's `post` steps.
pub async fn post_exec(cx: &Context<'_>, payload: Payload) -> Result<Payload, StepError> {
    steps::run(cx, "post", &cx.chart.steps.post, payload).await
}

/// The file's `validate` steps.
pub async fn validate(cx: &Context<'_>, payload: Payload) -> Result<Payload, StepError> {
    steps::run(cx, "validate", &cx.chart.steps.validate, payload).await
}
