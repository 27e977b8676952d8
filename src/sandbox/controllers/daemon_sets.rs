//! DaemonSets: a pod on the only node.

use std::{sync::Arc, time::Duration};

use serde_json::Value;

use super::{
    Again,
    conditions::counts,
    integer,
    replica_sets::own_pods,
    template::{self, REVISION_HASH, is_active, is_available, is_ready},
    text,
    world::{World, going},
};
use crate::sandbox::{objects::Propagation, refusal::Refusal};

const RESOURCE: &str = "daemonsets.apps";

pub(super) async fn reconcile(world: &World, set: &Value) -> Result<Again, Refusal> {
    let hash = template::hash(&set["spec"]["template"]);
    let is_new = |pod: &Value| pod["metadata"]["labels"][REVISION_HASH] == *hash;
    let pods = own_pods(world, set).await?;
    let replaces = text(set, "/spec/updateStrategy/type") != "OnDelete";
    let mut kept: Option<Arc<Value>> = None;
    let mut ending = false;
    for pod in pods {
        let wrong = !is_active(&pod) || (replaces && !is_new(&pod)) || kept.is_some();
        if going(&pod) {
            ending = true;
        } else if wrong {
            world.delete("pods", &pod, Propagation::Background).await?;
            ending |= world
                .get(
                    "pods",
                    text(&pod, "/metadata/namespace"),
                    text(&pod, "/metadata/name"),
                )
                .is_some();
        } else {
            kept = Some(pod);
        }
    }
    if kept.is_none() && !ending {
        let mut pod = template::pod(set, &set["spec"]["template"]);
        pod["metadata"]["labels"][REVISION_HASH] = hash.clone().into();
        pod["metadata"]["generateName"] = template::prefix(set).into();
        let namespace = text(set, "/metadata/namespace");
        kept = Some(world.create("pods", namespace, pod).await?);
    }

    let min_ready = integer(set, "/spec/minReadySeconds").unwrap_or(0);
    let has = |fits: &dyn Fn(&Value) -> bool| i64::from(kept.as_deref().is_some_and(fits));
    let (ready, available) = (has(&is_ready), has(&|pod| is_available(pod, min_ready)));
    let mut status = counts([
        (
            "observedGeneration",
            integer(set, "/metadata/generation").unwrap_or(0),
        ),
        ("updatedNumberScheduled", has(&is_new)),
        ("numberAvailable", available),
        ("numberUnavailable", 1 - available),
    ]);
    for (field, count) in [
        ("currentNumberScheduled", has(&|_| true)),
        ("desiredNumberScheduled", 1),
        ("numberMisscheduled", 0),
        ("numberReady", ready),
    ] {
        status[field] = count.into();
    }
    world.set_status(RESOURCE, set, status).await?;
    Ok((available < ready).then_some(Duration::from_secs(1)))
}
