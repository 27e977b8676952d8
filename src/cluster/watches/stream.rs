//! Keeps one watch going: LIST, then WATCH from there, and from the start again when it breaks.

use std::{sync::Arc, time::Duration};

use futures::StreamExt;
use kube::core::{
    Request, WatchEvent,
    params::{ListParams, WatchParams},
};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::board::{Board, Domain};
use crate::cluster::{
    Cluster, ClusterError,
    error::from_status,
    objects::{Detail, Listing},
};

/// Servers send a bookmark about once a minute: a watch that is silent for longer is dead.
const SILENCE: Duration = Duration::from_secs(90);

/// Pauses before a broken watch is set up again: doubled each time, up to the second value.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// Watches the domain until the task is aborted, or for good when it is not allowed.
pub(super) async fn keep_watching(cluster: Cluster, board: Arc<Board>, domain: Domain) {
    let mut pause = PAUSE.0;
    loop {
        let started = Instant::now();
        match watch_once(&cluster, &board, &domain).await {
            Ok(()) => {}
            // 403, and 405 of servers that serve the kind without watching.
            Err(ClusterError::Forbidden { .. } | ClusterError::Invalid { .. }) => {
                board.deny(&domain);
                return;
            }
            Err(error) => {
                tracing::debug!(kind = domain.kind.resource.kind, %error, "watch broke");
                board.down(&domain);
            }
        }
        if started.elapsed() > SILENCE {
            pause = PAUSE.0;
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}

/// One LIST and the watches that go on from it. `Ok` when the server has forgotten the place to go
/// on from.
async fn watch_once(cluster: &Cluster, board: &Board, domain: &Domain) -> Result<(), ClusterError> {
    let resource = &domain.kind.resource;
    let url = domain.kind.url(domain.namespace.as_deref());
    let operation = format!("LIST {}", resource.plural);
    let listed = cluster
        .pages(&operation, &url, ListParams::default(), Detail::Whole)
        .await?;
    let Listing {
        mut items,
        resource_version: mut place,
    } = listed;
    for item in &mut items {
        // Lists of built-in kinds leave these out of their items.
        item["apiVersion"] = Value::from(resource.api_version.as_str());
        item["kind"] = Value::from(resource.kind.as_str());
    }
    board.begin(domain, &items, &place);
    drop(items);
    let operation = format!("WATCH {}", resource.plural);
    loop {
        let started = Instant::now();
        let request = Request::new(&url).watch(&WatchParams::default(), &place);
        let mut events = cluster.gate().watch(&operation, request).await?;
        loop {
            let Ok(event) = timeout(SILENCE, events.next()).await else {
                return Err(ClusterError::Timeout {
                    server: cluster.server().to_owned(),
                    after: SILENCE,
                    operation,
                });
            };
            let Some(event) = event else { break };
            match event? {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    board.changed(domain, &object);
                    go_on_from(&mut place, &object);
                }
                WatchEvent::Deleted(object) => {
                    board.deleted(domain, &object);
                    go_on_from(&mut place, &object);
                }
                WatchEvent::Bookmark(bookmark) => place = bookmark.metadata.resource_version,
                WatchEvent::Error(status) if status.code == 410 => return Ok(()),
                WatchEvent::Error(status) => {
                    return Err(from_status(*status, cluster.server().to_owned()));
                }
            }
        }
        // The server ends each watch after some minutes. One that ends at once is no watch.
        if started.elapsed() < PAUSE.0 {
            sleep(PAUSE.0).await;
        }
    }
}

fn go_on_from(place: &mut String, object: &Value) {
    if let Some(version) = object["metadata"]["resourceVersion"].as_str() {
        version.clone_into(place);
    }
}
