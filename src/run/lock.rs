//! What keeps other runs of a stack away while one lasts: its lease, and beside it the operations it
//! announces. Taken by [`take`] for a run, shown and broken by hand through [`Session`].

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    RunError, Session,
    lease::{self, COMMAND, Held, JOB, Notice, PROCESS, RUN},
};
use crate::{
    cluster::{ClusterError, Lease},
    lifecycle::{self, Intents, Place},
    lock::{Intent, StackRollback, lease_name, read_intents},
    name::{Direction, ReleaseId, RunId},
    process::mark,
    shutdown::Trigger,
};

/// Labels of the intents: whose they are.
const STACK: &str = "stackctl.io/stack";
const ENVIRONMENT: &str = "stackctl.io/environment";

/// What is kept beside the lease.
pub(super) type Beside = (BTreeMap<ReleaseId, Intent>, Option<StackRollback>);

/// The lock of a run that has begun.
pub(super) struct Taken {
    lease: Option<Held>,
    pub(super) intents: Intents,
    /// Another run was waited for.
    pub(super) waited: bool,
}

impl Taken {
    /// Gives it back, and forgets what earlier runs announced on releases that they finished.
    pub(super) async fn release(self, session: &Session) {
        lifecycle::forget_ended(&self.intents, &session.cluster, &session.releases).await;
        self.intents.close().await;
        if let Some(lease) = self.lease {
            lease.release().await;
        }
    }
}

/// Takes the lease and opens the intents; with `--no-lock` only says that it does not.
pub(super) async fn take(
    session: &Session,
    direction: Direction,
    run: &RunId,
    trigger: &Trigger,
    notice: Notice<'_>,
) -> Result<Taken, RunError> {
    if session.settings.no_lock {
        notice("running without the stack's lock: nothing keeps another run of it away");
        return Ok(Taken {
            lease: None,
            intents: Intents::unshared(run.clone()),
            waited: false,
        });
    }
    let (lease, waited) = lease::acquire(session, direction, run, trigger, notice)
        .await
        .map_err(|error| no_right(session, error))?;
    let place = session.place_of_intents();
    let opened = Intents::open(session.cluster.clone(), place, run.clone(), lease.tenure()).await;
    match opened {
        Ok(intents) => Ok(Taken {
            lease: Some(lease),
            intents,
            waited,
        }),
        Err(error) => {
            lease.release().await;
            Err(no_right(session, error.into()))
        }
    }
}

fn no_right(session: &Session, error: RunError) -> RunError {
    match error {
        RunError::Cluster(source @ ClusterError::Forbidden { .. }) => RunError::NoLock {
            namespace: session.stack.state_namespace.clone(),
            source,
        },
        error => error,
    }
}

/// Who holds a stack's lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LockInfo {
    /// `user@host pid run`; empty when it was given back.
    pub holder: String,
    /// The run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Its command: `up` or `down`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The CI job it runs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Since when, by its clock.
    pub since: Option<Timestamp>,
    /// When it was last renewed, by its clock.
    pub renewed: Option<Timestamp>,
    /// Its process ran on this machine and is gone: the next run will not wait for it.
    pub gone: bool,
}

impl LockInfo {
    pub(super) fn new(lease: &Lease) -> Self {
        let annotation = |key: &str| lease.annotations.get(key).cloned();
        let process = annotation(PROCESS);
        Self {
            holder: lease.holder.clone().unwrap_or_default(),
            run: annotation(RUN),
            command: annotation(COMMAND),
            job: annotation(JOB),
            since: lease.acquired,
            renewed: lease.renewed,
            gone: process.as_deref().is_some_and(mark::is_gone),
        }
    }
}

/// Why a run that comes second is refused.
pub(super) fn at_work(holder: &str) -> String {
    format!("another run of this stack is at work: {holder}")
}

/// `ada@ci-7 412 20260101-x (up), since 2026-01-01T10:00:00Z, last heard of 4 s ago, https://…`.
impl fmt::Display for LockInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.holder)?;
        if let Some(command) = &self.command {
            write!(f, " ({command})")?;
        }
        if let Some(since) = self.since {
            write!(f, ", since {since:.0}")?;
        }
        if let Some(renewed) = self.renewed {
            let seconds = Timestamp::now().duration_since(renewed).as_secs().max(0);
            write!(f, ", last heard of {seconds} s ago")?;
        }
        if let Some(job) = &self.job {
            write!(f, ", {job}")?;
        }
        Ok(())
    }
}

/// An announced operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Announced {
    /// On which release.
    pub release: ReleaseId,
    /// What, by whom, until when.
    #[serde(flatten)]
    pub intent: Intent,
}

/// A stack's lock as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LockState {
    /// Who holds it; none if nobody does.
    pub held: Option<LockInfo>,
    /// What was announced and is not known to be done, by release.
    pub intents: Vec<Announced>,
    /// What is still to be taken back of a run that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<StackRollback>,
}

impl Session {
    /// Where the stack's intents are kept.
    fn place_of_intents(&self) -> Place {
        let stack = &self.stack;
        let environment = stack.environment.as_ref();
        let mut labels = BTreeMap::from([(STACK.to_owned(), stack.name.to_string())]);
        labels.extend(environment.map(|name| (ENVIRONMENT.to_owned(), name.to_string())));
        Place {
            namespace: stack.state_namespace.clone(),
            name: lease_name(&stack.name, environment),
            labels,
        }
    }

    /// What is announced for the stack's releases, and what is to be taken back of a run that failed.
    async fn beside_lease(&self) -> Result<Beside, ClusterError> {
        let Place {
            namespace, name, ..
        } = self.place_of_intents();
        let found = self.cluster.get_config_map(&namespace, &name).await?;
        let data = found.map_or_else(BTreeMap::new, |map| map.data);
        Ok((read_intents(&data), StackRollback::read(&data)))
    }

    /// As [`Self::beside_lease`], for a plan. Whoever may not see it, or runs without a lock, takes
    /// every operation under way for somebody else's.
    pub(super) async fn announced(&self) -> Result<Beside, RunError> {
        if self.settings.no_lock {
            return Ok(Beside::default());
        }
        match self.beside_lease().await {
            Err(ClusterError::Forbidden { .. }) => Ok(Beside::default()),
            result => Ok(result?),
        }
    }

    async fn lease(&self) -> Result<Option<Lease>, ClusterError> {
        let Place {
            namespace, name, ..
        } = self.place_of_intents();
        let found = self.cluster.get_lease(&namespace, &name).await?;
        let held = |lease: &Lease| {
            lease
                .holder
                .as_ref()
                .is_some_and(|holder| !holder.is_empty())
        };
        Ok(found.filter(held))
    }

    /// Whether a run holds the stack's lock. Of those that go without nobody knows.
    pub(super) async fn is_locked(&self) -> Result<bool, RunError> {
        if self.settings.no_lock {
            return Ok(false);
        }
        match self.lease().await {
            Err(ClusterError::Forbidden { .. }) => Ok(false),
            lease => Ok(lease?.is_some()),
        }
    }

    /// Who holds the stack's lock, and what is under way.
    pub async fn lock(&self) -> Result<LockState, RunError> {
        let (lease, (intents, rollback)) = tokio::try_join!(self.lease(), self.beside_lease())?;
        let intents = intents.into_iter();
        Ok(LockState {
            held: lease.as_ref().map(LockInfo::new),
            intents: intents
                .map(|(release, intent)| Announced { release, intent })
                .collect(),
            rollback,
        })
    }

    /// Takes the lock away from a run. If that run lives, it ends, within seconds. What it announced
    /// stays: the next run waits for operations of it that may be alive.
    pub async fn break_lock(&self, run: &RunId) -> Result<LockInfo, RunError> {
        let Place {
            namespace, name, ..
        } = self.place_of_intents();
        loop {
            let Some(lease) = self.lease().await? else {
                return Err(RunError::NotHeld {
                    message: "nobody holds the stack's lock".to_owned(),
                });
            };
            let info = LockInfo::new(&lease);
            if info.run.as_deref() != Some(run.as_str()) {
                return Err(RunError::NotHeld {
                    message: format!("run {run} does not hold the stack's lock, but {info}"),
                });
            }
            let version = &lease.resource_version;
            match self.cluster.delete_lease(&namespace, &name, version).await {
                // It was renewed just now, or changed hands: the next look says which.
                Err(ClusterError::Conflict { .. }) => {}
                result => return Ok(result.map(|()| info)?),
            }
        }
    }
}
