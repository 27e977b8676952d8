//! What commands print and refuse: plan, status, events, bad clusters and bad helms.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
};

use serde_json::{Value, json};
use stackctl::event::{Event, EventKind};

use crate::{
    support::{Lab, Run},
    target::{Helm, Target},
};

tests![
    a_plan_says_what_would_happen_and_changes_nothing,
    status_compares_what_is_installed_with_what_is_wanted,
    json_events_on_stdout_are_the_journal,
    the_journal_is_private_and_complete,
    bad_clusters_end_with_one_clear_message,
    bad_helms_end_with_one_clear_message,
    a_journal_that_cannot_be_written_stops_the_run_before_it_changes_anything,
];

const TWO: &str = r#"
[charts.db]
chart = "./charts/app"
version = "1.0.0"
[charts.web]
chart = "./charts/app"
needs = ["db:ready"]
"#;

fn a_plan_says_what_would_happen_and_changes_nothing() {
    let lab = Lab::new("plan");
    lab.stack(TWO);
    let plan = lab.stackctl(&["plan", "-o", "json"]).exits(0);
    let json = plan.json();
    assert_eq!(json["stack"], "plan");
    assert_eq!(json["direction"], "up");
    assert_eq!(json["context"], Target::CONTEXT);
    assert_eq!(json["waves"], json!([["db"], ["web"]]));
    assert_eq!(json["critical_path"], json!(["db", "web"]));
    let web = &json["charts"][1];
    for (key, value) in [
        ("name", json!("web")),
        ("release", json!("web")),
        ("namespace", json!("plan")),
        ("version", json!("1.0.0")),
        ("action", json!("install")),
        ("needs", json!([{ "chart": "db", "until": "ready" }])),
        ("wave", json!(1)),
    ] {
        assert_eq!(web[key], value, "{key} in {plan}");
    }
    lab.stackctl(&["plan"])
        .exits(0)
        .says(&["db", "web", "install", Target::CONTEXT]);
    lab.stackctl(&["up", "--dry-run"])
        .exits(0)
        .says(&["db", "web", "install"]);
    assert_eq!(lab.objects("configmaps,secrets,deployments"), [""; 0]);

    lab.stackctl(&["up"]).exits(0);
    assert_eq!(
        actions(&lab, &["plan", "-o", "json"]),
        ["db unchanged", "web unchanged"]
    );
    // Dependents first.
    let down = ["plan", "--down", "-o", "json"];
    assert_eq!(actions(&lab, &down), ["web uninstall", "db uninstall"]);
    lab.has_releases(&["db 1 deployed", "web 1 deployed"]);
}

#[track_caller]
fn actions(lab: &Lab, args: &[&str]) -> Vec<String> {
    let plan = lab.stackctl(args).exits(0);
    let text = |value: &Value| {
        value
            .as_str()
            .unwrap_or_else(|| panic!("{plan}"))
            .to_owned()
    };
    plan.json()["charts"]
        .as_array()
        .unwrap_or_else(|| panic!("{plan}"))
        .iter()
        .map(|chart| format!("{} {}", text(&chart["name"]), text(&chart["action"])))
        .collect()
}

fn status_compares_what_is_installed_with_what_is_wanted() {
    let lab = Lab::new("status");
    lab.stack(TWO);
    lab.stackctl(&["up", "db"]).exits(0);
    lab.version("app", "2.0.0");
    lab.stack(
        &TWO.replace("./charts/app", "./charts/app-2.0.0")
            .replace("\"1.0.0\"", "\"2.0.0\""),
    );
    let status = lab.stackctl(&["status"]).exits(0);
    let line = |name: &str| {
        status
            .stdout
            .lines()
            .find(|line| line.split_whitespace().any(|word| word == name))
            .unwrap_or_else(|| panic!("no {name} in {status}"))
            .to_owned()
    };
    for word in ["deployed", "1.0.0", "2.0.0"] {
        assert!(line("db").contains(word), "{word} of db in {status}");
    }
    assert!(!line("web").contains("deployed"), "{status}");
    let json = lab
        .stackctl(&["status", "-o", "json"])
        .exits(0)
        .json()
        .to_string();
    for word in ["db", "web", "deployed", "1.0.0", "2.0.0"] {
        assert!(json.contains(&format!("\"{word}\"")), "{word} in {json}");
    }
}

fn json_events_on_stdout_are_the_journal() {
    let lab = Lab::new("events");
    lab.stack(TWO);
    let up = lab.stackctl(&["up", "--log-format", "json"]).exits(0);
    let printed: Vec<Event> = up
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    assert_eq!(printed, up.events);
    assert!(matches!(
        printed.first().map(|event| &event.kind),
        Some(EventKind::RunStarted { .. })
    ));
    assert!(matches!(
        printed.last().map(|event| &event.kind),
        Some(EventKind::RunFinished { .. })
    ));
}

fn the_journal_is_private_and_complete() {
    let lab = Lab::new("journal");
    lab.stack(TWO);
    let up = lab
        .stackctl(&["up"])
        .exits(0)
        .ended(&[("db", "succeeded"), ("web", "succeeded")]);
    let run = up.events[0].run.to_string();
    let file = lab
        .path()
        .join(".stackctl/runs")
        .join(run)
        .join("events.jsonl");
    let mode = fs::metadata(&file)
        .expect("the journal is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// Ways to a cluster that lead nowhere: what is said, and nothing is done.
fn bad_clusters_end_with_one_clear_message() {
    let lab = Lab::new("bad-cluster");
    lab.stack(TWO);
    let good = fs::read_to_string(&lab.target().kubeconfig).expect("ours");
    let server = lab.target().server();
    let token = good
        .split_once("token: ")
        .and_then(|(_, rest)| rest.split('}').next())
        .expect("it has a token");
    for (what, kubeconfig, says) in [
        (
            "refused",
            good.replace(&server, "https://127.0.0.1:1"),
            "https://127.0.0.1:1",
        ),
        ("expired", good.replace(token, "expired"), "Unauthorized"),
        (
            "forbidden",
            good.replace(
                &format!("token: {token}"),
                &format!("token: {token}, as: nobody"),
            ),
            "nobody",
        ),
        ("empty", String::new(), "kubeconfig"),
        ("broken", "{".to_owned(), "kubeconfig"),
    ] {
        let file = format!("kubeconfig-{what}");
        lab.write(&file, &kubeconfig);
        for verb in ["plan", "up"] {
            let run = lab.stackctl_with(&[("KUBECONFIG", &file)], &[verb]);
            refused(run, says);
        }
    }
    refused(
        lab.stackctl_with(&[("KUBECONFIG", "nowhere")], &["up"]),
        "nowhere",
    );
    refused(lab.stackctl(&["up", "--kube-context", "mars"]), "mars");
    lab.write(
        "guarded.toml",
        "[stack]\nname = \"guarded\"\n[stack.cluster]\nallow = [\"prod-*\"]\n\
         [charts.web]\nchart = \"./charts/app\"\nnamespace = \"bad-cluster\"\n",
    );
    for verb in ["plan", "up"] {
        let run = lab
            .stackctl(&[verb, "-f", "guarded.toml"])
            .says(&["prod-*"]);
        refused(run, Target::CONTEXT);
    }
    lab.has_releases(&[]);
}

fn bad_helms_end_with_one_clear_message() {
    let lab = Lab::on(Target::shared(), Helm::Three, "bad-helm");
    lab.stack(TWO);
    let script = |name: &str, text: &str| {
        let path = lab.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("ours");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("ours");
        path.to_str()
            .expect("temporary folders are UTF-8")
            .to_owned()
    };
    for (binary, says) in [
        ("nowhere/helm".to_owned(), "nowhere/helm"),
        (script("helm-2", "echo v2.17.0"), "2.17.0"),
        (script("helm-3.13", "echo v3.13.3"), "3.13.3"),
        (script("editor", "echo Helm Editor ready."), "editor"),
        (script("grumpy", "echo no >&2; exit 1"), "grumpy"),
    ] {
        refused(lab.stackctl(&["up", "--helm-binary", &binary]), says);
    }
    // A stack may want another Helm than the one that is there.
    lab.write(
        "four.toml",
        "[stack]\nname = \"bad-helm\"\nhelm = \">=4\"\n\
         [charts.web]\nchart = \"./charts/app\"\nnamespace = \"bad-helm\"\n",
    );
    refused(lab.stackctl(&["up", "-f", "four.toml"]), ">=4");
    lab.has_releases(&[]);
}

#[track_caller]
fn refused(run: Run, says: &str) {
    let run = run.exits(1).says(&[says]);
    assert_eq!(run.errors(), 1, "errors of {run}");
    assert!(!run.has_started("web") && !run.has_started("db"), "{run}");
}

fn a_journal_that_cannot_be_written_stops_the_run_before_it_changes_anything() {
    let lab = Lab::new("no-journal");
    lab.stack(TWO);
    // A folder that nobody can write to, not even root.
    symlink("/proc/1/fdinfo", lab.path().join(".stackctl")).expect("ours");
    lab.stackctl(&["up"]).exits(1).says(&[".stackctl"]);
    lab.has_releases(&[]);
}
