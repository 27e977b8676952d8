//! What a failure stops, what it leaves alone, and what is said about it.

use stackctl::name::Milestone;

use crate::{
    support::{Lab, Run},
    target::{Helm, Target},
};

tests![
    below_a_failed_chart_nothing_runs_and_each_says_because_of_whom,
    below_a_failed_chart_nothing_runs_with_helm_3,
    with_continue_independent_branches_go_on,
    a_failed_chart_is_diagnosed_by_its_own_objects_only,
    an_empty_pod_match_fails_validation_and_stops_what_needs_it,
    a_failing_command_fails_validation_and_stops_what_needs_it,
    a_failing_pre_step_leaves_the_cluster_alone,
    a_failing_hook_job_fails_the_chart_at_once,
    a_failing_job_of_the_release_fails_the_chart_at_once,
    a_failing_failure_hook_never_hides_the_cause,
    a_chart_that_helm_refuses_is_found_before_the_first_change,
    a_chart_that_helm_cannot_load_is_found_before_the_first_change,
    a_namespace_on_its_way_out_is_found_before_the_first_change,
];

/// Two branches: one breaks at its first chart, the other is slow but sound.
const BRANCHES: &str = r#"
[charts.broken]
chart = "./charts/app"
values = { fail = "CrashLoopBackOff" }
timeout = "5s"
[charts.below]
chart = "./charts/app"
needs = ["broken"]
[charts.far-below]
chart = "./charts/app"
needs = ["below:deployed"]
[charts.beside]
chart = "./charts/app"
values = { readyAfter = "7s" }
[charts.below-beside]
chart = "./charts/app"
needs = ["beside"]
"#;

fn below_a_failed_chart_nothing_runs_and_each_says_because_of_whom() {
    stops_below(&Lab::new("fail-stop"));
}

fn below_a_failed_chart_nothing_runs_with_helm_3() {
    stops_below(&Lab::on(Target::shared(), Helm::Three, "fail-stop-3"));
}

fn stops_below(lab: &Lab) {
    lab.stack(BRANCHES);
    let up = lab.stackctl(&["up"]).exits(1).ended(&[
        ("broken", "failed"),
        ("below", "not run because broken"),
        ("far-below", "not run because broken"),
        // It ran already: it finishes.
        ("beside", "succeeded"),
        ("below-beside", "not run because broken"),
    ]);
    assert!(!up.has_started("below"), "{up}");
    lab.has_releases(&["beside 1 deployed", "broken 1 failed"]);
    let failure = up.failure("broken");
    assert!(
        failure.dossier.len() <= 10 && failure.dossier.join("\n").contains("CrashLoopBackOff"),
        "the pod's waiting reason in {failure:#?}"
    );
    up.says(&["broken", "CrashLoopBackOff"]);
}

fn with_continue_independent_branches_go_on() {
    let lab = Lab::new("fail-continue");
    lab.stack(BRANCHES);
    lab.stackctl(&["up", "--failure-policy", "continue"])
        .exits(1)
        .ended(&[
            ("broken", "failed"),
            ("below", "not run because broken"),
            ("far-below", "not run because broken"),
            ("beside", "succeeded"),
            ("below-beside", "succeeded"),
        ]);
    lab.has_releases(&[
        "below-beside 1 deployed",
        "beside 1 deployed",
        "broken 1 failed",
    ]);
}

fn a_failed_chart_is_diagnosed_by_its_own_objects_only() {
    let lab = Lab::new("fail-dossier");
    lab.stack(
        r#"
[charts.broken]
chart = "./charts/app"
values = { fail = "ImagePullBackOff", replicas = 2 }
timeout = "5s"
[charts.neighbour]
chart = "./charts/app"
values = { fail = "CreateContainerConfigError" }
wait = false
"#,
    );
    let up = lab.stackctl(&["up"]).exits(1);
    let dossier = up.failure("broken").dossier.join("\n");
    // The reason, the event of the kubelet, and nothing of the neighbour.
    for text in ["ImagePullBackOff", "Back-off restarting failed container"] {
        assert!(dossier.contains(text), "`{text}` in {up}");
    }
    assert!(!dossier.contains("neighbour"), "{up}");
    assert!(!dossier.contains("CreateContainerConfigError"), "{up}");
}

fn an_empty_pod_match_fails_validation_and_stops_what_needs_it() {
    failed_validation(
        "fail-pods",
        r#"pods = { selector = "app=nobody" }"#,
        "validate/pods",
        "app=nobody",
    );
}

fn a_failing_command_fails_validation_and_stops_what_needs_it() {
    failed_validation(
        "fail-run",
        r#"run = "echo no answer from the moon >&2; exit 3""#,
        "validate/run",
        "no answer from the moon",
    );
}

fn failed_validation(name: &str, step: &str, failed: &str, words: &str) {
    let lab = Lab::new(name);
    lab.stack(&format!(
        r#"
[charts.checked]
chart = "./charts/app"
[[charts.checked.validate]]
timeout = "2s"
retry = {{ attempts = 2, delay = "100ms" }}
{step}
[charts.needs-it]
chart = "./charts/app"
needs = ["checked"]
[charts.needs-less]
chart = "./charts/app"
needs = ["checked:ready"]
"#
    ));
    let up = lab
        .stackctl(&["up", "--failure-policy", "continue"])
        .exits(1)
        .says(&[words]);
    assert_eq!(up.failure("checked").step, failed, "{up}");
    assert!(!up.has_started("needs-it"), "{up}");
    assert_eq!(up.outcomes()["needs-it"], "not run because checked", "{up}");
    // It was ready before it was found wrong.
    up.starts_after("needs-less", "checked", Milestone::Ready);
    // Validation is not Helm's business: the release stays as it is.
    lab.has_releases(&["checked 1 deployed", "needs-less 1 deployed"]);
}

fn a_failing_pre_step_leaves_the_cluster_alone() {
    let lab = Lab::new("fail-pre");
    lab.stack(
        r#"
[charts.web]
chart = "./charts/app"
[[charts.web.pre]]
run = "echo not today >&2; exit 1"
[[charts.web.on_failure]]
run = "echo hook ran >&2"
"#,
    );
    let up = lab.stackctl(&["up"]).exits(1).says(&["not today"]);
    assert_eq!(up.failure("web").step, "pre/run", "{up}");
    // The failure hook is for a failed exec.
    assert!(!up.ran_step("web", "on_failure/run"), "{up}");
    lab.has_releases(&[]);
}

fn a_failing_hook_job_fails_the_chart_at_once() {
    let lab = Lab::new("fail-hook");
    lab.stack(
        r#"
[charts.migrates]
chart = "./charts/app"
values = { hook = { on = "pre-install,pre-upgrade", exitCode = "1" } }
[charts.below]
chart = "./charts/app"
needs = ["migrates:deployed"]
"#,
    );
    let up = lab.stackctl(&["up"]).exits(1).ended(&[
        ("migrates", "failed"),
        ("below", "not run because migrates"),
    ]);
    fails_early(&up, "migrates", "exec");
    // Helm names the hook's Job or its failure; its own words are shown.
    assert!(!up.failure("migrates").cause.is_empty(), "{up}");
    lab.has_releases(&["migrates 1 failed"]);
    assert_eq!(
        lab.objects("deployments"),
        [""; 0],
        "nothing behind the hook was made"
    );
}

fn a_failing_job_of_the_release_fails_the_chart_at_once() {
    let lab = Lab::new("fail-job");
    lab.stack(
        r#"
[charts.imports]
chart = "./charts/app"
values = { kind = "none", job = { exitCode = "1" } }
"#,
    );
    let up = lab.stackctl(&["up"]).exits(1).says(&["imports"]);
    fails_early(&up, "imports", "ready");
    lab.has_releases(&["imports 1 failed"]);
}

/// What cannot succeed any more is not waited for.
#[track_caller]
fn fails_early(up: &Run, chart: &str, step: &str) {
    assert_eq!(up.failure(chart).step, step, "{up}");
    assert!(
        up.elapsed.as_secs() < 30,
        "{:?} of the 60 s timeout in {up}",
        up.elapsed
    );
}

fn a_failing_failure_hook_never_hides_the_cause() {
    let lab = Lab::new("fail-twice");
    lab.stack(
        r#"
[charts.web]
chart = "./charts/app"
values = { hook = { on = "pre-install", exitCode = "1" } }
[[charts.web.on_failure]]
run = "echo the hook is broken too >&2; exit 7"
"#,
    );
    let up = lab
        .stackctl(&["up"])
        .exits(1)
        .says(&["the hook is broken too"]);
    let failure = up.failure("web");
    assert_eq!(failure.step, "exec", "{up}");
    assert!(!failure.attached.is_empty(), "{up}");
}

fn a_chart_that_helm_refuses_is_found_before_the_first_change() {
    let lab = Lab::new("preflight");
    lab.stack(
        r#"
[charts.sound]
chart = "./charts/app"
[charts.wrong]
chart = "./charts/app"
needs = ["sound"]
values = { replicas = "many" }
"#,
    );
    let up = lab.stackctl(&["up"]).exits(1).says(&["wrong", "replicas"]);
    assert!(!up.has_started("sound"), "{up}");
    lab.has_releases(&[]);
}

fn a_chart_that_helm_cannot_load_is_found_before_the_first_change() {
    let lab = Lab::new("unloadable");
    lab.version("app", "2.0.0");
    lab.write("charts/app-2.0.0/values.yaml", "replicas: [");
    lab.stack(
        "[charts.sound]\nchart = \"./charts/app\"\n[charts.web]\nchart = \"./charts/app-2.0.0\"\n",
    );
    let up =
        lab.stackctl(&["up"])
            .exits(1)
            .says(&["web", "values.yaml", "before anything was changed"]);
    assert!(!up.has_started("sound"), "{up}");
}

fn a_namespace_on_its_way_out_is_found_before_the_first_change() {
    let lab = Lab::new("leaving");
    lab.kubectl(&["create", "namespace", "leaving-now"]);
    let held = r#"{"metadata":{"finalizers":["stackctl.test/held"]}}"#;
    let free = r#"{"metadata":{"finalizers":null}}"#;
    let patch = |what: &str| {
        let of = [
            "patch",
            "namespace",
            "leaving-now",
            "--type=merge",
            "-p",
            what,
        ];
        lab.kubectl(&of);
    };
    patch(held);
    lab.kubectl(&["delete", "namespace", "leaving-now", "--wait=false"]);
    lab.stack(
        r#"
[charts.sound]
chart = "./charts/app"
[charts.web]
chart = "./charts/app"
namespace = "leaving-now"
needs = ["sound"]
"#,
    );
    let up = lab.stackctl(&["up"]);
    patch(free);
    let up = up.exits(1).says(&["leaving-now is being deleted"]);
    assert!(!up.has_started("sound"), "{up}");
}
