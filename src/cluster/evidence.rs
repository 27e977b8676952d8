//! What speaks about an object that is not ready: its conditions, its pods with their logs, its
//! events. Pure: from their JSON to what matters of them.

use jiff::Timestamp;
use serde_json::Value;

use super::ObjectRef;

/// One object under suspicion, and what was found out about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The object.
    pub object: ObjectRef,
    /// What the wait said of it.
    pub why: String,
    /// Its conditions that do not say what they should, as `Type=Status Reason: message`.
    pub conditions: Vec<String>,
    /// Its pods, those that are not ready first.
    pub pods: Vec<PodState>,
    /// The events of exactly this object, its `ReplicaSet`s and its pods, oldest first.
    pub events: Vec<EventLine>,
    /// The end of what its failing containers wrote, as far as there are logs.
    pub logs: Vec<LogTail>,
    /// What the caller adds, a sentence each.
    pub notes: Vec<String>,
    /// What could not be read, and why.
    pub unread: Vec<String>,
}

/// A pod, as far as it explains a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodState {
    /// Its name.
    pub name: String,
    /// `status.phase`.
    pub phase: String,
    /// It runs and its `Ready` condition is true.
    pub ready: bool,
    /// Why it is not scheduled, or was evicted.
    pub message: Option<String>,
    /// Its containers, init containers first.
    pub containers: Vec<ContainerState>,
}

/// A container of a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerState {
    /// Its name.
    pub name: String,
    /// Why it waits (`ImagePullBackOff`), with a message.
    pub waiting: Option<(String, String)>,
    /// Exit code and reason of its last end (`1`, `OOMKilled`).
    pub exit: Option<(i64, String)>,
    /// How often it was restarted.
    pub restarts: i64,
    /// It runs and does what it should; of an init container: it is done.
    pub ready: bool,
}

/// The last lines that a container wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogTail {
    /// Its pod.
    pub pod: String,
    /// Its name.
    pub container: String,
    /// They are those of its run before the last restart.
    pub previous: bool,
    /// Oldest first; empty ones are left out.
    pub lines: Vec<String>,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventLine {
    /// `Warning`, as opposed to `Normal`.
    pub warning: bool,
    /// The object it is about (`Pod/web-1`).
    pub object: String,
    /// `FailedScheduling`.
    pub reason: String,
    /// In words.
    pub message: String,
    /// How often it happened.
    pub count: i64,
    /// When it happened last.
    pub last: Option<Timestamp>,
}

/// Conditions that are bad news when they are true.
const BAD_WHEN_TRUE: [&str; 5] = [
    "Failed",
    "FailureTarget",
    "ReplicaFailure",
    "Stalled",
    "Degraded",
];

pub(super) fn unhealthy_conditions(object: &Value) -> Vec<String> {
    let conditions = object["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten();
    conditions
        .filter(|condition| {
            let bad_when_true = condition["type"]
                .as_str()
                .is_some_and(|it| BAD_WHEN_TRUE.contains(&it));
            (condition["status"] == "True") == bad_when_true
        })
        .map(|condition| {
            let part = |field: &str| condition[field].as_str().unwrap_or_default().trim();
            let head = format!("{}={} {}", part("type"), part("status"), part("reason"));
            match part("message") {
                "" => head.trim_end().to_owned(),
                message => format!("{}: {message}", head.trim_end()),
            }
        })
        .collect()
}

pub(super) fn pod_state(pod: &Value) -> PodState {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let status = &pod["status"];
    let conditions = || status["conditions"].as_array().into_iter().flatten();
    let unscheduled = conditions()
        .find(|condition| condition["type"] == "PodScheduled" && condition["status"] == "False")
        .map(|condition| text(&condition["message"]));
    let message = unscheduled.or_else(|| status["message"].as_str().map(str::to_owned));
    let lists = ["initContainerStatuses", "containerStatuses"];
    let statuses = lists
        .iter()
        .flat_map(|list| status[*list].as_array().into_iter().flatten());
    PodState {
        name: text(&pod["metadata"]["name"]),
        phase: text(&status["phase"]),
        ready: status["phase"] == "Running"
            && conditions().any(|it| it["type"] == "Ready" && it["status"] == "True"),
        message,
        containers: statuses.map(container_state).collect(),
    }
}

fn container_state(status: &Value) -> ContainerState {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let waiting = &status["state"]["waiting"];
    let ended = [
        &status["state"]["terminated"],
        &status["lastState"]["terminated"],
    ];
    ContainerState {
        name: text(&status["name"]),
        waiting: waiting["reason"]
            .as_str()
            .map(|reason| (reason.to_owned(), text(&waiting["message"]))),
        exit: ended
            .into_iter()
            .find_map(|end| Some((end["exitCode"].as_i64()?, text(&end["reason"])))),
        restarts: status["restartCount"].as_i64().unwrap_or_default(),
        ready: status["ready"] == true,
    }
}

pub(super) fn event_line(event: &Value) -> EventLine {
    let text = |value: &Value| value.as_str().unwrap_or_default().trim().to_owned();
    let time = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
    let about = &event["involvedObject"];
    // As the kubelet repeats it (`in pod web-1_shop(…)`); the uid tells nobody anything.
    let id = format!("_{}({})", text(&about["namespace"]), text(&about["uid"]));
    EventLine {
        warning: event["type"] == "Warning",
        object: format!("{}/{}", text(&about["kind"]), text(&about["name"])),
        reason: text(&event["reason"]),
        message: text(&event["message"]).replace(&id, ""),
        count: [&event["series"]["count"], &event["count"]]
            .into_iter()
            .find_map(Value::as_i64)
            .unwrap_or(1),
        last: [
            &event["series"]["lastObservedTime"],
            &event["lastTimestamp"],
            &event["eventTime"],
            &event["metadata"]["creationTimestamp"],
        ]
        .into_iter()
        .find_map(time),
    }
}
