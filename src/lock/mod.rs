//! What keeps two runs of a stack apart, without any I/O: the lease as a state machine, and the
//! announced operations on its releases.
//!
//! [`Lock`] is told what was observed and what time it is, and answers what to do; the loop that
//! reads and writes the Lease lives in `run`. Nothing here trusts a clock but the observer's own:
//! a foreign holder is given up only after its lease did not change for its whole duration *while
//! we were looking*, so that clocks of different machines never have to agree. What keeps two
//! holders apart is the sum of
//!
//! - the server's resourceVersion: of two that see the same expired lease only one can take it;
//! - [`LOST_AFTER`] < [`DURATION`]: who cannot renew stops before another one may begin. Its clock
//!   counts from *before* the request of its last successful renewal, the other's from *after* it
//!   saw that renewal, so the order holds whatever the requests' delays.
//!
//! One run at a time is not all: a run that died, or lost its lease, may have left an operation on
//! a release half done, and somebody may work on it by hand. [`Intent`] is what a run announces
//! before each operation, [`judge`](judge()) tells from it and from Helm's record whose an unfinished
//! operation is and whether it may still be alive. [`StackRollback`] is what a failed run has changed
//! and takes back, so that the next one can finish that.

mod intent;
mod judge;
mod machine;
#[cfg(test)]
mod model;
mod rollback;

use std::time::Duration;

pub use intent::{Intent, Operation, WRITER_KEY, intent_key, read_intents};
use jiff::Timestamp;
pub use judge::{Newest, SKEW, Verdict, is_unfinished, judge};
pub use machine::{Input, Lock, Output};
pub use rollback::{Change, ROLLBACK_KEY, StackRollback};

use crate::name::{EnvironmentName, RunId, StackName};

/// How long a lease holds without renewal, by the observer's clock.
pub const DURATION: Duration = Duration::from_mins(1);

/// How often the holder renews.
pub const RENEW_EVERY: Duration = Duration::from_secs(10);

/// A holder that could not renew for so long has lost the lease.
pub const LOST_AFTER: Duration = Duration::from_secs(40);

/// How soon a failed read or write is tried again, and a held lease looked at again.
pub const RETRY_EVERY: Duration = Duration::from_secs(2);

/// What the cluster says of the lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// `spec.holderIdentity`; empty when released.
    pub holder: String,
    /// `spec.leaseDurationSeconds`.
    pub duration: Duration,
    /// `spec.renewTime`: by the holder's clock, for people; never compared with ours.
    pub renewed: Option<Timestamp>,
    /// `metadata.resourceVersion`: changes with every write.
    pub resource_version: String,
}

/// Name of the Lease of a stack: `stackctl-STACK`, of one environment of it
/// `stackctl-STACK.ENVIRONMENT`. Always a valid DNS subdomain. Neither name can hold a dot, so that
/// the environment `b` of `a` and a stack `a-b` never share a lease.
pub fn lease_name(stack: &StackName, environment: Option<&EnvironmentName>) -> String {
    match environment {
        Some(environment) => format!("stackctl-{stack}.{environment}"),
        None => format!("stackctl-{stack}"),
    }
}

/// `spec.holderIdentity` of a run: `user@host pid run`. Never empty, and different for each run.
pub fn identity(user: &str, host: &str, pid: u32, run: &RunId) -> String {
    format!("{user}@{host} {pid} {run}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_who_and_what() {
        let stack = StackName::new("platform").unwrap();
        assert_eq!(lease_name(&stack, None), "stackctl-platform");
        let staging = EnvironmentName::new("staging").unwrap();
        assert_eq!(
            lease_name(&stack, Some(&staging)),
            "stackctl-platform.staging"
        );
        let run = RunId::new("r1").unwrap();
        assert_eq!(identity("ada", "host", 7, &run), "ada@host 7 r1");
    }
}
