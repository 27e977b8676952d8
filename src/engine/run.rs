//! The loop: start what may start, hear what nodes say, until nothing runs.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt as _;
use tokio::{sync::mpsc, task::JoinSet};
use tracing::Instrument as _;

use super::{Execute, Options, Outcome, Progress, Sink, progress::Message, state::State};
use crate::{
    event::Failure,
    plan::{NodeIx, Plan},
    secret::Redactor,
    shutdown::Shutdown,
};

/// Runs a plan to its end: every node that was started has ended when this returns, whatever
/// failed, whoever asked to stop. Every node of the plan has exactly one `chart_finished`, and
/// `run_finished` is the last event. A node's panic is its failure.
///
/// Dropping the future aborts the running nodes; to end a run in order, raise `shutdown`.
pub async fn run<E: Execute>(
    plan: &Plan,
    exec: Arc<E>,
    options: Options,
    shutdown: Shutdown,
    sink: &mut (dyn Sink + Send),
) -> Outcome {
    let (sender, mut receiver) = mpsc::unbounded_channel::<Message>();
    let mut tasks = JoinSet::new();
    let redactor = options.redactor.clone();
    let mut state = State::begin(plan, options, sink);
    // No `?` in here: whatever goes wrong, what runs is heard to its end.
    loop {
        state.close_if_ending(&shutdown);
        state.serve_slots(&shutdown);
        while let Some(node) = state.start_next(&shutdown) {
            let progress = Progress::new(node, sender.clone(), shutdown.clone());
            let work = work(exec.clone(), node, progress, redactor.clone());
            let span = tracing::info_span!("chart", chart = %plan.node(node).key);
            tasks.spawn(work.instrument(span));
        }
        if !state.is_running() {
            return state.finish(&shutdown);
        }
        let watched = state.watched_level();
        tokio::select! {
            biased;
            () = shutdown.reached(watched), if !state.is_terminating() => {}
            Some(message) = receiver.recv() => state.hear(message),
        }
        while tasks.try_join_next().is_some() {}
    }
}

/// A node's task. Its end is its last message: its future, with the steps it left open, is gone by
/// then.
async fn work<E: Execute>(exec: Arc<E>, node: NodeIx, progress: Progress, redactor: Redactor) {
    let last_word = progress.clone();
    let execute = async move { exec.execute(node, progress).await };
    let end = match AssertUnwindSafe(execute).catch_unwind().await {
        Ok(end) => end.map_err(Box::new),
        Err(panic) => Err(Box::new(panicked(panic.as_ref(), &redactor))),
    };
    last_word.end(end);
}

fn panicked(panic: &(dyn Any + Send), redactor: &Redactor) -> Failure {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = redactor.redact(text.unwrap_or("it gave no reason"));
    Failure {
        error: format!("the code of this chart panicked: {text}"),
        hints: vec![
            "this is a bug in stackctl, or in the program that registered this chart".into(),
        ],
        ..Failure::default()
    }
}
