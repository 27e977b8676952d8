//! The kinds that run pods, and pods.

use serde_json::Value;

use super::{
    Conditions, Readiness,
    fields::{count, integer, text},
    unobserved,
};

pub(super) fn deployment(object: &Value) -> Readiness {
    if let Some(waiting) = unobserved(object, true) {
        return waiting;
    }
    if object.pointer("/spec/paused") == Some(&Value::Bool(true)) {
        return Readiness::Ready;
    }
    let wanted = integer(object, "/spec/replicas").unwrap_or(1);
    let updated = count(object, "/status/updatedReplicas");
    let total = count(object, "/status/replicas");
    let available = count(object, "/status/availableReplicas");
    let lack = if updated < wanted {
        Some(format!("{updated} of {wanted} replicas updated"))
    } else if total > updated {
        Some(format!("{} old replicas still to end", total - updated))
    } else if total > wanted {
        Some(format!("{} replicas still to end", total - wanted))
    } else if available < wanted {
        Some(format!("{available} of {wanted} replicas available"))
    } else {
        None
    };
    let Some(lack) = lack else {
        return Readiness::Ready;
    };
    let conditions = Conditions::of(object);
    let progressing = conditions.get("Progressing");
    if progressing.is_some_and(|it| it.reason() == "ProgressDeadlineExceeded") {
        return Readiness::Failed(format!("no progress within its deadline: {lack}"));
    }
    let failure = conditions.when_true("ReplicaFailure");
    Readiness::Progressing(
        failure.map_or(lack, |failure| failure.words("its pods cannot be created")),
    )
}

pub(super) fn stateful_set(object: &Value) -> Readiness {
    if let Some(waiting) = unobserved(object, true) {
        return waiting;
    }
    let wanted = integer(object, "/spec/replicas").unwrap_or(1);
    let total = count(object, "/status/replicas");
    let ready = count(object, "/status/readyReplicas");
    let updated = count(object, "/status/updatedReplicas");
    if ready < wanted {
        return Readiness::Progressing(format!("{ready} of {wanted} replicas ready"));
    }
    if total > wanted {
        return Readiness::Progressing(format!("{} replicas still to end", total - wanted));
    }
    if text(object, "/spec/updateStrategy/type") == "OnDelete" {
        return Readiness::Ready;
    }
    let partition = count(object, "/spec/updateStrategy/rollingUpdate/partition");
    let to_update = (wanted - partition).max(0);
    if updated < to_update {
        return Readiness::Progressing(format!("{updated} of {to_update} replicas updated"));
    }
    let update_revision = text(object, "/status/updateRevision");
    if partition == 0 && text(object, "/status/currentRevision") != update_revision {
        return Readiness::Progressing("its update is not finished".to_owned());
    }
    Readiness::Ready
}

pub(super) fn daemon_set(object: &Value) -> Readiness {
    if let Some(waiting) = unobserved(object, true) {
        return waiting;
    }
    let wanted = count(object, "/status/desiredNumberScheduled");
    let mut steps = vec![
        ("scheduled", count(object, "/status/currentNumberScheduled")),
        ("ready", count(object, "/status/numberReady")),
        ("available", count(object, "/status/numberAvailable")),
    ];
    if text(object, "/spec/updateStrategy/type") != "OnDelete" {
        steps.insert(
            1,
            ("updated", count(object, "/status/updatedNumberScheduled")),
        );
    }
    for (step, reached) in steps {
        if reached < wanted {
            return Readiness::Progressing(format!("{reached} of {wanted} pods {step}"));
        }
    }
    Readiness::Ready
}

pub(super) fn replica_set(object: &Value) -> Readiness {
    if let Some(waiting) = unobserved(object, true) {
        return waiting;
    }
    if let Some(failure) = Conditions::of(object).when_true("ReplicaFailure") {
        return Readiness::Progressing(failure.words("its pods cannot be created"));
    }
    let wanted = integer(object, "/spec/replicas").unwrap_or(1);
    let available = count(object, "/status/availableReplicas");
    let total = count(object, "/status/replicas");
    if available < wanted {
        return Readiness::Progressing(format!("{available} of {wanted} replicas available"));
    }
    if total > wanted {
        return Readiness::Progressing(format!("{} replicas still to end", total - wanted));
    }
    Readiness::Ready
}

pub(super) fn job(object: &Value) -> Readiness {
    let conditions = Conditions::of(object);
    if let Some(failed) = conditions.when_true("Failed") {
        let words = failed.words("it failed");
        return Readiness::Failed(match failed.reason() {
            "" => words,
            reason if words.contains(reason) => words,
            reason => format!("{words} ({reason})"),
        });
    }
    let suspended = object.pointer("/spec/suspend") == Some(&Value::Bool(true));
    if conditions.when_true("Complete").is_some() || suspended {
        return Readiness::Ready;
    }
    let wanted = integer(object, "/spec/completions").unwrap_or(1);
    let succeeded = count(object, "/status/succeeded");
    let failed = count(object, "/status/failed");
    let completions = format!("{succeeded} of {wanted} completions");
    Readiness::Progressing(match failed {
        0 => completions,
        failed => format!("{completions}, {failed} pods failed"),
    })
}

pub(super) fn pod(object: &Value) -> Readiness {
    let conditions = Conditions::of(object);
    match text(object, "/status/phase") {
        "Succeeded" => return Readiness::Ready,
        "Failed" => {
            let words = [
                text(object, "/status/message"),
                text(object, "/status/reason"),
            ];
            let words = words.into_iter().find(|words| !words.is_empty());
            return Readiness::Failed(words.unwrap_or("a container ended in error").to_owned());
        }
        _ => {}
    }
    if conditions.when_true("Ready").is_some() {
        return Readiness::Ready;
    }
    Readiness::Progressing(waiting_reason(object).unwrap_or_else(|| {
        let scheduled = conditions
            .get("PodScheduled")
            .filter(|scheduled| !scheduled.is_true());
        scheduled.map_or_else(|| "not ready".to_owned(), |it| it.words("not scheduled"))
    }))
}

/// Why a container of the pod does not run, init containers first.
fn waiting_reason(pod: &Value) -> Option<String> {
    let statuses = ["/status/initContainerStatuses", "/status/containerStatuses"];
    let statuses = statuses
        .into_iter()
        .filter_map(|list| pod.pointer(list)?.as_array())
        .flatten();
    statuses.into_iter().find_map(|status| {
        let reason = status.pointer("/state/waiting/reason")?.as_str()?;
        Some(format!("container {}: {reason}", text(status, "/name")))
    })
}
