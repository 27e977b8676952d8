//! A run as its journal tells it, for one who looks back.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Serialize;

use super::{
    board::{Board, State},
    table::{Align, Table},
    tally,
    text::{age, duration},
};
use crate::{
    event::{ChartOutcome, Event, EventKind, Failure, RunOutcome},
    name::{Action, Direction, EnvironmentName, NodeName, Part, RunId, StackName, identity},
};

/// One run in short.
///
/// As JSON: `{"run":"…","begun":"…","direction":"up","stack":"…","environment":null,"context":"…",
/// "outcome":"failed","duration_ms":16506,"counts":{"charts":{"installed":1,"failed":1},"crds":{}}}`.
/// What its journal does not tell is null.
#[derive(Debug, Clone, Serialize)]
pub struct Account {
    /// Its identity.
    pub run: RunId,
    /// When it was begun.
    pub begun: Timestamp,
    /// Up or down.
    pub direction: Option<Direction>,
    /// The stack.
    pub stack: Option<StackName>,
    /// Its environment, when one was chosen.
    pub environment: Option<EnvironmentName>,
    /// Context of the kubeconfig.
    pub context: Option<String>,
    /// How it ended.
    pub outcome: Ending,
    /// How many milliseconds it took; of one without an end, until its last event.
    pub duration_ms: Option<u64>,
    counts: Counts,
    /// The counts for people.
    #[serde(skip)]
    in_words: String,
}

/// How many came to which end.
#[derive(Debug, Clone, Default, Serialize)]
struct Counts {
    charts: IndexMap<&'static str, usize>,
    crds: IndexMap<&'static str, usize>,
}

/// How a run ended, or how it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Every chart is well.
    Succeeded,
    /// A chart failed.
    Failed,
    /// It was interrupted.
    Cancelled,
    /// It has no end: it was killed, or its machine stopped.
    CutOff,
    /// It is at work.
    Running,
    /// It was over before its first event: another run was at work, say.
    NotBegun,
    /// Its journal cannot be read.
    Unreadable,
}

/// One run in full, for programs.
///
/// As JSON: an [`Account`] with `"charts":[{"name":"web","action":"upgrade","outcome":"failed",
/// "because":null,"duration_ms":4200,"steps":[{"step":"exec","ok":false,"duration_ms":4100}],
/// "failure":{…}}]`. What never ended has null for its outcome, `ok` and duration; failures are as
/// in events.
#[derive(Debug, Clone, Serialize)]
pub struct FullAccount {
    #[serde(flatten)]
    account: Account,
    charts: Vec<ChartAccount>,
}

#[derive(Debug, Clone, Serialize)]
struct ChartAccount {
    name: NodeName,
    action: Option<Action>,
    outcome: Option<ChartOutcome>,
    because: Option<NodeName>,
    duration_ms: Option<u64>,
    steps: Vec<StepAccount>,
    failure: Option<Box<Failure>>,
}

#[derive(Debug, Clone, Serialize)]
struct StepAccount {
    step: String,
    ok: Option<bool>,
    duration_ms: Option<u64>,
}

impl Account {
    /// What the events of a run tell, the steps' not needed; `None` for events that cannot be read.
    /// `live` is whether it is still at work.
    pub fn new(run: RunId, begun: Timestamp, live: bool, events: Option<&[Event]>) -> Self {
        let board = board(events.unwrap_or_default());
        let outcome = match (events, &board.head, &board.end) {
            (None, ..) => Ending::Unreadable,
            (_, _, Some((RunOutcome::Succeeded, _))) => Ending::Succeeded,
            (_, _, Some((RunOutcome::Failed, _))) => Ending::Failed,
            (_, _, Some((RunOutcome::Cancelled, _))) => Ending::Cancelled,
            _ if live => Ending::Running,
            (_, None, None) => Ending::NotBegun,
            (_, Some(_), None) => Ending::CutOff,
        };
        let mut account = Self {
            run,
            begun,
            direction: None,
            stack: None,
            environment: None,
            context: None,
            outcome,
            duration_ms: None,
            counts: Counts {
                charts: tally::of(&board, Part::Chart).into_iter().collect(),
                crds: tally::of(&board, Part::Crds).into_iter().collect(),
            },
            in_words: String::new(),
        };
        if let Some(Event { time, kind, .. }) = events.and_then(<[Event]>::first)
            && let EventKind::RunStarted {
                stack,
                environment,
                direction,
                context,
                ..
            } = kind
        {
            account.begun = *time;
            account.direction = Some(*direction);
            account.stack = Some(stack.clone());
            account.environment.clone_from(environment);
            account.context.clone_from(context);
            account.duration_ms = Some(board.end.map_or(board.elapsed_ms, |(_, time)| time));
            account.in_words = tally::in_words(&board);
        }
        account
    }

    /// Runs as a table, with their ages at `now`.
    pub fn table(accounts: &[Self], now: Timestamp) -> Table {
        let mut table = Table::new(&[
            ("RUN", Align::Left),
            ("AGE", Align::Right),
            ("COMMAND", Align::Left),
            ("STACK", Align::Left),
            ("OUTCOME", Align::Left),
            ("TIME", Align::Right),
            ("CHARTS", Align::Left),
        ]);
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        for account in accounts {
            let stack = account.stack.as_ref();
            table.row([
                account.run.to_string(),
                age(account.begun, now),
                or_dash(account.direction.map(|direction| direction.to_string())),
                or_dash(stack.map(|stack| identity(stack, account.environment.as_ref()))),
                account.outcome.to_string(),
                or_dash(account.duration_ms.map(duration)),
                account.in_words.clone(),
            ]);
        }
        table
    }
}

impl FullAccount {
    /// Adds to an account what all events of the run tell of its charts.
    pub fn new(account: Account, events: &[Event]) -> Self {
        let charts = board(events).charts.into_iter();
        let charts = charts.map(|(name, chart)| {
            let steps = chart.log.into_iter().map(|step| StepAccount {
                step: step.name,
                ok: step.ended.map(|(ok, _)| ok),
                duration_ms: step.ended.map(|(_, time)| time),
            });
            let told = ChartAccount {
                name,
                action: chart.action,
                outcome: None,
                because: None,
                duration_ms: None,
                steps: steps.collect(),
                failure: None,
            };
            match chart.state {
                State::Waiting | State::Running { .. } => told,
                State::Finished {
                    outcome,
                    because,
                    duration_ms,
                    failure,
                } => ChartAccount {
                    outcome: Some(outcome),
                    because,
                    duration_ms: Some(duration_ms),
                    failure,
                    ..told
                },
            }
        });
        Self {
            account,
            charts: charts.collect(),
        }
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "interrupted",
            Self::CutOff => "cut off",
            Self::Running => "running",
            Self::NotBegun => "not begun",
            Self::Unreadable => "unreadable",
        })
    }
}

fn board(events: &[Event]) -> Board {
    let mut board = Board::default();
    for event in events {
        board.apply(event);
    }
    board
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    fn account(live: bool, events: Option<&[Event]>) -> Account {
        let run = RunId::new("20261122t163501-ab12cd").unwrap();
        Account::new(run, Timestamp::UNIX_EPOCH, live, events)
    }

    #[test]
    fn a_run_is_a_row_however_it_ended() {
        let (failed, waiting) = (samples::failed_run(), samples::waiting_run());
        let accounts = [
            account(false, Some(&failed)),
            account(true, Some(&waiting)),
            account(false, Some(&waiting)),
            account(false, Some(&[])),
            account(true, Some(&[])),
            account(false, None),
        ];
        let now = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_mins(90);
        insta::assert_snapshot!(Account::table(&accounts, now).render(), @r"
        RUN                       AGE  COMMAND  STACK     OUTCOME      TIME  CHARTS
        20261122t163501-ab12cd  1h30m  up       platform  failed      16.5s  1 installed, 1 unchanged, 1 failed, 1 not run
        20261122t163501-ab12cd  1h30m  up       platform  running      9.0s  3 unfinished, 2 not run
        20261122t163501-ab12cd  1h30m  up       platform  cut off      9.0s  3 unfinished, 2 not run
        20261122t163501-ab12cd  1h30m  -        -         not begun       -
        20261122t163501-ab12cd  1h30m  -        -         running         -
        20261122t163501-ab12cd  1h30m  -        -         unreadable      -
        ");
    }

    #[test]
    fn json_is_what_its_docs_say() {
        let events = samples::failed_run();
        let full = FullAccount::new(account(false, Some(&events)), &events);
        let mut json = serde_json::to_value(&full).unwrap();
        let charts = json["charts"].take();
        assert_eq!(
            json,
            serde_json::json!({"run": "20261122t163501-ab12cd", "begun": "1970-01-01T00:00:00Z",
                "direction": "up", "stack": "platform", "environment": null,
                "context": "kind-dev", "outcome": "failed", "duration_ms": 16_506,
                "counts": {"charts": {"installed": 1, "unchanged": 1, "failed": 1, "not run": 1},
                    "crds": {}},
                "charts": null})
        );
        assert_eq!(
            charts[1]["steps"],
            serde_json::json!([{"step": "exec", "ok": true, "duration_ms": 100},
                {"step": "ready", "ok": true, "duration_ms": 100}])
        );
        assert_eq!(charts[2]["failure"]["step"], "exec");
        assert_eq!(
            (&charts[3]["outcome"], &charts[3]["because"]),
            (&"not_run".into(), &"api".into())
        );
    }

    #[test]
    fn what_was_cut_off_has_no_end_in_json() {
        let events = samples::waiting_run();
        let full = FullAccount::new(account(false, Some(&events)), &events);
        let json = serde_json::to_value(&full).unwrap();
        assert_eq!(json["outcome"], "cut_off");
        assert!(json["charts"][0]["outcome"].is_null(), "{json}");
        assert!(json["charts"][0]["steps"][0]["ok"].is_null(), "{json}");
    }
}
