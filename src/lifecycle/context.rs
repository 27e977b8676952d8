//! What an implementation of a lifecycle step may see and use.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    future::Future,
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use tokio::{sync::OnceCell, time::Instant};

use super::{
    Changes, Intents, LateCharts, Purge, StepError, ready::Limit, unchanged::Left, words::in_words,
};
use crate::{
    chart,
    cluster::{Cluster, Owner, ServerVersion, Watches},
    engine::Progress,
    event::{Failure, Stream},
    helm::{Call, Helm, Surroundings},
    journal::RunFolder,
    name::{Action, ChartName, Milestone, ReleaseStatus, RunId},
    release::Releases,
    secret::Redactor,
    shutdown::{Level, Shutdown},
    stack::{self, ErrorClass, Late, Resolved, Scope, Stack},
};

/// Between `Level::Kill` and the end of a step that does not end by itself.
const LAST_WORDS: Duration = Duration::from_secs(3);

const ONE_SECOND: Duration = Duration::from_secs(1);

/// What all charts of one run share.
#[derive(Clone)]
pub struct RunContext {
    /// The stack.
    pub stack: Arc<Stack>,
    /// Identity of the run.
    pub id: RunId,
    /// Resolved inputs and environment.
    pub scope: Scope,
    /// The same as far as it is known without running commands.
    pub at_hand: Scope,
    /// Of the cluster's API server.
    pub version: ServerVersion,
    /// The helm binary; `None` if the plan has nothing that would need one.
    pub helm: Option<Helm>,
    /// Private kubeconfig and folders of helm's children.
    pub surroundings: Surroundings,
    /// The Kubernetes API.
    pub cluster: Cluster,
    /// Helm's records.
    pub releases: Releases,
    /// What is announced before it is done.
    pub intents: Intents,
    /// Shared watches.
    pub watches: Watches,
    /// The charts to deploy, fetched and opened by preflight. Late ones are not among them.
    pub charts: BTreeMap<ChartName, chart::Chart>,
    /// Fetches the charts among those to deploy that are not in [`Self::charts`]; `None` if there
    /// are none.
    pub late: Option<Arc<dyn LateCharts>>,
    /// A run down that also removes what stackctl made around the charts (`--purge`).
    pub purge: Option<Arc<Purge>>,
    /// What the run has done to releases so far.
    pub changes: Arc<Changes>,
    /// Which charts are validated.
    pub validation: Validation,
    /// The run folder.
    pub folder: RunFolder,
    /// Known secrets.
    pub redactor: Redactor,
    /// Who may stop it.
    pub shutdown: Shutdown,
}

impl RunContext {
    /// The helm of a run that has something to do.
    pub fn helm(&self) -> Result<&Helm, StepError> {
        let missing =
            || StepError::new("helm was not looked for: nothing was planned that needs it");
        self.helm.as_ref().ok_or_else(missing)
    }
}

/// Which charts' `validate` steps are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Validation {
    /// Of those that something is done to.
    #[default]
    Changed,
    /// Also of those that are unchanged.
    All,
    /// Of none: they count as not validated, and are next time.
    None,
}

/// One chart's view of the run.
pub struct Context<'a> {
    /// What all charts share.
    pub run: &'a RunContext,
    /// What the stack says of this chart.
    pub chart: &'a stack::Chart,
    /// What is done to it.
    pub action: Action,
    /// It is unchanged, and something that waits for it is not.
    pub(super) is_relied_on: bool,
    /// What an earlier run left of it, if only that is to be done.
    pub(super) left: Option<Left>,
    progress: &'a Progress,
    current: Mutex<String>,
    memory: Mutex<Memory>,
    installed: OnceCell<bool>,
    /// When everything that is done to the chart must have ended.
    deadline: Mutex<Option<Instant>>,
    /// The chart, if it was fetched late.
    opened: OnceLock<chart::Chart>,
}

/// What the built-in phases tell each other.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    /// How the release was right before Helm changed it; `None` as long as it did not.
    pub before: Option<Before>,
    /// The revision exec made, or found made already.
    pub made_revision: Option<u32>,
    /// What exec rendered, if Helm said so.
    pub manifest: Option<Arc<str>>,
    /// Whether anything of it changes is known only after its `pre` steps.
    pub is_open: bool,
    /// Lines of the dossier for the terminal.
    pub dossier: Vec<String>,
    /// What was read from the cluster for this chart's texts.
    pub late: BTreeMap<Late, Resolved>,
}

/// A release right before Helm changes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    /// The revision to roll back to: the newest that was deployed once.
    pub good_revision: Option<u32>,
    /// The newest revision, whatever its status.
    pub last_revision: Option<u32>,
    /// Whether the release was there at all. A history that was kept is none.
    pub is_installed: bool,
}

impl<'a> Context<'a> {
    pub(super) fn new(
        run: &'a RunContext,
        chart: &'a stack::Chart,
        action: Action,
        progress: &'a Progress,
    ) -> Self {
        Self {
            run,
            chart,
            action,
            is_relied_on: false,
            left: None,
            progress,
            current: Mutex::default(),
            memory: Mutex::default(),
            installed: OnceCell::new(),
            deadline: Mutex::new(chart.deadline.map(|deadline| Instant::now() + deadline)),
            opened: OnceLock::new(),
        }
    }

    /// The action as steps know it.
    pub fn told_action(&self) -> Action {
        self.left.map_or(self.action, |left| left.action)
    }

    /// Where the chart lies on this machine. None if the run does not deploy it: then it was not
    /// fetched.
    pub fn chart_path(&self) -> Option<&Path> {
        self.opened().map(|chart| chart.path.as_path())
    }

    /// The chart as it was read, by preflight or at its turn.
    pub(super) fn opened(&self) -> Option<&chart::Chart> {
        let before = || self.run.charts.get(&self.chart.name);
        self.opened.get().or_else(before)
    }

    /// Takes the chart that was fetched late.
    pub(super) fn open(&self, chart: chart::Chart) {
        // It is fetched once.
        let _ = self.opened.set(chart);
    }

    /// Whose what this run makes is.
    pub(super) fn owner(&self) -> Owner {
        let stack = &self.run.stack;
        (stack.name.clone(), stack.environment.clone())
    }

    /// A warning for the user, in this chart's name.
    pub fn warn(&self, text: &str) {
        self.say(Stream::Warning, text);
    }

    /// What the current step is waiting for; each one replaces the one before.
    pub fn status(&self, text: &str) {
        self.say(Stream::Status, text);
    }

    /// A line of output of the current step.
    pub fn say(&self, stream: Stream, text: &str) {
        let step = self
            .current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        self.progress
            .output(&step, stream, self.run.redactor.redact(text));
    }

    /// How long something may take that may take so long: no longer than the chart has left.
    pub(super) fn limit(&self, timeout: Duration) -> Limit {
        let limit = Limit::of(timeout);
        match *self.lock_deadline() {
            Some(deadline) if deadline < limit.until => {
                let left = deadline.saturating_duration_since(Instant::now());
                Limit {
                    until: deadline,
                    // For people.
                    timeout: Duration::from_secs(left.as_secs()).max(ONE_SECOND),
                }
            }
            _ => limit,
        }
    }

    /// Whether the chart's deadline is over at a moment.
    pub(super) fn is_over_at(&self, moment: Instant) -> bool {
        self.lock_deadline()
            .is_some_and(|deadline| deadline <= moment)
    }

    /// What comes now must be done whatever time it is.
    pub(super) fn lift_deadline(&self) {
        *self.lock_deadline() = None;
    }

    /// Runs one step: reported, not begun once the run was asked to terminate or the chart's time
    /// is over, and dropped a moment after it was told to kill, whatever it waits for.
    pub async fn step<T>(
        &self,
        name: &str,
        work: impl Future<Output = Result<T, StepError>>,
    ) -> Result<T, StepError> {
        if let Some(deadline) = self.chart.deadline
            && self.is_over_at(Instant::now())
        {
            let message = format!(
                "the chart's deadline of {} is over before {name}",
                in_words(deadline)
            );
            return Err(StepError::new(message).of_class(ErrorClass::Timeout));
        }
        let guard = self.progress.step(name).await?;
        let outer = std::mem::replace(&mut *self.lock_current(), name.to_owned());
        let result = tokio::select! {
            biased;
            result = work => result,
            () = self.last_moment() => Err(crate::engine::Cancelled.into()),
        };
        *self.lock_current() = outer;
        guard.finish(result.is_ok());
        result
    }

    /// Children that are killed end at once, and tell more than that the run was interrupted.
    async fn last_moment(&self) {
        self.run.shutdown.reached(Level::Kill).await;
        tokio::time::sleep(LAST_WORDS).await;
    }

    /// Runs one overridable phase; its error is the chart's failure.
    pub(super) async fn phase<T, F: Future<Output = Result<T, StepError>>>(
        &self,
        name: &'static str,
        work: impl FnOnce() -> F,
    ) -> Result<T, Failure> {
        let result = self.step(name, async { work().await }).await;
        result.map_err(|error| error.into_failure(name, &self.run.redactor))
    }

    /// The chart reached a milestone.
    pub(super) fn reached(&self, milestone: Milestone) {
        self.progress.reached(milestone);
    }

    /// Gives the slot back: from here on the chart starts no helm.
    pub(super) fn park(&self) {
        self.progress.park();
    }

    /// Gets a slot for helm again.
    pub(super) async fn unpark(&self) -> Result<(), StepError> {
        Ok(self.progress.unpark().await?)
    }

    /// Runs a helm call with everything it needs; its output goes to the user.
    pub async fn helm<T, E>(
        &self,
        call: impl AsyncFnOnce(Call<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut on_line = |stream, line: &str| self.say(stream, line);
        let deadline = *self.lock_deadline();
        call(Call {
            at_most: deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())),
            surroundings: &self.run.surroundings,
            shutdown: &self.run.shutdown,
            on_line: &mut on_line,
        })
        .await
    }

    /// Sleeps, or fails once the run was asked to terminate.
    pub async fn pause(&self, duration: Duration) -> Result<(), StepError> {
        tokio::select! {
            () = tokio::time::sleep(duration) => Ok(()),
            () = self.run.shutdown.reached(Level::Terminate) => {
                Err(crate::engine::Cancelled.into())
            }
        }
    }

    /// What this chart's texts are expanded with: inputs, environment, and what was read from the
    /// cluster for it so far.
    pub fn scope(&self) -> Cow<'_, Scope> {
        let late = self.memory().late;
        if late.is_empty() {
            return Cow::Borrowed(&self.run.scope);
        }
        Cow::Owned(Scope {
            late,
            ..self.run.scope.clone()
        })
    }

    /// Whether the release had a `deployed` revision when this was asked first. Asked before
    /// anything is changed, if anybody wants to know.
    pub(super) async fn was_installed(&self) -> Result<bool, StepError> {
        let installed = self.installed.get_or_try_init(|| async {
            let history = self.run.releases.history(&self.chart.release).await?;
            let mut statuses = history.iter().map(|revision| revision.status);
            Ok::<_, StepError>(statuses.any(|status| status == ReleaseStatus::Deployed))
        });
        installed.await.copied()
    }

    pub(super) fn remember(&self, change: impl FnOnce(&mut Memory)) {
        change(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn memory(&self) -> Memory {
        self.memory
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn take_dossier(&self) -> Vec<String> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut memory.dossier)
    }

    fn lock_deadline(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_current(&self) -> std::sync::MutexGuard<'_, String> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
