//! The lease that keeps two runs of a stack apart, as a pure state machine.

use std::time::Duration;

use jiff::Timestamp;

use crate::name::{RunId, StackName};

/// How long a lease holds without renewal, by the observer's clock.
pub const DURATION: Duration = Duration::from_secs(60);
/// How often the holder renews.
pub const RENEW_EVERY: Duration = Duration::from_secs(10);
/// Without a successful renewal for so long the holder must assume the lease is lost.
pub const LOST_AFTER: Duration = Duration::from_secs(40);

/// Name of the Lease of a stack.
pub fn lease_name(stack: &StackName) -> String {
    format!("stackctl-{stack}")
}

/// `spec.holderIdentity` of a run: `user@host pid run`.
pub fn identity(user: &str, host: &str, pid: u32, run: &RunId) -> String {
    format!("{user}@{host} {pid} {run}")
}

/// What the cluster says of the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// `spec.holderIdentity`; empty when released.
    pub holder: String,
    /// `spec.leaseDurationSeconds`.
    pub duration: Duration,
    /// `spec.renewTime`: only compared for equality, never with a clock of ours.
    pub renewed: Option<Timestamp>,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
}

/// What just happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The lease was read (`None`: there is none).
    Observed(Option<Record>),
    /// Our write went through; this is what is there now.
    Written(Record),
    /// Our write was refused (409): read again.
    Conflict,
    /// A read or write failed otherwise; a write may have gone through.
    Failed,
    /// Time passed.
    Tick,
    /// We are done: give it back.
    Finish,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Read the lease now.
    Read,
    /// Create the lease in our name.
    Create,
    /// Replace the lease with this resourceVersion by one in our name.
    TakeOver {
        /// The version it must still have.
        resource_version: String,
    },
    /// Write the lease again with a new renew time.
    Renew {
        /// The version it must still have.
        resource_version: String,
    },
    /// Give it back.
    Release {
        /// The version it must still have.
        resource_version: String,
    },
    /// Nothing until so much time passed, then [`Input::Tick`].
    Wait(Duration),
    /// Someone else holds it; look again after `retry`.
    HeldBy {
        /// Who.
        holder: String,
        /// When to look again.
        retry: Duration,
    },
    /// We held it and do no more: stop what relies on it.
    Lost,
    /// Given back, or never held: nothing left to do.
    Done,
}

/// The lease from one run's point of view.
#[derive(Debug, Clone)]
pub struct Lock {
    identity: String,
}

impl Lock {
    /// Not held, nothing known.
    pub fn new(identity: String) -> Self {
        Self { identity }
    }

    /// Whether we hold it, at `now` on our own monotonic clock.
    pub fn holds(&self, now: Duration) -> bool {
        let _ = (now, &self.identity);
        todo!()
    }

    /// One step. `now` is our own monotonic clock.
    pub fn step(&mut self, now: Duration, input: Input) -> Output {
        let _ = (now, input);
        todo!()
    }
}
