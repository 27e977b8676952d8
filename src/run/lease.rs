//! Holds the stack's lease while a run lasts: joins `lock`'s state machine with the cluster.
//!
//! Taken before anything changes, renewed by a task of its own, deleted at the end. When it is
//! lost, the run is told to end ([`Reason::LeaseLost`]): at once, so that its helms are gone before
//! another run may take the lease.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use nix::time::{ClockId, clock_gettime};
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{
    RunError, Session,
    lock::{LockInfo, at_work},
};
use crate::{
    cluster::{Cluster, ClusterError, Lease},
    lifecycle::Tenure,
    lock::{self, Input, Lock, Output, Record},
    name::{Direction, Namespace, RunId},
    process::mark,
    shutdown::{Level, Reason, Trigger},
};

/// Giving the lease back may not hold up the end of a run longer than this; it expires anyway.
const RELEASE_DEADLINE: Duration = Duration::from_secs(10);

/// From the loss of the lease to SIGKILL for whatever still runs. Less than what is left of the
/// lease's duration by then ([`lock::LOST_AFTER`]).
const KILL_AFTER: Duration = Duration::from_secs(10);

/// How often a sleeping keeper makes sure that the lease is still held: time may have jumped.
const ALERT: Duration = Duration::from_secs(1);

/// Annotation: the run that holds it.
pub(super) const RUN: &str = "stackctl.io/run";
/// Annotation: its command.
pub(super) const COMMAND: &str = "stackctl.io/command";
/// Annotation: the CI job it runs in.
pub(super) const JOB: &str = "stackctl.io/job";
/// Annotation: which process holds it, so that its death can be seen from the same machine.
pub(super) const PROCESS: &str = "stackctl.io/process";

/// Says something to the user before the first event of a run.
pub type Notice<'a> = &'a mut (dyn FnMut(&str) + Send);

/// A held lease.
pub(super) struct Held {
    finish: oneshot::Sender<()>,
    task: JoinHandle<()>,
    tenure: Arc<Holder>,
}

/// Who holds which lease, or is to.
struct Holder {
    lock: Shared,
    cluster: Cluster,
    namespace: Namespace,
    name: String,
    identity: String,
}

#[async_trait]
impl Tenure for Holder {
    fn holds(&self) -> bool {
        locked(&self.lock).holds(clock())
    }

    async fn is_confirmed(&self) -> Result<bool, ClusterError> {
        let lease = self.cluster.get_lease(&self.namespace, &self.name).await?;
        let holder = lease.and_then(|lease| lease.holder);
        Ok(holder.as_ref() == Some(&self.identity))
    }
}

/// The state machine, for the keeper and for those who ask whether the lease is held.
type Shared = Arc<Mutex<Lock>>;

impl Held {
    /// Tells whether it is still held.
    pub(super) fn tenure(&self) -> Arc<dyn Tenure> {
        Arc::<Holder>::clone(&self.tenure)
    }

    /// Gives it back.
    pub(super) async fn release(self) {
        let _ = self.finish.send(());
        let _ = timeout(RELEASE_DEADLINE, self.task).await;
    }
}

/// Takes the lease, waiting for another holder up to the session's lock timeout; for one that died,
/// until its children are gone, or the lease has run out. Tells whether anybody was waited for.
pub(super) async fn acquire(
    session: &Session,
    direction: Direction,
    run: &RunId,
    trigger: &Trigger,
    notice: Notice<'_>,
) -> Result<(Held, bool), RunError> {
    let mut keeper = Keeper::new(session, direction, run);
    let namespace = &keeper.holder.namespace;
    if namespace.as_str() != "default" {
        let none = BTreeMap::new();
        session
            .cluster
            .ensure_namespace(namespace, &none, &none, None)
            .await?;
    }
    let shutdown = trigger.shutdown();
    let started = clock();
    let mut told = None;
    let mut input = Input::Tick;
    loop {
        let pause = match keeper.step(input) {
            Output::Wait(next) if keeper.holder.holds() => {
                return Ok((keeper.keep(next, trigger.clone()), told.is_some()));
            }
            Output::HeldBy { holder, retry } => {
                let waited = clock().saturating_sub(started);
                // What a dead run left behind ends in seconds: no reason to send anybody away.
                let ending = keeper.holder_is_dead();
                if waited + retry > session.settings.lock_timeout && !ending {
                    return Err(keeper.held_by_other());
                }
                if told.as_ref() != Some(&holder) {
                    notice(&format!("{}; waiting for it", keeper.other()));
                    told = Some(holder);
                }
                retry
            }
            Output::Wait(pause) => pause,
            output => {
                input = keeper.perform(output).await;
                if let (Input::Failed, Some(error)) = (&input, keeper.trouble.take()) {
                    return Err(error.into());
                }
                continue;
            }
        };
        tokio::select! {
            () = sleep(pause) => input = Input::Tick,
            () = shutdown.reached(Level::Drain) => return Err(RunError::Interrupted),
        }
    }
}

struct Keeper {
    holder: Arc<Holder>,
    annotations: BTreeMap<String, String>,
    seen: Option<Lease>,
    trouble: Option<ClusterError>,
}

impl Keeper {
    fn new(session: &Session, direction: Direction, run: &RunId) -> Self {
        let user = session
            .settings
            .var("USER")
            .or_else(|| session.settings.var("LOGNAME"));
        let host = mark::host();
        let identity = lock::identity(user.unwrap_or("unknown"), &host, std::process::id(), run);
        let mut annotations = BTreeMap::from([
            (RUN.to_owned(), run.to_string()),
            (COMMAND.to_owned(), direction.to_string()),
        ]);
        if let Some(job) = job(|name| session.settings.var(name)) {
            annotations.insert(JOB.to_owned(), job);
        }
        if let Some(process) = mark::own() {
            annotations.insert(PROCESS.to_owned(), process);
        }
        let holder = Holder {
            lock: Arc::new(Mutex::new(Lock::new(identity.clone()))),
            cluster: session.cluster.clone(),
            namespace: session.stack.state_namespace.clone(),
            name: lock::lease_name(&session.stack.name, session.stack.environment.as_ref()),
            identity,
        };
        Self {
            holder: Arc::new(holder),
            annotations,
            seen: None,
            trouble: None,
        }
    }

    fn step(&mut self, input: Input) -> Output {
        locked(&self.holder.lock).step(clock(), input)
    }

    /// Renews until told to finish or lost.
    fn keep(mut self, pause: Duration, trigger: Trigger) -> Held {
        let (finish, mut finished) = oneshot::channel();
        let tenure = Arc::clone(&self.holder);
        let lapsing = Arc::clone(&self.holder.lock);
        let task = tokio::spawn(async move {
            let end = tokio::select! {
                end = self.renew(pause, &mut finished) => end,
                // Not held up by a renewal that hangs.
                () = lapsed(&lapsing) => End::Lost,
            };
            match end {
                End::Finish => {
                    let output = self.step(Input::Finish);
                    self.perform(output).await;
                }
                End::Lost => {
                    trigger.raise(Level::Terminate, Reason::LeaseLost);
                    tokio::select! {
                        () = sleep(KILL_AFTER) => {
                            trigger.raise(Level::Kill, Reason::LeaseLost);
                        }
                        _ = &mut finished => {}
                    }
                }
            }
        });
        Held {
            finish,
            task,
            tenure,
        }
    }

    async fn renew(&mut self, mut pause: Duration, finished: &mut oneshot::Receiver<()>) -> End {
        loop {
            let mut input = tokio::select! {
                () = self.rest(pause) => Input::Tick,
                _ = &mut *finished => return End::Finish,
            };
            pause = loop {
                match self.step(input) {
                    Output::Wait(next) => break next,
                    Output::Lost | Output::HeldBy { .. } | Output::Done => return End::Lost,
                    output => input = self.perform(output).await,
                }
            };
        }
    }

    /// Sleeps that long, or until the lease is not held any more. A machine that stood still is not
    /// waited for: its timers stood still, too.
    async fn rest(&self, pause: Duration) {
        let until = clock() + pause;
        loop {
            let left = until.saturating_sub(clock());
            if left.is_zero() || !self.holder.holds() {
                return;
            }
            sleep(left.min(ALERT)).await;
        }
    }

    /// Does what the state machine asks for, and tells it what came of it.
    async fn perform(&mut self, output: Output) -> Input {
        let holder = Arc::clone(&self.holder);
        let Holder {
            cluster,
            namespace,
            name,
            ..
        } = &*holder;
        let asked = clock();
        let written = match output {
            Output::Read => {
                return match cluster.get_lease(namespace, name).await {
                    Ok(found) => {
                        self.seen.clone_from(&found);
                        Input::Observed(found.as_ref().map(|lease| self.record(lease)))
                    }
                    Err(error) => self.failed(error),
                };
            }
            Output::Create => {
                cluster
                    .create_lease(namespace, name, &self.lease(String::new()))
                    .await
            }
            Output::Replace { resource_version } => {
                cluster
                    .update_lease(namespace, name, &self.lease(resource_version))
                    .await
            }
            Output::Release { resource_version } => {
                let gone = cluster
                    .delete_lease(namespace, name, &resource_version)
                    .await;
                return match gone {
                    Ok(()) => Input::Observed(None),
                    Err(error) => self.failed(error),
                };
            }
            Output::Wait(_) | Output::HeldBy { .. } | Output::Lost | Output::Done => {
                return Input::Tick;
            }
        };
        match written {
            Ok(lease) => {
                self.seen = Some(lease.clone());
                let record = self.record(&lease);
                Input::Written { record, asked }
            }
            Err(error) => self.failed(error),
        }
    }

    fn failed(&mut self, error: ClusterError) -> Input {
        if matches!(error, ClusterError::Conflict { .. }) {
            return Input::Conflict;
        }
        self.trouble = Some(error);
        Input::Failed
    }

    /// What the state machine sees. A holder whose process is known to be gone holds nothing, so
    /// that a killed run need not be waited for on its own machine, but for its helms to end.
    fn record(&self, lease: &Lease) -> Record {
        let gone = lease
            .annotations
            .get(PROCESS)
            .is_some_and(|process| mark::is_gone(process));
        let holder = lease
            .holder
            .clone()
            .filter(|holder| *holder == self.holder.identity || !gone);
        Record {
            holder: holder.unwrap_or_default(),
            duration: lease.duration,
            renewed: lease.renewed,
            resource_version: lease.resource_version.clone(),
        }
    }

    fn lease(&self, resource_version: String) -> Lease {
        let now = Timestamp::now();
        let ours = self
            .seen
            .as_ref()
            .filter(|seen| seen.holder.as_ref() == Some(&self.holder.identity));
        let others = self.seen.as_ref().map_or(0, |seen| seen.transitions);
        let uid = self.seen.as_ref().map(|seen| seen.uid.clone());
        Lease {
            resource_version,
            uid: uid.unwrap_or_default(),
            holder: Some(self.holder.identity.clone()),
            duration: lock::DURATION,
            acquired: ours.map_or(Some(now), |seen| seen.acquired),
            renewed: Some(now),
            transitions: if ours.is_some() { others } else { others + 1 },
            annotations: self.annotations.clone(),
        }
    }

    /// Whether only children of the holder are left, who end without it.
    fn holder_is_dead(&self) -> bool {
        let seen = self.seen.as_ref();
        let process = seen.and_then(|lease| lease.annotations.get(PROCESS));
        process.is_some_and(|process| mark::is_dead(process))
    }

    /// Who else holds it.
    fn other(&self) -> String {
        let seen = self.seen.as_ref();
        let info = seen.map_or_else(String::new, |lease| LockInfo::new(lease).to_string());
        if self.holder_is_dead() {
            return format!(
                "another run of this stack died, what it started is still ending: {info}"
            );
        }
        at_work(&info)
    }

    fn held_by_other(&self) -> RunError {
        RunError::Locked {
            message: self.other(),
        }
    }
}

/// A clock that only goes forward and does not stop while the machine sleeps: a lease runs out
/// meanwhile.
fn clock() -> Duration {
    #[cfg(target_os = "linux")]
    let id = ClockId::CLOCK_BOOTTIME;
    #[cfg(not(target_os = "linux"))]
    let id = ClockId::CLOCK_MONOTONIC;
    clock_gettime(id).map_or(Duration::ZERO, Duration::from)
}

/// Why a lease is kept no longer.
enum End {
    Finish,
    Lost,
}

/// Waits until the lease is not held any more.
async fn lapsed(lock: &Shared) {
    while locked(lock).holds(clock()) {
        sleep(ALERT).await;
    }
}

fn locked(lock: &Shared) -> MutexGuard<'_, Lock> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the CI job that runs us can be looked at: GitHub, GitLab, Jenkins.
fn job<'a>(var: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    let github = || {
        let (server, repository) = (var("GITHUB_SERVER_URL")?, var("GITHUB_REPOSITORY")?);
        let run = var("GITHUB_RUN_ID")?;
        Some(format!("{server}/{repository}/actions/runs/{run}"))
    };
    let named = |name| var(name).filter(|url| !url.is_empty()).map(str::to_owned);
    github()
        .or_else(|| named("CI_JOB_URL"))
        .or_else(|| named("BUILD_URL"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ci_job_is_told_by_its_address() {
        let job_of = |vars: &[(&str, &'static str)]| {
            job(|name| {
                let mut vars = vars.iter();
                vars.find(|(key, _)| *key == name).map(|(_, value)| *value)
            })
        };
        let github = [
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "acme/platform"),
            ("GITHUB_RUN_ID", "42"),
        ];
        let url = "https://github.com/acme/platform/actions/runs/42";
        assert_eq!(job_of(&github).as_deref(), Some(url));
        assert_eq!(job_of(&github[..2]), None);
        assert_eq!(
            job_of(&[("CI_JOB_URL", "https://gitlab/1"), ("BUILD_URL", "x")]).as_deref(),
            Some("https://gitlab/1")
        );
        assert_eq!(job_of(&[("BUILD_URL", "")]), None);
    }

    #[test]
    fn a_lost_lease_ends_all_before_another_run_may_have_it() {
        assert!(lock::LOST_AFTER + ALERT + KILL_AFTER < lock::DURATION);
    }
}
