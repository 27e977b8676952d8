//! `failure_policy = "rollback"`: what a failed run has changed is taken back, whoever interrupts it.

use std::{collections::BTreeMap, time::Duration};

use nix::sys::signal::Signal;
use stackctl::{
    event::{Event, EventKind},
    name::Milestone,
};

use crate::{
    proxy::{Fate, Proxy, kill_stackctl},
    support::{Lab, Release, Run, Running, eventually},
    target::{Helm, Target},
};

tests![
    what_a_failed_run_has_changed_is_as_it_was_with_helm_4,
    what_a_failed_run_has_changed_is_as_it_was_with_helm_3,
    a_killed_rollback_is_finished_by_the_next_run_before_its_own_work,
    an_interrupted_rollback_can_be_dropped,
    what_cannot_be_rolled_back_does_not_keep_the_rest_and_is_tried_again,
    what_a_chart_has_taken_back_itself_and_what_is_gone_stays,
    a_rollback_of_charts_that_need_nothing_of_each_other_stops_when_told,
    killed_at_any_write_of_a_rollback_the_next_run_finishes_it_though_the_stack_is_an_old_one,
];

/// A chart that was there and changes, a new one that needs it, one that does not change, and one
/// that was there and fails. `db` are more values of the first one.
fn stack(lab: &Lab, version: &str, db: &str) {
    let cache = match version {
        "1" => "",
        _ => "[charts.cache]\nchart = \"./charts/app\"\nneeds = [\"db\"]\n",
    };
    let (needs, fails) = match version {
        "1" => ("\"still\"", ""),
        "bad" => ("\"still\", \"cache\"", ", fail = \"CrashLoopBackOff\""),
        _ => ("\"still\", \"cache\"", ""),
    };
    lab.stack(&format!(
        r#"
[settings]
failure_policy = "rollback"
[charts.db]
chart = "./charts/app"
values = {{ kind = "none", note = "{version}"{db} }}
{cache}
[charts.still]
chart = "./charts/app"
needs = ["db"]
values = {{ kind = "none" }}
[charts.web]
chart = "./charts/app"
needs = [{needs}]
timeout = "5s"
values = {{ note = "{version}"{fails} }}
"#
    ));
}

/// Notes of the releases' ConfigMaps.
fn notes(lab: &Lab) -> String {
    let note = |name: &str| {
        let map = lab.get(&["configmap", name]);
        map["data"]["note"].as_str().expect("a note").to_owned()
    };
    format!("db {}, web {}", note("db"), note("web"))
}

/// What lies beside the stack's lease.
fn beside_lease(lab: &Lab) -> Option<serde_json::Value> {
    let all = lab.kubectl_in("default", &["get", "configmaps", "-o", "json"]);
    let all: serde_json::Value = serde_json::from_str(&all).expect("JSON");
    let name = format!("stackctl-{}", lab.namespace);
    let mut items = all["items"].as_array().expect("a list").iter();
    let found = items.find(|item| item["metadata"]["name"] == name.as_str())?;
    let rollback = found["data"]["rollback"].as_str()?;
    Some(serde_json::from_str(rollback).expect("JSON"))
}

fn what_a_failed_run_has_changed_is_as_it_was_with_helm_4() {
    is_as_it_was(&Lab::on(Target::shared(), Helm::Four, "take-back-4"));
}

fn what_a_failed_run_has_changed_is_as_it_was_with_helm_3() {
    is_as_it_was(&Lab::on(Target::shared(), Helm::Three, "take-back-3"));
}

fn is_as_it_was(lab: &Lab) {
    let hook = r#", hook = { on = "post-rollback" }"#;
    stack(lab, "1", hook);
    lab.stackctl(&["up"]).exits(0).alone();
    assert_eq!(lab.objects("jobs"), [""; 0]);
    stack(lab, "bad", hook);
    let up = lab.stackctl(&["up"]).exits(1).says(&[
        "rollback of run",
        "rollback: to revision 1, as before run",
        "uninstall: installed by run",
        "up failed after",
        "1 uninstalled, 2 rolled back",
    ]);
    let rollback = up.second();
    up.ended(&[
        ("db", "succeeded"),
        ("cache", "succeeded"),
        ("still", "unchanged"),
        ("web", "failed"),
    ]);
    rollback.starts_after_end("cache", "web");
    rollback.starts_after("db", "cache", Milestone::Gone);
    let rollback = rollback.ended(&[
        ("web", "succeeded"),
        ("cache", "succeeded"),
        ("db", "succeeded"),
    ]);
    lab.has_releases(&["db 3 deployed", "still 1 deployed", "web 3 deployed"]);
    assert_eq!(notes(lab), "db 1, web 1", "{rollback}");
    assert_eq!(lab.objects("jobs"), ["job.batch/db-hook"], "{rollback}");
    assert_eq!(beside_lease(lab), None, "{rollback}");
    // It is on record, with what it was to do.
    lab.stackctl(&["runs", "show", "last"])
        .exits(0)
        .says(&["rollback in", "to revision 1, as before run"]);
    lab.stackctl(&["plan"])
        .exits(0)
        .says(&["revision 3 is deployed; changed: values (note)"]);
    // What it was made of is known still: nothing is deployed anew for it.
    stack(lab, "1", hook);
    let up = lab.stackctl(&["up"]).exits(0).alone();
    assert_eq!(up.outcomes()["still"], "unchanged", "{up}");
    lab.has_releases(&["db 3 deployed", "still 1 deployed", "web 3 deployed"]);
    stack(lab, "2", hook);
    lab.stackctl(&["up"]).exits(0).alone();
    assert_eq!(notes(lab), "db 2, web 2");
    lab.stackctl(&["up"]).exits(0).says(&["4 unchanged"]);
}

/// A failed run whose rollback is held up by a hook of the first chart, when all others are back.
fn held_up(lab: &Lab, hook: &str) -> Running {
    stack(lab, "1", hook);
    lab.stackctl(&["up"]).exits(0);
    stack(lab, "bad", "");
    let mut up = lab.start(&["up"]);
    up.until("the hook", || {
        let releases = lab.releases();
        releases["db"].status == "pending-rollback" && lab.objects("jobs") == ["job.batch/db-hook"]
    });
    up
}

const SLOW: &str = r#", hook = { on = "pre-rollback", readyAfter = "4s" }"#;

fn a_killed_rollback_is_finished_by_the_next_run_before_its_own_work() {
    let lab = Lab::new("take-back-killed");
    let up = held_up(&lab, SLOW);
    up.signal(Signal::SIGKILL);
    up.end();
    let left = beside_lease(&lab).expect("a rollback that is not done");
    let charts = left["charts"].as_object().expect("by chart");
    assert_eq!(charts.keys().collect::<Vec<_>>(), ["db"], "{left}");
    lab.stackctl(&["plan"])
        .exits(0)
        .says(&["is not all taken back yet (db)", "--no-rollback"]);
    lab.stackctl(&["lock", "show"])
        .exits(0)
        .says(&["rollback of take-back-killed/db to revision 1 is to be done"]);
    stack(&lab, "2", "");
    let up = lab.stackctl(&["up"]).exits(0).says(&[
        "that comes first",
        "db  rollback: to revision 1, as before run",
    ]);
    let second = up.second();
    up.ended(&[("db", "succeeded")]);
    let second = second.ended(&[
        ("db", "succeeded"),
        ("cache", "succeeded"),
        ("still", "unchanged"),
        ("web", "succeeded"),
    ]);
    assert_eq!(notes(&lab), "db 2, web 2", "{second}");
    // One rollback was killed, one took it back, and then came the upgrade.
    lab.has_releases(&[
        "cache 1 deployed",
        "db 5 deployed",
        "still 1 deployed",
        "web 4 deployed",
    ]);
    assert_eq!(beside_lease(&lab), None);
}

fn an_interrupted_rollback_can_be_dropped() {
    let lab = Lab::new("take-back-dropped");
    let up = held_up(&lab, SLOW);
    // Helm's rollback is left to finish, and nothing comes after it.
    up.signal(Signal::SIGTERM);
    let up = up.end().exits(1);
    assert_eq!(up.second().outcomes()["web"], "succeeded", "{up}");
    assert_eq!(lab.leftovers(), [""; 0]);
    lab.has_releases(&["db 3 deployed", "still 1 deployed", "web 3 deployed"]);
    let up = held_up(&lab, SLOW);
    up.signal(Signal::SIGKILL);
    up.end();
    assert!(beside_lease(&lab).is_some());
    stack(&lab, "2", "");
    let up = lab.stackctl(&["up", "--no-rollback"]).exits(0).alone();
    up.says(&["is not taken back any more: db"]);
    assert_eq!(notes(&lab), "db 2, web 2");
    assert_eq!(beside_lease(&lab), None);
}

fn what_cannot_be_rolled_back_does_not_keep_the_rest_and_is_tried_again() {
    let lab = Lab::new("take-back-fails");
    let hook = r#", hook = { on = "pre-rollback", exitCode = "1" }"#;
    stack(&lab, "1", hook);
    lab.stackctl(&["up"]).exits(0);
    stack(&lab, "bad", "");
    let back = |up: Run| {
        let rollback = up.second();
        rollback.ended(&[
            ("web", "succeeded"),
            ("cache", "succeeded"),
            ("db", "failed"),
        ])
    };
    let up = lab.stackctl(&["up"]).exits(1).says(&[
        "rollback failed after",
        "1 uninstalled, 1 rolled back, 1 failed",
        "`up --no-rollback` leaves it",
    ]);
    back(up);
    stack(&lab, "2", "");
    let up = lab.stackctl(&["up"]).exits(1).alone();
    let up = up.ended(&[("db", "failed")]);
    assert_eq!(up.failure("db").step, "rollback", "{up}");
    // What goes down need not go back.
    lab.stackctl(&["down", "--yes", "web"]).exits(0).alone();
    assert!(beside_lease(&lab).is_some());
    lab.stackctl(&["up", "--no-rollback"]).exits(0).alone();
    assert_eq!(notes(&lab), "db 2, web 2");
    assert_eq!(beside_lease(&lab), None);
}

fn what_a_chart_has_taken_back_itself_and_what_is_gone_stays() {
    let lab = Lab::new("take-back-own");
    lab.version("app", "2.0.0");
    lab.write(
        "charts/kinds/Chart.yaml",
        "apiVersion: v2\nname: kinds\nversion: 1.0.0\n",
    );
    lab.write(
        "charts/kinds/crds/things.yaml",
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n\
         metadata: {name: things.take-back-own.example.com}\nspec:\n  \
         group: take-back-own.example.com\n  scope: Namespaced\n  \
         names: {kind: Thing, listKind: ThingList, plural: things, singular: thing}\n  \
         versions:\n  - name: v1\n    served: true\n    storage: true\n    \
         schema: {openAPIV3Schema: {type: object}}\n",
    );
    let write = |note: &str, more: &str, web: &str| {
        let kinds = match note {
            "1" => "",
            _ => "[charts.kinds]\nchart = \"./charts/kinds\"\n",
        };
        lab.stack(&format!(
            r#"
{kinds}
[charts.db]
chart = "./charts/app{more}
values = {{ kind = "none", note = "{note}" }}
[charts.web]
chart = "./charts/app"
needs = ["db"]
timeout = "4s"
rollback_on_failure = "always"
values = {{ note = "{note}"{web} }}
"#
        ));
    };
    write("1", "\"", "");
    lab.stackctl(&["up"]).exits(0);
    let below = "-2.0.0\"\nreinstall_below = \"2.0.0\"";
    write("2", below, ", fail = \"CrashLoopBackOff\"");
    let up = lab.stackctl(&["up", "--yes", "--failure-policy", "rollback"]);
    let up = up
        .exits(1)
        .says(&["reinstalled by this run: what was there before is gone"]);
    let rollback = up.second();
    up.ended(&[
        ("kinds:crds", "succeeded"),
        ("kinds", "succeeded"),
        ("db", "succeeded"),
        ("web", "failed"),
    ]);
    rollback.ended(&[
        ("kinds:crds", "skipped"),
        ("kinds", "succeeded"),
        ("db", "skipped"),
    ]);
    lab.has_releases(&["db 1 deployed", "web 3 deployed"]);
    assert_eq!(notes(&lab), "db 2, web 1");
    assert_eq!(beside_lease(&lab), None);
    // The way down knows no way back.
    let down = lab.stackctl(&["down", "--yes", "--failure-policy", "rollback"]);
    down.exits(0).alone();
}

fn a_rollback_of_charts_that_need_nothing_of_each_other_stops_when_told() {
    let lab = Lab::new("take-back-stops");
    let write = |note: &str, web: &str| {
        lab.stack(&format!(
            r#"
[settings]
concurrency = 1
failure_policy = "rollback"
[charts.a]
chart = "./charts/app"
values = {{ kind = "none", note = "{note}", hook = {{ on = "pre-rollback", readyAfter = "3s" }} }}
[charts.b]
chart = "./charts/app"
values = {{ kind = "none", note = "{note}", hook = {{ on = "pre-rollback", readyAfter = "3s" }} }}
[charts.web]
chart = "./charts/app"
needs = ["a", "b"]
timeout = "4s"
values = {{ note = "{note}"{web} }}
"#
        ));
    };
    write("1", "");
    lab.stackctl(&["up"]).exits(0);
    write("2", ", fail = \"CrashLoopBackOff\"");
    let mut up = lab.start_attended(&["up", "--yes", "--log-format", "json"]);
    up.until("the first hook", || !lab.objects("jobs").is_empty());
    up.signal(Signal::SIGINT);
    let up = up.end().exits(1);
    let rollback = up.second();
    let outcomes = rollback.outcomes();
    assert_eq!(outcomes["web"], "succeeded", "{rollback}");
    let one_of_them = [&outcomes["a"], &outcomes["b"]];
    assert!(one_of_them.contains(&&"succeeded".to_owned()), "{rollback}");
    assert!(one_of_them.contains(&&"not run".to_owned()), "{rollback}");
    let planned = |event: &Event| match &event.kind {
        EventKind::RunStarted { rollback, .. } => rollback.as_ref().map(|it| it.plan.len()),
        _ => None,
    };
    assert_eq!(rollback.events.iter().find_map(planned), Some(3));
    write("1", "");
    let up = lab.stackctl(&["up"]).exits(0);
    assert_eq!(up.outcomes().len(), 1, "{up}");
    assert_eq!(beside_lease(&lab), None);
}

/// Objects of the stack by kind and name, with what tells one from another of that name.
fn objects(lab: &Lab) -> Vec<String> {
    let all = lab.get(&["configmaps,deployments"]);
    let items = all["items"].as_array().expect("a list").iter();
    let name = |item: &serde_json::Value| {
        let (kind, metadata) = (&item["kind"], &item["metadata"]);
        let going = metadata["deletionTimestamp"].is_string();
        format!("{kind}/{} {} {going}", metadata["name"], item["data"])
    };
    items.map(name).collect()
}

fn killed_at_any_write_of_a_rollback_the_next_run_finishes_it_though_the_stack_is_an_old_one() {
    let points = std::env::var("STACKCTL_CHAOS")
        .map_or(2, |text| text.parse().expect("STACKCTL_CHAOS is a number"));
    let lab = Lab::new("take-back-chaos");
    let proxy = Proxy::of(lab.target());
    let hook = r#", hook = { on = "pre-rollback" }"#;
    let begin = || {
        stack(&lab, "1", hook);
        lab.stackctl(&["up", "--no-skip"]).exits(0).alone();
        let before = (objects(&lab), lab.releases());
        stack(&lab, "bad", hook);
        before
    };
    begin();
    proxy.no_faults();
    let mut up = lab.start_with(&proxy.env(), &["up"]);
    up.until_event("the rollback", |event| match &event.kind {
        EventKind::RunStarted { rollback, .. } => rollback.is_some(),
        _ => false,
    });
    // By now it is written down what there is to do.
    let first = proxy.writes().len();
    up.end().exits(1);
    let writes = proxy.writes();
    for point in 0..points {
        let (objects_before, releases_before) = begin();
        let n_writes = writes.len() - first;
        let nth = first + 1 + (2 * point + 1) * n_writes / (2 * points);
        let (folder, with_children) = (lab.path().to_owned(), point % 2 == 0);
        proxy.faults(move |seen| {
            if seen.write == nth {
                kill_stackctl(&folder, with_children);
            }
            Fate::Pass
        });
        let killed = lab.stackctl_with(&proxy.env(), &["up"]);
        let at = proxy.writes().get(nth - 1).cloned();
        let what = format!("killed at write {nth} of {} ({at:?})", writes.len());
        eprintln!("take-back-chaos: {what}");
        proxy.no_faults();
        // The file as it was before: it knows nothing of what the failed run has installed.
        stack(&lab, "1", hook);
        let up = lab.stackctl_with(&proxy.env(), &["up"]);
        assert_eq!(up.status.code(), Some(0), "{what}: {killed}\n{up}");
        eventually("what was deleted is gone", Duration::from_mins(1), || {
            objects(&lab) == objects_before
        });
        let releases = lab.releases();
        let names = |releases: &BTreeMap<String, Release>| -> Vec<String> {
            releases.keys().cloned().collect()
        };
        assert_eq!(names(&releases), names(&releases_before), "{what}: {up}");
        for (name, release) in &releases {
            assert_eq!(release.status, "deployed", "{what}: {name} after {up}");
        }
        // One upgrade and one rollback, and another one if that was killed.
        let web = releases["web"].revision - releases_before["web"].revision;
        assert!(
            (2..=3).contains(&web),
            "{what}: web {web} of {killed}\n{up}"
        );
        assert_eq!(releases["still"], releases_before["still"], "{what}");
        assert_eq!(beside_lease(&lab), None, "{what}");
    }
}
