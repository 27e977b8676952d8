//! What has not changed is left alone, and everything that has is told and done.

use serde_json::Value;
use stackctl::event::EventKind;

use crate::{
    support::{Lab, Run},
    target::{Helm, Target},
};

tests![
    an_unchanged_stack_waits_for_no_helm,
    each_change_is_told_and_done,
    what_others_did_to_a_release_is_told_and_undone,
    a_chart_that_failed_its_validation_only_validates_again,
    a_run_killed_before_validation_is_finished_without_a_new_revision,
    unchanged_charts_are_validated_when_asked,
    what_others_rely_on_is_looked_at_again,
    a_job_that_was_done_and_removed_is_not_missed,
    values_that_only_a_command_tells_are_compared_at_the_charts_turn,
    charts_that_look_at_the_cluster_are_not_skipped_unless_told,
];

/// Action and reason of each chart in the plan.
#[track_caller]
fn planned(lab: &Lab, args: &[&str]) -> Vec<String> {
    let plan = lab.stackctl(&[&["plan", "-o", "json"], args].concat());
    let plan: Value = serde_json::from_str(&plan.exits(0).stdout).expect("a plan");
    let charts = plan["charts"].as_array().expect("its charts").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    charts
        .map(|chart| {
            let [name, action, reason] = ["name", "action", "reason"].map(|key| text(&chart[key]));
            format!("{name}: {action}: {reason}")
        })
        .collect()
}

/// Steps that a chart ran.
fn steps<'r>(run: &'r Run, chart: &str) -> Vec<&'r str> {
    let events = run.events.iter();
    events
        .filter(|event| {
            event
                .chart
                .as_ref()
                .is_some_and(|name| name.to_string() == chart)
        })
        .filter_map(|event| match &event.kind {
            EventKind::StepStarted { step } => Some(step.as_str()),
            _ => None,
        })
        .collect()
}

const STEPS: &str = r#"
[[charts.web.post]]
run = "echo post >> ran"
[[charts.web.validate]]
run = "echo validate >> ran; [ ! -e bad ]"
"#;

fn an_unchanged_stack_waits_for_no_helm() {
    for (name, helm) in [("same-4", Helm::Four), ("same-3", Helm::Three)] {
        let lab = Lab::on(Target::shared(), helm, name);
        lab.stack(&format!(
            "[charts.db]\nchart = \"./charts/app\"\nvalues = {{ hook = {{ on = \"post-install\" }} }}\n\
             [charts.web]\nchart = \"./charts/app\"\nneeds = [\"db\"]\n{STEPS}"
        ));
        lab.stackctl(&["up"]).exits(0);
        assert_eq!(
            planned(&lab, &[]),
            [
                "db: unchanged: revision 1 is as wanted",
                "web: unchanged: revision 1 is as wanted"
            ]
        );
        // A helm that nobody can wait for.
        let text =
            "#!/bin/sh\ncase $1 in version) exec sleep 3600;; *) echo \"$@\" >> called;; esac\n";
        lab.write("helm", text);
        let script = lab.path().join("helm");
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&script, executable).expect("it was just written");
        let again = lab.stackctl(&["up", "--helm-binary", "./helm"]);
        let again = again.exits(0);
        let again = again.ended(&[("db", "unchanged"), ("web", "unchanged")]);
        assert!(!lab.path().join("called").exists(), "{again}");
        assert_eq!(lab.leftovers(), [""; 0], "left by {again}");
        assert_eq!(steps(&again, "web"), Vec::<&str>::new());
        lab.has_releases(&["db 1 deployed", "web 1 deployed"]);
        let dry = lab.stackctl(&["up", "--dry-run", "--detailed-exitcode"]);
        dry.exits(0);
        lab.stackctl(&["up", "--no-skip"]).exits(0);
        lab.has_releases(&["db 2 deployed", "web 2 deployed"]);
    }
}

fn each_change_is_told_and_done() {
    let lab = Lab::new("changed");
    let stack = |text: &str| {
        lab.stack(&format!(
            "[charts.web]\nchart = \"./charts/app\"\nvalues_files = [\"web.yaml\"]\n{text}"
        ));
    };
    lab.write("web.yaml", "note: one # a note\n");
    stack(STEPS);
    lab.stackctl(&["up"]).exits(0);
    let mut revision = 1;
    let mut then = |expected: &str| {
        let reason = format!("web: upgrade: revision {revision} is deployed; changed: {expected}");
        assert_eq!(planned(&lab, &[]), [reason]);
        lab.stackctl(&["up"])
            .exits(0)
            .ended(&[("web", "succeeded")]);
        revision += 1;
        let reason = format!("web: unchanged: revision {revision} is as wanted");
        assert_eq!(planned(&lab, &[]), [reason]);
    };
    // Not what it says, only how.
    lab.write("web.yaml", "# a note\nnote: \"one\"\n");
    assert_eq!(
        planned(&lab, &[]),
        ["web: unchanged: revision 1 is as wanted"]
    );

    lab.write("web.yaml", "note: two\n");
    then("values (note)");
    stack(&format!(
        "values = {{ replicas = 2, readyAfter = \"0s\" }}\n{STEPS}"
    ));
    then("values (readyAfter, replicas)");
    stack(&format!("set = {{ replicas = 2 }}\n{STEPS}"));
    then("values (readyAfter)");
    stack(&format!(
        "set = {{ replicas = 2 }}\n{}",
        STEPS.replace("echo post", "echo posted")
    ));
    then("steps or namespace");
    let chart = "charts/app/templates/configmap.yaml";
    let text = std::fs::read_to_string(lab.path().join(chart)).expect("the chart");
    lab.write(chart, &format!("{text}  more: \"1\"\n"));
    then("chart files");
    let meta = "charts/app/Chart.yaml";
    let text = std::fs::read_to_string(lab.path().join(meta)).expect("the chart");
    lab.write(meta, &text.replace("version: 1.0.0", "version: 1.1.0"));
    then("chart version (1.0.0 -> 1.1.0)");
}

fn what_others_did_to_a_release_is_told_and_undone() {
    for (name, helm) in [("drift-4", Helm::Four), ("drift-3", Helm::Three)] {
        let lab = Lab::on(Target::shared(), helm, name);
        let stack = |note: &str| {
            lab.stack(&format!(
                "[charts.web]\nchart = \"./charts/app\"\nvalues = {{ kind = \"none\", note = \"{note}\" }}\n"
            ));
        };
        let note = || lab.get(&["configmap", "web"])["data"]["note"].clone();
        let helm = |args: &[&str]| {
            let output = lab.helm_command(args).output().expect("helm starts");
            assert!(output.status.success(), "{output:?}");
        };
        stack("one");
        lab.stackctl(&["up"]).exits(0);
        stack("two");
        lab.stackctl(&["up"]).exits(0);
        helm(&[
            "upgrade",
            "web",
            "./charts/app",
            "--set",
            "note=mine,kind=none",
        ]);
        let told = "is deployed; somebody else made it: stackctl's last one was";
        assert_eq!(
            planned(&lab, &[]),
            [format!("web: upgrade: revision 3 {told} 2")]
        );
        lab.stackctl(&["up"]).exits(0);
        assert_eq!(note(), "two");
        // A rollback brings the labels of the revision it goes back to.
        helm(&["rollback", "web", "1"]);
        assert_eq!(note(), "one");
        assert_eq!(
            planned(&lab, &[]),
            [format!("web: upgrade: revision 5 {told} 1")]
        );
        lab.stackctl(&["up"]).exits(0);
        assert_eq!(note(), "two");
        lab.has_releases(&["web 6 deployed"]);
        assert_eq!(
            planned(&lab, &[]),
            ["web: unchanged: revision 6 is as wanted"]
        );
    }
}

fn ran(lab: &Lab) -> String {
    let text = std::fs::read_to_string(lab.path().join("ran")).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn a_chart_that_failed_its_validation_only_validates_again() {
    let lab = Lab::new("revalidate");
    lab.stack(&format!("[charts.web]\nchart = \"./charts/app\"\n{STEPS}"));
    lab.write("bad", "");
    lab.stackctl(&["up"]).exits(1).ended(&[("web", "failed")]);
    assert_eq!(ran(&lab), "post validate");
    assert_eq!(
        planned(&lab, &[]),
        ["web: validate: revision 1 is deployed, but was not validated"]
    );
    lab.stackctl(&["up"]).exits(1);
    assert_eq!(ran(&lab), "post validate validate");
    std::fs::remove_file(lab.path().join("bad")).expect("it was written");
    let run = lab.stackctl(&["up"]).exits(0);
    let run = run.ended(&[("web", "succeeded")]);
    assert_eq!(steps(&run, "web"), ["ready", "validate", "validate/run"]);
    lab.has_releases(&["web 1 deployed"]);
    assert_eq!(
        planned(&lab, &[]),
        ["web: unchanged: revision 1 is as wanted"]
    );
}

fn a_run_killed_before_validation_is_finished_without_a_new_revision() {
    let lab = Lab::new("killed-late");
    lab.stack(
        "[charts.web]\nchart = \"./charts/app\"\n\
         [[charts.web.post]]\nrun = \"echo post >> ran; until [ -e go ]; do sleep 0.1; done\"\n\
         [charts.api]\nchart = \"./charts/app\"\nneeds = [\"web\"]\n",
    );
    let mut run = lab.start(&["up"]);
    run.until("its post step is at work", || ran(&lab) == "post");
    run.signal(nix::sys::signal::Signal::SIGKILL);
    run.end();
    lab.write("go", "");
    assert_eq!(
        planned(&lab, &[]),
        [
            "web: validate: revision 1 is deployed, but what comes after was not done",
            "api: install: not installed"
        ]
    );
    let again = lab.stackctl(&["up", "--lock-timeout", "2m"]).exits(0);
    again.ended(&[("web", "succeeded"), ("api", "succeeded")]);
    lab.has_releases(&["api 1 deployed", "web 1 deployed"]);
    assert_eq!(ran(&lab), "post post");
}

fn unchanged_charts_are_validated_when_asked() {
    let lab = Lab::new("validate-all");
    lab.stack(&format!("[charts.web]\nchart = \"./charts/app\"\n{STEPS}"));
    lab.stackctl(&["up", "--validate", "none"]).exits(0);
    assert_eq!(ran(&lab), "post");
    let run = lab.stackctl(&["up"]).exits(0);
    run.ended(&[("web", "succeeded")]);
    assert_eq!(ran(&lab), "post validate");
    lab.stackctl(&["up"])
        .exits(0)
        .ended(&[("web", "unchanged")]);
    assert_eq!(ran(&lab), "post validate");
    let run = lab.stackctl(&["up", "--validate", "all"]).exits(0);
    run.ended(&[("web", "unchanged")]);
    assert_eq!(ran(&lab), "post validate validate");
    lab.write("bad", "");
    let run = lab.stackctl(&["up", "--validate", "all"]).exits(1);
    run.ended(&[("web", "failed")]);
    lab.has_releases(&["web 1 deployed"]);
}

fn what_others_rely_on_is_looked_at_again() {
    let lab = Lab::new("relied-on");
    let stack = |note: &str| {
        lab.stack(&format!(
            "[charts.db]\nchart = \"./charts/app\"\ntimeout = \"5s\"\n\
             [charts.web]\nchart = \"./charts/app\"\nneeds = [\"db\"]\nvalues = {{ note = \"{note}\" }}\n"
        ));
    };
    stack("one");
    lab.stackctl(&["up"]).exits(0);
    // Broken by hand, without Helm.
    let broken =
        r#"{"spec":{"template":{"metadata":{"annotations":{"stackctl.test/fail":"crash"}}}}}"#;
    lab.kubectl(&["patch", "deployment/db", "--type=merge", "-p", broken]);
    lab.stackctl(&["up"])
        .exits(0)
        .ended(&[("db", "unchanged"), ("web", "unchanged")]);
    stack("two");
    let run = lab.stackctl(&["up"]).exits(1);
    let run = run.ended(&[("db", "failed"), ("web", "not run because db")]);
    assert_eq!(steps(&run, "db"), ["ready"]);
    lab.has_releases(&["db 1 deployed", "web 1 deployed"]);
}

fn a_job_that_was_done_and_removed_is_not_missed() {
    let lab = Lab::new("removed-job");
    lab.write(
        "charts/seed/Chart.yaml",
        "apiVersion: v2\nname: seed\nversion: 1.0.0\n",
    );
    lab.write(
        "charts/seed/templates/job.yaml",
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: seed}\nspec:\n  ttlSecondsAfterFinished: 3600\n\
         \x20 template: {spec: {restartPolicy: Never, containers: [{name: a, image: a}]}}\n",
    );
    let stack = |note: &str| {
        lab.stack(&format!(
            "[charts.seed]\nchart = \"./charts/seed\"\ntimeout = \"5s\"\n\
             [charts.web]\nchart = \"./charts/app\"\nneeds = [\"seed\"]\nvalues = {{ note = \"{note}\" }}\n"
        ));
    };
    stack("one");
    lab.stackctl(&["up"]).exits(0);
    // As the server does when that time is over.
    lab.kubectl(&["delete", "job/seed"]);
    stack("two");
    lab.stackctl(&["up"])
        .exits(0)
        .ended(&[("seed", "unchanged"), ("web", "succeeded")]);
}

fn values_that_only_a_command_tells_are_compared_at_the_charts_turn() {
    let lab = Lab::new("told-later");
    lab.stack(
        "[inputs.note]\ncommand = [\"cat\", \"note\"]\n\
         [charts.web]\nchart = \"./charts/app\"\nvalues = { kind = \"none\", note = \"${inputs.note}\" }\n",
    );
    lab.write("note", "one");
    lab.stackctl(&["up"]).exits(0);
    assert_eq!(
        planned(&lab, &[]),
        ["web: decide: revision 1 is deployed; whether it changes is known when its turn comes"]
    );
    lab.stackctl(&["up"])
        .exits(0)
        .ended(&[("web", "unchanged")]);
    lab.has_releases(&["web 1 deployed"]);
    lab.write("note", "two");
    lab.stackctl(&["up"])
        .exits(0)
        .ended(&[("web", "succeeded")]);
    assert_eq!(lab.get(&["configmap", "web"])["data"]["note"], "two");
    lab.has_releases(&["web 2 deployed"]);
}

fn charts_that_look_at_the_cluster_are_not_skipped_unless_told() {
    let lab = Lab::new("lookups");
    let template = "charts/app/templates/seen.yaml";
    lab.write(
        template,
        "{{- $_ := lookup \"v1\" \"Secret\" .Release.Namespace \"x\" }}\n",
    );
    let stack = |said: &str| {
        lab.stack(&format!(
            "[charts.web]\nchart = \"./charts/app\"\nvalues = {{ kind = \"none\" }}\n{said}"
        ));
    };
    stack("");
    lab.stackctl(&["up"]).exits(0);
    lab.stackctl(&["up"])
        .exits(0)
        .ended(&[("web", "succeeded")]);
    stack("skip_unchanged = true\n");
    lab.stackctl(&["up"])
        .exits(0)
        .ended(&[("web", "unchanged")]);
    stack("skip_unchanged = false\n");
    assert_eq!(
        planned(&lab, &[]),
        ["web: upgrade: revision 2 is deployed; `skip_unchanged = false`"]
    );
}
