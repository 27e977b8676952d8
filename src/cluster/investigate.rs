//! Collects what is known about objects that are not ready: conditions, pods, events, logs.

use std::collections::HashSet;

use futures::future::join_all;
use kube::core::params::ListParams;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::{
    Cluster, ClusterError, ObjectRef,
    evidence::{EventLine, Finding, event_line, pod_state, unhealthy_conditions},
    objects::Detail,
};

/// More suspects are not looked into: they are mostly consequences of the first.
const SUSPECTS: usize = 8;

impl Cluster {
    /// Looks into each object; with it comes what the wait said of it. Never fails and ends in
    /// time: what cannot be read until then is told in the findings.
    pub async fn investigate(
        &self,
        suspects: &[(ObjectRef, String)],
        until: Instant,
    ) -> Vec<Finding> {
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
                    logs: Vec::new(),
                    notes: Vec::new(),
                    unread: Vec::new(),
                };
                let look = self.look_into(&mut finding);
                if timeout_at(until, look).await.is_err() {
                    let unread = "the API server did not tell more in time".to_owned();
                    finding.unread.push(unread);
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
        finding.logs = self.logs_of(namespace, &finding.pods).await;
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::cluster::testing::{Answer, Script};

    fn owned(name: &str, owner: &str) -> Value {
        json!({
            "metadata": { "name": name, "namespace": "a", "uid": format!("{name}-uid"),
                          "ownerReferences": [{ "uid": owner }] },
            "status": { "phase": "Running", "containerStatuses": [{
                "name": "app", "restartCount": 3,
                "state": { "waiting": { "reason": "CrashLoopBackOff" } },
                "lastState": { "terminated": { "exitCode": 2, "reason": "Error" } },
            }] },
        })
    }

    fn event(kind: &str, name: &str, uid: &str, reason: &str) -> Value {
        json!({
            "type": "Warning", "reason": reason, "message": "words", "count": 2,
            "lastTimestamp": "2026-01-01T00:00:00Z",
            "involvedObject": { "kind": kind, "name": name, "uid": uid },
        })
    }

    fn items(items: &[Value]) -> Answer {
        Answer::json(&json!({ "items": items }))
    }

    fn web() -> Vec<(ObjectRef, String)> {
        let object = ObjectRef {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: Some("a".to_owned()),
            name: "web".to_owned(),
        };
        vec![(object, "0 of 1".to_owned())]
    }

    fn in_20_s() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    fn kinds(of: &[(&str, &str)]) -> Answer {
        let resource = |(name, kind): &(&str, &str)| json!({ "name": name, "kind": kind, "singularName": "", "namespaced": true, "verbs": [] });
        Answer::json(&json!({ "resources": of.iter().map(resource).collect::<Vec<_>>() }))
    }

    /// The idea's original asked for the events of a namespace called ` NS` and never got any
    /// (engine.md, W1). These are of exactly the object and what belongs to it.
    #[tokio::test(start_paused = true)]
    async fn pods_and_events_are_those_of_the_object() {
        let (cluster, _script) = Script::cluster(|_, call| match call.path.split('?').next() {
            Some("/apis/apps/v1") => {
                kinds(&[("deployments", "Deployment"), ("replicasets", "ReplicaSet")])
            }
            Some("/api/v1") => kinds(&[("pods", "Pod")]),
            Some("/apis/apps/v1/namespaces/a/deployments/web") => Answer::json(&json!({
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": { "name": "web", "namespace": "a", "uid": "web-uid" },
                "spec": { "selector": { "matchLabels": { "app": "web" } } },
                "status": { "conditions": [
                    { "type": "Available", "status": "False", "reason": "No", "message": "words" },
                    { "type": "ReplicaFailure", "status": "False" },
                ] },
            })),
            Some("/apis/apps/v1/namespaces/a/replicasets") => {
                items(&[owned("rs", "web-uid"), owned("other-rs", "other-uid")])
            }
            Some("/api/v1/namespaces/a/pods") => {
                items(&[owned("pod", "rs-uid"), owned("other-pod", "other-rs-uid")])
            }
            Some("/api/v1/namespaces/a/pods/pod/log") => Answer::Body(200, b"no luck\n".to_vec()),
            Some("/api/v1/namespaces/a/events") => items(&[
                event("Pod", "pod", "pod-uid", "BackOff"),
                event("Pod", "pod", "uid-of-an-older-pod", "Old"),
                event("Pod", "other-pod", "other-pod-uid", "Other"),
                event("ReplicaSet", "rs", "rs-uid", "FailedCreate"),
                event("Deployment", "web", "web-uid", "Scaling"),
            ]),
            _ => Answer::status(404, "no"),
        });
        let findings = cluster.investigate(&web(), in_20_s()).await;
        let finding = &findings[0];
        assert_eq!(finding.unread, Vec::<String>::new());
        assert_eq!(finding.conditions, ["Available=False No: words"]);
        assert_eq!(
            finding
                .pods
                .iter()
                .map(|pod| pod.name.as_str())
                .collect::<Vec<_>>(),
            ["pod"]
        );
        let container = &finding.pods[0].containers[0];
        assert_eq!(container.exit, Some((2, "Error".to_owned())));
        assert_eq!(container.restarts, 3);
        let reasons: Vec<_> = finding
            .events
            .iter()
            .map(|event| event.reason.as_str())
            .collect();
        assert_eq!(reasons, ["BackOff", "FailedCreate", "Scaling"]);
        assert_eq!(finding.events[0].count, 2);
        let logs: Vec<_> = finding.logs.iter().map(|log| &log.lines[..]).collect();
        assert_eq!(logs, [["no luck"]]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_read_is_told() {
        let (cluster, _script) = Script::cluster(|_, _| Answer::Hang);
        let findings = cluster.investigate(&web(), in_20_s()).await;
        assert!(
            findings[0]
                .unread
                .iter()
                .any(|line| line.contains("did not answer"))
        );
        assert!(
            findings[0]
                .unread
                .iter()
                .any(|line| line.contains("more in time"))
        );
    }

    #[test]
    fn selectors_are_written_as_a_list_takes_them() {
        let value = json!({
            "matchLabels": { "app": "web" },
            "matchExpressions": [
                { "key": "tier", "operator": "In", "values": ["a", "b"] },
                { "key": "x", "operator": "NotIn", "values": ["c"] },
                { "key": "y", "operator": "Exists" },
                { "key": "z", "operator": "DoesNotExist" },
            ],
        });
        let text = selector(&value).unwrap();
        assert_eq!(text, "app=web,tier in (a,b),x notin (c),y,!z");
        assert_eq!(selector(&Value::Null), None);
    }
}
