//! What goes wrong with a pod, as its annotations or a rehearsal say.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::Value;

use super::{
    text,
    world::{World, top_of},
};
use crate::sandbox::FaultKind;

/// Ready only after this long.
const READY_AFTER: &str = "stackctl.test/ready-after";

/// Never ready; the value is what its containers wait with.
const FAIL: &str = "stackctl.test/fail";

/// A pod that ends does so with this exit code.
const EXIT_CODE: &str = "stackctl.test/exit-code";

/// A deleted pod stays this long.
const DELETE_AFTER: &str = "stackctl.test/delete-after";

/// What happens to a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It runs, and ends with this code if it is one that ends.
    Runs { exit_code: i64 },
    /// Its containers wait for this reason for ever.
    Waits { reason: String },
    /// It runs, but is never ready.
    NeverReady,
}

/// What happens to this pod.
pub(super) fn fate(world: &World, pod: &Value) -> Fate {
    let annotations = &pod["metadata"]["annotations"];
    if let Some(reason) = annotations[FAIL].as_str() {
        return Fate::Waits {
            reason: reason.to_owned(),
        };
    }
    let waits = |reason: &str| Fate::Waits {
        reason: reason.to_owned(),
    };
    let rehearsed = world.options.faults.iter();
    for fault in rehearsed {
        if fault.namespace != text(pod, "/metadata/namespace") {
            continue;
        }
        let top = top_of(world, pod);
        let hook = top["metadata"]["annotations"].get("helm.sh/hook").is_some();
        if !belongs_to(&top, pod, &fault.release, hook) {
            continue;
        }
        match (fault.kind, hook) {
            (FaultKind::CrashLoop, false) => return waits("CrashLoopBackOff"),
            (FaultKind::ImagePull, false) => return waits("ImagePullBackOff"),
            (FaultKind::NeverReady, false) => return Fate::NeverReady,
            (FaultKind::Hook, true) => return Fate::Runs { exit_code: 1 },
            _ => {}
        }
    }
    let exit_code = annotations[EXIT_CODE].as_str().map(str::parse);
    Fate::Runs {
        exit_code: exit_code.and_then(Result::ok).unwrap_or(0),
    }
}

/// How long the pod takes to get ready.
pub(super) fn ready_after(world: &World, pod: &Value) -> Duration {
    annotated(pod, READY_AFTER).unwrap_or(world.options.ready_after)
}

/// How long the deleted pod stays.
pub(super) fn delete_after(pod: &Value) -> Duration {
    annotated(pod, DELETE_AFTER).unwrap_or_default()
}

/// `3s`, `1m30s`.
fn annotated(pod: &Value, name: &str) -> Option<Duration> {
    let text = pod["metadata"]["annotations"][name].as_str()?;
    let duration: SignedDuration = text.parse().ok()?;
    duration.try_into().ok()
}

fn belongs_to(top: &Value, pod: &Value, release: &str, hook: bool) -> bool {
    let annotations = &top["metadata"]["annotations"];
    if let Some(name) = annotations["meta.helm.sh/release-name"].as_str() {
        return name == release;
    }
    let instance = |object: &Value| {
        let labels = &object["metadata"]["labels"];
        labels["app.kubernetes.io/instance"]
            .as_str()
            .map(str::to_owned)
    };
    if let Some(instance) = instance(top).or_else(|| instance(pod)) {
        return instance == release;
    }
    // Helm does not mark hooks: only their names say whose they are.
    let name = text(top, "/metadata/name");
    let rest = name.strip_prefix(release);
    hook && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}
