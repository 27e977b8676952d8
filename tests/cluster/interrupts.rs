//! What is left when a run ends early, and when the cluster does not answer.

use std::time::Duration;

use nix::sys::signal::Signal;
use stackctl::{event::EventKind, name::Milestone};

use crate::{
    support::{Lab, Running, eventually},
    target::{Helm, Target},
};

tests![
    a_child_never_outlives_a_killed_stackctl,
    without_a_terminal_an_interrupt_ends_helm_in_order_with_130,
    a_terminate_signal_ends_helm_in_order_with_143,
    an_interrupted_wait_leaves_no_pending_release,
    an_interrupt_does_not_wait_for_a_check_that_hangs,
    a_run_interrupted_while_it_waits_for_another_one_changes_nothing,
    of_two_runs_of_one_stack_the_second_is_refused_and_told_by_whom,
    of_two_runs_of_one_stack_that_waits_the_second_finds_all_done,
    a_hanging_api_server_is_one_clear_message_in_bounded_time,
    an_api_server_that_hangs_during_a_run_fails_it_in_bounded_time,
    an_api_server_that_is_down_is_one_clear_message,
    what_a_killed_down_deleted_is_waited_for_by_the_next_run,
    what_a_failed_down_deleted_is_waited_for_by_the_next_run,
];

/// Helm is at work for longer than any test: it waits for a hook.
const HELM_AT_WORK: &str = r#"
[charts.web]
chart = "./charts/app"
values = { hook = { on = "pre-install", readyAfter = "600s" } }
timeout = "600s"
[charts.below]
chart = "./charts/app"
needs = ["web"]
"#;

/// Helm is done, the workload is late.
const WAITING: &str = r#"
[charts.web]
chart = "./charts/app"
values = { readyAfter = "600s" }
timeout = "600s"
"#;

/// A run whose Helm waits for a hook. Helm writes its record once more right before it makes the
/// hook's Job, with the status it has then; only after that a signal finds it quiet.
fn helm_at_work(lab: &Lab) -> Running {
    lab.stack(HELM_AT_WORK);
    let mut up = lab.start(&["up"]);
    up.until("the hook's job", || !lab.objects("jobs").is_empty());
    lab.has_releases(&["web 1 pending-install"]);
    up
}

fn a_child_never_outlives_a_killed_stackctl() {
    for (name, helm) in [("killed-4", Helm::Four), ("killed-3", Helm::Three)] {
        let lab = Lab::on(Target::shared(), helm, name);
        let up = helm_at_work(&lab);
        assert_ne!(lab.helm_processes(), [""; 0], "helm is at work");
        up.signal(Signal::SIGKILL);
        let up = up.end();
        assert_eq!(up.status.code(), None, "{up}");
        eventually("helm is gone", Duration::from_secs(10), || {
            lab.helm_processes().is_empty()
        });
        // It was asked to end, not killed: it could say that it failed.
        lab.has_releases(&["web 1 failed"]);
    }
}

fn without_a_terminal_an_interrupt_ends_helm_in_order_with_130() {
    for (name, helm) in [("interrupt-4", Helm::Four), ("interrupt-3", Helm::Three)] {
        ends_in_order(&Lab::on(Target::shared(), helm, name), Signal::SIGINT, 130);
    }
}

fn a_terminate_signal_ends_helm_in_order_with_143() {
    ends_in_order(&Lab::new("terminate"), Signal::SIGTERM, 143);
}

fn ends_in_order(lab: &Lab, signal: Signal, code: i32) {
    let up = helm_at_work(lab);
    up.signal(signal);
    let up = up
        .end()
        .exits(code)
        .ended(&[("web", "cancelled"), ("below", "not run")]);
    assert_eq!(lab.helm_processes(), [""; 0], "{up}");
    assert!(!up.has_started("below"), "{up}");
    lab.has_releases(&["web 1 failed"]);
}

fn an_interrupted_wait_leaves_no_pending_release() {
    let lab = Lab::new("interrupt-wait");
    lab.stack(WAITING);
    let mut up = lab.start(&["up"]);
    up.until_event("deployed", |event| {
        matches!(
            event.kind,
            EventKind::Milestone {
                milestone: Milestone::Deployed
            }
        )
    });
    up.signal(Signal::SIGINT);
    let up = up.end().exits(130).ended(&[("web", "cancelled")]);
    let release = &lab.releases()["web"];
    assert!(
        !release.status.starts_with("pending"),
        "{release:?} after {up}"
    );
}

fn an_interrupt_does_not_wait_for_a_check_that_hangs() {
    let lab = Lab::new("interrupt-http");
    // Takes connections and says nothing.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    lab.stack(&format!(
        "[charts.web]\nchart = \"./charts/app\"\n[[charts.web.validate]]\n\
         http = {{ url = \"http://127.0.0.1:{port}/\" }}\ntimeout = \"170s\"\n"
    ));
    let mut up = lab.start(&["up"]);
    up.until_event(
        "the check",
        |event| matches!(&event.kind, EventKind::StepStarted { step } if step == "validate/http"),
    );
    up.signal(Signal::SIGINT);
    let up = up.end().exits(130).ended(&[("web", "cancelled")]);
    assert!(up.elapsed < Duration::from_mins(1), "{:?}", up.elapsed);
}

fn a_run_interrupted_while_it_waits_for_another_one_changes_nothing() {
    let lab = Lab::new("interrupt-lease");
    lab.stack(WAITING);
    let mut first = lab.start(&["up"]);
    // Helm is done: its own lock, a pending release, would stop the second one before the lease.
    first.until_event("deployed", |event| {
        matches!(
            event.kind,
            EventKind::Milestone {
                milestone: Milestone::Deployed
            }
        )
    });
    let holder = first.events()[0].run.to_string();
    let runs = || std::fs::read_dir(lab.path().join(".stackctl/runs")).map_or(0, Iterator::count);
    let mut second = lab.start(&["up", "--lock-timeout", "150s"]);
    second.until("it waits for the lease", || runs() == 2);
    second.signal(Signal::SIGTERM);
    let second =
        second
            .end()
            .exits(143)
            .says(&["before anything was changed", "waiting for it", &holder]);
    assert!(!second.has_started("web"), "{second}");
    first.signal(Signal::SIGINT);
    first.end().exits(130);
}

fn of_two_runs_of_one_stack_the_second_is_refused_and_told_by_whom() {
    let lab = Lab::new("two-runs");
    lab.stack(WAITING);
    let mut first = lab.start(&["up"]);
    // Helm is done: its own lock, a pending release, would stop the second one before the lease.
    first.until_event("deployed", |event| {
        matches!(
            event.kind,
            EventKind::Milestone {
                milestone: Milestone::Deployed
            }
        )
    });
    let holder = first.events()[0].run.to_string();
    let second = lab.stackctl(&["up"]).exits(1).says(&[&holder]);
    assert!(!second.has_started("web"), "{second}");
    lab.stackctl(&["down", "-y"]).exits(1).says(&[&holder]);
    // Looking is free.
    lab.stackctl(&["plan"]).exits(0);
    lab.stackctl(&["status"]).exits(0);
    first.signal(Signal::SIGINT);
    first.end().exits(130);
    // The lease was given back: nobody has to wait for it to run out.
    let down = lab.stackctl(&["down", "-y"]).exits(0);
    assert!(
        down.elapsed < Duration::from_secs(30),
        "{:?} {down}",
        down.elapsed
    );
}

fn of_two_runs_of_one_stack_that_waits_the_second_finds_all_done() {
    let lab = Lab::new("two-in-turn");
    lab.stack(
        r#"
[charts.web]
chart = "./charts/app"
values = { kind = "none" }
[[charts.web.post]]
run = { command = ["sh", "-c", "echo at work; until [ -e free ]; do sleep 0.05; done"] }
"#,
    );
    let mut first = lab.start(&["up"]);
    first.until_line("at work");
    let second = lab.start(&["up", "--lock-timeout", "5m"]);
    let told = "waiting for it";
    eventually(told, BOUND, || second.stderr().contains(told));
    lab.write("free", "");
    first.end().exits(0);
    second.end().exits(0).ended(&[("web", "unchanged")]);
    lab.has_releases(&["web 1 deployed"]);
}

/// Longest time until a run gives up on an API server that does not answer.
const BOUND: Duration = Duration::from_secs(90);

fn a_hanging_api_server_is_one_clear_message_in_bounded_time() {
    let lab = Lab::on(Target::own(), Helm::Four, "paused");
    lab.stack(WAITING);
    lab.target().pause("kube-apiserver");
    for verb in ["plan", "status", "up"] {
        let run = lab
            .stackctl(&[verb])
            .exits(1)
            .says(&[&lab.target().server()]);
        assert!(run.elapsed < BOUND, "{:?} {run}", run.elapsed);
        assert_eq!(run.errors(), 1, "errors of {run}");
        assert!(!run.has_started("web"), "{run}");
    }
}

fn an_api_server_that_hangs_during_a_run_fails_it_in_bounded_time() {
    let lab = Lab::on(Target::own(), Helm::Four, "pause-later");
    lab.stack(
        "[charts.web]\nchart = \"./charts/app\"\ntimeout = \"20s\"\nvalues = { readyAfter = \"600s\" }\n",
    );
    let mut up = lab.start(&["up"]);
    up.until_event("deployed", |event| {
        matches!(
            event.kind,
            EventKind::Milestone {
                milestone: Milestone::Deployed
            }
        )
    });
    lab.target().pause("kube-apiserver");
    let up = up.end().exits(1).ended(&[("web", "failed")]);
    assert!(up.elapsed < 2 * BOUND, "{:?} {up}", up.elapsed);
    lab.target().resume("kube-apiserver");
}

fn an_api_server_that_is_down_is_one_clear_message() {
    let lab = Lab::on(Target::own(), Helm::Four, "down");
    lab.stack(WAITING);
    lab.target().kill("kube-apiserver");
    for verb in ["plan", "status", "up"] {
        let run = lab
            .stackctl(&[verb])
            .exits(1)
            .says(&[&lab.target().server()]);
        assert!(run.elapsed < BOUND, "{:?} {run}", run.elapsed);
        assert_eq!(run.errors(), 1, "errors of {run}");
    }
}

/// The release is gone, an object of it is not: nobody may take it for gone, or install over it.
/// Sets those of the ConfigMap of the release `web`.
fn finalizers(lab: &Lab, list: &str) {
    let patch = format!(r#"{{"metadata":{{"finalizers":{list}}}}}"#);
    lab.kubectl(&["patch", "configmap", "web", "--type=merge", "-p", &patch]);
}

fn what_a_killed_down_deleted_is_waited_for_by_the_next_run() {
    for again in ["down", "up"] {
        let lab = Lab::new(&format!("leaving-{again}"));
        lab.stack("[charts.web]\nchart = \"./charts/app\"\nvalues = { kind = \"none\" }\n");
        lab.stackctl(&["up"]).exits(0);
        finalizers(&lab, r#"["stackctl.test/held"]"#);
        let mut down = lab.start(&["down", "--yes"]);
        down.until("the release is gone", || lab.releases().is_empty());
        down.signal(Signal::SIGKILL);
        down.end();
        let mut run = lab.start(&[again, "--yes"]);
        run.until_event("it waits", |event| {
            matches!(&event.kind, EventKind::StepOutput { line, .. }
                if line == "ConfigMap/web: it is being deleted")
        });
        finalizers(&lab, "null");
        run.end().exits(0).ended(&[("web", "succeeded")]);
        let expected: &[&str] = if again == "up" {
            &["web 1 deployed"]
        } else {
            &[]
        };
        lab.has_releases(expected);
        lab.stackctl(&["lock", "show"]).exits(0).says(&["nobody"]);
    }
}

/// With hooks that come after, Helm waits itself: if it is in vain it removes its record all the same.
fn what_a_failed_down_deleted_is_waited_for_by_the_next_run() {
    for (name, helm) in [("left-4", Helm::Four), ("left-3", Helm::Three)] {
        let lab = Lab::on(Target::shared(), helm, name);
        lab.stack(
            "[charts.web]\nchart = \"./charts/app\"\ntimeout = \"3s\"\n\
             values = { kind = \"none\", hook = { on = \"post-delete\" } }\n",
        );
        lab.stackctl(&["up"]).exits(0);
        finalizers(&lab, r#"["stackctl.test/held"]"#);
        lab.stackctl(&["down", "--yes"]).exits(1);
        lab.has_releases(&[]);
        let mut down = lab.start(&["down", "--yes"]);
        down.until_event("it waits", |event| {
            matches!(&event.kind, EventKind::StepOutput { line, .. }
                if line == "ConfigMap/web: it is being deleted")
        });
        finalizers(&lab, "null");
        down.end().exits(0).ended(&[("web", "succeeded")]);
        lab.stackctl(&["lock", "show"]).exits(0).says(&["nobody"]);
    }
}
