//! Waits against a scripted API server, under a paused clock.

use std::{sync::Mutex, time::Duration};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::cluster::testing::{Answer, Call, Script};

const LIMIT: Duration = Duration::from_mins(1);

fn kinds() -> Answer {
    Answer::json(&json!({ "resources": [
        { "name": "deployments", "singularName": "", "namespaced": true, "kind": "Deployment",
          "verbs": [] },
    ] }))
}

fn deployment(name: &str, version: u32, available: u32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "namespace": "a", "name": name, "uid": name, "generation": 1,
                      "resourceVersion": version.to_string() },
        "spec": { "replicas": 1 },
        "status": { "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1,
                    "availableReplicas": available },
    })
}

fn failed(name: &str, version: u32) -> Value {
    let mut object = deployment(name, version, 0);
    object["status"]["conditions"] =
        json!([{ "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded" }]);
    object
}

fn list(version: u32, items: &[Value]) -> Answer {
    let version = version.to_string();
    Answer::json(&json!({ "metadata": { "resourceVersion": version }, "items": items }))
}

fn event(kind: &str, object: &Value) -> Value {
    json!({ "type": kind, "object": object })
}

fn refs(names: &[&str]) -> Vec<ObjectRef> {
    let object = |name: &&str| ObjectRef {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: Some("a".to_owned()),
        name: (*name).to_owned(),
    };
    names.iter().map(object).collect()
}

/// What a request is about: `kinds`, `get NAME`, `list`, `watch`, with `in a` for one namespace.
fn about(call: &Call) -> String {
    let (path, query) = call.path.split_once('?').unwrap_or((&call.path, ""));
    let namespaced = path.contains("/namespaces/");
    let watches = query.contains("watch=true");
    match path.rsplit('/').next() {
        Some("v1") => "kinds".to_owned(),
        Some("deployments") if watches && namespaced => "watch in a".to_owned(),
        Some("deployments") if watches => "watch".to_owned(),
        Some("deployments") if namespaced => "list in a".to_owned(),
        Some("deployments") => "list".to_owned(),
        name => format!("get {}", name.unwrap_or_default()),
    }
}

/// A server whose answers depend on what is asked, and how often that was asked before.
fn server(answer: impl Fn(&str, usize) -> Answer + Send + Sync + 'static) -> (Watches, Script) {
    let counts = Mutex::new(HashMap::<String, usize>::new());
    let (cluster, script) = Script::cluster(move |_, call| {
        let about = about(call);
        let mut counts = counts.lock().unwrap();
        let count = counts.entry(about.clone()).or_default();
        *count += 1;
        if about == "kinds" {
            kinds()
        } else {
            answer(&about, *count - 1)
        }
    });
    (Watches::new(cluster), script)
}

fn asked(script: &Script, what: &str) -> usize {
    script
        .calls()
        .iter()
        .filter(|call| about(call) == what)
        .count()
}

async fn ready(watches: &Watches, names: &[&str]) -> Result<(), NotReady> {
    watches
        .wait_ready(&refs(names), Instant::now() + LIMIT, &mut |_| {})
        .await
}

#[tokio::test(start_paused = true)]
async fn what_is_ready_needs_one_read_and_what_needs_no_time_none() {
    let (watches, script) = server(|_, _| Answer::json(&deployment("web", 5, 1)));
    ready(&watches, &["web"]).await.unwrap();
    assert_eq!(
        script.calls().iter().map(about).collect::<Vec<_>>(),
        ["kinds", "get web"]
    );
    let mut passive = refs(&["settings"]);
    passive[0].api_version = "v1".to_owned();
    passive[0].kind = "ConfigMap".to_owned();
    watches
        .wait_ready(&passive, Instant::now(), &mut |_| {})
        .await
        .unwrap();
    assert_eq!(script.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_watch_tells_all_waits_at_once() {
    let (watches, script) = server(|what, _| match what {
        "get web" => Answer::json(&deployment("web", 5, 0)),
        "get db" => Answer::json(&deployment("db", 6, 0)),
        "list" => list(7, &[deployment("web", 5, 0), deployment("db", 6, 0)]),
        _ => Answer::Watch(vec![
            event("MODIFIED", &deployment("web", 8, 1)),
            event("MODIFIED", &deployment("db", 9, 1)),
        ]),
    });
    let start = Instant::now();
    let mut pictures = Vec::new();
    let mut on_status = |progress: &Progress| pictures.push(progress.clone());
    let objects = refs(&["web"]);
    let (web, db) = tokio::join!(
        watches.wait_ready(&objects, Instant::now() + LIMIT, &mut on_status),
        ready(&watches, &["db"]),
    );
    assert_eq!((web, db), (Ok(()), Ok(())));
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!((asked(&script, "list"), asked(&script, "watch")), (1, 1));
    assert_eq!(pictures[0].waiting[0].1, "0 of 1 replicas available");
    assert_eq!(pictures.last().unwrap().done, 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_older_than_the_read_does_not_count() {
    // The API server's cache still has the version before the upgrade, which was ready.
    let (watches, _script) = server(|what, _| match what {
        "get web" => Answer::json(&deployment("web", 9, 0)),
        "list" => list(7, &[deployment("web", 5, 1)]),
        _ => Answer::Watch(vec![event("MODIFIED", &deployment("web", 8, 1))]),
    });
    let error = ready(&watches, &["web"]).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "Deployment/web not ready in time: 0 of 1 replicas available"
    );
    assert_eq!(error.suspects().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn where_the_cluster_may_not_be_watched_the_namespace_is() {
    let (watches, script) = server(|what, _| match what {
        "get web" => Answer::json(&deployment("web", 5, 0)),
        "list" | "watch" => Answer::status(403, "no"),
        "list in a" => list(5, &[deployment("web", 5, 0)]),
        _ => Answer::Watch(vec![event("MODIFIED", &deployment("web", 8, 1))]),
    });
    ready(&watches, &["web"]).await.unwrap();
    assert_eq!(asked(&script, "watch in a"), 1);
}

#[tokio::test(start_paused = true)]
async fn without_any_watch_objects_are_read_again() {
    for broken in [403, 503] {
        let (watches, _script) = server(move |what, count| match what {
            "get web" => Answer::json(&deployment("web", 5, u32::from(count > 2))),
            _ => Answer::status(broken, "no"),
        });
        let start = Instant::now();
        ready(&watches, &["web"]).await.unwrap();
        assert!(
            start.elapsed() < Duration::from_secs(8),
            "{:?}",
            start.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_breaks_is_not_believed_and_set_up_again() {
    let (watches, script) = server(|what, count| match (what, count) {
        ("get web", _) => Answer::json(&deployment("web", 5, 0)),
        ("list", 0) => list(5, &[deployment("web", 5, 0)]),
        ("list", _) => list(9, &[deployment("web", 9, 1)]),
        // The server ends the watch, and has forgotten where to go on.
        (_, 0) => Answer::Body(200, Vec::new()),
        (_, 1) => Answer::status(410, "too old resource version"),
        _ => Answer::Watch(Vec::new()),
    });
    ready(&watches, &["web"]).await.unwrap();
    assert_eq!(asked(&script, "list"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_ends_the_wait_at_its_deadline() {
    let (watches, _script) = server(|_, _| Answer::Hang);
    let start = Instant::now();
    let error = ready(&watches, &["web"]).await.unwrap_err();
    assert_eq!(start.elapsed(), LIMIT);
    assert!(
        matches!(error.trouble, Some(ClusterError::Timeout { .. })),
        "{error}"
    );
    assert_eq!(error.late[0].1, "it could not be read yet");
    let start = Instant::now();
    let gone = watches
        .wait_gone(&refs(&["web"]), Instant::now() + LIMIT, &mut |_| {})
        .await;
    assert!(gone.is_err());
    assert_eq!(start.elapsed(), LIMIT);
}

#[tokio::test(start_paused = true)]
async fn a_right_that_is_missing_ends_the_wait_at_once() {
    let (watches, _script) = server(|_, _| Answer::status(403, "deployments is forbidden"));
    let start = Instant::now();
    let error = ready(&watches, &["web"]).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(
        error.to_string().contains("deployments is forbidden"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_ends_the_wait_at_once_unless_it_was_there_before() {
    let (watches, _script) = server(|what, _| match what {
        "get web" => Answer::json(&deployment("web", 5, 0)),
        "get db" => Answer::json(&failed("db", 5)),
        "list" => list(6, &[deployment("web", 5, 0), failed("db", 5)]),
        _ => Answer::Watch(vec![
            event("MODIFIED", &failed("web", 8)),
            event("MODIFIED", &deployment("db", 9, 1)),
        ]),
    });
    let start = Instant::now();
    ready(&watches, &["db"]).await.unwrap();
    let error = ready(&watches, &["web", "db"]).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(error.failed[0].0.name, "web");
    assert!(
        error
            .to_string()
            .starts_with("Deployment/web failed: no progress"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_ready_must_still_be_when_the_last_one_is() {
    let (watches, _script) = server(|what, count| match (what, count) {
        ("get web", 0) => Answer::json(&deployment("web", 5, 1)),
        ("get web", 1..4) => Answer::json(&deployment("web", 6, 0)),
        ("get web", _) => Answer::json(&deployment("web", 7, 1)),
        ("get db", _) => Answer::json(&deployment("db", 5, u32::from(count > 2))),
        _ => Answer::status(503, "no watch"),
    });
    let start = Instant::now();
    ready(&watches, &["web", "db"]).await.unwrap();
    assert!(
        start.elapsed() > Duration::from_secs(8),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn gone_is_seen_by_the_watch_also_when_it_began_too_late() {
    let (watches, _script) = server(|what, _| match what {
        "get web" => Answer::json(&deployment("web", 5, 1)),
        "list" => list(9, &[]),
        _ => Answer::Watch(Vec::new()),
    });
    let start = Instant::now();
    let deadline = start + LIMIT;
    watches
        .wait_gone(&refs(&["web"]), deadline, &mut |_| {})
        .await
        .unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
}
