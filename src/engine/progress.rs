//! What a running node may say and ask.

use crate::{event::Stream, name::Milestone, secret::Redacted};

/// A running node's line to the engine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Progress {}

/// The run is ending: the node should stop what it does and return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the run was interrupted")]
pub struct Cancelled;

/// A step that is under way; `finish` says how it ended, dropping it says it failed.
#[derive(Debug)]
pub struct StepGuard {}

impl Progress {
    /// Begins a step. `Err` once the run was asked to terminate (`Level::Terminate`).
    pub async fn step(&self, name: &str) -> Result<StepGuard, Cancelled> {
        todo!("{name}")
    }

    /// The node reached a milestone. Implied ones before it are reached too.
    pub fn reached(&self, milestone: Milestone) {
        todo!("{milestone}")
    }

    /// A line of output of the step.
    pub fn output(&self, step: &str, stream: Stream, line: Redacted) {
        todo!("{step} {stream:?} {line}")
    }

    /// Gives the slot back while the node only waits. Does nothing if it holds none.
    pub fn park(&self) {
        todo!()
    }

    /// Gets a slot again (served before new starts). Does nothing if it holds one. `Err` once the
    /// run was asked to terminate.
    pub async fn unpark(&self) -> Result<(), Cancelled> {
        todo!()
    }
}

impl StepGuard {
    /// Ends the step.
    pub fn finish(self, ok: bool) {
        todo!("{ok}")
    }
}
