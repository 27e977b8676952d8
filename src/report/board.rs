//! Where every chart of a run stands: the fold the reporters share.

use indexmap::IndexMap;

use crate::{
    event::{ChartOutcome, Event, EventKind, Failure, RunOutcome, Stream},
    name::{Action, Direction, NodeName, identity},
};

/// A run, as far as its events have told.
#[derive(Debug, Clone, Default)]
pub(super) struct Board {
    pub(super) head: Option<Head>,
    /// In plan order.
    pub(super) charts: IndexMap<NodeName, Chart>,
    /// How it ended, and after how many milliseconds.
    pub(super) end: Option<(RunOutcome, u64)>,
    /// Time of the last event.
    pub(super) elapsed_ms: u64,
}

/// What the first event tells.
#[derive(Debug, Clone)]
pub(super) struct Head {
    /// Name, and environment if it has one.
    pub(super) stack: String,
    pub(super) direction: Direction,
}

/// One chart.
#[derive(Debug, Clone, Default)]
pub(super) struct Chart {
    /// Known once it started; of a rollback, from the beginning.
    pub(super) action: Option<Action>,
    /// Why, in a rollback.
    pub(super) reason: Option<String>,
    /// Steps under way, the innermost last.
    pub(super) steps: Vec<String>,
    /// Every step that was begun, in that order.
    pub(super) log: Vec<Step>,
    /// What the step waits for, in its own words.
    pub(super) status: Option<String>,
    pub(super) state: State,
}

/// A step that was begun.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) name: String,
    /// Whether it did what it should, and how many milliseconds it took.
    pub(super) ended: Option<(bool, u64)>,
}

/// How far a chart is.
#[derive(Debug, Clone, Default)]
pub(super) enum State {
    #[default]
    Waiting,
    Running {
        since_ms: u64,
    },
    Finished {
        outcome: ChartOutcome,
        because: Option<NodeName>,
        duration_ms: u64,
        failure: Option<Box<Failure>>,
    },
}

/// How many charts are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) total: usize,
    pub(super) done: usize,
    pub(super) running: usize,
    pub(super) waiting: usize,
    pub(super) failed: usize,
    /// Not run, or cancelled.
    pub(super) stopped: usize,
}

impl Board {
    /// Takes the next event.
    pub(super) fn apply(&mut self, event: &Event) {
        self.elapsed_ms = event.elapsed_ms;
        match (&event.kind, &event.chart) {
            (
                EventKind::RunStarted {
                    stack,
                    environment,
                    direction,
                    charts,
                    rollback,
                    ..
                },
                _,
            ) => {
                let planned = rollback.iter().flat_map(|rollback| &rollback.plan);
                let planned = planned.map(|planned| {
                    let chart = Chart {
                        action: Some(planned.action),
                        reason: Some(planned.reason.clone()),
                        ..Chart::default()
                    };
                    (planned.chart.clone(), chart)
                });
                let charts = charts.iter().map(|chart| (chart.clone(), Chart::default()));
                // A run that follows another one is told from its beginning.
                *self = Self {
                    head: Some(Head {
                        stack: identity(stack, environment.as_ref()),
                        direction: *direction,
                    }),
                    charts: charts.chain(planned).collect(),
                    end: None,
                    elapsed_ms: event.elapsed_ms,
                };
            }
            (
                EventKind::RunFinished {
                    outcome,
                    duration_ms,
                },
                _,
            ) => self.end = Some((*outcome, *duration_ms)),
            (kind, Some(chart)) => self
                .charts
                .entry(chart.clone())
                .or_default()
                .apply(kind, event.elapsed_ms),
            (_, None) => {}
        }
    }

    /// Charts under way, the one that started first first.
    pub(super) fn running(&self) -> Vec<(&NodeName, &Chart, u64)> {
        let mut running: Vec<_> = self
            .charts
            .iter()
            .filter_map(|(name, chart)| match chart.state {
                State::Running { since_ms } => Some((name, chart, since_ms)),
                _ => None,
            })
            .collect();
        running.sort_by_key(|&(_, _, since_ms)| since_ms);
        running
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts {
            total: self.charts.len(),
            ..Counts::default()
        };
        for chart in self.charts.values() {
            let state = match &chart.state {
                State::Waiting => &mut counts.waiting,
                State::Running { .. } => &mut counts.running,
                State::Finished { outcome, .. } if outcome.is_ok() => &mut counts.done,
                State::Finished {
                    outcome: ChartOutcome::Failed,
                    ..
                } => &mut counts.failed,
                State::Finished { .. } => &mut counts.stopped,
            };
            *state += 1;
        }
        counts
    }
}

impl Chart {
    /// Whether nothing says how it ended.
    pub(super) fn is_under_way(&self) -> bool {
        !matches!(self.state, State::Finished { .. })
    }

    fn apply(&mut self, kind: &EventKind, elapsed_ms: u64) {
        match kind {
            EventKind::ChartStarted { action } => {
                self.action = Some(*action);
                self.state = State::Running {
                    since_ms: elapsed_ms,
                };
            }
            EventKind::StepStarted { step } => {
                self.steps.push(step.clone());
                self.log.push(Step {
                    name: step.clone(),
                    ended: None,
                });
                self.status = None;
            }
            EventKind::StepFinished {
                step,
                ok,
                duration_ms,
            } => {
                let is_meant = |begun: &&mut Step| begun.name == *step && begun.ended.is_none();
                if let Some(begun) = self.log.iter_mut().rev().find(is_meant) {
                    begun.ended = Some((*ok, *duration_ms));
                }
                if let Some(index) = self.steps.iter().rposition(|running| running == step) {
                    self.steps.remove(index);
                }
                self.status = None;
            }
            EventKind::StepOutput {
                stream: Stream::Status,
                line,
                ..
            } => self.status = Some(line.clone()),
            EventKind::ChartFinished {
                outcome,
                because,
                duration_ms,
                failure,
            } => {
                self.steps.clear();
                self.status = None;
                self.state = State::Finished {
                    outcome: *outcome,
                    because: because.clone(),
                    duration_ms: *duration_ms,
                    failure: failure.clone(),
                };
            }
            EventKind::StepOutput { .. }
            | EventKind::Milestone { .. }
            | EventKind::RunStarted { .. }
            | EventKind::RunFinished { .. } => {}
        }
    }
}
