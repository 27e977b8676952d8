//! ReplicaSets: as many pods of one template as wanted.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    Again,
    conditions::{Conditions, counts},
    events, integer,
    template::{self, is_active, is_available, is_ready},
    text,
    world::{World, controller, going, reference_to},
};
use crate::sandbox::{objects::Propagation, refusal::Refusal};

const RESOURCE: &str = "replicasets.apps";

pub(super) async fn reconcile(world: &World, set: &Value) -> Result<Again, Refusal> {
    let mut pods = own_pods(world, set).await?;
    let ending = pods.iter().filter(|pod| going(pod)).count();
    pods.retain(|pod| is_active(pod));
    let wanted = integer(set, "/spec/replicas").unwrap_or(1);
    let wanted = usize::try_from(wanted).unwrap_or(0);
    let mut failure = None;
    while pods.len() < wanted && failure.is_none() {
        let mut pod = template::pod(set, &set["spec"]["template"]);
        pod["metadata"]["generateName"] = template::prefix(set).into();
        let namespace = text(set, "/metadata/namespace");
        match world.create("pods", namespace, pod).await {
            Ok(pod) => pods.push(pod),
            Err(refusal) => failure = Some(refusal.message),
        }
    }
    // Those that are of least use go first, of these the youngest.
    pods.sort_by_key(|pod| {
        let created = text(pod, "/metadata/creationTimestamp");
        std::cmp::Reverse((is_ready(pod), std::cmp::Reverse(created.to_owned())))
    });
    for pod in pods.drain(wanted.min(pods.len())..) {
        world.delete("pods", &pod, Propagation::Background).await?;
    }
    status(world, set, &pods, ending, failure).await
}

/// The set's pods; those that belong to nobody and that it selects become its own.
pub(super) async fn own_pods(world: &World, set: &Value) -> Result<Vec<Arc<Value>>, Refusal> {
    let selector = &set["spec"]["selector"];
    let mut own = Vec::new();
    for pod in world.list("pods", text(set, "/metadata/namespace")) {
        match controller(&pod) {
            Some(owner) if owner["uid"] == set["metadata"]["uid"] => own.push(pod),
            None if template::selects(selector, &pod) && is_active(&pod) => {
                let mut next = Value::clone(&pod);
                let owners = &mut next["metadata"]["ownerReferences"];
                match owners.as_array_mut() {
                    Some(owners) => owners.push(reference_to(set)),
                    None => *owners = json!([reference_to(set)]),
                }
                own.push(world.write("pods", next).await?);
            }
            _ => {}
        }
    }
    Ok(own)
}

async fn status(
    world: &World,
    set: &Value,
    pods: &[Arc<Value>],
    ending: usize,
    failure: Option<String>,
) -> Result<Again, Refusal> {
    let count = |fits: &dyn Fn(&Value) -> bool| {
        let count = pods.iter().filter(|pod| fits(pod)).count();
        i64::try_from(count).unwrap_or(i64::MAX)
    };
    let min_ready = integer(set, "/spec/minReadySeconds").unwrap_or(0);
    let (all, ready) = (count(&|_| true), count(&is_ready));
    let available = count(&|pod| is_available(pod, min_ready));
    let mut status = counts([
        (
            "observedGeneration",
            integer(set, "/metadata/generation").unwrap_or(0),
        ),
        ("fullyLabeledReplicas", all),
        ("readyReplicas", ready),
        ("availableReplicas", available),
    ]);
    status["replicas"] = all.into();
    status["terminatingReplicas"] = ending.into();
    let mut conditions = Conditions::of(set, "");
    let failed = failure.is_some();
    match failure {
        Some(message) => {
            if conditions.get("ReplicaFailure").is_none() {
                let message = format!("Error creating: {message}");
                events::warn(world, set, "FailedCreate", &message).await;
            }
            conditions.set("ReplicaFailure", true, "FailedCreate", &message);
        }
        None => conditions.remove("ReplicaFailure"),
    }
    conditions.write(&mut status);
    world.set_status(RESOURCE, set, status).await?;
    Ok(if failed {
        Some(Duration::from_secs(2))
    } else if available < ready {
        Some(Duration::from_secs(1))
    } else {
        None
    })
}
