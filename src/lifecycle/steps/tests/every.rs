//! What holds for every verb: it says why it failed, ends at its timeout, and means what `when`,
//! `on_error` and `retry` say. One failing step of each; what else a verb may say is in the other
//! files.

use serde_json::json;

use super::{config, object, pod};
use crate::{
    cluster::testing::Answer,
    event::Stream,
    lifecycle::testing::{Lab, Ran},
    name::Action,
    stack::Verb,
};

/// A step of each verb that fails, in the order of the documentation.
const EVERY: [(&str, &str); 17] = [
    ("adopt", r#""ConfigMap/nope""#),
    (
        "apply",
        r#"{ yaml = "{ apiVersion: gadgets.io/v1, kind: Gadget, metadata: { name: x } }" }"#,
    ),
    (
        "patch",
        r#"{ kind = "ConfigMap", object = "nope", merge = { data = { a = "b" } } }"#,
    ),
    ("delete", r#""Widget/held""#),
    (
        "scale",
        r#"{ kind = "Deployment", object = "nope", replicas = 2 }"#,
    ),
    ("restart", r#""deployment/nope""#),
    ("run", r#""echo no luck >&2; exit 3""#),
    (
        "capture",
        r#"{ name = "c", kind = "ConfigMap", object = "settings", field = "data.nope" }"#,
    ),
    (
        "wait",
        r#"{ kind = "Widget", object = "held", condition = "Ready" }"#,
    ),
    ("exists", r#""ConfigMap/nope""#),
    ("absent", r#""ConfigMap/settings""#),
    ("count", r#"{ kind = "Widget", all = true, min = 2 }"#),
    (
        "equals",
        r#"{ kind = "ConfigMap", object = "settings", field = "data.colour", value = "red" }"#,
    ),
    (
        "contains",
        r#"{ kind = "ConfigMap", object = "settings", field = "data.colour", value = "red" }"#,
    ),
    ("pods", r#"{ selector = "app=web" }"#),
    (
        "http",
        r#"{ service = "web", port = 80, path = "/health" }"#,
    ),
    ("helm_test", "true"),
];

/// A server where each of them fails.
fn lab() -> Lab {
    let held = json!({ "metadata": { "finalizers": ["example.com/held"] } });
    let objects = [
        config("settings", &json!({ "colour": "blue" })),
        object("example.com/v1", "Widget", "held", held),
        pod("web-1", "web", false),
    ];
    Lab::new(&objects).answers(|call, objects| {
        let path = call.path.split('?').next().unwrap();
        (call.method == "DELETE").then(|| Answer::json(&objects[path]))
    })
}

async fn run(lab: Lab, (verb, says): (&str, &str), keys: &str) -> Ran {
    let step = format!("[[charts.web.post]]\n{verb} = {says}\n{keys}\n");
    lab.run(&step).await
}

#[test]
fn none_is_left_out() {
    assert_eq!(EVERY.map(|(verb, _)| verb), Verb::WORDS);
}

#[tokio::test(start_paused = true)]
async fn every_verb_says_why_it_failed() {
    let mut said = Vec::new();
    for step in EVERY {
        let ran = run(lab(), step, "timeout = \"2s\"").await;
        assert_eq!(ran.steps, [format!("post/{}!", step.0)]);
        said.push(format!("{} = {}\n{}", step.0, step.1, ran.failure()));
    }
    insta::assert_snapshot!("failures", said.join("\n\n"));
}

#[tokio::test(start_paused = true)]
async fn every_verb_ends_at_its_timeout() {
    for step in EVERY {
        if step.0 == "run" {
            continue;
        }
        let lab = Lab::new(&[]).answers(|_, _| Some(Answer::Hang));
        let ran = run(lab, step, "timeout = \"2s\"").await;
        // What waits gets a moment more, to say what for.
        assert!(ran.took.as_secs() <= 3, "{}: {:?}", step.0, ran.took);
        let late = format!("post/{}: no result within 2s", step.0);
        assert_eq!(ran.failure(), late);
    }
}

/// The clock of a child cannot be paused.
#[tokio::test]
async fn a_command_ends_at_its_timeout() {
    let ran = run(lab(), ("run", r#""sleep 60""#), "timeout = \"50ms\"").await;
    assert!(
        ran.failure().starts_with("post/run: `sh` "),
        "{}",
        ran.failure()
    );
    assert!(ran.took.as_secs() < 60, "{:?}", ran.took);
}

#[tokio::test(start_paused = true)]
async fn every_verb_runs_only_when_it_is_meant_to() {
    for step in EVERY {
        let ran = run(lab(), step, "when = { action = [\"upgrade\"] }").await;
        ran.ok();
        assert_eq!(ran.steps, [""; 0], "{}", step.0);
        let meant = "when = { action = [\"upgrade\"] }\ntimeout = \"1s\"";
        let ran = run(lab().action(Action::Upgrade), step, meant).await;
        assert!(ran.result.is_err(), "{}", step.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_every_verb_means_what_on_error_says() {
    for step in EVERY {
        let tried = format!("post/{}!", step.0);
        for (on_error, warnings) in [("warn", 1), ("ignore", 0)] {
            let keys = format!("timeout = \"1s\"\non_error = \"{on_error}\"");
            let ran = run(lab(), step, &keys).await;
            ran.ok();
            assert_eq!(ran.steps, [&*tried], "{on_error}");
            let warned = ran.said.iter().filter(|(stream, line)| {
                let words = format!("post/{} failed, and the chart goes on: ", step.0);
                *stream == Stream::Warning && line.starts_with(&words)
            });
            assert_eq!(warned.count(), warnings, "{} {on_error}", step.0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_verb_is_tried_again() {
    for step in EVERY {
        let keys = "timeout = \"1s\"\nretry = { attempts = 3, delay = \"1s\" }";
        let ran = run(lab(), step, keys).await;
        let failure = ran.failure();
        assert!(failure.contains("(after 3 attempts)"), "{failure}");
        assert_eq!(ran.steps, [format!("post/{}!", step.0)]);
        assert!(ran.took.as_secs() >= 2, "{}: {:?}", step.0, ran.took);
    }
}
