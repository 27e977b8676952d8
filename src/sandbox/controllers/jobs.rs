//! Jobs: pods until enough have succeeded or too many have failed.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    Again,
    conditions::{Conditions, counts, is_true, since},
    events, integer,
    template::{self, is_active, is_ready},
    text,
    world::{World, seconds, seconds_since},
};
use crate::sandbox::{
    objects::{Propagation, now},
    refusal::Refusal,
};

const RESOURCE: &str = "jobs.batch";

/// How long after a first failed pod the next one comes; twice that after each more. A real
/// cluster begins with 10 s, which nobody wants to rehearse.
const BACK_OFF: Duration = Duration::from_millis(500);

/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(5);

pub(super) async fn reconcile(world: &World, job: &Value) -> Result<Again, Refusal> {
    if is_true(job, "Complete") || is_true(job, "Failed") {
        return expire(world, job).await;
    }
    let pods = world.controlled("pods", job);
    let suspended = job["spec"]["suspend"] == true;
    let started = match text(job, "/status/startTime") {
        "" => now(),
        time => time.to_owned(),
    };
    let mut run = Run {
        world,
        job,
        active: pods.iter().filter(|pod| is_active(pod)).cloned().collect(),
        succeeded: in_phase(&pods, "Succeeded"),
        failed: in_phase(&pods, "Failed"),
        started,
    };
    if suspended {
        run.stop().await?;
        let mut conditions = Conditions::of(job, "lastProbeTime");
        conditions.set("Suspended", true, "JobSuspended", "Job suspended");
        return run.write(conditions, false).await.map(|()| None);
    }
    if let Some((reason, message)) = run.too_much() {
        return run.fail(reason, message).await.map(|()| None);
    }
    if run.succeeded >= run.wanted() {
        return run.complete().await.map(|()| None);
    }
    run.go_on().await
}

fn in_phase(pods: &[Arc<Value>], phase: &str) -> i64 {
    let count = pods
        .iter()
        .filter(|pod| text(pod, "/status/phase") == phase)
        .count();
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A finished Job goes after its time, if it has one.
async fn expire(world: &World, job: &Value) -> Result<Again, Refusal> {
    let Some(ttl) = integer(job, "/spec/ttlSecondsAfterFinished") else {
        return Ok(None);
    };
    let finished = ["Complete", "Failed"].map(|it| since(job, it));
    let finished = finished.into_iter().find(|time| !time.is_empty());
    let left = ttl - seconds_since(finished.unwrap_or_default());
    if left > 0 {
        return Ok(Some(seconds(left)));
    }
    world.delete(RESOURCE, job, Propagation::Background).await?;
    Ok(None)
}

struct Run<'a> {
    world: &'a World,
    job: &'a Value,
    active: Vec<Arc<Value>>,
    succeeded: i64,
    failed: i64,
    started: String,
}

impl Run<'_> {
    fn wanted(&self) -> i64 {
        integer(self.job, "/spec/completions").unwrap_or(1)
    }

    /// Why it has failed, if it has: reason and message.
    fn too_much(&self) -> Option<(&'static str, &'static str)> {
        if self.failed > integer(self.job, "/spec/backoffLimit").unwrap_or(6) {
            let message = "Job has reached the specified backoff limit";
            return Some(("BackoffLimitExceeded", message));
        }
        let deadline = integer(self.job, "/spec/activeDeadlineSeconds")?;
        let late = seconds_since(&self.started) >= deadline;
        let message = "Job was active longer than specified deadline";
        late.then_some(("DeadlineExceeded", message))
    }

    async fn stop(&mut self) -> Result<(), Refusal> {
        for pod in self.active.drain(..) {
            self.world
                .delete("pods", &pod, Propagation::Background)
                .await?;
        }
        Ok(())
    }

    async fn fail(&mut self, reason: &str, message: &str) -> Result<(), Refusal> {
        self.stop().await?;
        events::warn(self.world, self.job, reason, message).await;
        let mut conditions = Conditions::of(self.job, "lastProbeTime");
        conditions.set("FailureTarget", true, reason, message);
        conditions.set("Failed", true, reason, message);
        self.write(conditions, false).await
    }

    async fn complete(&mut self) -> Result<(), Refusal> {
        self.stop().await?;
        let (reason, message) = (
            "CompletionsReached",
            "Reached expected number of succeeded pods",
        );
        let mut conditions = Conditions::of(self.job, "lastProbeTime");
        conditions.set("SuccessCriteriaMet", true, reason, message);
        conditions.set("Complete", true, reason, message);
        self.write(conditions, true).await
    }

    /// Starts the pods that are missing, after a pause if some failed.
    async fn go_on(&mut self) -> Result<Again, Refusal> {
        let job = self.job;
        let at_once = integer(job, "/spec/parallelism").unwrap_or(1);
        let missing = at_once.min(self.wanted() - self.succeeded);
        let active = i64::try_from(self.active.len()).unwrap_or(i64::MAX);
        let pause = self.pause();
        let mut again = pause;
        if pause.is_none() {
            for _ in active..missing {
                let mut pod = template::pod(job, &job["spec"]["template"]);
                let index = self.succeeded + i64::try_from(self.active.len()).unwrap_or(0);
                let mut prefix = template::prefix(job);
                if text(job, "/spec/completionMode") == "Indexed" {
                    let name = "batch.kubernetes.io/job-completion-index";
                    pod["metadata"]["annotations"][name] = index.to_string().into();
                    pod["metadata"]["labels"][name] = index.to_string().into();
                    prefix = format!("{prefix}{index}-");
                }
                pod["metadata"]["generateName"] = prefix.into();
                let namespace = text(job, "/metadata/namespace");
                self.active
                    .push(self.world.create("pods", namespace, pod).await?);
            }
        }
        let mut conditions = Conditions::of(job, "lastProbeTime");
        if conditions.get("Suspended").is_some() {
            conditions.set("Suspended", false, "JobResumed", "Job resumed");
        }
        if let Some(deadline) = integer(job, "/spec/activeDeadlineSeconds") {
            let left =
                seconds(deadline - seconds_since(&self.started)) + Duration::from_millis(500);
            again = Some(again.map_or(left, |pause| pause.min(left)));
        }
        self.write(conditions, false).await?;
        Ok(again)
    }

    /// How long the next pod still has to wait for.
    fn pause(&self) -> Again {
        let failures = u32::try_from(self.failed)
            .unwrap_or(u32::MAX)
            .checked_sub(1)?;
        let whole = BACK_OFF
            .saturating_mul(2_u32.saturating_pow(failures))
            .min(LONGEST);
        let pods = self.world.controlled("pods", self.job);
        let failed = pods
            .iter()
            .filter(|pod| text(pod, "/status/phase") == "Failed");
        let youngest = failed.map(|pod| self.world.age(pod)).min()?;
        let left = whole.checked_sub(youngest)?;
        (!left.is_zero()).then_some(left)
    }

    async fn write(&self, conditions: Conditions, completed: bool) -> Result<(), Refusal> {
        let ready = self.active.iter().filter(|pod| is_ready(pod)).count();
        let mut status = counts([
            (
                "active",
                i64::try_from(self.active.len()).unwrap_or(i64::MAX),
            ),
            ("succeeded", self.succeeded),
            ("failed", self.failed),
        ]);
        status["ready"] = ready.into();
        status["terminating"] = 0.into();
        status["uncountedTerminatedPods"] = json!({});
        status["startTime"] = self.started.clone().into();
        if completed {
            status["completionTime"] = now().into();
        }
        conditions.write(&mut status);
        self.world.set_status(RESOURCE, self.job, status).await
    }
}
