//! The vocabulary of a run: everything that happens, as data.
//!
//! Events are the contract between a run and all who watch it: the journal, the terminal, line
//! output and `--log-format json` are folds over the same stream. The engine is the only place
//! that makes them, so their order is causal: a chart's `chart_started` comes after the milestones
//! it waited for, its `chart_finished` after all of its steps, and every node of the plan has
//! exactly one `chart_finished`. What is said of charts here holds for their CRDs' nodes, too.
//! Texts in events went through the redactor.
//!
//! As JSON an event is one flat object:
//! `{"seq":4,"time":"2026-11-22T10:00:00.1Z","elapsed_ms":120,"run":"…","chart":"web","event":"step_started","step":"exec"}`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::{Action, Direction, EnvironmentName, Milestone, NodeName, RunId, StackName};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Position in the run, from 1, without gaps.
    pub seq: u64,
    /// Wall-clock time (UTC).
    pub time: Timestamp,
    /// Milliseconds since the run started, from a clock that does not jump.
    pub elapsed_ms: u64,
    /// The run.
    pub run: RunId,
    /// The node it is about, a chart or its CRDs (`web:crds`); absent for events of the run as a
    /// whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chart: Option<NodeName>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// First event of a run.
    RunStarted {
        /// The stack.
        stack: StackName,
        /// Its environment, when one was chosen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        environment: Option<EnvironmentName>,
        /// Up, down, or rollback.
        direction: Direction,
        /// Context of the kubeconfig, if any.
        context: Option<String>,
        /// Every node of the plan, in plan order.
        charts: Vec<NodeName>,
        /// Of a rollback: what it takes back. Nobody could make this plan again later.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rollback: Option<Rollback>,
    },
    /// A chart's lifecycle begins.
    ChartStarted {
        /// What is done to it.
        action: Action,
    },
    /// A phase or a declared step begins. Steps of one chart may nest (`pre` and its entries).
    StepStarted {
        /// Phase (`exec`), or phase and entry (`validate/pods`).
        step: String,
    },
    /// A line a step has to say.
    StepOutput {
        /// The step.
        step: String,
        /// Where the line comes from.
        stream: Stream,
        /// The line, redacted, without its line end.
        line: String,
    },
    /// A step ended.
    StepFinished {
        /// The step.
        step: String,
        /// Whether it did what it should.
        ok: bool,
        /// How long it took.
        duration_ms: u64,
    },
    /// A chart reached a milestone; dependents that wait for it may start.
    Milestone {
        /// Which one.
        milestone: Milestone,
    },
    /// Last event of a chart. Exactly one for every chart of the plan.
    ChartFinished {
        /// How it ended.
        outcome: ChartOutcome,
        /// For `not_run`: the failed chart (or the first one not started) that is the reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<NodeName>,
        /// From its start; 0 if it never started.
        duration_ms: u64,
        /// For `failed`, and for `cancelled` when something was under way.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Box<Failure>>,
    },
    /// Last event of a run.
    RunFinished {
        /// How it ended.
        outcome: RunOutcome,
        /// How long it took.
        duration_ms: u64,
    },
}

/// What a rollback is about to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollback {
    /// The run that failed, whose changes are taken back.
    pub of: RunId,
    /// Its plan: every chart, in plan order.
    pub plan: Vec<Planned>,
}

/// What is planned for one chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// The chart.
    pub chart: NodeName,
    /// What is to be done to it.
    pub action: Action,
    /// Why, in words.
    pub reason: String,
}

/// Where a line of output comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// A child's standard output.
    Stdout,
    /// A child's standard error.
    Stderr,
    /// stackctl's own account of what the step is waiting for. Each one replaces the one before.
    Status,
    /// stackctl's own remark: something the user should know.
    Warning,
}

/// How a chart ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChartOutcome {
    /// Its action was done and validated.
    Succeeded,
    /// Nothing had to be done.
    Unchanged,
    /// Exec was skipped because the file says so.
    Skipped,
    /// A step failed.
    Failed,
    /// Never started: a chart it needs failed, or the run stopped first.
    NotRun,
    /// Was under way when the run was interrupted.
    Cancelled,
}

impl ChartOutcome {
    /// The word used in events, with a space for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Unchanged => "unchanged",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::NotRun => "not run",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether a chart that needs this one may run.
    pub fn is_ok(self) -> bool {
        matches!(self, Self::Succeeded | Self::Unchanged | Self::Skipped)
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// Every chart is well.
    Succeeded,
    /// At least one chart failed.
    Failed,
    /// Interrupted before all charts were done, none failed on its own.
    Cancelled,
}

/// Why a chart failed: for the person at the terminal, the journal and the JSON stream alike.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The step that failed (`exec`, `validate/pods`).
    pub step: String,
    /// What happened, in one sentence.
    pub error: String,
    /// The cause in the failing tool's own words (Helm's stderr, a server's message), by line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cause: Vec<String>,
    /// What was found out about it: at most ten lines; all of it lies in the run folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dossier: Vec<String>,
    /// Troubles met while handling the failure (a failing failure hook): never hide the cause.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attached: Vec<String>,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
    /// It ended because the run was interrupted, not on its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelled: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_flat_json_object_and_reads_back() {
        let event = Event {
            seq: 4,
            time: "2026-11-22T10:00:00.1Z".parse().unwrap(),
            elapsed_ms: 120,
            run: RunId::new("r1").unwrap(),
            chart: Some("web:crds".parse().unwrap()),
            kind: EventKind::ChartFinished {
                outcome: ChartOutcome::NotRun,
                because: Some("db".parse().unwrap()),
                duration_ms: 0,
                failure: None,
            },
        };
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(
            json,
            r#"{"seq":4,"time":"2026-11-22T10:00:00.1Z","elapsed_ms":120,"run":"r1","chart":"web:crds","event":"chart_finished","outcome":"not_run","because":"db","duration_ms":0}"#
        );
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
    }
}
