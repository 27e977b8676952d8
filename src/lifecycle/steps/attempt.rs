//! One attempt of one step.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use super::{
    absent, adopt, apply, capture, contains, count, delete, equals, exists, helm_test, http,
    objects::View, patch, pods, restart, run, scale, wait,
};
use crate::{
    engine::Cancelled,
    lifecycle::{Context, Payload, StepError, ready::Limit, words::in_words},
    shutdown::Level,
    stack::{ErrorClass, Step, Verb},
};

/// First pause between two looks at something that is waited for.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// What looks at its deadline itself says best what was not done by then. This is for requests
/// that hang.
const SLACK: Duration = Duration::from_secs(1);

/// Longest pause between two.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// One attempt of one step.
pub(super) struct Attempt<'a> {
    pub(super) cx: &'a Context<'a>,
    pub(super) view: View<'a>,
    pub(super) phase: &'a str,
    pub(super) step: &'a Step,
    pub(super) payload: &'a Payload,
    pub(super) limit: Limit,
    /// What is wrong at the moment with what is waited for.
    seen: Mutex<Option<StepError>>,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(
        cx: &'a Context<'a>,
        phase: &'a str,
        step: &'a Step,
        payload: &'a Payload,
    ) -> Self {
        Self {
            cx,
            view: View {
                cx,
                namespace: &cx.chart.release.namespace,
            },
            phase,
            step,
            payload,
            limit: cx.limit(step.timeout),
            seen: Mutex::default(),
        }
    }

    /// Makes it. The payload after it.
    pub(super) async fn make(&self) -> Result<Payload, StepError> {
        // These end what they start, and say better than we what was not done in time.
        let ends_itself = match &self.step.verb {
            Verb::Run(_) | Verb::HelmTest { .. } => true,
            Verb::Capture { .. } => self.step.verb.takes_time(),
            _ => false,
        };
        let until = if self.step.verb.takes_time() {
            self.limit.until + SLACK
        } else {
            self.limit.until
        };
        let act = Box::pin(self.act());
        if ends_itself {
            return act.await;
        }
        self.until(until, act).await
    }

    /// Work that would not end by itself: it ends at its time, or when the run is interrupted.
    pub(super) async fn until<T>(
        &self,
        until: Instant,
        work: impl Future<Output = Result<T, StepError>>,
    ) -> Result<T, StepError> {
        tokio::select! {
            biased;
            result = work => result,
            () = sleep_until(until) => Err(self.late()),
            () = self.cx.run.shutdown.reached(Level::Terminate) => Err(Cancelled.into()),
        }
    }

    async fn act(&self) -> Result<Payload, StepError> {
        match &self.step.verb {
            Verb::Run(command) => return run::run(self, command).await,
            Verb::Capture { .. } => return capture::capture(self).await,
            Verb::Adopt { objects, optional } => adopt::adopt(self, objects, *optional).await,
            Verb::Apply { manifests, force } => apply::apply(self, manifests, *force).await,
            Verb::Patch {
                objects,
                kind,
                patch,
                optional,
            } => patch::patch(self, objects, *kind, patch, *optional).await,
            Verb::Delete { .. } => delete::delete(self).await,
            Verb::Scale {
                objects,
                replicas,
                wait_rollout,
                optional,
            } => scale::scale(self, objects, replicas, *wait_rollout, *optional).await,
            Verb::Restart {
                objects,
                wait_rollout,
                optional,
            } => restart::restart(self, objects, *wait_rollout, *optional).await,
            Verb::Wait { objects, until } => wait::wait(self, objects, until).await,
            Verb::Exists { objects } => exists::check(self, objects).await,
            Verb::Absent { objects } => absent::check(self, objects).await,
            Verb::Count { objects, count } => count::check(self, objects, *count).await,
            Verb::Equals {
                objects,
                field,
                value,
            } => equals::check(self, objects, field, value).await,
            Verb::Contains {
                objects,
                field,
                value,
            } => contains::check(self, objects, field, value).await,
            Verb::Pods { objects, min } => pods::check(self, objects, *min).await,
            Verb::Http {
                target,
                status,
                body,
            } => http::check(self, target, *status, body.as_ref()).await,
            Verb::HelmTest { filter, logs } => helm_test::check(self, filter, *logs).await,
        }?;
        Ok(self.payload.clone())
    }

    /// Time is over.
    fn late(&self) -> StepError {
        let seen = self
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let within = in_words(self.limit.timeout);
        let error = match seen {
            Some(error) => StepError {
                message: format!("not within {within}: {}", error.message),
                ..error
            },
            None => StepError::new(format!("no result within {within}")),
        };
        error.of_class(ErrorClass::Timeout)
    }

    /// What is waited for is not so yet: pauses until it is time for another look. What cannot
    /// pass ends the wait.
    pub(super) async fn not_yet(
        &self,
        error: StepError,
        pause: &mut Duration,
    ) -> Result<(), StepError> {
        if !error.class().can_pass() {
            return Err(error);
        }
        self.waits_for(error);
        if Instant::now() >= self.limit.until {
            return Err(self.late());
        }
        let next = Instant::now() + (*pause).max(FIRST_PAUSE);
        sleep_until(next.min(self.limit.until)).await;
        *pause = (*pause * 2).clamp(2 * FIRST_PAUSE, LONGEST_PAUSE);
        Ok(())
    }

    /// Tells what is wrong at the moment: to the user, and at the deadline as the failure.
    fn waits_for(&self, error: StepError) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.as_ref().map(|seen| &seen.message) != Some(&error.message) {
            self.cx.status(&error.message);
        }
        *seen = Some(error);
    }
}
