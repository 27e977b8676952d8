//! What is the same for all verbs: when they run, how often, how long, what a failure means.

use std::time::Duration;

use super::*;
use crate::{
    cluster::testing::Answer,
    event::Stream,
    name::Action,
    shutdown::{Level, Reason},
};

#[tokio::test(start_paused = true)]
async fn a_step_runs_for_its_actions_inputs_and_what_was_installed() {
    let steps = r#"
[[charts.web.post]]
name = "deploying"
run = "true"
[[charts.web.post]]
name = "leaving"
when = { action = ["uninstall"] }
run = "true"
[[charts.web.post]]
name = "large"
when = { input = { size = "large", count = 2 } }
run = "true"
[[charts.web.post]]
name = "first"
when = { installed = false }
run = "true"
[[charts.web.post]]
name = "again"
when = { installed = true, action = ["upgrade"] }
run = "true"
"#;
    let record = |status: &str| {
        object(
            "v1",
            "Secret",
            "sh.helm.release.v1.web.v3",
            json!({ "type": "helm.sh/release.v1", "metadata": { "labels": {
                "owner": "helm", "name": "web", "version": "3", "status": status,
            } } }),
        )
    };
    let deployed = [record("deployed")];
    let failed = [record("failed")];
    for (action, size, objects, expected) in [
        (
            Action::Install,
            "small",
            &[][..],
            vec!["deploying", "first"],
        ),
        (
            Action::Install,
            "large",
            &[][..],
            vec!["deploying", "large", "first"],
        ),
        (
            Action::Upgrade,
            "small",
            &deployed[..],
            vec!["deploying", "again"],
        ),
        // What was never deployed is not installed.
        (
            Action::Upgrade,
            "small",
            &failed[..],
            vec!["deploying", "first"],
        ),
        (Action::Uninstall, "large", &deployed[..], vec!["leaving"]),
    ] {
        let lab = Lab::new(objects)
            .action(action)
            .input("size", json!(size), false)
            .input("count", json!(2), false);
        let ran = lab.run(steps).await;
        ran.ok();
        let expected: Vec<_> = expected.iter().map(|name| format!("post/{name}")).collect();
        assert_eq!(ran.steps, expected, "{action} {size}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_means_what_on_error_says() {
    for (on_error, steps, warned) in [
        ("fail", vec!["post/exists!"], false),
        ("warn", vec!["post/exists!", "post/run"], true),
        ("ignore", vec!["post/exists!", "post/run"], false),
    ] {
        let text = format!(
            "[[charts.web.post]]\nexists = \"ConfigMap/nope\"\non_error = \"{on_error}\"\n\
             [[charts.web.post]]\nrun = \"true\"\n"
        );
        let ran = Lab::new(&[]).run(&text).await;
        assert_eq!(ran.steps, steps, "{on_error}");
        assert_eq!(ran.result.is_err(), on_error == "fail");
        let warnings: Vec<_> = ran
            .said
            .iter()
            .filter(|(stream, _)| *stream == Stream::Warning)
            .map(|(_, line)| line.as_str())
            .collect();
        let expected: &[&str] = if warned {
            &["post/exists failed, and the chart goes on: ConfigMap/nope in shop is not there"]
        } else {
            &[]
        };
        assert_eq!(warnings, expected, "{on_error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_is_tried_again_with_growing_pauses() {
    let lab = Lab::new(&[]);
    let fake = lab.fake.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(20)).await;
        fake.put(config("late", &json!({})));
    });
    let step = "exists = \"ConfigMap/late\"\nretry = { attempts = 5, delay = \"2s\", backoff = 2 }";
    let ran = post(lab, step).await;
    ran.ok();
    // 2 + 4 + 8 + 16
    assert_eq!(ran.took.as_secs(), 30);
    assert_eq!(ran.steps, ["post/exists"]);

    let step = "exists = \"ConfigMap/late\"\nretry = { attempts = 3, delay = \"1s\" }";
    let ran = post(Lab::new(&[]), step).await;
    assert_eq!(
        ran.failure(),
        "post/exists: ConfigMap/late in shop is not there (after 3 attempts)"
    );
    assert_eq!(ran.took.as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn only_failures_that_are_named_and_can_pass_are_worth_another_attempt() {
    let status = |code: u16, message: &'static str| {
        move || {
            Lab::new(&[]).answers(move |call, _| {
                call.path
                    .contains("/configmaps/")
                    .then(|| Answer::status(code, message))
            })
        }
    };
    let forbidden = status(
        403,
        "configmaps \"x\" is forbidden: User \"u\" cannot patch",
    );
    let webhook = status(500, "Internal error occurred: failed calling webhook \"w\"");
    let conflict = status(409, "the object has been modified");
    let apply = r#"apply = { objects = [{ apiVersion = "v1", kind = "ConfigMap", metadata = { name = "x" } }] }"#;
    let unserved = r#"exists = "Gadget/x""#;
    let missing = r#"exists = "ConfigMap/x""#;
    let command = r#"run = "exit 1""#;
    let none = || Lab::new(&[]);
    let cases: [(&dyn Fn() -> Lab, &str, &str, bool); 11] = [
        (&webhook, apply, "", true),
        (&webhook, apply, ", on = [\"webhook\"]", true),
        (&webhook, apply, ", on = [\"network\"]", false),
        (&forbidden, apply, "", false),
        (&conflict, apply, ", on = [\"conflict\"]", true),
        (&none, unserved, ", on = [\"no-match\"]", true),
        (&none, unserved, ", on = [\"mismatch\"]", false),
        (&none, missing, ", on = [\"mismatch\"]", true),
        (&none, missing, ", on = [\"webhook\"]", false),
        (&none, command, ", on = [\"command\"]", true),
        (&none, command, ", on = [\"timeout\"]", false),
    ];
    for (lab, step, on, again) in cases {
        let step = format!("{step}\nretry = {{ attempts = 2, delay = \"1s\"{on} }}");
        let failure = post(lab(), &step).await.failure();
        assert_eq!(
            failure.contains("(after 2 attempts)"),
            again,
            "{step}: {failure}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_ends_at_its_timeout() {
    let lab = || {
        Lab::new(&[]).answers(|call, _| call.path.contains("/configmaps").then_some(Answer::Hang))
    };
    let step = "exists = \"ConfigMap/x\"\ntimeout = \"5s\"";
    let ran = post(lab(), step).await;
    assert_eq!(ran.failure(), "post/exists: no result within 5s");
    assert_eq!(ran.took.as_secs(), 5);
    let step = "wait = { kind = \"ConfigMap\", object = \"x\", rollout = true }\ntimeout = \"5s\"";
    let ran = post(lab(), step).await;
    assert_eq!(ran.failure(), "post/wait: no result within 5s");
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_ends_a_wait_whatever_its_failure_would_mean() {
    for step in [
        "wait = { kind = \"ConfigMap\", object = \"x\", rollout = true }\non_error = \"ignore\"",
        "exists = \"ConfigMap/x\"\nretry = { attempts = 99, delay = \"1m\" }",
        "delete = \"Widget/stays\"",
    ] {
        let stays = object("example.com/v1", "Widget", "stays", json!({}));
        let lab = Lab::new(&[stays]).answers(|call, objects| {
            let path = call.path.split('?').next().unwrap();
            (call.method == "DELETE").then(|| Answer::json(&objects[path]))
        });
        let trigger = lab.trigger();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(3)).await;
            trigger.raise(Level::Terminate, Reason::Interrupt);
        });
        let ran = post(lab, step).await;
        assert!(
            ran.result.as_ref().is_err_and(|failure| failure.cancelled),
            "{step}"
        );
        assert_eq!(ran.took.as_secs(), 3, "{step}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_text_without_a_value_is_never_tried_again() {
    let steps = r#"
[[charts.web.pre]]
when = { action = ["upgrade"] }
capture = { name = "c", command = "date" }
[[charts.web.post]]
run = "echo ${capture.c}"
retry = { attempts = 9 }
"#;
    let ran = Lab::new(&[]).run(steps).await;
    assert_eq!(
        ran.failure(),
        "post/run: `${capture.c}` is not known: the step that captures it did not run"
    );
}
