//! What changes the cluster, what is sent, and what is said when it cannot be done.

use super::*;
use crate::cluster::testing::Answer;

#[tokio::test(start_paused = true)]
async fn adopted_objects_carry_helms_marks() {
    let lab = Lab::new(&[config("a", &json!({})), config("b", &json!({}))]);
    let fake = lab.fake.clone();
    let ran = post(lab, r#"adopt = ["ConfigMap/a", "cm/b"]"#).await;
    ran.ok();
    assert_eq!(ran.changes.len(), 2);
    for name in ["a", "b"] {
        let metadata = fake.get(&config(name, &json!({}))).unwrap()["metadata"].clone();
        assert_eq!(metadata["labels"]["app.kubernetes.io/managed-by"], "Helm");
        assert_eq!(metadata["annotations"]["meta.helm.sh/release-name"], "web");
        assert_eq!(
            metadata["annotations"]["meta.helm.sh/release-namespace"],
            "shop"
        );
    }
    // Once is enough.
    let again = Lab::new(&[fake.get(&config("a", &json!({}))).unwrap()]);
    let ran = post(again, r#"adopt = "ConfigMap/a""#).await;
    ran.ok();
    assert_eq!(ran.changes, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn who_managed_an_adopted_object_does_so_no_more() {
    let mut managed = config("a", &json!({ "x": "1" }));
    managed["metadata"]["resourceVersion"] = "7".into();
    managed["metadata"]["managedFields"] = json!([
        { "manager": "eks", "operation": "Apply", "apiVersion": "v1", "fieldsV1": { "f:data": {} } },
        { "manager": "kubelet", "operation": "Update", "subresource": "status" },
    ]);
    let ran = post(Lab::new(&[managed]), r#"adopt = "ConfigMap/a""#).await;
    ran.ok();
    insta::assert_snapshot!(ran.changes[1], @r#"
    PATCH /api/v1/namespaces/shop/configmaps/a {"metadata":{"managedFields":[{"apiVersion":"v1","fieldsV1":{"f:metadata":{"f:annotations":{"f:meta.helm.sh/release-name":{},"f:meta.helm.sh/release-namespace":{}},"f:labels":{"f:app.kubernetes.io/managed-by":{}}}},"manager":"stackctl","operation":"Update"},{"manager":"kubelet","operation":"Update","subresource":"status"}],"resourceVersion":"7"}}
    "#);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_adopted_from_another_release_and_nothing_by_halves() {
    let marks = json!({ "metadata": { "annotations": {
        "meta.helm.sh/release-name": "other", "meta.helm.sh/release-namespace": "shop",
    } } });
    let mut owned = config("owned", &json!({}));
    merge(&mut owned, marks);
    let ran = post(
        Lab::new(&[config("free", &json!({})), owned]),
        r#"adopt = ["ConfigMap/free", "ConfigMap/owned"]"#,
    )
    .await;
    insta::assert_snapshot!(ran.failure(), @r#"
    post/adopt: ConfigMap/owned in shop belongs to release shop/other, not to shop/web
      hint: remove it from that release first, with `helm.sh/resource-policy: keep`
    "#);
    assert_eq!(ran.changes, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_is_optional_may_be_missing() {
    for step in [
        r#"adopt = { kind = "ConfigMap", object = "nope", optional = true }"#,
        r#"patch = { kind = "ConfigMap", object = "nope", merge = {}, optional = true }"#,
        r#"scale = { kind = "Deployment", object = "nope", replicas = 0, optional = true }"#,
        r#"restart = { kind = "Deployment", object = "nope", optional = true }"#,
        r#"delete = "ConfigMap/nope""#,
        r#"delete = "Gadget/nope""#,
    ] {
        let ran = post(Lab::new(&[]), step).await;
        ran.ok();
        assert_eq!(ran.changes, [""; 0], "{step}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_must_be_there_is_named_when_it_is_not() {
    insta::assert_snapshot!(failures(&[], &[
        r#"adopt = ["ConfigMap/a", "ConfigMap/b"]"#,
        r#"patch = { kind = "ConfigMap", selector = "a=b", merge = {} }"#,
        r#"scale = { kind = "Deployment", object = "x", replicas = 2 }"#,
        r#"restart = "deployment/x""#,
        r#"restart = { kind = "Deployment", all = true, namespace = "other" }"#,
        r#"apply = { objects = [{ apiVersion = "gadgets.io/v1", kind = "Gadget", metadata = { name = "x" } }] }"#,
    ]).await, @r#"
    adopt = ["ConfigMap/a", "ConfigMap/b"]
    post/adopt: ConfigMap/a in shop is not there

    patch = { kind = "ConfigMap", selector = "a=b", merge = {} }
    post/patch: there are no configmaps in shop with `a=b`

    scale = { kind = "Deployment", object = "x", replicas = 2 }
    post/scale: Deployment/x in shop is not there

    restart = "deployment/x"
    post/restart: Deployment/x in shop is not there

    restart = { kind = "Deployment", all = true, namespace = "other" }
    post/restart: there are no deployments in other

    apply = { objects = [{ apiVersion = "gadgets.io/v1", kind = "Gadget", metadata = { name = "x" } }] }
    post/apply: Gadget/x cannot be applied: the cluster knows no kind Gadget in gadgets.io/v1
      hint: the chart that brings its CRD may be missing from `needs`
    "#);
}

#[tokio::test(start_paused = true)]
async fn objects_are_applied_in_order_where_they_belong() {
    let lab = Lab::new(&[]).input("colour", json!("blue"), false);
    let ran = post(
        lab,
        r#"apply = { force = true, yaml = '''
apiVersion: v1
kind: ConfigMap
metadata: { name: a }
data: { colour: "${inputs.colour}" }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: b, namespace: other }
---
apiVersion: example.com/v1
kind: Site
metadata: { name: main }
''' }"#,
    )
    .await;
    ran.ok();
    insta::assert_snapshot!(ran.changes.join("\n"), @r#"
    PATCH /api/v1/namespaces/shop/configmaps/a {"apiVersion":"v1","data":{"colour":"blue"},"kind":"ConfigMap","metadata":{"name":"a"}}
    PATCH /api/v1/namespaces/other/configmaps/b {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"b","namespace":"other"}}
    PATCH /apis/example.com/v1/sites/main {"apiVersion":"example.com/v1","kind":"Site","metadata":{"name":"main"}}
    "#);
}

#[tokio::test(start_paused = true)]
async fn what_others_own_is_taken_over_only_by_force() {
    let lab = Lab::new(&[]).answers(|call, _| {
        let conflict = "Apply failed with 1 conflict: conflict with \"kubectl\": .data.a";
        (call.method == "PATCH").then(|| Answer::status(409, conflict))
    });
    let step = r#"apply = { objects = [{ apiVersion = "v1", kind = "ConfigMap", metadata = { name = "a" } }] }"#;
    insta::assert_snapshot!(post(lab, step).await.failure(), @r#"
    post/apply: ConfigMap/a cannot be applied: in conflict with the state of the cluster: Apply failed with 1 conflict: conflict with "kubectl": .data.a
      hint: `force = true` takes over what others own
    "#);
}

#[tokio::test(start_paused = true)]
async fn patches_are_sent_as_they_are_meant() {
    let objects = [
        config("a", &json!({ "x": "1", "y": "2" })),
        deployment("d", 1),
    ];
    for (step, content) in [
        (
            r#"patch = { kind = "ConfigMap", object = "a", merge = "data: { x: null, z: '3' }" }"#,
            r#"PATCH /api/v1/namespaces/shop/configmaps/a {"data":{"x":null,"z":"3"}}"#,
        ),
        (
            r#"patch = { kind = "deploy", all = true, strategic = { spec = { paused = true } } }"#,
            r#"PATCH /apis/apps/v1/namespaces/shop/deployments/d {"spec":{"paused":true}}"#,
        ),
        (
            r#"patch = { kind = "ConfigMap", object = "a", json = [{ op = "remove", path = "/data/x" }] }"#,
            r#"PATCH /api/v1/namespaces/shop/configmaps/a [{"op":"remove","path":"/data/x"}]"#,
        ),
    ] {
        let ran = post(Lab::new(&objects), step).await;
        ran.ok();
        assert_eq!(ran.changes, [content]);
    }
    let lab = Lab::new(&objects).answers(|call, _| {
        (call.method == "PATCH").then(|| Answer::status(422, "ConfigMap \"a\" is invalid: no"))
    });
    let ran = post(
        lab,
        r#"patch = { kind = "ConfigMap", object = "a", merge = { data = 1 } }"#,
    )
    .await;
    insta::assert_snapshot!(ran.failure(), @r#"
    post/patch: ConfigMap/a in shop cannot be patched: refused by the API server: ConfigMap "a" is invalid: no
    "#);
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_is_this_very_object_and_gone() {
    let objects = [
        object(
            "example.com/v1",
            "Widget",
            "a",
            json!({ "metadata": { "labels": { "x": "y" } } }),
        ),
        object("example.com/v1", "Widget", "b", json!({})),
    ];
    let lab = Lab::new(&objects);
    let fake = lab.fake.clone();
    let step = r#"delete = { kind = "Widget", selector = "x=y", propagation = "foreground" }"#;
    let ran = post(lab, step).await;
    ran.ok();
    assert!(fake.get(&objects[0]).is_none() && fake.get(&objects[1]).is_some());
    insta::assert_snapshot!(ran.changes.join("\n"), @r#"
    DELETE /apis/example.com/v1/namespaces/shop/widgets/a {"preconditions":{"uid":"/apis/example.com/v1/namespaces/shop/widgets/a"},"propagationPolicy":"Foreground"}
    "#);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_go_is_named_with_its_finalizers() {
    let widget = object(
        "example.com/v1",
        "Widget",
        "a",
        json!({ "metadata": { "finalizers": ["example.com/cleanup"] } }),
    );
    let stays = |lab: Lab| {
        lab.answers(|call, objects| {
            if call.method != "DELETE" {
                return None;
            }
            let path = call.path.split('?').next().unwrap();
            let object = objects.get_mut(path).unwrap();
            object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            Some(Answer::json(object))
        })
    };
    let step = "delete = \"Widget/a\"\ntimeout = \"30s\"";
    let ran = post(stays(Lab::new(std::slice::from_ref(&widget))), step).await;
    insta::assert_snapshot!(ran.failure(), @r#"
    post/delete: not gone after 30s: Widget/a: it is being deleted
      Widget/a in shop waits for whoever clears its finalizers: example.com/cleanup
    "#);
    let step = r#"delete = { kind = "Widget", object = "a", wait_gone = false }"#;
    post(stays(Lab::new(&[widget])), step).await.ok();
}

#[tokio::test(start_paused = true)]
async fn only_pods_that_crash_over_and_over_are_cleaned_up() {
    let crashing = |name: &str, restarts: u32, reason: &str| {
        let mut pod = pod(name, "web", false);
        pod["status"]["containerStatuses"] = json!([
            { "restartCount": 0, "state": { "running": {} } },
            { "restartCount": restarts, "state": { "waiting": { "reason": reason } } },
        ]);
        pod
    };
    let objects = [
        crashing("often", 5, "CrashLoopBackOff"),
        crashing("seldom", 4, "CrashLoopBackOff"),
        crashing("pulling", 9, "ImagePullBackOff"),
        pod("fine", "web", true),
    ];
    let step = r#"delete = { kind = "Pod", selector = "app=web", min_restarts = 5 }"#;
    let ran = post(Lab::new(&objects), step).await;
    ran.ok();
    let deleted: Vec<_> = ran
        .changes
        .iter()
        .map(|change| change.split(' ').nth(1).unwrap())
        .collect();
    assert_eq!(deleted, ["/api/v1/namespaces/shop/pods/often"]);
}

/// A controller: a Deployment has what its spec says as soon as it is looked at once more.
fn controlled(lab: Lab) -> Lab {
    lab.answers(|call, objects| {
        if call.method == "GET" && call.path.ends_with("/deployments/web") {
            for object in objects.values_mut() {
                let replicas = object["spec"]["replicas"].clone();
                for key in ["replicas", "updatedReplicas", "availableReplicas"] {
                    object["status"][key] = replicas.clone();
                }
            }
        }
        None
    })
}

#[tokio::test(start_paused = true)]
async fn workloads_are_scaled_and_awaited() {
    let scale = "/apis/apps/v1/namespaces/shop/deployments/web/scale";
    let step = r#"scale = { kind = "Deployment", object = "web", replicas = 3 }"#;
    let ran = post(controlled(Lab::new(&[deployment("web", 1)])), step).await;
    ran.ok();
    assert_eq!(
        ran.changes,
        [format!(r#"PATCH {scale} {{"spec":{{"replicas":3}}}}"#)]
    );
    // What was captured is a number, or a text that is one.
    for captured in [json!(2), json!("2")] {
        let step = r#"scale = { kind = "Deployment", object = "web", replicas = "${inputs.n}" }"#;
        let lab = controlled(Lab::new(&[deployment("web", 1)])).input("n", captured, false);
        let ran = post(lab, step).await;
        ran.ok();
        assert!(ran.changes[0].ends_with(r#"{"spec":{"replicas":2}}"#));
    }
    let lab = Lab::new(&[deployment("web", 1)]).input("n", json!("many"), false);
    let step = r#"scale = { kind = "Deployment", object = "web", replicas = "${inputs.n}" }"#;
    let failed = post(lab, step).await.failure();
    let step =
        "scale = { kind = \"Deployment\", object = \"web\", replicas = 3 }\ntimeout = \"20s\"";
    let late = post(Lab::new(&[deployment("web", 1)]), step)
        .await
        .failure();
    insta::assert_snapshot!([failed, late].join("\n"), @r#"
    post/scale: "many" is no number of replicas
    post/scale: not ready after 20s: Deployment/web: 1 of 3 replicas updated
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_restart_changes_the_pods_template_and_is_awaited() {
    let ran = post(
        controlled(Lab::new(&[deployment("web", 1)])),
        r#"restart = "deployment/web""#,
    )
    .await;
    ran.ok();
    assert!(
        ran.changes[0].contains(
            "\"template\":{\"metadata\":{\"annotations\":{\"kubectl.kubernetes.io/restartedAt\""
        ),
        "{ran:?}"
    );
}
