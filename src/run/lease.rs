//! Holds the stack's lease while a run lasts: joins `lock`'s state machine with the cluster.
//!
//! Taken before anything changes, renewed by a task of its own, deleted at the end. When it is
//! lost, the run is told to end ([`Reason::LeaseLost`]).

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::{RunError, Session, process_mark};
use crate::{
    cluster::{Cluster, ClusterError, Lease},
    lock::{self, Input, Lock, Output, Record},
    name::{Direction, Namespace, RunId},
    shutdown::{Level, Reason, Trigger},
};

/// Giving the lease back may not hold up the end of a run longer than this; it expires anyway.
const RELEASE_DEADLINE: Duration = Duration::from_secs(10);

/// Annotation: the command that holds it.
const COMMAND: &str = "stackctl.io/command";
/// Annotation: which process holds it, so that its death can be seen from the same machine.
const PROCESS: &str = "stackctl.io/process";

/// A held lease.
pub(super) struct Held {
    finish: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Held {
    /// Gives it back.
    pub(super) async fn release(self) {
        let _ = self.finish.send(());
        let _ = timeout(RELEASE_DEADLINE, self.task).await;
    }
}

/// Takes the lease, waiting for another holder up to the session's lock timeout.
pub(super) async fn acquire(
    session: &Session,
    direction: Direction,
    run: &RunId,
    trigger: &Trigger,
) -> Result<Held, RunError> {
    let mut keeper = Keeper::new(session, direction, run);
    if keeper.namespace.as_str() != "default" {
        let none = BTreeMap::new();
        session
            .cluster
            .ensure_namespace(&keeper.namespace, &none, &none, None)
            .await?;
    }
    let shutdown = trigger.shutdown();
    let mut input = Input::Tick;
    loop {
        let pause = match keeper.step(input) {
            Output::Wait(next) if keeper.holds() => return Ok(keeper.keep(next, trigger.clone())),
            Output::HeldBy { retry, .. }
                if keeper.waited(retry) > session.settings.lock_timeout =>
            {
                return Err(keeper.held_by_other());
            }
            Output::HeldBy { retry: pause, .. } | Output::Wait(pause) => pause,
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
    lock: Lock,
    cluster: Cluster,
    namespace: Namespace,
    name: String,
    identity: String,
    annotations: BTreeMap<String, String>,
    started: Instant,
    seen: Option<Lease>,
    trouble: Option<ClusterError>,
}

impl Keeper {
    fn new(session: &Session, direction: Direction, run: &RunId) -> Self {
        let user = session
            .settings
            .var("USER")
            .or_else(|| session.settings.var("LOGNAME"));
        let host = process_mark::host();
        let identity = lock::identity(user.unwrap_or("unknown"), &host, std::process::id(), run);
        let mut annotations = BTreeMap::from([(COMMAND.to_owned(), direction.to_string())]);
        if let Some(mark) = process_mark::own() {
            annotations.insert(PROCESS.to_owned(), mark);
        }
        Self {
            lock: Lock::new(identity.clone()),
            cluster: session.cluster.clone(),
            namespace: session.stack.state_namespace.clone(),
            name: lock::lease_name(&session.stack.name, session.stack.environment.as_ref()),
            identity,
            annotations,
            started: Instant::now(),
            seen: None,
            trouble: None,
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn waited(&self, more: Duration) -> Duration {
        self.now() + more
    }

    fn holds(&self) -> bool {
        self.lock.holds(self.now())
    }

    fn step(&mut self, input: Input) -> Output {
        let now = self.now();
        self.lock.step(now, input)
    }

    /// Renews until told to finish or lost.
    fn keep(mut self, mut pause: Duration, trigger: Trigger) -> Held {
        let (finish, mut finished) = oneshot::channel();
        let task = tokio::spawn(async move {
            loop {
                let mut input = tokio::select! {
                    () = sleep(pause) => Input::Tick,
                    _ = &mut finished => Input::Finish,
                };
                pause = loop {
                    match self.step(input) {
                        Output::Wait(next) => break next,
                        Output::Lost | Output::HeldBy { .. } => {
                            trigger.raise(Level::Terminate, Reason::LeaseLost);
                            return;
                        }
                        Output::Done => return,
                        output => input = self.perform(output).await,
                    }
                };
            }
        });
        Held { finish, task }
    }

    /// Does what the state machine asks for, and tells it what came of it.
    async fn perform(&mut self, output: Output) -> Input {
        let (namespace, name) = (self.namespace.clone(), self.name.clone());
        let asked = self.now();
        let written = match output {
            Output::Read => {
                return match self.cluster.get_lease(&namespace, &name).await {
                    Ok(found) => {
                        self.seen.clone_from(&found);
                        Input::Observed(found.as_ref().map(|lease| self.record(lease)))
                    }
                    Err(error) => self.failed(error),
                };
            }
            Output::Create => {
                self.cluster
                    .create_lease(&namespace, &name, &self.lease(String::new()))
                    .await
            }
            Output::Replace { resource_version } => {
                self.cluster
                    .update_lease(&namespace, &name, &self.lease(resource_version))
                    .await
            }
            Output::Release { resource_version } => {
                let gone = self
                    .cluster
                    .delete_lease(&namespace, &name, &resource_version)
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

    /// What the state machine sees. A holder whose process is known to be dead holds nothing, so
    /// that a killed run need not be waited for on its own machine.
    fn record(&self, lease: &Lease) -> Record {
        let dead = lease
            .annotations
            .get(PROCESS)
            .is_some_and(|mark| process_mark::is_dead(mark));
        let holder = lease
            .holder
            .clone()
            .filter(|holder| *holder == self.identity || !dead);
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
            .filter(|seen| seen.holder.as_ref() == Some(&self.identity));
        let others = self.seen.as_ref().map_or(0, |seen| seen.transitions);
        Lease {
            resource_version,
            holder: Some(self.identity.clone()),
            duration: lock::DURATION,
            acquired: ours.map_or(Some(now), |seen| seen.acquired),
            renewed: Some(now),
            transitions: if ours.is_some() { others } else { others + 1 },
            annotations: self.annotations.clone(),
        }
    }

    fn held_by_other(&self) -> RunError {
        let seen = self.seen.as_ref();
        let holder = seen
            .and_then(|seen| seen.holder.clone())
            .unwrap_or_default();
        let since = seen.and_then(|seen| seen.acquired);
        let renewed = seen.and_then(|seen| seen.renewed);
        let ago = |time: Option<Timestamp>| {
            time.map_or_else(
                || "?".to_owned(),
                |time| {
                    let seconds = Timestamp::now().duration_since(time).as_secs().max(0);
                    format!("{seconds} s ago")
                },
            )
        };
        RunError::Locked {
            message: format!(
                "another run of this stack is at work: {holder}, since {}, last heard of {}",
                since.map_or_else(|| "?".to_owned(), |time| time.to_string()),
                ago(renewed)
            ),
        }
    }
}
