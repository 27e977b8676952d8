//! What the loop owns: who runs, what became of whom, and whether the run is ending.

use tokio::{sync::oneshot, time::Instant};

use super::{
    ChartResult, Done, Options, Outcome, Policy, Sink,
    frontier::{Frontier, implies},
    log::{Log, millis},
    progress::{Message, Word},
    slots::Slots,
};
use crate::{
    event::{ChartOutcome, EventKind, Failure, Planned, Rollback, RunOutcome},
    name::Milestone,
    plan::{Node, NodeIx, Plan},
    shutdown::{Level, Shutdown},
};

/// The state of a run. Only the loop touches it.
pub(super) struct State<'a> {
    plan: &'a Plan,
    policy: Policy,
    frontier: Frontier,
    slots: Slots<oneshot::Sender<()>>,
    log: Log<'a>,
    /// By node, while it runs.
    running: Vec<Option<Running>>,
    n_running: usize,
    /// By node, once it has ended.
    results: Vec<Option<ChartResult>>,
    first_failed: Option<NodeIx>,
    /// Nothing is started any more, and the rest knows.
    closed: bool,
    /// Nobody gets a slot back any more.
    terminating: bool,
}

/// A node under way.
struct Running {
    started: Instant,
    reached: Vec<Milestone>,
    last_step: String,
}

impl<'a> State<'a> {
    /// A run that begins: its first event is offered.
    pub(super) fn begin(plan: &'a Plan, options: Options, sink: &'a mut (dyn Sink + Send)) -> Self {
        let n = plan.nodes.len();
        let mut log = Log::new(options.run, sink);
        log.run(EventKind::RunStarted {
            stack: plan.stack.clone(),
            environment: plan.environment.clone(),
            direction: plan.direction,
            context: plan.context.clone(),
            charts: plan.nodes.iter().map(|node| node.key.clone()).collect(),
            rollback: plan.rollback_of.clone().map(|of| Rollback {
                of,
                plan: plan.nodes.iter().map(planned).collect(),
            }),
        });
        Self {
            plan,
            policy: options.policy,
            frontier: Frontier::new(plan, options.waves),
            slots: Slots::new(options.concurrency, n),
            log,
            running: std::iter::repeat_with(|| None).take(n).collect(),
            n_running: 0,
            results: vec![None; n],
            first_failed: None,
            closed: false,
            terminating: false,
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.n_running > 0
    }

    pub(super) fn is_terminating(&self) -> bool {
        self.terminating
    }

    /// The next level of a shutdown that changes what the loop does.
    pub(super) fn watched_level(&self) -> Level {
        if self.closed {
            Level::Terminate
        } else {
            Level::Drain
        }
    }

    /// If nothing may start any more, ends all that did not.
    pub(super) fn close_if_ending(&mut self, shutdown: &Shutdown) {
        if !self.closed && self.is_ending(shutdown) {
            self.close();
        }
    }

    /// Answers nodes that asked for their slot back; with "no" once the run is being terminated.
    /// The engine says so, not each node for itself: in the order in which they asked.
    pub(super) fn serve_slots(&mut self, shutdown: &Shutdown) {
        if shutdown.level() >= Level::Terminate {
            self.terminating = true;
            self.slots.refuse_all();
        }
        self.slots.serve(|answer| answer.send(()).is_ok());
    }

    /// The next node to start, if one may. Its start is recorded before anything of it happens.
    pub(super) fn start_next(&mut self, shutdown: &Shutdown) -> Option<NodeIx> {
        if self.closed || self.is_ending(shutdown) || !self.slots.has_room() {
            return None;
        }
        let node = ix(self.frontier.pop()?);
        let action = self.plan.node(node).action;
        self.event(node, EventKind::ChartStarted { action });
        if self.log.refused() {
            self.not_run(node, None);
            for lost in self.frontier.failed(node.index()) {
                self.not_run(ix(lost), None);
            }
            return None;
        }
        self.slots.take(node.index());
        self.running[node.index()] = Some(Running {
            started: Instant::now(),
            reached: Vec::new(),
            last_step: String::new(),
        });
        self.n_running += 1;
        Some(node)
    }

    /// Takes in what a node says. One that has ended is not heard any more.
    pub(super) fn hear(&mut self, Message { node, word }: Message) {
        let Some(running) = &mut self.running[node.index()] else {
            return;
        };
        match word {
            Word::StepStarted { step, recorded } => {
                running.last_step.clone_from(&step);
                self.event(node, EventKind::StepStarted { step });
                // What the journal does not know of is not begun: without an answer the node takes
                // itself for cancelled.
                if !self.log.refused() {
                    // The node may have given up waiting.
                    let _ = recorded.send(());
                }
            }
            Word::StepOutput { step, stream, line } => {
                let line = line.into_string();
                self.event(node, EventKind::StepOutput { step, stream, line });
            }
            Word::StepFinished { step, ok, duration } => {
                let duration_ms = millis(duration);
                self.event(
                    node,
                    EventKind::StepFinished {
                        step,
                        ok,
                        duration_ms,
                    },
                );
            }
            Word::Reached(milestone) => {
                if !running
                    .reached
                    .iter()
                    .any(|&before| implies(before, milestone))
                {
                    running.reached.push(milestone);
                    self.event(node, EventKind::Milestone { milestone });
                    self.frontier.reached(node.index(), milestone);
                }
            }
            Word::Park => self.slots.give_back(node.index()),
            Word::Unpark(question) => {
                if let Some(holds) = self.slots.ask(node.index(), question) {
                    let _ = holds.send(());
                }
            }
            Word::Ended(end) => self.ended(node, end),
        }
    }

    /// Ends the run: what was never started is told, and the last event is offered.
    pub(super) fn finish(mut self, shutdown: &Shutdown) -> Outcome {
        self.close_if_ending(shutdown);
        // A plan without cycles has nothing left here; one with them ends, too.
        for node in self.frontier.close() {
            self.not_run(ix(node), None);
        }
        let charts: Vec<ChartResult> = self.results.into_iter().flatten().collect();
        let outcome = summary(&charts);
        let duration = self.log.elapsed();
        self.log.run(EventKind::RunFinished {
            outcome,
            duration_ms: millis(duration),
        });
        Outcome {
            outcome,
            charts,
            duration,
            sink_error: self.log.into_refusal(),
        }
    }

    fn is_ending(&self, shutdown: &Shutdown) -> bool {
        self.stopped_by().is_some() || self.log.refused() || shutdown.level() >= Level::Drain
    }

    /// The failure after which nothing more is started.
    fn stopped_by(&self) -> Option<NodeIx> {
        match self.policy {
            Policy::Stop => self.first_failed,
            Policy::Continue => None,
        }
    }

    fn close(&mut self) {
        self.closed = true;
        let because = self.stopped_by();
        for node in self.frontier.close() {
            self.not_run(ix(node), because);
        }
    }

    fn ended(&mut self, node: NodeIx, end: Result<Done, Box<Failure>>) {
        let Some(running) = self.running[node.index()].take() else {
            return;
        };
        self.n_running -= 1;
        self.slots.forget(node.index());
        let (outcome, failure) = match end {
            Ok(Done::Succeeded) => (ChartOutcome::Succeeded, None),
            Ok(Done::Unchanged) => (ChartOutcome::Unchanged, None),
            Ok(Done::Skipped) => (ChartOutcome::Skipped, None),
            Err(mut failure) => {
                if failure.step.is_empty() {
                    failure.step = running.last_step;
                }
                let outcome = if failure.cancelled {
                    ChartOutcome::Cancelled
                } else {
                    ChartOutcome::Failed
                };
                (outcome, Some(failure))
            }
        };
        let duration = running.started.elapsed();
        self.event(
            node,
            EventKind::ChartFinished {
                outcome,
                because: None,
                duration_ms: millis(duration),
                failure: failure.clone(),
            },
        );
        self.results[node.index()] = Some(ChartResult {
            chart: self.plan.node(node).key.clone(),
            outcome,
            because: None,
            duration,
            failure: failure.map(|failure| *failure),
        });
        if outcome.is_ok() {
            self.frontier.succeeded(node.index());
        } else {
            self.first_failed.get_or_insert(node);
            for lost in self.frontier.failed(node.index()) {
                self.not_run(ix(lost), Some(node));
            }
        }
    }

    fn not_run(&mut self, node: NodeIx, because: Option<NodeIx>) {
        let outcome = ChartOutcome::NotRun;
        let because = because.map(|because| self.plan.node(because).key.clone());
        self.event(
            node,
            EventKind::ChartFinished {
                outcome,
                because: because.clone(),
                duration_ms: 0,
                failure: None,
            },
        );
        self.results[node.index()] = Some(ChartResult {
            chart: self.plan.node(node).key.clone(),
            outcome,
            because,
            duration: std::time::Duration::ZERO,
            failure: None,
        });
    }

    fn event(&mut self, node: NodeIx, kind: EventKind) {
        self.log.chart(&self.plan.node(node).key, kind);
    }
}

fn planned(node: &Node) -> Planned {
    Planned {
        chart: node.key.clone(),
        action: node.action,
        reason: node.reason.clone(),
    }
}

fn ix(node: usize) -> NodeIx {
    NodeIx(u32::try_from(node).expect("plans are numbered with 32 bits"))
}

fn summary(charts: &[ChartResult]) -> RunOutcome {
    let any = |wanted: ChartOutcome| charts.iter().any(|chart| chart.outcome == wanted);
    if any(ChartOutcome::Failed) {
        RunOutcome::Failed
    } else if any(ChartOutcome::Cancelled) || any(ChartOutcome::NotRun) {
        RunOutcome::Cancelled
    } else {
        RunOutcome::Succeeded
    }
}
