use serde_json::json;

use super::*;
use crate::cluster::testing::{Answer, Call, Script};

fn secrets() -> Answer {
    Answer::json(&json!({ "groupVersion": "v1", "resources": [
        { "name": "secrets", "singularName": "", "namespaced": true, "kind": "Secret",
          "verbs": [] },
    ] }))
}

fn item(namespace: &str, name: &str, revision: u32, status: &str) -> Value {
    json!({ "metadata": {
        "name": format!("sh.helm.release.v1.{name}.v{revision}"), "namespace": namespace,
        "resourceVersion": "5", "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": { "owner": "helm", "name": name, "version": revision.to_string(),
                    "status": status, "stackctl.io/rev": "2" },
    } })
}

fn names(namespaces: &[&str]) -> Vec<Namespace> {
    namespaces
        .iter()
        .map(|name| Namespace::new(name).unwrap())
        .collect()
}

fn web() -> ReleaseId {
    ReleaseId {
        namespace: Namespace::new("a").unwrap(),
        name: ReleaseName::new("web").unwrap(),
    }
}

#[tokio::test(start_paused = true)]
async fn one_metadata_list_finds_the_newest_by_number() {
    let (cluster, script) = Script::cluster(|nth, _| match nth {
        0 => secrets(),
        1 => Answer::json(&json!({ "metadata": { "continue": "more" }, "items": [
            item("a", "web", 10, "pending-upgrade"), item("a", "web", 9, "deployed"),
            item("elsewhere", "x", 1, "deployed"),
        ] })),
        _ => Answer::json(&json!({ "metadata": {}, "items": [
            item("a", "web", 2, "superseded"), item("b", "db", 1, "deployed"),
            { "metadata": { "name": "odd", "namespace": "a", "labels": { "owner": "helm" } } },
        ] })),
    });
    let records = Releases::new(cluster)
        .list(&names(&["a", "b"]))
        .await
        .unwrap();
    let web = &records[&web()];
    let revisions: Vec<_> = web.iter().map(|it| it.revision).collect();
    assert_eq!(revisions, [2, 9, 10]);
    assert_eq!(web[2].status, ReleaseStatus::PendingUpgrade);
    assert_eq!(web[0].marks.revision, Some(2));
    assert_eq!(
        records.len(),
        3,
        "those of namespaces that nobody asked for, too"
    );
    let call: &Call = &script.calls()[1];
    assert!(call.path.starts_with("/api/v1/secrets?"), "{}", call.path);
    assert!(
        call.path.contains("labelSelector=owner=helm"),
        "{}",
        call.path
    );
    assert!(
        call.path.contains("fieldSelector=type=helm.sh/release.v1"),
        "{}",
        call.path
    );
    assert!(
        call.accept.contains("as=PartialObjectMetadataList"),
        "{}",
        call.accept
    );
}

#[tokio::test(start_paused = true)]
async fn where_the_cluster_may_not_be_listed_each_namespace_is() {
    let (cluster, script) = Script::cluster(|_, call| match call.path.split('?').next() {
        Some("/api/v1") => secrets(),
        Some("/api/v1/secrets") => Answer::status(403, "secrets is forbidden"),
        Some("/api/v1/namespaces/a/secrets") => {
            Answer::json(&json!({ "items": [item("a", "web", 1, "deployed")] }))
        }
        _ => Answer::json(&json!({ "items": null })),
    });
    let releases = Releases::new(cluster);
    let records = releases.list(&names(&["a", "b"])).await.unwrap();
    assert_eq!(records.keys().collect::<Vec<_>>(), [&web()]);
    assert_eq!(script.count(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_may_not_be_listed_is_an_error() {
    let (cluster, _script) = Script::cluster(|_, call| match call.path.as_str() {
        "/api/v1" => secrets(),
        _ => Answer::status(403, "secrets is forbidden"),
    });
    let error = Releases::new(cluster)
        .list(&names(&["a"]))
        .await
        .unwrap_err();
    assert!(
        matches!(error, StoreError::Cluster(ClusterError::Forbidden { .. })),
        "{error}"
    );
}

fn stored() -> Value {
    let payload = json!({ "version": 3, "info": { "status": "pending-upgrade", "notes": "n" } });
    let text = encode_base64(payload.to_string().into_bytes());
    let mut record = item("a", "web", 3, "pending-upgrade");
    record["data"] = json!({ "release": encode_base64(text.into_bytes()), "other": "eA==" });
    record["type"] = json!("helm.sh/release.v1");
    record
}

#[tokio::test(start_paused = true)]
async fn marking_as_failed_changes_payload_and_label_only() {
    let (cluster, script) = Script::cluster(|nth, _| match nth {
        0 => secrets(),
        _ => Answer::json(&stored()),
    });
    Releases::new(cluster)
        .set_failed(&web(), 3, "never got ready")
        .await
        .unwrap();
    let put = &script.calls()[2];
    assert_eq!(put.method, "PUT");
    assert_eq!(
        put.path,
        "/api/v1/namespaces/a/secrets/sh.helm.release.v1.web.v3?"
    );
    let payload = read(&put.body, &web(), 3).unwrap();
    assert_eq!(payload.status(), ReleaseStatus::Failed);
    assert_eq!(payload.description(), "never got ready");
    let mut expected = stored();
    expected["metadata"]["labels"]["status"] = json!("failed");
    expected["data"]["release"] = put.body["data"]["release"].clone();
    assert_eq!(put.body, expected);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_changed_meanwhile_is_a_conflict() {
    let (cluster, script) = Script::cluster(|nth, _| match nth {
        0 => secrets(),
        1 => Answer::json(&stored()),
        _ => Answer::status(409, "the object has been modified"),
    });
    let error = Releases::new(cluster)
        .set_failed(&web(), 3, "x")
        .await
        .unwrap_err();
    assert!(
        matches!(error, StoreError::Cluster(ClusterError::Conflict { .. })),
        "{error}"
    );
    assert_eq!(script.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_record_is_forgotten_only_as_it_was_read() {
    let (cluster, script) = Script::cluster(|nth, _| match nth {
        0 => secrets(),
        1 => Answer::json(&stored()),
        _ => Answer::status(409, "the object has been modified"),
    });
    let releases = Releases::new(cluster);
    let record = releases.record(&web(), 3).await.unwrap().unwrap();
    let error = releases.forget(&record).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Cluster(ClusterError::Conflict { .. })),
        "{error}"
    );
    let delete = &script.calls()[2];
    assert_eq!(delete.method, "DELETE");
    assert_eq!(delete.body["preconditions"]["resourceVersion"], "5");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_damaged_names_its_release() {
    let (cluster, _script) = Script::cluster(|nth, _| match nth {
        0 => secrets(),
        1 => Answer::status(404, "no"),
        _ => Answer::json(&json!({ "data": { "release": "JSUl" } })),
    });
    let releases = Releases::new(cluster);
    assert_eq!(releases.get(&web(), 1).await, Ok(None));
    let error = releases.get(&web(), 1).await.unwrap_err().to_string();
    assert!(
        error.starts_with("revision 1 of release a/web: the release record"),
        "{error}"
    );
}
