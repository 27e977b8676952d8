//! StatefulSets: pods with numbers, one after the other, each with its claims.

use std::{cmp::Ordering, collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    Again,
    conditions::counts,
    integer,
    replica_sets::own_pods,
    template::{self, REVISION_HASH, is_active, is_available, is_ready},
    text,
    world::{World, going, reference_to},
};
use crate::sandbox::{objects::Propagation, refusal::Refusal};

const RESOURCE: &str = "statefulsets.apps";
const CLAIMS: &str = "persistentvolumeclaims";

pub(super) async fn reconcile(world: &World, set: &Value) -> Result<Again, Refusal> {
    let revision = revision_of(set);
    let mut pods: BTreeMap<i64, Arc<Value>> = BTreeMap::new();
    for pod in own_pods(world, set).await? {
        if let Some(ordinal) = ordinal(set, &pod) {
            pods.insert(ordinal, pod);
        }
    }
    let done = step(world, set, &revision, &mut pods).await?;
    status(world, set, &revision, &pods, done).await
}

/// The name of the revision that the template is.
fn revision_of(set: &Value) -> String {
    let hash = template::hash(&set["spec"]["template"]);
    format!("{}{hash}", template::prefix(set))
}

fn ordinal(set: &Value, pod: &Value) -> Option<i64> {
    let name = text(pod, "/metadata/name");
    name.strip_prefix(&template::prefix(set))?.parse().ok()
}

/// Does what is next. Says whether every pod is there, usable and of its revision.
async fn step(
    world: &World,
    set: &Value,
    revision: &str,
    pods: &mut BTreeMap<i64, Arc<Value>>,
) -> Result<bool, Refusal> {
    let first = integer(set, "/spec/ordinals/start").unwrap_or(0);
    let end = first + integer(set, "/spec/replicas").unwrap_or(1);
    let in_order = text(set, "/spec/podManagementPolicy") != "Parallel";
    let min_ready = integer(set, "/spec/minReadySeconds").unwrap_or(0);
    for ordinal in first..end {
        match pods.get(&ordinal) {
            Some(pod) if going(pod) => return Ok(false),
            Some(pod) if !is_active(pod) => {
                world.delete("pods", pod, Propagation::Background).await?;
                return Ok(false);
            }
            Some(pod) if in_order && !is_available(pod, min_ready) => {
                // It holds up the others, unless it never can: a broken pod of an older revision
                // is replaced below.
                if is_current(pod, revision) {
                    return Ok(false);
                }
            }
            Some(_) => {}
            None => {
                let pod = create(world, set, ordinal, revision).await?;
                pods.insert(ordinal, pod);
                if in_order {
                    return Ok(false);
                }
            }
        }
    }
    let surplus: Vec<i64> = pods.keys().rev().copied().collect();
    for ordinal in surplus.into_iter().filter(|it| !(first..end).contains(it)) {
        let Some(pod) = pods.get(&ordinal) else {
            continue;
        };
        if !going(pod) {
            world.delete("pods", pod, Propagation::Background).await?;
        }
        if in_order {
            return Ok(false);
        }
    }
    update(world, set, revision, pods, end).await
}

/// Replaces pods of older revisions, the highest number first.
async fn update(
    world: &World,
    set: &Value,
    revision: &str,
    pods: &BTreeMap<i64, Arc<Value>>,
    end: i64,
) -> Result<bool, Refusal> {
    if text(set, "/spec/updateStrategy/type") == "OnDelete" {
        return Ok(true);
    }
    let partition = integer(set, "/spec/updateStrategy/rollingUpdate/partition").unwrap_or(0);
    for ordinal in (partition..end).rev() {
        let Some(pod) = pods.get(&ordinal) else {
            continue;
        };
        if !is_current(pod, revision) {
            if !going(pod) {
                world.delete("pods", pod, Propagation::Background).await?;
            }
            return Ok(false);
        }
        if !is_ready(pod) {
            return Ok(false);
        }
    }
    Ok(pods.values().all(|pod| is_ready(pod)))
}

fn is_current(pod: &Value, revision: &str) -> bool {
    pod["metadata"]["labels"][REVISION_HASH] == revision
}

async fn create(
    world: &World,
    set: &Value,
    ordinal: i64,
    revision: &str,
) -> Result<Arc<Value>, Refusal> {
    let namespace = text(set, "/metadata/namespace");
    let name = format!("{}{ordinal}", template::prefix(set));
    let mut pod = template::pod(set, &set["spec"]["template"]);
    let labels = [
        ("statefulset.kubernetes.io/pod-name", name.clone()),
        ("apps.kubernetes.io/pod-index", ordinal.to_string()),
        (REVISION_HASH, revision.to_owned()),
    ];
    for (label, value) in labels {
        pod["metadata"]["labels"][label] = value.into();
    }
    let claims = set.pointer("/spec/volumeClaimTemplates");
    for claim in claims.and_then(Value::as_array).into_iter().flatten() {
        let volume = text(claim, "/metadata/name");
        let own = format!("{volume}-{name}");
        if world.get(CLAIMS, namespace, &own).is_none() {
            let claim = claim_of(set, claim, &own);
            world.create(CLAIMS, namespace, claim).await?;
        }
        let volume = json!({"name": volume, "persistentVolumeClaim": {"claimName": own}});
        let volumes = &mut pod["spec"]["volumes"];
        match volumes.as_array_mut() {
            Some(volumes) => {
                volumes.retain(|other| other["name"] != volume["name"]);
                volumes.push(volume);
            }
            None => *volumes = json!([volume]),
        }
    }
    pod["spec"]["hostname"] = name.clone().into();
    if let Some(service) = set["spec"].get("serviceName") {
        pod["spec"]["subdomain"] = service.clone();
    }
    pod["metadata"]["generateName"] = template::prefix(set).into();
    pod["metadata"]["name"] = name.into();
    world.create("pods", namespace, pod).await
}

fn claim_of(set: &Value, template: &Value, name: &str) -> Value {
    let mut claim = json!({"metadata": template["metadata"], "spec": template["spec"]});
    claim["metadata"]["name"] = name.into();
    let selected = set.pointer("/spec/selector/matchLabels");
    for (label, value) in selected.and_then(Value::as_object).into_iter().flatten() {
        claim["metadata"]["labels"][label] = value.clone();
    }
    if text(
        set,
        "/spec/persistentVolumeClaimRetentionPolicy/whenDeleted",
    ) == "Delete"
    {
        claim["metadata"]["ownerReferences"] = json!([reference_to(set)]);
    }
    claim
}

async fn status(
    world: &World,
    set: &Value,
    revision: &str,
    pods: &BTreeMap<i64, Arc<Value>>,
    done: bool,
) -> Result<Again, Refusal> {
    let pods: Vec<&Arc<Value>> = pods.values().filter(|pod| !going(pod)).collect();
    let count = |fits: &dyn Fn(&Value) -> bool| {
        let count = pods.iter().filter(|pod| fits(pod)).count();
        i64::try_from(count).unwrap_or(i64::MAX)
    };
    let min_ready = integer(set, "/spec/minReadySeconds").unwrap_or(0);
    let before = match text(set, "/status/currentRevision") {
        "" => revision,
        current => current,
    };
    let current = if done
        && count(&|pod| is_current(pod, revision)).cmp(&count(&|_| true)) == Ordering::Equal
    {
        revision
    } else {
        before
    };
    let ready = count(&is_ready);
    let available = count(&|pod| is_available(pod, min_ready));
    let mut status = counts([
        (
            "observedGeneration",
            integer(set, "/metadata/generation").unwrap_or(0),
        ),
        ("readyReplicas", ready),
        ("currentReplicas", count(&|pod| is_current(pod, current))),
        ("updatedReplicas", count(&|pod| is_current(pod, revision))),
    ]);
    status["replicas"] = count(&|_| true).into();
    status["availableReplicas"] = available.into();
    status["collisionCount"] = 0.into();
    status["currentRevision"] = current.into();
    status["updateRevision"] = revision.into();
    world.set_status(RESOURCE, set, status).await?;
    Ok((available < ready).then_some(Duration::from_secs(1)))
}
