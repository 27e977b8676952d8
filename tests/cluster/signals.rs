//! Signals at any point of a run: what they end, what they leave, and that the same command goes on
//! from there.
//!
//! Points are told by counting the run's events, never by time. `STACKCTL_SIGNALS=n` tries so many
//! points for each kind of interruption, spread over the whole run.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;
use stackctl::{
    event::{Event, EventKind, RunOutcome},
    name::Action,
};

use crate::support::{Lab, Run, Running, eventually};

/// For what happens in a moment or never.
const DEADLINE: Duration = Duration::from_mins(2);

tests![
    whenever_a_person_presses_ctrl_c_the_same_command_goes_on,
    whenever_nobody_is_there_a_signal_ends_in_order_and_the_same_command_goes_on,
    a_step_that_heeds_no_sigterm_is_killed_after_the_grace,
    an_uninstall_is_left_to_finish,
    an_uninstall_that_does_not_finish_is_killed_after_the_grace,
    a_closed_standard_output_ends_output_not_the_run,
    a_run_that_wakes_up_without_its_lease_ends,
    a_killed_run_is_on_record_as_cut_off_and_a_good_one_teaches_plans,
];

/// Helm that waits for a hook, a chart of ours that waits for readiness, a step, and one that comes
/// last.
const STACK: &str = r#"
[settings]
concurrency = 2
[charts.db]
chart = "./charts/app"
values = { hook = { on = "pre-install", readyAfter = "2s" } }
[charts.cache]
chart = "./charts/app"
values = { readyAfter = "2s" }
[charts.api]
chart = "./charts/app"
needs = ["cache"]
[[charts.api.pre]]
run = { command = ["sleep", "2"] }
[charts.web]
chart = "./charts/app"
needs = ["db", "api"]
"#;

/// How many points each kind of interruption is tried at.
fn points() -> usize {
    let asked = std::env::var("STACKCTL_SIGNALS").ok();
    asked.map_or(1, |text| {
        text.parse().expect("STACKCTL_SIGNALS is a number")
    })
}

/// Events but output, of which there is more or less from run to run.
fn counted(events: &[Event]) -> usize {
    let is_output = |event: &&Event| matches!(event.kind, EventKind::StepOutput { .. });
    events.len() - events.iter().filter(is_output).count()
}

/// Sends a signal, and waits until stackctl has heard it or has ended.
fn signal(running: &mut Running, signal: Signal) {
    let told = |running: &Running| running.stderr().matches("stopping: ").count();
    let before = told(running);
    if running.has_ended() {
        return;
    }
    running.signal(signal);
    eventually("it has heard the signal", DEADLINE, || {
        told(running) > before || running.has_ended()
    });
}

/// A run ended by a signal leaves nothing of itself, and says by its exit code why it ended.
#[track_caller]
fn ended_by(lab: &Lab, run: Run, code: i32) -> Run {
    let finished = run.events.iter().find_map(|event| match event.kind {
        EventKind::RunFinished { outcome, .. } => Some(outcome),
        _ => None,
    });
    let code = match finished {
        // All was done, or nearly so, when it was told.
        Some(RunOutcome::Succeeded) => 0,
        _ => code,
    };
    let run = run.exits(code);
    assert_eq!(lab.leftovers(), [""; 0], "left by {run}");
    run
}

/// Interrupts `up` at points of the whole run; after each the same command brings the stack up.
fn at_every_point(lab: &Lab, start: impl Fn(&Lab) -> Running, signals: &[Signal], code: i32) {
    lab.stack(STACK);
    let whole = lab.stackctl(&["up"]).exits(0);
    let n_events = counted(&whole.events);
    for point in 0..points() {
        lab.stackctl(&["down", "--yes"]).exits(0);
        // In the middle of equal parts.
        let nth = ((2 * point + 1) * n_events / (2 * points())).max(1);
        eprintln!(
            "{}: {signals:?} at event {nth} of {n_events}",
            lab.namespace
        );
        let mut up = start(lab);
        eventually("the event", DEADLINE, || {
            counted(&up.events()) >= nth || up.has_ended()
        });
        for &one in signals {
            signal(&mut up, one);
        }
        ended_by(lab, up.end(), code);
        lab.stackctl(&["up"]).exits(0);
        for (name, release) in lab.releases() {
            assert_eq!(release.status, "deployed", "{name} at event {nth}");
        }
    }
}

fn whenever_a_person_presses_ctrl_c_the_same_command_goes_on() {
    for n_signals in 1..=3 {
        let lab = Lab::new(&format!("ctrl-c-{n_signals}"));
        // The live view is redrawn: what it says is easier to count in a log.
        let start = |lab: &Lab| lab.start_attended(&["up", "--yes", "--log-format", "json"]);
        at_every_point(&lab, start, &vec![Signal::SIGINT; n_signals], 130);
    }
}

fn whenever_nobody_is_there_a_signal_ends_in_order_and_the_same_command_goes_on() {
    let lab = Lab::new("signal-int");
    at_every_point(&lab, |lab| lab.start(&["up"]), &[Signal::SIGINT], 130);
    let lab = Lab::new("signal-hup");
    at_every_point(&lab, |lab| lab.start(&["up"]), &[Signal::SIGHUP], 143);
    let lab = Lab::new("signal-term-2");
    let twice = [Signal::SIGTERM; 2];
    at_every_point(&lab, |lab| lab.start(&["up"]), &twice, 143);
}

fn a_step_that_heeds_no_sigterm_is_killed_after_the_grace() {
    let lab = Lab::new("deaf-step");
    lab.stack(
        r#"
[charts.web]
chart = "./charts/app"
[[charts.web.pre]]
run = { command = ["sh", "-c", "trap '' TERM; echo at work; while :; do sleep 1000; done"] }
timeout = "150s"
"#,
    );
    let mut up = lab.start(&["up", "--grace", "1s"]);
    up.until_line("at work");
    up.signal(Signal::SIGTERM);
    let up = ended_by(&lab, up.end(), 143).ended(&[("web", "cancelled")]);
    assert!(up.elapsed < Duration::from_mins(1), "{:?}", up.elapsed);
    lab.has_releases(&[]);
}

/// A run down whose Helm waits for a hook that takes so long.
fn uninstalling(lab: &Lab, hook: &str, grace: &str) -> Running {
    lab.stack(&format!(
        r#"
[charts.db]
chart = "./charts/app"
[charts.web]
chart = "./charts/app"
needs = ["db"]
values = {{ hook = {{ on = "pre-delete", readyAfter = "{hook}" }} }}
"#
    ));
    lab.stackctl(&["up"]).exits(0);
    let mut down = lab.start(&["down", "--yes", "--grace", grace]);
    down.until("the hook's job", || !lab.objects("jobs").is_empty());
    down
}

fn an_uninstall_is_left_to_finish() {
    let lab = Lab::new("down-finishes");
    let mut down = uninstalling(&lab, "4s", "100s");
    signal(&mut down, Signal::SIGTERM);
    ended_by(&lab, down.end(), 143);
    lab.has_releases(&["db 1 deployed"]);
    lab.stackctl(&["down", "--yes"]).exits(0);
    lab.has_releases(&[]);
}

fn an_uninstall_that_does_not_finish_is_killed_after_the_grace() {
    let lab = Lab::new("down-killed");
    let down = uninstalling(&lab, "600s", "1s");
    down.signal(Signal::SIGTERM);
    let down = ended_by(&lab, down.end(), 143);
    assert_eq!(down.outcomes()["db"], "not run", "{down}");
    assert!(down.elapsed < Duration::from_mins(1), "{:?}", down.elapsed);
}

fn a_closed_standard_output_ends_output_not_the_run() {
    let lab = Lab::new("closed-stdout");
    lab.stack(STACK);
    let up = lab.start_unread(&["up", "--log-format", "json"]).end();
    let up = up.exits(0).says(&["4 installed"]);
    assert_eq!(up.errors(), 0, "{up}");
    let runs = lab.stackctl(&["runs", "-o", "json"]).exits(0).json();
    assert_eq!(runs[0]["counts"]["charts"], json!({"installed": 4}));
    let starts = |event: &Event| {
        let action = Action::Install;
        event.kind == EventKind::ChartStarted { action }
    };
    assert_eq!(up.events.iter().filter(|event| starts(event)).count(), 4);
}

fn a_run_that_wakes_up_without_its_lease_ends() {
    let lab = Lab::new("asleep");
    let text = r#"
[stack]
name = "asleep"
state_namespace = "asleep"
[charts.web]
chart = "./charts/app"
namespace = "asleep"
values = { readyAfter = "600s" }
timeout = "600s"
"#;
    lab.write("stack.toml", text);
    let mut up = lab.start(&["up"]);
    up.until_event(
        "the wait",
        |event| matches!(&event.kind, EventKind::StepStarted { step } if step == "ready"),
    );
    up.signal(Signal::SIGSTOP);
    let holder = r#"{"spec":{"holderIdentity":"ada@elsewhere 7 r1"}}"#;
    lab.kubectl(&[
        "patch",
        "lease/stackctl-asleep",
        "--type=merge",
        "-p",
        holder,
    ]);
    up.signal(Signal::SIGCONT);
    let up = up.end().exits(1).ended(&[("web", "cancelled")]);
    assert!(up.elapsed < Duration::from_secs(90), "{:?}", up.elapsed);
    assert_eq!(lab.leftovers(), [""; 0]);
}

fn a_killed_run_is_on_record_as_cut_off_and_a_good_one_teaches_plans() {
    let lab = Lab::new("on-record");
    lab.stack(STACK);
    let outcomes = || {
        let runs = lab.stackctl(&["runs", "-o", "json"]).exits(0).json();
        let runs = runs.as_array().expect("a list").iter();
        runs.map(|run| run["outcome"].as_str().expect("a word").to_owned())
            .collect::<Vec<_>>()
    };
    let mut up = lab.start(&["up"]);
    up.until_event(
        "the step",
        |event| matches!(&event.kind, EventKind::StepStarted { step } if step.starts_with("pre/")),
    );
    assert_eq!(outcomes(), ["running"]);
    up.signal(Signal::SIGKILL);
    up.end();
    // Not even while its children die: they know nothing of its journal.
    assert_eq!(outcomes(), ["cut_off"]);
    lab.stackctl(&["runs", "show", "last"])
        .exits(0)
        .says(&["up broke off after", "cut off"]);
    lab.stackctl(&["up"]).exits(0);
    lab.stackctl(&["down", "--yes"]).exits(0);
    assert_eq!(outcomes(), ["succeeded", "succeeded", "cut_off"]);
    let plan = lab.stackctl(&["plan", "-o", "json"]).exits(0).json();
    // The step alone takes two seconds.
    let expected = plan["expected_ms"].as_u64().expect("learned");
    assert!(expected >= 2_000, "{plan}");
    assert_eq!(plan["critical_path"][0], "cache", "{plan}");
}
