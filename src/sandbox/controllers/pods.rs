//! Pods: scheduler and kubelet of the only node. No container ever runs; pods get ready, end or
//! fail as their [`Fate`] says.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Again, events,
    faults::{self, Fate},
    text,
    world::{NODE, World},
};
use crate::sandbox::{
    objects::{Propagation, now},
    refusal::Refusal,
};

const RESOURCE: &str = "pods";

/// As often as a crash loop has been around when it is first seen.
const RESTARTS: i64 = 6;

/// A pod that lives.
pub(super) async fn run(world: &World, pod: &Value) -> Result<Again, Refusal> {
    if text(pod, "/spec/nodeName").is_empty() {
        let mut bound = pod.clone();
        bound["spec"]["nodeName"] = NODE.into();
        // Its change brings it back here.
        world.write(RESOURCE, bound).await?;
        return Ok(None);
    }
    let settled = pod.pointer("/status/containerStatuses").is_some();
    match faults::fate(world, pod) {
        Fate::Waits { reason } if !settled => wait(world, pod, &reason).await,
        Fate::NeverReady if !settled => never_ready(world, pod).await,
        Fate::Runs { exit_code } => {
            let phase = text(pod, "/status/phase");
            if phase == "Pending" {
                let after = faults::ready_after(world, pod);
                let left = after.saturating_sub(world.age(pod));
                if !left.is_zero() {
                    return Ok(Some(left));
                }
                start(world, pod).await
            } else if phase == "Running" && ends(pod) {
                finish(world, pod, exit_code).await
            } else {
                Ok(None)
            }
        }
        _ => Ok(None),
    }
}

/// A pod that is being deleted, in its own time.
pub(super) async fn end(world: &World, pod: &Value) -> Result<Again, Refusal> {
    let held = pod.pointer("/metadata/finalizers");
    if held
        .and_then(Value::as_array)
        .is_some_and(|held| !held.is_empty())
    {
        return Ok(None);
    }
    let at = text(pod, "/metadata/deletionTimestamp").parse::<jiff::Timestamp>();
    let grace = pod["metadata"]["deletionGracePeriodSeconds"]
        .as_i64()
        .unwrap_or(0);
    let since = at.map(|at| at - jiff::SignedDuration::from_secs(grace));
    let elapsed = since.map(|since| jiff::Timestamp::now().duration_since(since));
    let elapsed = elapsed
        .ok()
        .and_then(|elapsed| Duration::try_from(elapsed).ok());
    let left = faults::delete_after(pod).saturating_sub(elapsed.unwrap_or_default());
    if !left.is_zero() {
        return Ok(Some(left));
    }
    let how = Propagation::Background;
    world.delete_within(RESOURCE, pod, how, Some(0)).await?;
    Ok(None)
}

/// Do its containers come to an end by themselves?
fn ends(pod: &Value) -> bool {
    ["Never", "OnFailure"].contains(&text(pod, "/spec/restartPolicy"))
}

async fn start(world: &World, pod: &Value) -> Result<Again, Refusal> {
    let time = now();
    let running = json!({"running": {"startedAt": time}});
    let status = Status {
        phase: "Running",
        ready: true,
        reason: "",
        containers: containers(pod, "containers", &running, true, 0),
    };
    world.set_status(RESOURCE, pod, status.of(pod)).await?;
    Ok(None)
}

async fn finish(world: &World, pod: &Value, exit_code: i64) -> Result<Again, Refusal> {
    let (phase, reason) = if exit_code == 0 {
        ("Succeeded", "Completed")
    } else {
        ("Failed", "Error")
    };
    let ended = json!({"terminated": {
        "exitCode": exit_code,
        "reason": reason,
        "startedAt": text(pod, "/status/startTime"),
        "finishedAt": now(),
    }});
    let status = Status {
        phase,
        ready: false,
        reason: if exit_code == 0 {
            "PodCompleted"
        } else {
            "PodFailed"
        },
        containers: containers(pod, "containers", &ended, false, 0),
    };
    world.set_status(RESOURCE, pod, status.of(pod)).await?;
    Ok(None)
}

async fn wait(world: &World, pod: &Value, reason: &str) -> Result<Again, Refusal> {
    let image = text(pod, "/spec/containers/0/image");
    let pulls = ["ImagePullBackOff", "ErrImagePull", "InvalidImageName"].contains(&reason);
    let (phase, restarts, message) = if pulls {
        let message = format!("Back-off pulling image \"{image}\"");
        ("Pending", 0, message)
    } else {
        let message = "back-off restarting failed container".to_owned();
        ("Running", RESTARTS, message)
    };
    let waiting = json!({"waiting": {"reason": reason, "message": message}});
    let status = Status {
        phase,
        ready: false,
        reason: "ContainersNotReady",
        containers: containers(pod, "containers", &waiting, false, restarts),
    };
    world.set_status(RESOURCE, pod, status.of(pod)).await?;
    if pulls {
        let failed = format!("Failed to pull image \"{image}\": not found");
        events::warn(world, pod, "Failed", &failed).await;
        events::warn(world, pod, "BackOff", &message).await;
    } else {
        let message = "Back-off restarting failed container";
        events::warn(world, pod, "BackOff", message).await;
    }
    Ok(None)
}

async fn never_ready(world: &World, pod: &Value) -> Result<Again, Refusal> {
    let running = json!({"running": {"startedAt": now()}});
    let status = Status {
        phase: "Running",
        ready: false,
        reason: "ContainersNotReady",
        containers: containers(pod, "containers", &running, false, 0),
    };
    world.set_status(RESOURCE, pod, status.of(pod)).await?;
    let message = "Readiness probe failed: rehearsed";
    events::warn(world, pod, "Unhealthy", message).await;
    Ok(None)
}

fn containers(pod: &Value, list: &str, state: &Value, ready: bool, restarts: i64) -> Vec<Value> {
    let containers = pod["spec"][list].as_array().into_iter().flatten();
    let started = state.get("running").is_some();
    let statuses = containers.map(|container| {
        json!({
            "name": container["name"],
            "image": container["image"],
            "imageID": "",
            "ready": ready,
            "started": started,
            "restartCount": restarts,
            "state": state,
        })
    });
    statuses.collect()
}

struct Status {
    phase: &'static str,
    ready: bool,
    /// Why it is not ready.
    reason: &'static str,
    containers: Vec<Value>,
}

impl Status {
    fn of(self, pod: &Value) -> Value {
        let time = now();
        let started = match text(pod, "/status/startTime") {
            "" => time.as_str(),
            before => before,
        };
        let condition = |name: &str, on: bool| {
            let mut condition = json!({
                "type": name,
                "status": if on { "True" } else { "False" },
                "lastTransitionTime": time,
            });
            if !on {
                condition["reason"] = self.reason.into();
            }
            condition
        };
        let address = address(pod);
        let mut status = json!({
            "phase": self.phase,
            "qosClass": pod.pointer("/status/qosClass").cloned().unwrap_or(json!("BestEffort")),
            "startTime": started,
            "hostIP": "192.0.2.1",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [
                condition("PodScheduled", true),
                condition("Initialized", true),
                condition("Ready", self.ready),
                condition("ContainersReady", self.ready),
            ],
            "containerStatuses": self.containers,
        });
        let done = json!({"terminated": {
            "exitCode": 0, "reason": "Completed", "startedAt": started, "finishedAt": started,
        }});
        let before = containers(pod, "initContainers", &done, true, 0);
        if !before.is_empty() {
            status["initContainerStatuses"] = before.into();
        }
        status
    }
}

/// An address of its own, from its uid: nothing answers there.
fn address(pod: &Value) -> String {
    let uid = super::world::uid(pod);
    let digits = uid.get(..6).unwrap_or_default();
    let number = u32::from_str_radix(digits, 16).unwrap_or_default();
    let [_, two, three, four] = number.to_be_bytes();
    format!("10.{two}.{three}.{four}")
}
