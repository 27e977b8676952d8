//! The journal against real files, and every event through it.

use std::{fs, os::unix::fs::PermissionsExt};

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::{
    event::{ChartOutcome, Event, EventKind, Failure, Planned, Rollback, RunOutcome, Stream},
    name::{Action, Direction, Milestone, NodeName, RunId, StackName},
};

fn run_id() -> RunId {
    RunId::new("20261122t163501-ab12cd").unwrap()
}

fn event(seq: u64) -> Event {
    Event {
        seq,
        time: Timestamp::UNIX_EPOCH,
        elapsed_ms: 7,
        run: run_id(),
        chart: None,
        kind: EventKind::RunFinished {
            outcome: RunOutcome::Succeeded,
            duration_ms: 7,
        },
    }
}

fn planned(chart: NodeName) -> Planned {
    Planned {
        chart,
        action: Action::Rollback,
        reason: "to revision 3".to_owned(),
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn only_the_user_can_read_what_a_run_leaves() {
    let temporary = tempfile::tempdir().unwrap();
    let base = temporary.path().join(".stackctl/runs");
    let journal = Journal::create(&base, &run_id()).unwrap();
    let dossier = journal
        .folder()
        .write_file("web.dossier.txt", b"all of it")
        .unwrap();

    assert_eq!(mode(&base), 0o700);
    assert_eq!(mode(journal.folder().path()), 0o700);
    assert_eq!(mode(&journal.folder().path().join("events.jsonl")), 0o600);
    assert_eq!(mode(&dossier), 0o600);
    assert_eq!(fs::read(dossier).unwrap(), b"all of it");
}

#[test]
fn two_runs_never_share_a_folder() {
    let temporary = tempfile::tempdir().unwrap();
    Journal::create(temporary.path(), &run_id()).unwrap();
    let error = Journal::create(temporary.path(), &run_id()).unwrap_err();
    assert!(
        error.to_string().contains("20261122t163501-ab12cd"),
        "{error}"
    );
    assert!(error.to_string().contains("exists"), "{error}");
}

#[test]
fn a_folder_that_cannot_be_made_is_named_with_the_cause() {
    let temporary = tempfile::tempdir().unwrap();
    let file = temporary.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Journal::create(&file.join("runs"), &run_id())
        .unwrap_err()
        .to_string();
    assert!(error.contains("file/runs"), "{error}");
    assert!(error.contains("Not a directory"), "{error}");
}

#[test]
fn a_full_disk_is_an_error_that_says_so() {
    // Every write to /dev/full fails as on a full disk.
    let mut journal = Journal {
        folder: RunFolder::at("/dev"),
        path: "/dev/full".into(),
        file: fs::OpenOptions::new()
            .append(true)
            .open("/dev/full")
            .unwrap(),
        length: 0,
    };
    let error = journal.append(&event(1)).unwrap_err().to_string();
    assert!(error.contains("/dev/full"), "{error}");
    assert!(error.contains("No space left"), "{error}");
}

#[test]
fn files_stay_in_the_run_folder() {
    let temporary = tempfile::tempdir().unwrap();
    let journal = Journal::create(temporary.path(), &run_id()).unwrap();
    for name in ["../x", "a/b", "/x", "..", ".", "", "x/", "events.jsonl"] {
        assert!(journal.folder().write_file(name, b"").is_err(), "{name:?}");
    }
    let before = journal.folder().write_file("x", b"longer").unwrap();
    journal.folder().write_file("x", b"short").unwrap();
    assert_eq!(fs::read(before).unwrap(), b"short");
}

#[test]
fn each_event_is_a_whole_line_at_once() {
    let temporary = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(temporary.path(), &run_id()).unwrap();
    let path = journal.folder().path().join("events.jsonl");
    for seq in 1..=3 {
        journal.append(&event(seq)).unwrap();
        let recorded = read_events(&path).unwrap();
        assert_eq!(recorded.events.last(), Some(&event(seq)));
        assert!(!recorded.cut);
    }
}

/// A journal of a run that was begun in this second of the day, with these events; closed.
fn past(base: &Path, second: u32, events: &[Event]) -> RunId {
    let run = RunId::new(&format!("20261122t1635{second:02}-ab12cd")).unwrap();
    let mut journal = Journal::create(base, &run).unwrap();
    for event in events {
        journal.append(event).unwrap();
    }
    run
}

/// The events of a run of `stack` in which each chart did this, for so many milliseconds.
fn ran(stack: &str, charts: &[(&str, Action, ChartOutcome, u64)]) -> Vec<Event> {
    let of = |chart: Option<&str>, kind| Event {
        chart: chart.map(|name| name.parse().unwrap()),
        kind,
        ..event(1)
    };
    let mut events = vec![of(
        None,
        EventKind::RunStarted {
            stack: StackName::new(stack).unwrap(),
            environment: None,
            direction: Direction::Up,
            context: None,
            charts: Vec::new(),
            rollback: None,
        },
    )];
    for &(name, action, outcome, duration_ms) in charts {
        events.push(of(Some(name), EventKind::ChartStarted { action }));
        let step = "exec".to_owned();
        events.push(of(Some(name), EventKind::StepStarted { step }));
        events.push(of(
            Some(name),
            EventKind::ChartFinished {
                outcome,
                because: None,
                duration_ms,
                failure: None,
            },
        ));
    }
    events
}

#[test]
fn runs_are_listed_newest_first_and_nothing_else_is() {
    let temporary = tempfile::tempdir().unwrap();
    let base = temporary.path().join("runs");
    assert_eq!(past_runs(&base).unwrap(), []);
    let runs = [3, 1, 2].map(|second| past(&base, second, &[event(1)]));
    fs::create_dir(base.join("backup")).unwrap();
    fs::write(base.join("20261122t163504-ab12cd"), "no folder").unwrap();
    let listed = past_runs(&base).unwrap();
    let names: Vec<&RunId> = listed.iter().map(|past| &past.run).collect();
    assert_eq!(names, [&runs[0], &runs[2], &runs[1]]);
    assert_eq!(listed[0].begun.to_string(), "2026-11-22T16:35:03Z");
    assert_eq!(listed[0].events().unwrap().events, [event(1)]);
}

#[test]
fn a_run_lives_as_long_as_its_journal_is_open() {
    let temporary = tempfile::tempdir().unwrap();
    let journal = Journal::create(temporary.path(), &run_id()).unwrap();
    let listed = past_runs(temporary.path()).unwrap();
    assert!(listed[0].is_live());
    drop(journal);
    assert!(!listed[0].is_live());
}

#[test]
fn old_runs_are_taken_away_but_none_that_lives_and_nothing_that_is_no_run() {
    let temporary = tempfile::tempdir().unwrap();
    let base = temporary.path();
    let living = Journal::create(base, &RunId::new("20260101t000000-aaaaaa").unwrap()).unwrap();
    fs::create_dir(base.join("20260101-mine")).unwrap();
    let run = |number: usize| RunId::new(&format!("20261122t163501-{number:06x}")).unwrap();
    for number in 0..KEPT_RUNS + 5 {
        Journal::create(base, &run(number)).unwrap();
    }
    let listed = past_runs(base).unwrap();
    assert_eq!(listed.len(), KEPT_RUNS + 1, "and the one that lives");
    assert_eq!(listed[0].run, run(KEPT_RUNS + 4));
    assert_eq!(listed[KEPT_RUNS - 1].run, run(5));
    assert!(living.folder().path().exists());
    assert!(base.join("20260101-mine").exists());
}

#[test]
fn an_outline_leaves_out_steps_but_not_the_last_event() {
    let temporary = tempfile::tempdir().unwrap();
    let mut events = ran(
        "shop",
        &[("web", Action::Install, ChartOutcome::Succeeded, 1)],
    );
    events.truncate(3);
    let misleading = EventKind::StepOutput {
        step: "exec".into(),
        stream: Stream::Stdout,
        line: "{\"event\":\"chart_finished\"}".into(),
    };
    events.push(Event {
        kind: misleading,
        elapsed_ms: 99,
        ..events[2].clone()
    });
    past(temporary.path(), 1, &events);
    let outline = past_runs(temporary.path()).unwrap()[0].outline().unwrap();
    assert_eq!(outline.events, [0, 1, 3].map(|index| events[index].clone()));
}

#[test]
fn what_charts_took_is_learned_from_the_newest_runs_of_the_stack() {
    use Action::{Install, Unchanged, Upgrade};
    use ChartOutcome::{Failed, Succeeded};
    let temporary = tempfile::tempdir().unwrap();
    let base = temporary.path();
    // Too old to count: five newer ones tell.
    past(base, 0, &ran("shop", &[("db", Upgrade, Succeeded, 99_000)]));
    for (second, time) in [(1, 5_000), (2, 1_000), (3, 3_000), (4, 70_000), (5, 2_000)] {
        let charts = [
            ("db", Upgrade, Succeeded, time),
            ("web", Install, Failed, 1),
            ("api", Upgrade, ChartOutcome::Unchanged, 1),
            ("cache", Unchanged, ChartOutcome::Unchanged, 4),
        ];
        past(base, second, &ran("shop", &charts));
    }
    past(
        base,
        6,
        &ran(
            "shop",
            &[("db", Install, Succeeded, 10), ("x", Install, Succeeded, 8)],
        ),
    );
    past(base, 7, &ran("shop", &[("db", Install, Succeeded, 20)]));
    past(base, 8, &ran("other", &[("db", Upgrade, Succeeded, 1)]));
    past(base, 9, &[]);
    let unreadable = past(base, 10, &ran("shop", &[("db", Upgrade, Succeeded, 1)]));
    let journal = base.join(unreadable.as_str()).join("events.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replace("chart_finished", "chart_ended")).unwrap();

    let learned = learned(base, &StackName::new("shop").unwrap(), None);
    let told: Vec<(String, Action, u64)> = learned
        .into_iter()
        .map(|((node, action), time)| (node.to_string(), action, time))
        .collect();
    let expected = [
        ("cache", Unchanged, 4),
        ("db", Install, 15),
        ("db", Upgrade, 3_000),
        ("x", Install, 8),
    ];
    assert_eq!(
        told,
        expected.map(|(name, action, time)| (name.to_owned(), action, time))
    );
}

#[test]
fn a_line_that_is_no_event_is_an_error_with_its_number() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("events.jsonl");
    let line = serde_json::to_string(&event(1)).unwrap();
    fs::write(&path, format!("{line}\n{{\"seq\":2\n{line}\n")).unwrap();
    let error = read_events(&path).unwrap_err().to_string();
    assert!(error.contains("line 2"), "{error}");
}

/// Any text a child may write, line ends and all.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,20}",
        "(?s).{0,20}",
        Just("\u{1b}[31m\"\\\r\n\u{2028}".to_owned())
    ]
}

fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9-]{0,8}[a-z0-9]"
}

fn node_name() -> impl Strategy<Value = NodeName> {
    (name(), any::<bool>()).prop_map(|(name, crds)| {
        let crds = if crds { ":crds" } else { "" };
        format!("{name}{crds}").parse().unwrap()
    })
}

fn action() -> impl Strategy<Value = Action> {
    prop::sample::select(vec![
        Action::Install,
        Action::Upgrade,
        Action::Reinstall,
        Action::Uninstall,
        Action::Unchanged,
        Action::Skip,
        Action::Blocked,
        Action::Decide,
    ])
}

fn stream() -> impl Strategy<Value = Stream> {
    prop::sample::select(vec![
        Stream::Stdout,
        Stream::Stderr,
        Stream::Status,
        Stream::Warning,
    ])
}

fn outcome() -> impl Strategy<Value = ChartOutcome> {
    prop::sample::select(vec![
        ChartOutcome::Succeeded,
        ChartOutcome::Unchanged,
        ChartOutcome::Skipped,
        ChartOutcome::Failed,
        ChartOutcome::NotRun,
        ChartOutcome::Cancelled,
    ])
}

fn failure() -> impl Strategy<Value = Failure> {
    let texts = || prop::collection::vec(text(), 0..3);
    (
        text(),
        text(),
        texts(),
        texts(),
        texts(),
        texts(),
        any::<bool>(),
    )
        .prop_map(
            |(step, error, cause, dossier, attached, hints, cancelled)| Failure {
                step,
                error,
                cause,
                dossier,
                attached,
                hints,
                cancelled,
            },
        )
}

fn kind() -> impl Strategy<Value = EventKind> {
    use prop::sample::select;
    prop_oneof![
        (
            name(),
            select(vec![Direction::Up, Direction::Down, Direction::Rollback]),
            prop::option::of(text()),
            prop::collection::vec(node_name(), 0..4)
        )
            .prop_map(
                |(stack, direction, context, charts)| EventKind::RunStarted {
                    stack: StackName::new(&stack).unwrap(),
                    environment: None,
                    direction,
                    context,
                    rollback: (direction == Direction::Rollback).then(|| Rollback {
                        of: run_id(),
                        plan: charts.iter().cloned().map(planned).collect(),
                    }),
                    charts,
                }
            ),
        action().prop_map(|action| EventKind::ChartStarted { action }),
        text().prop_map(|step| EventKind::StepStarted { step }),
        (text(), stream(), text()).prop_map(|(step, stream, line)| EventKind::StepOutput {
            step,
            stream,
            line
        }),
        (text(), any::<bool>(), any::<u64>()).prop_map(|(step, ok, duration_ms)| {
            EventKind::StepFinished {
                step,
                ok,
                duration_ms,
            }
        }),
        select(vec![
            Milestone::Crds,
            Milestone::Deployed,
            Milestone::Ready,
            Milestone::Validated,
            Milestone::Gone
        ])
        .prop_map(|milestone| EventKind::Milestone { milestone }),
        (
            outcome(),
            prop::option::of(node_name()),
            any::<u64>(),
            prop::option::of(failure().prop_map(Box::new))
        )
            .prop_map(|(outcome, because, duration_ms, failure)| {
                EventKind::ChartFinished {
                    outcome,
                    because,
                    duration_ms,
                    failure,
                }
            }),
        (
            select(vec![
                RunOutcome::Succeeded,
                RunOutcome::Failed,
                RunOutcome::Cancelled
            ]),
            any::<u64>()
        )
            .prop_map(|(outcome, duration_ms)| EventKind::RunFinished {
                outcome,
                duration_ms
            }),
    ]
}

fn any_event() -> impl Strategy<Value = Event> {
    (
        any::<u64>(),
        0..4_000_000_000_000_000_000_i128,
        any::<u64>(),
        prop::option::of(node_name()),
        kind(),
    )
        .prop_map(|(seq, nanosecond, elapsed_ms, chart, kind)| Event {
            seq,
            time: Timestamp::from_nanosecond(nanosecond).unwrap(),
            elapsed_ms,
            run: run_id(),
            chart,
            kind,
        })
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.split(|&byte| byte == b'\n').count() - 1
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens in a run reads back as it was, and a journal cut anywhere still gives
    /// every event that was whole.
    #[test]
    fn a_journal_cut_anywhere_gives_back_its_whole_lines(
        events in prop::collection::vec(any_event(), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let temporary = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(temporary.path(), &run_id()).unwrap();
        for event in &events {
            journal.append(event).unwrap();
        }
        let path = journal.folder().path().join("events.jsonl");
        let whole = Recorded { events: events.clone(), cut: false };
        prop_assert_eq!(read_events(&path).unwrap(), whole);

        let bytes = fs::read(&path).unwrap();
        prop_assert_eq!(newlines(&bytes), events.len());
        let kept = &bytes[..cut.index(bytes.len() + 1)];
        fs::write(&path, kept).unwrap();
        let lines = newlines(kept);
        let recorded = read_events(&path).unwrap();
        prop_assert_eq!(&recorded.events, &events[..lines]);
        prop_assert_eq!(recorded.cut, !kept.is_empty() && !kept.ends_with(b"\n"));
    }
}
