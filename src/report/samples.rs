//! Runs to show, for tests.

use jiff::Timestamp;

use crate::{
    event::{ChartOutcome, Event, EventKind, Failure, Planned, Rollback, RunOutcome, Stream},
    name::{Action, Direction, Milestone, NodeName, RunId, StackName},
};

/// Events of a run, numbered and timed.
pub(super) struct Script {
    events: Vec<Event>,
}

impl Script {
    pub(super) fn new(direction: Direction, charts: &[&str]) -> Self {
        let mut script = Self { events: Vec::new() };
        let charts = charts.iter().map(|name| chart(name)).collect();
        script.push(
            0,
            None,
            EventKind::RunStarted {
                stack: StackName::new("platform").unwrap(),
                environment: None,
                direction,
                context: Some("kind-dev".to_owned()),
                charts,
                rollback: None,
            },
        );
        script
    }

    /// Of a rollback of the chart `api`, with what stays.
    fn rolling_back() -> Self {
        let mut script = Self::new(Direction::Rollback, &["api", "db"]);
        let planned = |name: &str, action, reason: &str| Planned {
            chart: chart(name),
            action,
            reason: reason.to_owned(),
        };
        if let EventKind::RunStarted { rollback, .. } = &mut script.events[0].kind {
            *rollback = Some(Rollback {
                of: RunId::new("20261122t163501-ab12cd").unwrap(),
                plan: vec![
                    planned("api", Action::Rollback, "to revision 3"),
                    planned("db", Action::Skip, "reinstalled by this run"),
                ],
            });
        }
        script
    }

    fn push(&mut self, elapsed_ms: u64, chart: Option<NodeName>, kind: EventKind) {
        self.events.push(Event {
            seq: self.events.len() as u64 + 1,
            time: Timestamp::from_millisecond(i64::try_from(elapsed_ms).unwrap()).unwrap(),
            elapsed_ms,
            run: RunId::new("20261122t163501-ab12cd").unwrap(),
            chart,
            kind,
        });
    }

    pub(super) fn on(mut self, elapsed_ms: u64, name: &str, kind: EventKind) -> Self {
        self.push(elapsed_ms, Some(chart(name)), kind);
        self
    }

    pub(super) fn start(self, elapsed_ms: u64, name: &str, action: Action) -> Self {
        self.on(elapsed_ms, name, EventKind::ChartStarted { action })
    }

    pub(super) fn step(self, elapsed_ms: u64, name: &str, step: &str) -> Self {
        let step = step.to_owned();
        self.on(elapsed_ms, name, EventKind::StepStarted { step })
    }

    pub(super) fn says(self, elapsed_ms: u64, name: &str, stream: Stream, line: &str) -> Self {
        let (step, line) = ("exec".to_owned(), line.to_owned());
        self.on(
            elapsed_ms,
            name,
            EventKind::StepOutput { step, stream, line },
        )
    }

    pub(super) fn end_step(self, elapsed_ms: u64, name: &str, step: &str, ok: bool) -> Self {
        self.on(
            elapsed_ms,
            name,
            EventKind::StepFinished {
                step: step.to_owned(),
                ok,
                duration_ms: 100,
            },
        )
    }

    pub(super) fn reach(self, elapsed_ms: u64, name: &str, milestone: Milestone) -> Self {
        self.on(elapsed_ms, name, EventKind::Milestone { milestone })
    }

    pub(super) fn finish(
        self,
        elapsed_ms: u64,
        name: &str,
        outcome: ChartOutcome,
        duration_ms: u64,
    ) -> Self {
        self.on(
            elapsed_ms,
            name,
            EventKind::ChartFinished {
                outcome,
                because: None,
                duration_ms,
                failure: None,
            },
        )
    }

    pub(super) fn fail(self, elapsed_ms: u64, name: &str, failure: Failure) -> Self {
        let outcome = if failure.cancelled {
            ChartOutcome::Cancelled
        } else {
            ChartOutcome::Failed
        };
        self.on(
            elapsed_ms,
            name,
            EventKind::ChartFinished {
                outcome,
                because: None,
                duration_ms: 4_200,
                failure: Some(Box::new(failure)),
            },
        )
    }

    pub(super) fn not_run(self, elapsed_ms: u64, name: &str, because: Option<&str>) -> Self {
        self.on(
            elapsed_ms,
            name,
            EventKind::ChartFinished {
                outcome: ChartOutcome::NotRun,
                because: because.map(chart),
                duration_ms: 0,
                failure: None,
            },
        )
    }

    pub(super) fn done(mut self, elapsed_ms: u64, outcome: RunOutcome) -> Vec<Event> {
        self.push(
            elapsed_ms,
            None,
            EventKind::RunFinished {
                outcome,
                duration_ms: elapsed_ms,
            },
        );
        self.events
    }

    pub(super) fn unfinished(self) -> Vec<Event> {
        self.events
    }
}

fn chart(name: &str) -> NodeName {
    name.parse().unwrap()
}

fn lines(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|&line| line.to_owned()).collect()
}

/// A failure with everything a failure can have.
pub(super) fn failure() -> Failure {
    Failure {
        step: "exec".to_owned(),
        error: "helm upgrade of shop/api failed".to_owned(),
        cause: lines(&[
            "Error: UPGRADE FAILED: failed to create resource:",
            "Deployment \"api\" is invalid: spec.replicas: must be greater than 0",
        ]),
        dossier: lines(&[
            "deployment/api: 0 of 2 ready",
            "  pod api-7d9f: api: CrashLoopBackOff, exit code 1",
        ]),
        attached: lines(&["on_failure/run failed: exit code 3"]),
        hints: lines(&["all of it is in api.dossier.txt of the run folder"]),
        cancelled: false,
    }
}

/// Something of everything: a success, an unchanged chart, a warning, output, a failure, and
/// charts below it.
pub(super) fn failed_run() -> Vec<Event> {
    Script::new(Direction::Up, &["storage-class", "db", "api", "web"])
        .start(0, "storage-class", Action::Unchanged)
        .finish(4, "storage-class", ChartOutcome::Unchanged, 4)
        .start(5, "db", Action::Install)
        .step(6, "db", "exec")
        .says(
            200,
            "db",
            Stream::Stderr,
            "\u{1b}[33mlevel=WARN\u{1b}[0m chart is old",
        )
        .says(201, "db", Stream::Warning, "namespace shop was created")
        .end_step(320, "db", "exec", true)
        .reach(321, "db", Milestone::Deployed)
        .step(322, "db", "ready")
        .says(400, "db", Stream::Status, "statefulset/db 0 of 1 ready")
        .end_step(12_300, "db", "ready", true)
        .reach(12_301, "db", Milestone::Ready)
        .reach(12_302, "db", Milestone::Validated)
        .finish(12_303, "db", ChartOutcome::Succeeded, 12_298)
        .start(12_304, "api", Action::Upgrade)
        .step(12_305, "api", "exec")
        .end_step(16_500, "api", "exec", false)
        .fail(16_504, "api", failure())
        .not_run(16_505, "web", Some("api"))
        .done(16_506, RunOutcome::Failed)
}

/// Three charts under way, two to come.
pub(super) fn waiting_run() -> Vec<Event> {
    Script::new(
        Direction::Up,
        &["db", "kube-prometheus-stack", "cache", "api", "web"],
    )
    .start(0, "db", Action::Install)
    .step(1, "db", "ready")
    .says(
        400,
        "db",
        Stream::Status,
        "statefulset/db 0 of 1 ready, persistentvolumeclaim/data-db-0 Pending",
    )
    .start(2_000, "kube-prometheus-stack", Action::Upgrade)
    .step(2_001, "kube-prometheus-stack", "validate")
    .step(2_002, "kube-prometheus-stack", "validate/pods")
    .start(9_000, "cache", Action::Install)
    .unfinished()
}

/// So many charts under way at once.
pub(super) fn crowd(number: u32) -> Vec<Event> {
    let names: Vec<String> = (0..number)
        .map(|index| format!("chart-{index:02}"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let script = Script::new(Direction::Up, &names);
    names
        .iter()
        .fold(script, |script, name| {
            script.start(5, name, Action::Install).step(6, name, "exec")
        })
        .unfinished()
}

/// A rollback under way.
pub(super) fn rollback() -> Vec<Event> {
    Script::rolling_back()
        .start(0, "api", Action::Rollback)
        .step(0, "api", "rollback")
        .unfinished()
}

/// A rollback that is done.
pub(super) fn rolled_back() -> Vec<Event> {
    Script::rolling_back()
        .start(0, "api", Action::Rollback)
        .finish(400, "api", ChartOutcome::Succeeded, 400)
        .start(400, "db", Action::Skip)
        .finish(400, "db", ChartOutcome::Skipped, 0)
        .done(400, RunOutcome::Succeeded)
}
