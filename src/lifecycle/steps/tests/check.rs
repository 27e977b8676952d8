//! What checks find, and what they say.

use super::*;

fn objects() -> Vec<Value> {
    vec![
        config("settings", &json!({ "colour": "blue", "size": "3" })),
        config("empty", &json!({})),
        object(
            "v1",
            "Secret",
            "credentials",
            // hunter2
            json!({ "data": { "password": "aHVudGVyMg==" } }),
        ),
        object(
            "example.com/v1",
            "Widget",
            "a",
            json!({
                "metadata": { "labels": { "tier": "base" } },
                "spec": { "size": 1, "owners": [{ "kind": "Team", "name": "core", "id": 7 }] },
            }),
        ),
        object(
            "example.com/v1",
            "Widget",
            "b",
            json!({ "metadata": { "labels": { "tier": "base" } }, "spec": { "size": 2 } }),
        ),
        object(
            "example.com/v1",
            "Widget",
            "elsewhere",
            json!({ "metadata": { "namespace": "other" }, "spec": { "size": 3 } }),
        ),
        json!({ "apiVersion": "example.com/v1", "kind": "Site", "metadata": { "name": "main" } }),
        pod("web-1", "web", true),
        pod("web-2", "web", true),
        pod("db-1", "db", false),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_check_that_finds_what_it_wants_passes_and_changes_nothing() {
    for step in [
        r#"exists = "cm/settings""#,
        r#"exists = ["configmap/settings", "Site/main"]"#,
        r#"exists = { kind = "Widget", selector = "tier=base" }"#,
        r#"exists = { kind = "Widget", object = "elsewhere", namespace = "other" }"#,
        r#"absent = "ConfigMap/nope""#,
        r#"absent = { kind = "Widget", where = { "spec.size" = 9 } }"#,
        // A kind that nobody serves has no objects.
        r#"absent = { kind = "Gadget", all = true }"#,
        r#"count = { kind = "Widget", all = true, equals = 2 }"#,
        r#"count = { kind = "Widget", namespace = "*", all = true, min = 3 }"#,
        r#"count = { kind = "Widget", where = { "spec.size" = 2 }, max = 1 }"#,
        r#"equals = { kind = "ConfigMap", object = "settings", field = "data.colour", value = "blue" }"#,
        r#"equals = { kind = "Widget", object = "a", field = "spec.size", value = 1.0 }"#,
        r#"equals = { kind = "Secret", object = "credentials", field = "data.password", value = "hunter2" }"#,
        r#"equals = { kind = "Widget", selector = "tier=base", field = "metadata.namespace", value = "shop" }"#,
        r#"contains = { kind = "ConfigMap", object = "settings", field = "data.colour", value = "lu" }"#,
        r#"contains = { kind = "Widget", object = "a", field = "spec.owners", value = { kind = "Team", name = "core" } }"#,
        r#"contains = { kind = "Widget", selector = "tier=base", field = "metadata.name", value = ["b", "a"] }"#,
        r#"pods = { selector = "app=web", min = 2 }"#,
        r#"pods = { object = "web-1" }"#,
    ] {
        let ran = post(Lab::new(&objects()), step).await;
        ran.ok();
        assert_eq!(ran.changes, [""; 0], "{step}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_that_fails_says_what_is_there_and_what_must_be() {
    insta::assert_snapshot!(failures(&objects(), &[
        r#"exists = "ConfigMap/nope""#,
        r#"exists = { kind = "ConfigMap", object = ["settings", "x", "y"] }"#,
        r#"exists = { kind = "Widget", selector = "tier=top" }"#,
        r#"exists = { kind = "Widget", where = { "spec.size" = 9 }, namespace = "*" }"#,
        r#"exists = "Site/nope""#,
        r#"exists = "Gadget/x""#,
        r#"absent = "ConfigMap/settings""#,
        r#"absent = { kind = "Pod", all = true }"#,
        r#"count = { kind = "Widget", all = true, min = 3 }"#,
        r#"count = { kind = "Widget", where = { "spec.size" = 9 }, equals = 1 }"#,
        r#"count = { kind = "Pod", all = true, max = 2 }"#,
        r#"equals = { kind = "ConfigMap", object = "settings", field = "data.colour", value = "red" }"#,
        r#"equals = { kind = "ConfigMap", object = "settings", field = "data.size", value = 3 }"#,
        r#"equals = { kind = "ConfigMap", object = "empty", field = "data.colour", value = "red" }"#,
        r#"equals = { kind = "ConfigMap", object = "nope", field = "data.colour", value = "red" }"#,
        r#"equals = { kind = "Widget", selector = "tier=base", field = "spec.size", value = 3 }"#,
        r#"equals = { kind = "Secret", object = "credentials", field = "data.password", value = "hunter3" }"#,
        r#"contains = { kind = "Widget", object = "a", field = "spec.owners", value = { kind = "User" } }"#,
        r#"contains = { kind = "Widget", selector = "tier=base", field = "metadata.name", value = ["a", "c"] }"#,
        r#"contains = { kind = "ConfigMap", object = "empty", field = "data.colour", value = "red" }"#,
        r#"pods = { selector = "app=web", min = 3 }"#,
        r#"pods = { selector = "app=wbe" }"#,
        r"pods = { all = true }",
    ]).await, @r#"
    exists = "ConfigMap/nope"
    post/exists: ConfigMap/nope in shop is not there

    exists = { kind = "ConfigMap", object = ["settings", "x", "y"] }
    post/exists: ConfigMap/x, ConfigMap/y in shop are not there

    exists = { kind = "Widget", selector = "tier=top" }
    post/exists: there are no widgets in shop with `tier=top`

    exists = { kind = "Widget", where = { "spec.size" = 9 }, namespace = "*" }
    post/exists: there are no widgets in any namespace with `spec.size` 9

    exists = "Site/nope"
    post/exists: Site/nope is not there

    exists = "Gadget/x"
    post/exists: the cluster knows no kind Gadget
      hint: the chart that brings its CRD may be missing from `needs`

    absent = "ConfigMap/settings"
    post/absent: ConfigMap/settings in shop is there, nothing of that must be

    absent = { kind = "Pod", all = true }
    post/absent: Pod/db-1 in shop, Pod/web-1 in shop, Pod/web-2 in shop are there, nothing of that must be

    count = { kind = "Widget", all = true, min = 3 }
    post/count: there are 2 widgets in shop, at least 3 must be
      Widget/a in shop, Widget/b in shop

    count = { kind = "Widget", where = { "spec.size" = 9 }, equals = 1 }
    post/count: there are 0 widgets in shop with `spec.size` 9, exactly 1 must be

    count = { kind = "Pod", all = true, max = 2 }
    post/count: there are 3 pods in shop, 1 to 2 must be
      Pod/db-1 in shop, Pod/web-1 in shop, Pod/web-2 in shop

    equals = { kind = "ConfigMap", object = "settings", field = "data.colour", value = "red" }
    post/equals: `data.colour` of ConfigMap/settings in shop is "blue", "red" is wanted

    equals = { kind = "ConfigMap", object = "settings", field = "data.size", value = 3 }
    post/equals: `data.size` of ConfigMap/settings in shop is "3", 3 is wanted

    equals = { kind = "ConfigMap", object = "empty", field = "data.colour", value = "red" }
    post/equals: `data.colour` of ConfigMap/empty in shop is not there, "red" is wanted

    equals = { kind = "ConfigMap", object = "nope", field = "data.colour", value = "red" }
    post/equals: ConfigMap/nope in shop is not there

    equals = { kind = "Widget", selector = "tier=base", field = "spec.size", value = 3 }
    post/equals: `spec.size` of Widget/a in shop is 1, 3 is wanted
      `spec.size` of Widget/b in shop is 2

    equals = { kind = "Secret", object = "credentials", field = "data.password", value = "hunter3" }
    post/equals: `data.password` of Secret/credentials in shop is ***, *** is wanted

    contains = { kind = "Widget", object = "a", field = "spec.owners", value = { kind = "User" } }
    post/contains: `spec.owners` of Widget/a in shop is [{"id":7,"kind":"Team","name":"core"}], which does not contain {"kind":"User"}

    contains = { kind = "Widget", selector = "tier=base", field = "metadata.name", value = ["a", "c"] }
    post/contains: `metadata.name` of widgets in shop with `tier=base` is ["a","b"], which does not contain ["a","c"]

    contains = { kind = "ConfigMap", object = "empty", field = "data.colour", value = "red" }
    post/contains: `data.colour` of ConfigMap/empty in shop is not there, it must contain "red"

    pods = { selector = "app=web", min = 3 }
    post/pods: there are 2 pods in shop with `app=web`, at least 3 must be

    pods = { selector = "app=wbe" }
    post/pods: there are 0 pods in shop with `app=wbe`, at least 1 must be

    pods = { all = true }
    post/pods: 1 of 3 pods in shop are not ready
      db-1: not ready
    "#);
}

#[tokio::test(start_paused = true)]
async fn pods_on_their_way_out_do_not_count() {
    let mut leaving = pod("web-3", "web", false);
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
    let mut all = objects();
    all.push(leaving);
    let ran = post(
        Lab::new(&all),
        r#"pods = { selector = "app=web", min = 2 }"#,
    )
    .await;
    ran.ok();
}

#[tokio::test(start_paused = true)]
async fn a_secret_value_is_shown_nowhere() {
    let step = r#"equals = { kind = "ConfigMap", object = "settings", field = "data.colour", value = "${inputs.token}" }"#;
    let lab = Lab::new(&objects()).input("token", json!("s3cr3t-t0k3n"), true);
    let ran = post(lab, step).await;
    assert_eq!(
        ran.failure(),
        "post/equals: `data.colour` of ConfigMap/settings in shop is ***, *** is wanted"
    );
    assert!(!format!("{ran:?}").contains("s3cr3t"));
    // What a Secret holds is masked wherever it turns up later.
    let ran = Lab::new(&objects())
        .run(
            r#"
[[charts.web.pre]]
exists = "Secret/credentials"
[[charts.web.post]]
run = "echo it is hunter2 >&2; exit 3"
"#,
        )
        .await;
    assert_eq!(
        ran.failure(),
        "post/run: `sh` failed: exit status 3\n  it is ***"
    );
}
