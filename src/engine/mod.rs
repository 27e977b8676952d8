//! From a plan to an outcome: runs what can run, in the best order, and owns the run's state.
//!
//! Knows neither Helm nor Kubernetes: what a chart does is behind [`Execute`]. One loop ([`run`])
//! owns the state; nodes only send it messages, over one channel, so that what a node said before
//! its end is heard before its end. The parts of the state are pure and tested alone: the frontier
//! (which node may start) and the slots (how many may work). All events of a run are made in one
//! place and go through one [`Sink`], so their order is causal.

mod api;
mod frontier;
mod log;
mod progress;
mod run;
mod slots;
mod state;
#[cfg(test)]
mod tests;

pub use api::{ChartResult, Done, Execute, Options, Outcome, Policy, Sink, SinkError};
pub use progress::{Cancelled, Progress, StepGuard};
pub use run::run;
