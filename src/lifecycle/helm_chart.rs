//! The seed's trait: one chart's lifecycle, step by step, each of which a program may override.

use std::panic::AssertUnwindSafe;

use async_trait::async_trait;
use futures::FutureExt as _;

use super::{
    Context, Payload, StepError, Validation, common, deploy, late, live, outputs, purge, ready,
    retry, rollback, unchanged,
};
use crate::{
    engine::Done,
    event::Failure,
    name::{Action, Milestone},
};

/// The lifecycle of one chart.
///
/// Every default does what the stack file declares, by calling the free function of the same name
/// in [`common`]; an override that wants more than the default calls that function itself. The
/// order of the steps, and the phases that are built in (fetch, namespace, reinstall, ready, dossier,
/// rollback), are not the trait's: overriding a step never drops a feature.
///
/// | step | default | an error |
/// | --- | --- | --- |
/// | `check_prerequisites` | values files readable | ends the run of the chart, no failure hook |
/// | `pre_exec` | `pre` steps of the file | the same |
/// | `exec` | Helm upgrade, uninstall, or nothing | failure hook, rollback; is the error returned |
/// | `on_deploy_failure` | dossier, `on_failure` steps | attached to the error of `exec` |
/// | `post_exec` | `post` steps of the file | fails the chart, no hook, no rollback |
/// | `validate` | `validate` steps of the file | the same |
///
/// All steps run for every action; the steps a file declares choose theirs with `when`. With
/// `action = "skip"` only `exec` is left out. Of a chart that has not changed none runs (with
/// `--validate all` the last one); where an earlier run ended after `exec`, those after it do.
#[async_trait]
pub trait HelmChart: Send + Sync {
    /// Makes sure of everything that can be known before anything is done.
    async fn check_prerequisites(&self, cx: &Context<'_>) -> Result<Payload, StepError> {
        common::check_prerequisites(cx).await
    }

    /// Before exec.
    async fn pre_exec(&self, cx: &Context<'_>, payload: Payload) -> Result<Payload, StepError> {
        common::pre_exec(cx, payload).await
    }

    /// The action itself. Gets a clone: the failure hook sees the payload as it was before.
    async fn exec(&self, cx: &Context<'_>, payload: Payload) -> Result<Payload, StepError> {
        common::exec(cx, payload).await
    }

    /// After a failed exec (of any action), or when its workloads did not get ready.
    async fn on_deploy_failure(
        &self,
        cx: &Context<'_>,
        error: &StepError,
        payload: Payload,
    ) -> Result<(), StepError> {
        common::on_deploy_failure(cx, error, payload).await
    }

    /// After exec, when the workloads are ready.
    async fn post_exec(&self, cx: &Context<'_>, payload: Payload) -> Result<Payload, StepError> {
        common::post_exec(cx, payload).await
    }

    /// Whether it works as it should. A failure stops the graph.
    async fn validate(&self, cx: &Context<'_>, payload: Payload) -> Result<Payload, StepError> {
        common::validate(cx, payload).await
    }
}

/// What the stack file says, and nothing else.
#[derive(Debug, Clone, Copy, Default)]
pub struct CommonChart;

impl HelmChart for CommonChart {}

impl dyn HelmChart + '_ {
    /// Runs the whole lifecycle of one chart. Not a trait method, so that the order holds for
    /// every implementation.
    pub async fn run(&self, cx: &Context<'_>) -> Result<Done, Failure> {
        match cx.action {
            Action::Unchanged => return self.look_again(cx).await,
            Action::Validate => return self.finish(cx, Payload::default()).await,
            action if action.executes() => late::fetch(cx).await?,
            _ => {}
        }
        let payload = cx
            .phase("check_prerequisites", || async {
                if cx.chart.asks_whether_installed() {
                    // Exec would change the answer.
                    cx.was_installed().await?;
                }
                self.check_prerequisites(cx).await
            })
            .await?;
        if outputs::are_used(cx) {
            cx.phase("outputs", || outputs::read(cx)).await?;
        }
        if cx.action.executes() {
            cx.phase("namespace", || deploy::ensure_namespace(cx))
                .await?;
        }
        let payload = cx.phase("pre", || self.pre_exec(cx, payload)).await?;
        if cx.action == Action::Uninstall {
            cx.phase("live_objects", || Box::pin(live::settle(cx)))
                .await?;
        }
        let before_exec = payload.clone();
        let payload = match self.act(cx, payload).await {
            Ok(payload) => payload,
            Err((phase, error)) => return Err(self.fail(cx, phase, error, before_exec).await),
        };
        self.finish(cx, payload).await
    }

    /// What comes after exec. A chart that an earlier run left here begins here.
    async fn finish(&self, cx: &Context<'_>, payload: Payload) -> Result<Done, Failure> {
        let is_left = cx.left.is_some();
        if is_left {
            if outputs::are_used(cx) {
                cx.phase("outputs", || outputs::read(cx)).await?;
            }
            cx.reached(Milestone::Deployed);
            if ready::is_awaited(cx) {
                cx.phase("ready", || ready::wait(cx)).await?;
            }
            cx.reached(Milestone::Ready);
        }
        let payload = if cx.left.is_some_and(|left| left.posted) {
            payload
        } else {
            cx.phase("post", || self.post_exec(cx, payload)).await?
        };
        let is_marked = is_left || cx.action.executes();
        let steps = &cx.chart.steps;
        if is_marked && !steps.post.is_empty() && !steps.validate.is_empty() {
            unchanged::mark(cx, false).await;
        }
        if cx.run.validation != Validation::None {
            cx.phase("validate", || self.validate(cx, payload)).await?;
        }
        if cx.action == Action::Uninstall && purge::is_due(cx) {
            cx.phase("namespace", || purge::namespace(cx)).await?;
        }
        match cx.action {
            Action::Uninstall => cx.reached(Milestone::Gone),
            _ => cx.reached(Milestone::Validated),
        }
        // What waits for this chart need not wait for this, too.
        if is_marked && (cx.run.validation != Validation::None || steps.validate.is_empty()) {
            unchanged::mark(cx, true).await;
        }
        Ok(if cx.action == Action::Skip {
            Done::Skipped
        } else {
            Done::Succeeded
        })
    }

    /// Nothing of it has changed. What others are about to rely on is looked at again, and
    /// validated if that was asked for.
    async fn look_again(&self, cx: &Context<'_>) -> Result<Done, Failure> {
        let is_validated = cx.run.validation == Validation::All;
        if (is_validated || cx.is_relied_on) && ready::is_awaited(cx) {
            cx.phase("ready", || ready::look(cx)).await?;
        }
        if is_validated {
            let payload = Payload::default();
            cx.phase("validate", || self.validate(cx, payload)).await?;
        }
        cx.reached(Milestone::Validated);
        Ok(Done::Unchanged)
    }

    /// Exec with the phases around it that belong to it: reinstall, ready. Tried again as `retry`
    /// of the chart says.
    async fn act(
        &self,
        cx: &Context<'_>,
        payload: Payload,
    ) -> Result<Payload, (&'static str, StepError)> {
        if cx.action == Action::Skip {
            cx.reached(Milestone::Ready);
            return Ok(payload);
        }
        if cx.action == Action::Reinstall {
            cx.step("reinstall", deploy::remove_old(cx))
                .await
                .map_err(at("reinstall"))?;
        }
        let mut attempt = 1;
        loop {
            match self.try_once(cx, payload.clone()).await {
                Ok(payload) => return Ok(payload),
                Err((phase, error)) => retry::again(cx, &cx.chart.retry, attempt, error)
                    .await
                    .map_err(at(phase))?,
            }
            attempt += 1;
        }
    }

    /// One attempt at exec, and at getting ready.
    async fn try_once(
        &self,
        cx: &Context<'_>,
        payload: Payload,
    ) -> Result<Payload, (&'static str, StepError)> {
        let payload = cx
            .step("exec", self.exec(cx, payload))
            .await
            .map_err(at("exec"))?;
        if cx.action.executes() {
            cx.reached(Milestone::Deployed);
            if ready::is_awaited(cx) {
                cx.step("ready", ready::wait(cx))
                    .await
                    .map_err(at("ready"))?;
            }
            cx.reached(Milestone::Ready);
        }
        Ok(payload)
    }

    /// Failure hook, then rollback. The error of exec is the one returned, whatever these do.
    async fn fail(
        &self,
        cx: &Context<'_>,
        phase: &'static str,
        error: StepError,
        payload: Payload,
    ) -> Failure {
        cx.lift_deadline();
        let mut attached = Vec::new();
        if !error.cancelled {
            let hook = cx.step("on_failure", self.on_deploy_failure(cx, &error, payload));
            if let Err(error) = AssertUnwindSafe(hook)
                .catch_unwind()
                .await
                .unwrap_or_else(|_| Err(StepError::new("it panicked")))
            {
                attached.push(format!("the failure hook failed too: {error}"));
            }
            if rollback::is_due(cx) {
                match cx.step("rollback", rollback::run(cx)).await {
                    Ok(said) => attached.push(said),
                    Err(error) => attached.push(format!("rolling back failed: {error}")),
                }
            }
        }
        let mut failure = error.into_failure(phase, &cx.run.redactor);
        failure.dossier = cx.take_dossier();
        failure.attached = attached
            .iter()
            .map(|text| cx.run.redactor.redact(text).into_string())
            .collect();
        failure
    }
}

fn at(phase: &'static str) -> impl Fn(StepError) -> (&'static str, StepError) {
    move |error| (phase, error)
}
