//! The journal against real files, and every event through it.

use std::{fs, os::unix::fs::PermissionsExt};

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::{
    event::{ChartOutcome, Event, EventKind, Failure, RunOutcome, Stream},
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
            select(vec![Direction::Up, Direction::Down]),
            prop::option::of(text()),
            prop::collection::vec(node_name(), 0..4)
        )
            .prop_map(
                |(stack, direction, context, charts)| EventKind::RunStarted {
                    stack: StackName::new(&stack).unwrap(),
                    environment: None,
                    direction,
                    context,
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
