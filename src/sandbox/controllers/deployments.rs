//! Deployments: a ReplicaSet per template, and the way from one to the next.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    Again,
    conditions::{Conditions, counts, is_true},
    integer,
    rolling::{Bounds, Replicas},
    template::{self, TEMPLATE_HASH},
    text,
    world::{World, going, reference_to, seconds, seconds_since},
};
use crate::sandbox::{objects::Propagation, refusal::Refusal};

const RESOURCE: &str = "deployments.apps";
const SETS: &str = "replicasets.apps";

/// Counts a Deployment's templates.
const REVISION: &str = "deployment.kubernetes.io/revision";

/// The revisions that a ReplicaSet was before.
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
const HISTORY_PATH: &str = "/metadata/annotations/deployment.kubernetes.io~1revision-history";

/// Pods that are wanted of the Deployment.
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";

/// Pods that it may have on the way.
const MOST: &str = "deployment.kubernetes.io/max-replicas";

pub(super) async fn reconcile(world: &World, deployment: &Value) -> Result<Again, Refusal> {
    let wanted = &deployment["spec"]["template"];
    let mut sets = world.controlled(SETS, deployment);
    sets.retain(|set| !going(set));
    let is_new = |set: &Arc<Value>| {
        template::without_label(&set["spec"]["template"], TEMPLATE_HASH) == *wanted
    };
    let (mut new, mut old): (Vec<_>, Vec<_>) = sets.into_iter().partition(is_new);
    // Only one is the newest, should there ever be two.
    new.sort_by_key(|set| revision(set));
    let mut new_set = new.pop();
    old.append(&mut new);
    old.sort_by_key(|set| revision(set));

    if deployment["spec"]["paused"] == true {
        return status(world, deployment, new_set.as_deref(), &old, false).await;
    }
    let bounds = Bounds::of(deployment);
    let olds: Vec<Replicas> = old.iter().map(|set| replicas(world, set)).collect();
    let now = new_set.as_deref().map(|set| replicas(world, set));
    let (next, next_olds) = bounds.next(now.unwrap_or_default(), &olds);

    let number = old.last().map_or(0, |set| revision(set)) + 1;
    let created = new_set.is_none();
    let set = match new_set.take() {
        None => create(world, deployment, next, number).await?,
        Some(set) if revision(&set) < number && !old.is_empty() => {
            // An older template is wanted again.
            let mut renewed = Value::clone(&set);
            let annotations = &mut renewed["metadata"]["annotations"];
            let before = [text(&set, HISTORY_PATH), &revision(&set).to_string()];
            let before = before.into_iter().filter(|text| !text.is_empty());
            annotations[HISTORY] = before.collect::<Vec<_>>().join(",").into();
            annotations[REVISION] = number.to_string().into();
            note_size(deployment, &mut renewed);
            renewed["spec"]["replicas"] = next.into();
            world.write(SETS, renewed).await?
        }
        Some(set) => scale(world, deployment, set, next).await?,
    };
    for (set, wanted) in old.iter_mut().zip(next_olds) {
        *set = scale(world, deployment, Arc::clone(set), wanted).await?;
    }
    let deployment = name_revision(world, deployment, revision(&set)).await?;
    forget_history(world, &deployment, &old).await?;
    status(world, &deployment, Some(&set), &old, created).await
}

fn revision(set: &Value) -> i64 {
    let annotations = &set["metadata"]["annotations"];
    let number = annotations[REVISION].as_str().map(str::parse);
    number.and_then(Result::ok).unwrap_or(0)
}

fn replicas(world: &World, set: &Value) -> Replicas {
    let count = |pointer: &str| integer(set, pointer).unwrap_or(0);
    let pods = world.controlled("pods", set);
    let ended = |pod: &Value| ["Succeeded", "Failed"].contains(&text(pod, "/status/phase"));
    let there = pods.iter().filter(|pod| !ended(pod)).count();
    Replicas {
        wanted: count("/spec/replicas"),
        there: i64::try_from(there).unwrap_or(i64::MAX),
        available: count("/status/availableReplicas"),
    }
}

async fn create(
    world: &World,
    deployment: &Value,
    replicas: i64,
    revision: i64,
) -> Result<Arc<Value>, Refusal> {
    let hash = template::hash(&deployment["spec"]["template"]);
    let mut pods = deployment["spec"]["template"].clone();
    pods["metadata"]["labels"][TEMPLATE_HASH] = hash.clone().into();
    let mut selector = deployment["spec"]["selector"].clone();
    selector["matchLabels"][TEMPLATE_HASH] = hash.clone().into();
    let mut annotations = deployment["metadata"]["annotations"].clone();
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.retain(|name, _| !name.starts_with("kubectl.kubernetes.io/last-applied"));
    }
    annotations[REVISION] = revision.to_string().into();
    let mut set = json!({
        "metadata": {
            "name": format!("{}{hash}", template::prefix(deployment)),
            "labels": pods["metadata"]["labels"],
            "annotations": annotations,
            "ownerReferences": [reference_to(deployment)],
        },
        "spec": {
            "replicas": replicas,
            "selector": selector,
            "template": pods,
        },
    });
    if let Some(seconds @ 1..) = integer(deployment, "/spec/minReadySeconds") {
        set["spec"]["minReadySeconds"] = seconds.into();
    }
    note_size(deployment, &mut set);
    let namespace = text(deployment, "/metadata/namespace");
    world.create(SETS, namespace, set).await
}

async fn scale(
    world: &World,
    deployment: &Value,
    set: Arc<Value>,
    replicas: i64,
) -> Result<Arc<Value>, Refusal> {
    let mut next = Value::clone(&set);
    next["spec"]["replicas"] = replicas.into();
    if replicas > 0 || integer(&set, "/spec/replicas") != Some(0) {
        note_size(deployment, &mut next);
    }
    if next == *set {
        return Ok(set);
    }
    world.write(SETS, next).await
}

/// A ReplicaSet says for which size of its Deployment it has been scaled.
fn note_size(deployment: &Value, set: &mut Value) {
    let wanted = integer(deployment, "/spec/replicas").unwrap_or(1);
    let most = Bounds::of(deployment).most();
    let annotations = &mut set["metadata"]["annotations"];
    annotations[DESIRED] = wanted.to_string().into();
    annotations[MOST] = most.to_string().into();
}

/// Users and kubectl read the revision from the Deployment.
async fn name_revision(
    world: &World,
    deployment: &Value,
    revision: i64,
) -> Result<Arc<Value>, Refusal> {
    let revision = json!(revision.to_string());
    let mut next = deployment.clone();
    if next["metadata"]["annotations"][REVISION] == revision {
        return Ok(Arc::new(next));
    }
    next["metadata"]["annotations"][REVISION] = revision;
    world.write_by_status(RESOURCE, next).await
}

/// Deletes the oldest templates that are not used any more.
async fn forget_history(
    world: &World,
    deployment: &Value,
    old: &[Arc<Value>],
) -> Result<(), Refusal> {
    let kept = integer(deployment, "/spec/revisionHistoryLimit").unwrap_or(10);
    let kept = usize::try_from(kept).unwrap_or(0);
    let unused = |set: &&Arc<Value>| {
        integer(set, "/spec/replicas") == Some(0)
            && integer(set, "/status/replicas").unwrap_or(0) == 0
    };
    let unused: Vec<&Arc<Value>> = old.iter().filter(unused).collect();
    for set in unused.iter().take(unused.len().saturating_sub(kept)) {
        world.delete(SETS, set, Propagation::Background).await?;
    }
    Ok(())
}

/// Writes the status; `created`: the newest ReplicaSet is new.
async fn status(
    world: &World,
    deployment: &Value,
    new: Option<&Value>,
    old: &[Arc<Value>],
    created: bool,
) -> Result<Again, Refusal> {
    let sets: Vec<&Value> = old.iter().map(AsRef::as_ref).chain(new).collect();
    let sum = |pointer: &str| -> i64 { sets.iter().filter_map(|set| integer(set, pointer)).sum() };
    let of_new = |pointer: &str| new.and_then(|set| integer(set, pointer)).unwrap_or(0);
    let replicas = sum("/status/replicas");
    let updated = of_new("/status/replicas");
    let available = sum("/status/availableReplicas");
    let mut status = counts([
        (
            "observedGeneration",
            integer(deployment, "/metadata/generation").unwrap_or(0),
        ),
        ("replicas", replicas),
        ("updatedReplicas", updated),
        ("readyReplicas", sum("/status/readyReplicas")),
        ("availableReplicas", available),
        (
            "unavailableReplicas",
            (sum("/spec/replicas") - available).max(0),
        ),
    ]);
    status["terminatingReplicas"] = sum("/status/terminatingReplicas").into();
    let mut conditions = Conditions::of(deployment, "lastUpdateTime");
    let bounds = Bounds::of(deployment);
    if available >= bounds.least() {
        let message = "Deployment has minimum availability.";
        conditions.set("Available", true, "MinimumReplicasAvailable", message);
    } else {
        let message = "Deployment does not have minimum availability.";
        conditions.set("Available", false, "MinimumReplicasUnavailable", message);
    }
    let failing = new.filter(|set| is_true(set, "ReplicaFailure"));
    match failing.and_then(|set| Conditions::of(set, "").get("ReplicaFailure").cloned()) {
        Some(failure) => {
            let (reason, message) = (text(&failure, "/reason"), text(&failure, "/message"));
            conditions.set("ReplicaFailure", true, reason, message);
        }
        None => conditions.remove("ReplicaFailure"),
    }
    let done = updated == bounds.wanted && replicas == bounds.wanted && available >= bounds.wanted;
    let moved = [
        "replicas",
        "updatedReplicas",
        "readyReplicas",
        "availableReplicas",
    ]
    .into_iter()
    .any(|field| deployment["status"].get(field) != status.get(field));
    let progress = Progress {
        created,
        done,
        moved,
    };
    let again = match new {
        Some(new) if deployment["spec"]["paused"] != true => {
            progress.judge(deployment, new, &mut conditions)
        }
        _ => None,
    };
    conditions.write(&mut status);
    world.set_status(RESOURCE, deployment, status).await?;
    Ok(again)
}

struct Progress {
    /// There is a new template.
    created: bool,
    /// Everything is as it should be.
    done: bool,
    /// Some count has changed.
    moved: bool,
}

impl Progress {
    /// Sets the condition that says how it goes; answers when it is too late.
    fn judge(&self, deployment: &Value, new: &Value, conditions: &mut Conditions) -> Again {
        let set = format!("ReplicaSet \"{}\"", text(new, "/metadata/name"));
        let kind = "Progressing";
        if self.done {
            let message = format!("{set} has successfully progressed.");
            conditions.set(kind, true, "NewReplicaSetAvailable", &message);
            return None;
        }
        if self.created {
            let message = format!(
                "Created new replica set \"{}\"",
                text(new, "/metadata/name")
            );
            conditions.set_at(kind, true, "NewReplicaSetCreated", &message, true);
        } else if self.moved || conditions.get(kind).is_none() {
            let message = format!("{set} is progressing.");
            conditions.set_at(kind, true, "ReplicaSetUpdated", &message, true);
        }
        let deadline = integer(deployment, "/spec/progressDeadlineSeconds").unwrap_or(600);
        let condition = conditions.get(kind).cloned().unwrap_or_default();
        // What was done once and is no more (a pod was lost) has no deadline.
        if condition["status"] != "True" || condition["reason"] == "NewReplicaSetAvailable" {
            return None;
        }
        let left = deadline - seconds_since(text(&condition, "/lastUpdateTime"));
        if left > 0 {
            return Some(seconds(left) + Duration::from_millis(500));
        }
        let message = format!("{set} has timed out progressing.");
        conditions.set(kind, false, "ProgressDeadlineExceeded", &message);
        None
    }
}
