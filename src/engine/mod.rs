//! From a plan to an outcome: runs what can run, in the best order, and owns the run's state.
//!
//! Knows neither Helm nor Kubernetes: what a chart does is behind [`Execute`]. The frontier (which
//! node may start) is pure; one loop owns the state, everything else sends it messages; all events
//! of a run are made here and go through one [`Sink`], so their order is causal.

mod api;
mod progress;
mod run;

pub use api::{ChartResult, Done, Execute, Options, Outcome, Policy, Sink, SinkError};
pub use progress::{Cancelled, Progress, StepGuard};
pub use run::run;
