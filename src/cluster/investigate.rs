//! Collects what is known about objects that are not ready: conditions, pods, events.

use std::{collections::HashSet, time::Duration};

use futures::future::join_all;
use jiff::Timestamp;
use kube::core::params::ListParams;
use serde_json::Value;
use tokio::time::timeout;

use super::{Cluster, ClusterError, ObjectRef, objects::Detail};

/// Time for looking into one object.
const TIME: Duration = Duration::from_secs(20);

/// More suspects are not looked into: they are mostly consequences of the first.
const SUSPECTS: usize = 8;

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
    /// Its `Ready` condition.
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

impl Cluster {
    /// Looks into each object; with it comes what the wait said of it. Never fails: what cannot be
    /// read is told in the findings.
    pub async fn investigate(&self, suspects: &[(ObjectRef, String)]) -> Vec<Finding> {
        let looks = suspects
            .iter()
            .take(SUSPECTS)
            .map(|(object, why)| async move {
                let mut finding = Finding {
                    object: object.clone(),
                    why: why.clone(),
                    conditions: Vec::new(),
                    pods: Vec::new(),
                    events: Vec::new(),
                    unread: Vec::new(),
                };
                if timeout(TIME, self.look_into(&mut finding)).await.is_err() {
                    finding
                        .unread
                        .push(format!("no answer within {} s", TIME.as_secs()));
                }
                finding
            });
        join_all(looks).await
    }

    async fn look_into(&self, finding: &mut Finding) {
        let suspect = finding.object.clone();
        let namespace = suspect
            .namespace
            .as_deref()
            .unwrap_or(self.default_namespace());
        let mut subjects = vec![Subject {
            uid: None,
            kind: suspect.kind.clone(),
            name: suspect.name.clone(),
        }];
        match self.get(&suspect).await {
            Ok(Some(object)) => {
                finding.conditions = unhealthy_conditions(&object);
                subjects[0].uid = Some(uid(&object).to_owned());
                match self.pods_of(&object).await {
                    Ok(family) => {
                        subjects.extend(family.iter().map(Subject::of));
                        let pods = family.iter().filter(|member| member["kind"] == "Pod");
                        finding.pods = pods.map(pod_state).collect();
                        finding.pods.sort_by_key(|pod| pod.ready);
                    }
                    Err(error) => finding.unread.push(format!("pods: {error}")),
                }
            }
            Ok(None) => {}
            Err(error) => finding.unread.push(error.to_string()),
        }
        // Events of cluster-scoped objects are kept in `default`.
        let namespaced = self.kind(&suspect.api_version, &suspect.kind).await;
        let namespace = match namespaced {
            Ok(kind) if !kind.namespaced => "default",
            _ => namespace,
        };
        match self.events_of(namespace, &subjects).await {
            Ok(events) => finding.events = events,
            Err(error) => finding.unread.push(format!("events: {error}")),
        }
    }

    /// The pods of a workload (or the pod itself), and the `ReplicaSet`s between them: followed by
    /// owner references, not by labels alone, which another workload may share. Newest first.
    pub async fn pods_of(&self, workload: &Value) -> Result<Vec<Value>, ClusterError> {
        let namespace = workload["metadata"]["namespace"].as_str();
        let selector = selector(&workload["spec"]["selector"]);
        let kind = workload["kind"].as_str().unwrap_or_default();
        if kind == "Pod" {
            return Ok(vec![workload.clone()]);
        }
        let Some(selector) = selector.filter(|_| {
            matches!(
                kind,
                "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" | "Job"
            )
        }) else {
            return Ok(Vec::new());
        };
        let mut owners = HashSet::from([uid(workload).to_owned()]);
        let mut family = Vec::new();
        if kind == "Deployment" {
            let sets = self
                .list("apps/v1", "ReplicaSet", namespace, &selector)
                .await?;
            let sets = sets.into_iter().filter(|set| is_owned(set, &owners));
            family.extend(sets.map(|set| with_kind(set, "ReplicaSet")));
            owners = family.iter().map(|set| uid(set).to_owned()).collect();
        }
        let pods = self.list("v1", "Pod", namespace, &selector).await?;
        let pods = pods.into_iter().filter(|pod| is_owned(pod, &owners));
        family.extend(pods.map(|pod| with_kind(pod, "Pod")));
        let created = |object: &Value| {
            object["metadata"]["creationTimestamp"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        family.sort_by_key(|object| std::cmp::Reverse(created(object)));
        Ok(family)
    }

    async fn events_of(
        &self,
        namespace: &str,
        subjects: &[Subject],
    ) -> Result<Vec<EventLine>, ClusterError> {
        let url = format!("/api/v1/namespaces/{namespace}/events");
        let params = ListParams::default();
        let listing = self
            .pages("LIST events", &url, params, Detail::Whole)
            .await?;
        let about = |event: &&Value| subjects.iter().any(|subject| subject.is_subject_of(event));
        let mut events: Vec<_> = listing.items.iter().filter(about).map(event_line).collect();
        events.sort_by_key(|event| event.last);
        Ok(events)
    }
}

/// Whom events are about.
#[derive(Debug)]
struct Subject {
    /// `None` if the object does not exist: then kind and name must do.
    uid: Option<String>,
    kind: String,
    name: String,
}

impl Subject {
    fn of(object: &Value) -> Self {
        Self {
            uid: Some(uid(object).to_owned()),
            kind: object["kind"].as_str().unwrap_or_default().to_owned(),
            name: object["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        }
    }

    fn is_subject_of(&self, event: &Value) -> bool {
        let about = &event["involvedObject"];
        if about["kind"] != self.kind.as_str() || about["name"] != self.name.as_str() {
            return false;
        }
        match (&self.uid, about["uid"].as_str()) {
            (Some(uid), Some(about)) => uid == about,
            _ => true,
        }
    }
}

fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

fn with_kind(mut object: Value, kind: &str) -> Value {
    object["kind"] = Value::from(kind);
    object
}

fn is_owned(object: &Value, owners: &HashSet<String>) -> bool {
    let references = object["metadata"]["ownerReferences"].as_array();
    references.is_some_and(|references| {
        let uids = references
            .iter()
            .filter_map(|reference| reference["uid"].as_str());
        uids.into_iter().any(|uid| owners.contains(uid))
    })
}

/// A `LabelSelector` as the text a LIST takes; `None` if there is none.
fn selector(selector: &Value) -> Option<String> {
    let mut terms: Vec<String> = Vec::new();
    if let Some(labels) = selector["matchLabels"].as_object() {
        let labels = labels
            .iter()
            .filter_map(|(key, value)| Some((key, value.as_str()?)));
        terms.extend(labels.map(|(key, value)| format!("{key}={value}")));
    }
    for expression in selector["matchExpressions"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let key = expression["key"].as_str()?;
        let values = expression["values"].as_array().into_iter().flatten();
        let values: Vec<_> = values.filter_map(Value::as_str).collect();
        let values = values.join(",");
        terms.push(match expression["operator"].as_str()? {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => return None,
        });
    }
    (!terms.is_empty()).then(|| terms.join(","))
}

/// Conditions that are bad news when they are true.
const BAD_WHEN_TRUE: [&str; 5] = [
    "Failed",
    "FailureTarget",
    "ReplicaFailure",
    "Stalled",
    "Degraded",
];

fn unhealthy_conditions(object: &Value) -> Vec<String> {
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

fn pod_state(pod: &Value) -> PodState {
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
        ready: conditions().any(|it| it["type"] == "Ready" && it["status"] == "True"),
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
    }
}

fn event_line(event: &Value) -> EventLine {
    let text = |value: &Value| value.as_str().unwrap_or_default().trim().to_owned();
    let time = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
    let about = &event["involvedObject"];
    EventLine {
        warning: event["type"] == "Warning",
        object: format!("{}/{}", text(&about["kind"]), text(&about["name"])),
        reason: text(&event["reason"]),
        message: text(&event["message"]),
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
