//! What a run does to releases that are there already: upgrade, reinstall, skip, remove, select.

use stackctl::event::EventKind;

use crate::{
    support::{Lab, Run, Running},
    target::{Helm, Target},
};

tests![
    an_older_chart_is_reinstalled_and_a_newer_one_upgraded,
    a_reinstall_that_loses_a_claim_needs_consent,
    what_another_run_reinstalled_meanwhile_is_not_removed_again,
    what_somebody_upgraded_meanwhile_is_not_removed,
    reinstalls_keep_to_the_limit_of_helm_processes,
    an_object_that_another_release_took_over_holds_up_no_uninstall,
    a_skipped_chart_runs_its_steps_but_not_helm,
    a_chart_to_destroy_is_removed_by_up_and_cleaned_up_after_even_if_it_was_gone,
    down_goes_against_the_edges_and_keeps_claims_of_stateful_sets,
    down_cleans_up_after_a_release_that_is_already_gone,
    a_protected_chart_survives_down_until_included,
    a_chart_with_installed_dependents_goes_down_only_with_them,
    a_selected_chart_needs_what_it_needs_to_be_there,
    the_next_run_finishes_what_a_failed_one_left,
    values_that_are_gone_from_the_file_are_gone_from_the_release,
    no_more_revisions_are_kept_than_asked_for,
];

fn an_older_chart_is_reinstalled_and_a_newer_one_upgraded() {
    for (name, helm) in [("reinstall-4", Helm::Four), ("reinstall-3", Helm::Three)] {
        let lab = Lab::on(Target::shared(), helm, name);
        let stack = |version: &str| {
            lab.version("app", version);
            lab.stack(&format!(
                "[charts.web]\nchart = \"./charts/app-{version}\"\n\
                 reinstall_below = {{ version = \"1.5.0\" }}\n"
            ));
        };
        let uid = || lab.get(&["configmap", "web"])["metadata"]["uid"].clone();
        // A pre-release is older than its release.
        stack("1.5.0-rc.1");
        lab.stackctl(&["up"]).exits(0);
        let first = uid();

        stack("1.5.0");
        assert_eq!(action(&lab, "web"), "reinstall");
        lab.stackctl(&["up"]).exits(64).says(&["--yes"]);
        assert_eq!(uid(), first, "nothing happens without consent");
        lab.stackctl(&["up", "-y"])
            .exits(0)
            .ended(&[("web", "succeeded")]);
        let second = uid();
        assert_ne!(second, first, "it was uninstalled in between");
        lab.has_releases(&["web 1 deployed"]);

        stack("1.6.0");
        assert_eq!(action(&lab, "web"), "upgrade");
        lab.stackctl(&["up"]).exits(0);
        assert_eq!(uid(), second, "it was upgraded in place");
        lab.has_releases(&["web 2 deployed"]);
    }
}

/// A run that has planned a reinstall, and waits for a file `go` before it begins with it.
fn about_to_reinstall(lab: &Lab) -> Running {
    lab.version("app", "2.0.0");
    lab.stack("[charts.web]\nchart = \"./charts/app\"\n");
    lab.stackctl(&["up"]).exits(0);
    lab.stack(
        r#"
[charts.web]
chart = "./charts/app-2.0.0"
reinstall_below = "2.0.0"
[[charts.web.pre]]
run = "until [ -e go ]; do sleep 0.1; done"
"#,
    );
    let mut up = lab.start(&["up", "-y"]);
    up.until_event(
        "its pre step",
        |event| matches!(&event.kind, EventKind::StepStarted { step } if step == "pre/run"),
    );
    up
}

fn what_somebody_upgraded_meanwhile_is_not_removed() {
    let lab = Lab::new("reinstall-late");
    let up = about_to_reinstall(&lab);
    let mut helm = lab.helm_command(&["upgrade", "web", "./charts/app-2.0.0"]);
    assert!(helm.status().expect("helm starts").success());
    lab.write("go", "");
    let told = "chart version 2.0.0 was installed since the plan was made";
    up.end().exits(0).says(&[told]);
    lab.has_releases(&["web 3 deployed"]);
}

fn what_another_run_reinstalled_meanwhile_is_not_removed_again() {
    let lab = Lab::new("reinstall-twice");
    let first = about_to_reinstall(&lab);
    let runs = || std::fs::read_dir(lab.path().join(".stackctl/runs")).map_or(0, Iterator::count);
    let before = runs();
    // Both have planned a reinstall; this one will plan anew.
    let mut second = lab.start(&["up", "-y", "--lock-timeout", "150s"]);
    second.until("it waits for the lease", || runs() > before);
    lab.write("go", "");
    first.end().exits(0);
    lab.has_releases(&["web 1 deployed"]);
    second.end().exits(0).ended(&[("web", "unchanged")]);
    lab.has_releases(&["web 1 deployed"]);
}

fn reinstalls_keep_to_the_limit_of_helm_processes() {
    let lab = Lab::new("reinstall-slots");
    lab.version("app", "2.0.0");
    let stack = |chart: &str| {
        let charts = ["a", "b", "c"].map(|name| {
            format!("[charts.{name}]\nchart = \"./charts/{chart}\"\nreinstall_below = \"2.0.0\"\nvalues = {{ kind = \"none\" }}\n")
        });
        lab.stack(&charts.concat());
    };
    stack("app");
    lab.stackctl(&["up"]).exits(0);
    // A helm that notices when it is not alone.
    let helm = lab.target().helm(Helm::Four);
    lab.write(
        "helm",
        &format!(
            "#!/bin/sh\ncd {lab}\nmkdir busy 2>/dev/null || echo \"$1 $2\" >> together\n\
             case $1 in install|upgrade|uninstall) sleep 0.5;; esac\n\
             cd - >/dev/null\n{helm} \"$@\"\ncode=$?\nrmdir {lab}/busy\nexit $code\n",
            lab = lab.path().display(),
            helm = helm.display()
        ),
    );
    let script = lab.path().join("helm");
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, permissions).expect("it was just written");
    stack("app-2.0.0");
    let script = script.to_str().expect("temporary folders are UTF-8");
    lab.stackctl_with(&[("HELM_BINARY", script)], &["up", "-y", "-j", "1"])
        .exits(0);
    lab.has_releases(&["a 1 deployed", "b 1 deployed", "c 1 deployed"]);
    let together = std::fs::read_to_string(lab.path().join("together")).unwrap_or_default();
    assert_eq!(together, "", "helm processes that were not alone");
}

fn an_object_that_another_release_took_over_holds_up_no_uninstall() {
    let lab = Lab::new("taken-over");
    lab.stack("[charts.web]\nchart = \"./charts/app\"\n");
    lab.stackctl(&["up"]).exits(0);
    let owner = "meta.helm.sh/release-name=other";
    lab.kubectl(&["annotate", "--overwrite", "configmap", "web", owner]);
    // Helm 4 leaves the object alone.
    lab.stackctl(&["down", "-y"])
        .exits(0)
        .ended(&[("web", "succeeded")])
        .says(&["ConfigMap/web"]);
    lab.has_releases(&[]);
    assert!(
        lab.objects("configmaps")
            .contains(&"configmap/web".to_owned())
    );
}

fn a_reinstall_that_loses_a_claim_needs_consent() {
    let lab = Lab::new("reinstall-claim");
    lab.version("app", "2.0.0");
    lab.stack("[charts.db]\nchart = \"./charts/app\"\nvalues = { volume = true }\n");
    lab.stackctl(&["up"]).exits(0);
    lab.free_claims();
    let uid = || lab.get(&["persistentvolumeclaim", "db"])["metadata"]["uid"].clone();
    let first = uid();
    let reinstall = |consent: &str| {
        lab.stack(&format!(
            "[charts.db]\nchart = \"./charts/app-2.0.0\"\nvalues = {{ volume = true }}\n\
             reinstall_below = {{ version = \"2.0.0\"{consent} }}\n"
        ));
        lab.stackctl(&["up", "-y"])
    };
    reinstall("").exits(1).says(&["db", "accept_data_loss"]);
    assert_eq!(uid(), first);
    lab.has_releases(&["db 1 deployed"]);
    reinstall(", accept_data_loss = true").exits(0);
    assert_ne!(uid(), first);
}

fn a_skipped_chart_runs_its_steps_but_not_helm() {
    let lab = Lab::new("skip");
    lab.stack(
        r#"
[charts.web]
chart = "./charts/app"
action = "skip"
[[charts.web.pre]]
run = "echo before >&2"
[[charts.web.validate]]
run = "echo checked >&2"
[charts.below]
chart = "./charts/app"
needs = ["web"]
"#,
    );
    let up = lab
        .stackctl(&["up"])
        .exits(0)
        .ended(&[("web", "skipped"), ("below", "succeeded")]);
    assert!(up.ran_step("web", "pre/run"), "{up}");
    assert!(up.ran_step("web", "validate/run"), "{up}");
    lab.has_releases(&["below 1 deployed"]);
}

/// A chart that is to go, with a step that cleans up after it.
const OLD: &str = r#"
[charts.old]
chart = "./charts/app"
action = "destroy"
[[charts.old.post]]
name = "clean-up"
when = { action = ["uninstall"] }
run = "echo cleaned up >&2"
"#;

fn a_chart_to_destroy_is_removed_by_up_and_cleaned_up_after_even_if_it_was_gone() {
    let lab = Lab::new("destroy");
    lab.stack("[charts.old]\nchart = \"./charts/app\"\n[charts.new]\nchart = \"./charts/app\"\n");
    lab.stackctl(&["up"]).exits(0);
    lab.stack(&format!("{OLD}[charts.new]\nchart = \"./charts/app\"\n"));
    assert_eq!(action(&lab, "old"), "uninstall");
    lab.stackctl(&["up"]).exits(64).says(&["--yes"]);
    lab.has_releases(&["new 1 deployed", "old 1 deployed"]);
    let both = [("old", "succeeded"), ("new", "unchanged")];
    let up = lab.stackctl(&["up", "-y"]).exits(0).ended(&both);
    assert!(up.ran_step("old", "post/clean-up"), "{up}");
    lab.has_releases(&["new 1 deployed"]);
    // Again: the release is gone, its clean-up may have been cut short.
    let up = lab.stackctl(&["up", "-y"]).exits(0).ended(&both);
    assert!(up.ran_step("old", "post/clean-up"), "{up}");
}

/// A database, what needs it, and what needs that.
const CHAIN: &str = r#"
[charts.db]
chart = "./charts/app"
labels = { tier = "data" }
values = { kind = "StatefulSet", claim = true }
[charts.api]
chart = "./charts/app"
needs = ["db"]
[charts.web]
chart = "./charts/app"
needs = ["api:deployed"]
"#;

fn down_goes_against_the_edges_and_keeps_claims_of_stateful_sets() {
    for (name, helm) in [("down-4", Helm::Four), ("down-3", Helm::Three)] {
        let lab = Lab::on(Target::shared(), helm, name);
        lab.stack(CHAIN);
        lab.stackctl(&["up"]).exits(0);
        lab.stackctl(&["down"]).exits(64).says(&["--yes"]);
        assert_eq!(lab.releases().len(), 3);
        let down = lab.stackctl(&["down", "-y"]).exits(0);
        down.starts_after("api", "web", stackctl::name::Milestone::Gone);
        down.starts_after("db", "api", stackctl::name::Milestone::Gone);
        lab.has_releases(&[]);
        assert_eq!(
            lab.objects("deployments,statefulsets,persistentvolumeclaims"),
            ["persistentvolumeclaim/data-db-0"]
        );
    }
}

fn down_cleans_up_after_a_release_that_is_already_gone() {
    let lab = Lab::new("down-gone");
    lab.stack(OLD);
    let down = lab
        .stackctl(&["down", "-y"])
        .exits(0)
        .ended(&[("old", "succeeded")]);
    assert!(down.ran_step("old", "post/clean-up"), "{down}");
}

fn a_protected_chart_survives_down_until_included() {
    let lab = Lab::new("protected");
    lab.stack(
        "[charts.db]\nchart = \"./charts/app\"\nprotected = true\n\
         [charts.web]\nchart = \"./charts/app\"\nneeds = [\"db\"]\n",
    );
    lab.stackctl(&["up"]).exits(0);
    lab.stackctl(&["down", "-y"])
        .exits(1)
        .says(&["db", "protected", "--include-protected"]);
    lab.has_releases(&["db 1 deployed", "web 1 deployed"]);
    lab.stackctl(&["down", "-y", "--include-protected"])
        .exits(0);
    lab.has_releases(&[]);
}

fn a_chart_with_installed_dependents_goes_down_only_with_them() {
    let lab = Lab::new("dependents");
    lab.stack(CHAIN);
    lab.stackctl(&["up"]).exits(0);
    lab.stackctl(&["down", "api", "-y"])
        .exits(1)
        .says(&["api", "web", "--with-dependents"]);
    assert_eq!(lab.releases().len(), 3);
    lab.stackctl(&["down", "api", "--with-dependents", "-y"])
        .exits(0);
    lab.has_releases(&["db 1 deployed"]);
}

fn a_selected_chart_needs_what_it_needs_to_be_there() {
    let lab = Lab::new("select");
    lab.stack(CHAIN);
    lab.stackctl(&["up", "api"])
        .exits(1)
        .says(&["api", "db", "--with-needs"]);
    lab.has_releases(&[]);
    lab.stackctl(&["up", "-l", "tier=data"]).exits(0);
    lab.has_releases(&["db 1 deployed"]);
    // Now it is there.
    lab.stackctl(&["up", "api"]).exits(0);
    lab.has_releases(&["api 1 deployed", "db 1 deployed"]);
    lab.stackctl(&["up", "web", "--with-needs"]).exits(0);
    lab.has_releases(&["api 1 deployed", "db 1 deployed", "web 1 deployed"]);
}

fn the_next_run_finishes_what_a_failed_one_left() {
    let lab = Lab::new("again");
    let stack = |exit_code: &str| {
        lab.stack(&format!(
            "[charts.db]\nchart = \"./charts/app\"\n\
             values = {{ hook = {{ on = \"pre-install,pre-upgrade\", exitCode = \"{exit_code}\" }} }}\n\
             [charts.web]\nchart = \"./charts/app\"\nneeds = [\"db\"]\n"
        ));
    };
    stack("1");
    lab.stackctl(&["up"]).exits(1);
    lab.has_releases(&["db 1 failed"]);
    stack("");
    lab.stackctl(&["up"]).exits(0);
    lab.has_releases(&["db 2 deployed", "web 1 deployed"]);
}

fn values_that_are_gone_from_the_file_are_gone_from_the_release() {
    let lab = Lab::new("values");
    let note = || lab.get(&["configmap", "web"])["data"]["note"].clone();
    lab.stack("[charts.web]\nchart = \"./charts/app\"\nvalues = { note = \"hello\" }\n");
    lab.stackctl(&["up"]).exits(0);
    assert_eq!(note(), "hello");
    lab.stack("[charts.web]\nchart = \"./charts/app\"\n");
    lab.stackctl(&["up"]).exits(0);
    assert_eq!(note(), "");
    lab.stackctl(&["up", "--set", "web:note=from the command line"])
        .exits(0);
    assert_eq!(note(), "from the command line");
}

fn no_more_revisions_are_kept_than_asked_for() {
    let lab = Lab::new("history");
    lab.stack(
        "[charts.web]\nchart = \"./charts/app\"\nvalues = { kind = \"none\" }\nhistory_max = 2\n",
    );
    for _ in 0..4 {
        lab.stackctl(&["up", "--no-skip"]).exits(0);
    }
    lab.has_releases(&["web 4 deployed"]);
    let records = lab.get(&["secrets", "--selector", "owner=helm"]);
    assert_eq!(records["items"].as_array().map(Vec::len), Some(2));
}

/// What `plan` would do to a chart.
#[track_caller]
fn action(lab: &Lab, name: &str) -> String {
    let plan: Run = lab.stackctl(&["plan", "-o", "json"]).exits(0);
    plan.json()["charts"]
        .as_array()
        .and_then(|charts| charts.iter().find(|chart| chart["name"] == name))
        .and_then(|chart| chart["action"].as_str())
        .unwrap_or_else(|| panic!("no {name} in {plan}"))
        .to_owned()
}
