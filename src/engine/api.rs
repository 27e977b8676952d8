//! What the engine asks of its callers, and what it gives back.

use std::{future::Future, time::Duration};

use super::Progress;
use crate::{
    event::{ChartOutcome, Event, Failure, RunOutcome},
    name::{NodeName, RunId},
    plan::NodeIx,
    secret::Redactor,
};

/// Does one node's work.
pub trait Execute: Send + Sync + 'static {
    /// Runs the node. It holds one of the run's slots from the start; see [`Progress::park`].
    fn execute(
        &self,
        node: NodeIx,
        progress: Progress,
    ) -> impl Future<Output = Result<Done, Failure>> + Send;
}

/// How a node ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// Something was done.
    Succeeded,
    /// Nothing had to be done.
    Unchanged,
    /// Exec was skipped on request.
    Skipped,
}

/// Takes every event of a run, in order. The journal may say no: the run then starts nothing more.
pub trait Sink {
    /// Takes one event. After a refusal the run still offers the events that end it, so that
    /// whoever watches learns of every chart's fate; the first refusal is the one reported.
    fn event(&mut self, event: &Event) -> Result<(), SinkError>;
}

/// An event could not be recorded.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SinkError(pub String);

/// How to run a plan.
#[derive(Debug, Clone)]
pub struct Options {
    /// Identity of the run, in every event.
    pub run: RunId,
    /// Slots: nodes at work at once; 0 = no limit. Parked nodes do not count.
    pub concurrency: usize,
    /// What a failure does to the rest.
    pub policy: Policy,
    /// A node starts only when all nodes of earlier waves have ended.
    pub waves: bool,
    /// Goes over the text of a panic, the one text of events that the engine itself writes.
    pub redactor: Redactor,
}

/// What a failure does to charts that do not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// They are not started any more.
    Stop,
    /// They go on.
    Continue,
}

/// What became of a run.
#[derive(Debug)]
pub struct Outcome {
    /// In one word.
    pub outcome: RunOutcome,
    /// Every node of the plan, in plan order.
    pub charts: Vec<ChartResult>,
    /// Wall time.
    pub duration: Duration,
    /// The sink's refusal, if that is what stopped the run.
    pub sink_error: Option<SinkError>,
}

/// What became of one node.
#[derive(Debug, Clone)]
pub struct ChartResult {
    /// The chart, or its CRDs.
    pub chart: NodeName,
    /// How it ended.
    pub outcome: ChartOutcome,
    /// For `NotRun`: because of whom.
    pub because: Option<NodeName>,
    /// From its start; zero if it never started.
    pub duration: Duration,
    /// Why it failed.
    pub failure: Option<Failure>,
}
