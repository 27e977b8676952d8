//! What captures take, and what waits wait for.

use std::time::Duration;

use super::*;

#[tokio::test(start_paused = true)]
async fn what_is_captured_is_in_the_payload_and_in_later_texts() {
    let lab = Lab::new(&[
        config("coredns", &json!({ "Corefile": "a {}" })),
        deployment("web", 2),
        object(
            "v1",
            "Secret",
            "s",
            json!({ "data": { "token": "c2VjcmV0LXRva2Vu" } }),
        ),
    ]);
    let ran = lab
        .run(
            r#"
[[charts.web.pre]]
capture = { name = "replicas", kind = "Deployment", object = "web", field = "spec.replicas" }
[[charts.web.pre]]
capture = { name = "corefile", kind = "ConfigMap", object = "coredns", field = "data.Corefile", hash = true }
[[charts.web.pre]]
capture = { name = "missing", kind = "ConfigMap", object = "nope", field = "data.x", default = "none" }
[[charts.web.pre]]
capture = { name = "unserved", kind = "Gadget", object = "nope", field = "data.x", default = 0 }
[[charts.web.pre]]
capture = { name = "token", kind = "Secret", object = "s", field = "data.token" }
[[charts.web.pre]]
capture = { name = "printed", command = ["sh", "-c", "echo '{\"a\": [1]}'"], parse = "json" }
[[charts.web.post]]
run = { command = "echo $REPLICAS $MISSING $PRINTED $TOKEN >&2", env = { REPLICAS = "${capture.replicas}", MISSING = "${capture.missing}", PRINTED = "${capture.printed}", TOKEN = "${capture.token}" } }
[[charts.web.validate]]
equals = { kind = "Deployment", object = "web", field = "spec.replicas", value = "${capture.replicas}" }
"#,
        )
        .await;
    let payload = ran.ok();
    assert_eq!(payload.get("replicas"), Some(&json!(2)));
    assert_eq!(payload.get("missing"), Some(&json!("none")));
    assert_eq!(payload.get("unserved"), Some(&json!(0)));
    assert_eq!(payload.get("token"), Some(&json!("secret-token")));
    assert_eq!(payload.get("printed"), Some(&json!({ "a": [1] })));
    let hash = payload.get("corefile").unwrap().as_str().unwrap();
    assert_eq!(hash.len(), 64);
    let said: Vec<_> = ran.said.iter().map(|(_, line)| line.as_str()).collect();
    assert!(said.contains(&"2 none {\"a\":[1]} ***"), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn a_capture_that_fails_says_what_is_missing() {
    let objects = [config("coredns", &json!({ "x": "1" }))];
    insta::assert_snapshot!(failures(&objects, &[
        r#"capture = { name = "c", kind = "ConfigMap", object = "nope", field = "data.x" }"#,
        r#"capture = { name = "c", kind = "ConfigMap", object = "coredns", field = "data.y" }"#,
        r#"capture = { name = "c", command = "echo no >&2; exit 4" }"#,
        r#"capture = { name = "c", command = "echo {", parse = "json" }"#,
    ]).await, @r#"
    capture = { name = "c", kind = "ConfigMap", object = "nope", field = "data.x" }
    post/capture: ConfigMap/nope in shop is not there
      hint: `default = …` is taken where a field or its object may be missing

    capture = { name = "c", kind = "ConfigMap", object = "coredns", field = "data.y" }
    post/capture: `data.y` of ConfigMap/coredns in shop is not there
      hint: `default = …` is taken where a field or its object may be missing

    capture = { name = "c", command = "echo no >&2; exit 4" }
    post/capture: `sh` failed: exit status 4
      no

    capture = { name = "c", command = "echo {", parse = "json" }
    post/capture: the output of the command cannot be read
      EOF while parsing an object at line 2 column 0
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_step_runs_when_what_was_captured_has_changed() {
    let steps = r#"
[[charts.web.pre]]
capture = { name = "corefile", kind = "ConfigMap", object = "coredns", field = "data.Corefile", hash = true }
[[charts.web.post]]
name = "change"
when = { input = { change = true } }
patch = { kind = "ConfigMap", object = "coredns", merge = { data = { Corefile = "b {}" } } }
[[charts.web.post]]
name = "announce"
when = { changed = "corefile" }
run = "true"
"#;
    for (change, expected) in [
        (true, vec!["pre/capture", "post/change", "post/announce"]),
        (false, vec!["pre/capture"]),
    ] {
        let lab = Lab::new(&[config("coredns", &json!({ "Corefile": "a {}" }))]);
        let ran = lab.input("change", json!(change), false).run(steps).await;
        ran.ok();
        assert_eq!(ran.steps, expected);
    }
    // What was not captured has not changed.
    let skipped = steps.replacen(
        "capture =",
        "when = { action = [\"uninstall\"] }\ncapture =",
        1,
    );
    let lab = Lab::new(&[config("coredns", &json!({}))]);
    let ran = lab.input("change", json!(false), false).run(&skipped).await;
    ran.ok();
    assert_eq!(ran.steps, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_when_it_is_so() {
    let ready = |status: &str| {
        object(
            "example.com/v1",
            "Widget",
            "a",
            json!({
                "spec": { "n": 1 },
                "status": { "conditions": [{ "type": "Ready", "status": status }] },
            }),
        )
    };
    for (goal, before, after) in [
        (
            "object = \"a\", condition = \"Ready\"",
            Some(ready("False")),
            Some(ready("True")),
        ),
        (
            "object = \"a\", condition = \"Ready=False\"",
            Some(ready("True")),
            Some(ready("False")),
        ),
        (
            "object = \"a\", condition = \"Ready\"",
            None,
            Some(ready("True")),
        ),
        (
            "object = \"a\", field = \"spec.n\", value = 1",
            None,
            Some(ready("True")),
        ),
        ("all = true, gone = true", Some(ready("True")), None),
        ("all = true, min = 1", None, Some(ready("True"))),
        ("object = \"a\", rollout = true", None, Some(ready("True"))),
        (
            "object = \"a\", rollout = true",
            Some(ready("False")),
            Some(ready("True")),
        ),
    ] {
        let lab = Lab::new(before.as_slice());
        let fake = lab.fake.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(10)).await;
            match after {
                Some(after) => fake.put(after),
                None => fake.remove(&ready("True")),
            }
        });
        let step = format!("wait = {{ kind = \"Widget\", {goal} }}");
        let ran = post(lab, &step).await;
        ran.ok();
        let took = ran.took;
        assert!(
            took >= Duration::from_secs(10) && took < Duration::from_secs(30),
            "{step}: {took:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_late_says_how_it_is_and_how_it_should_be() {
    let objects = [
        object(
            "example.com/v1",
            "Widget",
            "a",
            json!({ "spec": { "n": 1 }, "status": { "conditions": [
                { "type": "Ready", "status": "False", "reason": "Busy", "message": "2 parts left" },
            ] } }),
        ),
        deployment("web", 1),
    ];
    let steps = [
        r#"wait = { kind = "Widget", object = "a", condition = "Ready" }"#,
        r#"wait = { kind = "Widget", object = "a", condition = "Synced" }"#,
        r#"wait = { kind = "Widget", object = "b", condition = "Ready" }"#,
        r#"wait = { kind = "Widget", object = "a", field = "spec.n", value = 2 }"#,
        r#"wait = { kind = "Widget", all = true, gone = true }"#,
        r#"wait = { kind = "Widget", object = "a", rollout = true }"#,
        r#"wait = { kind = "Widget", all = true, min = 2 }"#,
    ];
    let steps = steps.map(|step| format!("{step}\ntimeout = \"30s\""));
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    insta::assert_snapshot!(failures(&objects, &steps).await, @r#"
    wait = { kind = "Widget", object = "a", condition = "Ready" }
    timeout = "30s"
    post/wait: not within 30s: condition Ready of Widget/a in shop is False (2 parts left), True is wanted

    wait = { kind = "Widget", object = "a", condition = "Synced" }
    timeout = "30s"
    post/wait: not within 30s: condition Synced of Widget/a in shop is not there, True is wanted

    wait = { kind = "Widget", object = "b", condition = "Ready" }
    timeout = "30s"
    post/wait: not within 30s: Widget/b in shop is not there

    wait = { kind = "Widget", object = "a", field = "spec.n", value = 2 }
    timeout = "30s"
    post/wait: not within 30s: `spec.n` of Widget/a in shop is 1, 2 is wanted

    wait = { kind = "Widget", all = true, gone = true }
    timeout = "30s"
    post/wait: not within 30s: Widget/a in shop is there, nothing of that must be

    wait = { kind = "Widget", object = "a", rollout = true }
    timeout = "30s"
    post/wait: not ready after 30s: Widget/a: 2 parts left

    wait = { kind = "Widget", all = true, min = 2 }
    timeout = "30s"
    post/wait: not within 30s: there are 1 widgets in shop, at least 2 must be
      Widget/a in shop
    "#);
}
