//! The loop.
use super::{Execute, Options, Outcome, Sink};
use crate::{plan::Plan, shutdown::Shutdown};
use std::sync::Arc;

/// Runs a plan to its end.
pub async fn run<E: Execute>(
    plan: &Plan,
    exec: Arc<E>,
    options: Options,
    shutdown: Shutdown,
    sink: &mut (dyn Sink + Send),
) -> Outcome {
    let _ = (plan, exec, options, shutdown, sink);
    todo!()
}
