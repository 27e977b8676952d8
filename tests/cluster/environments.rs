//! One stack file, several environments in one cluster, and values that commands give.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::support::Lab;

tests![
    two_environments_of_one_stack_do_not_touch_each_others_releases,
    what_commands_give_reaches_the_chart_and_nothing_else,
];

const ENVIRONMENTS: &str = r#"
[charts.db]
chart = "./charts/app"
[charts.web]
chart = "./charts/app"
needs = ["db"]
[environments.prod]
[environments.dev]
defaults.namespace = "two-envs-dev"
charts.db.enabled = false
charts.web.needs = []
[environments.clash]
"#;

fn two_environments_of_one_stack_do_not_touch_each_others_releases() {
    let lab = Lab::new("two-envs");
    lab.stack(ENVIRONMENTS);
    lab.stackctl(&["check"]).exits(0).says(&[
        "two-envs (prod): 2 charts, no problems",
        "two-envs (dev): 1 chart, no problems",
    ]);
    // Each has a lease of its own: they may run at the same time.
    // (In a folder of its own, so that each finds its journal.)
    let prod = lab.start(&["up", "-e", "prod", "--state-dir", "prod-state"]);
    let dev = lab.stackctl_with(&[("STACKCTL_ENVIRONMENT", "dev")], &["up"]);
    let dev = dev.exits(0).says(&["two-envs (dev)"]);
    let started = serde_json::to_value(&dev.events[0]).expect("an event is JSON");
    assert_eq!(started["stack"], "two-envs");
    assert_eq!(started["environment"], "dev");
    prod.end().exits(0);
    lab.has_releases(&["db 1 deployed", "web 1 deployed"]);
    let labels = &lab.get(&["secrets", "--selector", "owner=helm,name=web"])["items"][0]["metadata"]
        ["labels"];
    assert_eq!(labels["stackctl.io/stack"], "two-envs");
    assert_eq!(labels["stackctl.io/environment"], "prod");

    let plan = lab.stackctl(&["plan", "-e", "dev", "-o", "json"]).exits(0);
    assert_eq!(plan.json()["environment"], "dev");
    assert_eq!(plan.json()["charts"][0]["namespace"], "two-envs-dev");

    // An environment that says nothing of its own would be the same releases.
    for command in ["up", "down"] {
        lab.stackctl(&[command, "-e", "clash", "-y"])
            .exits(1)
            .says(&[
                "the release belongs to two-envs (prod)",
                "of two-envs (clash) from now on, say --take-over",
            ]);
    }
    let status = lab.stackctl(&["status", "-e", "clash"]).exits(0);
    status.says(&["of two-envs (prod)"]);

    lab.stackctl(&["down", "-e", "dev", "-y"]).exits(0);
    lab.has_releases(&["db 1 deployed", "web 1 deployed"]);
    let status = lab
        .stackctl(&["status", "-e", "dev", "-o", "json"])
        .exits(0);
    assert_eq!(status.json()[0]["state"], "not-installed");
    lab.stackctl(&["down", "-e", "prod", "-y"]).exits(0);
    lab.has_releases(&[]);
}

const COMMANDS: &str = r#"
[inputs]
note = { command = ["cat", "note.txt"] }
unused = { command = "touch was-run; false" }
[charts.web]
chart = "./charts/app"
values_files = ["first.yaml", { command = ["cat", "secret.yaml"], secret = true }, "last.yaml"]
values = { origin = "${inputs.note}" }
[[charts.web.post]]
run = "echo seen s3cret-word"
"#;

fn what_commands_give_reaches_the_chart_and_nothing_else() {
    let lab = Lab::new("env-commands");
    lab.stack(COMMANDS);
    lab.write("note.txt", "from a command\n");
    lab.write("first.yaml", "note: first\nreplicas: 3\n");
    lab.write("secret.yaml", "note: s3cret-word\nreplicas: 2\n");
    lab.write("last.yaml", "replicas: 1\n");
    lab.stackctl(&["check"]).exits(0);
    lab.stackctl(&["plan", "--offline"]).exits(0);
    let up = lab.stackctl(&["up", "-v"]).exits(0).says(&["seen ***"]);
    assert!(
        !up.stdout.contains("s3cret-word") && !up.stderr.contains("s3cret-word"),
        "{up}"
    );
    assert!(!lab.path().join("was-run").exists(), "nothing uses it");
    let values = lab
        .helm_command(&["get", "values", "web", "-o", "json"])
        .output()
        .expect("helm starts");
    let values: Value = serde_json::from_slice(&values.stdout).expect("JSON");
    assert_eq!(
        values,
        json!({"note": "s3cret-word", "replicas": 1, "origin": "from a command"})
    );
    assert!(!holds(&lab.path().join(".stackctl"), "s3cret-word"));

    lab.write("secret.yaml", "note: [s3cret\n");
    let failed = lab.stackctl(&["up"]).exits(1);
    let failed = failed.says(&["values from a command are missing", "the output of `cat`"]);
    assert!(failed.events.is_empty(), "nothing was begun: {failed}");
    lab.has_releases(&["web 1 deployed"]);
    // Taking it down needs no values.
    lab.stackctl(&["down", "-y"]).exits(0);
}

/// Whether a file below a folder holds a text.
fn holds(folder: &Path, text: &str) -> bool {
    fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("readable").path())
        .any(|path| {
            if path.is_dir() {
                holds(&path, text)
            } else {
                let bytes = fs::read(&path).expect("readable");
                String::from_utf8_lossy(&bytes).contains(text)
            }
        })
}
