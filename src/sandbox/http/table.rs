//! Rows for people: what `kubectl get` shows.
//!
//! The columns of built-in kinds are those of `pkg/printers/internalversion` in Kubernetes; the
//! other built-in kinds have a name and an age, as kinds of CRDs that declare no columns.

use serde_json::{Value, json};

use super::cells::{self, Cell};
use crate::sandbox::kinds::Kind;

/// How much of an object stands beside its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Include {
    None,
    Metadata,
    Object,
}

impl Include {
    /// `includeObject`.
    pub(super) fn parse(text: Option<&str>) -> Self {
        match text {
            Some("None") => Self::None,
            Some("Object") => Self::Object,
            _ => Self::Metadata,
        }
    }
}

struct Column {
    name: String,
    kind: String,
    format: String,
    priority: i64,
    cell: Box<dyn Fn(&Value) -> Value>,
}

/// The table of these objects. `definitions`: with its columns, which a watch says only once.
pub(super) fn table(
    kind: &Kind,
    objects: &[&Value],
    metadata: &Value,
    include: Include,
    definitions: bool,
) -> Value {
    let columns = columns(kind);
    let rows = objects.iter().map(|object| {
        let cells: Value = columns.iter().map(|column| (column.cell)(object)).collect();
        let mut row = json!({ "cells": cells });
        match include {
            Include::None => {}
            Include::Metadata => row["object"] = partial(object),
            Include::Object => row["object"] = Value::clone(object),
        }
        row
    });
    let rows: Value = rows.collect();
    let definitions = columns.iter().filter(|_| definitions).map(|column| {
        json!({
            "name": column.name,
            "type": column.kind,
            "format": column.format,
            "description": "",
            "priority": column.priority,
        })
    });
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": definitions.collect::<Value>(),
        "rows": rows,
    })
}

/// Only the metadata of an object.
pub(super) fn partial(object: &Value) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": object["metadata"],
    })
}

fn columns(kind: &Kind) -> Vec<Column> {
    if let Some(custom) = &kind.custom {
        let mut columns = vec![name()];
        for declared in &custom.columns {
            let (path, date) = (declared.path.clone(), declared.kind == "date");
            columns.push(Column {
                name: declared.name.clone(),
                kind: declared.kind.clone(),
                format: declared.format.clone(),
                priority: declared.priority,
                cell: Box::new(move |object| cells::at_path(object, &path, date)),
            });
        }
        if custom.columns.is_empty() {
            columns.push(of("Age", "date", 0, cells::age));
        }
        return columns;
    }
    let known = builtin(kind);
    if known.is_empty() {
        return vec![name(), of("Age", "date", 0, cells::age)];
    }
    let known = known
        .iter()
        .map(|(name, kind, priority, cell)| of(name, kind, *priority, *cell));
    std::iter::once(name()).chain(known).collect()
}

fn name() -> Column {
    Column {
        format: "name".to_owned(),
        ..of("Name", "string", 0, cells::name)
    }
}

fn of(name: &str, kind: &str, priority: i64, cell: Cell) -> Column {
    Column {
        name: name.to_owned(),
        kind: kind.to_owned(),
        format: String::new(),
        priority,
        cell: Box::new(cell),
    }
}

type Known = &'static [(&'static str, &'static str, i64, Cell)];

fn builtin(kind: &Kind) -> Known {
    match (&*kind.group, &*kind.kind) {
        ("", "Pod") => &[
            ("Ready", "string", 0, cells::pod_ready),
            ("Status", "string", 0, cells::pod_status),
            ("Restarts", "string", 0, cells::pod_restarts),
            ("Age", "string", 0, cells::age),
            ("IP", "string", 1, |pod| cells::text(pod, "/status/podIP")),
            ("Node", "string", 1, |pod| {
                cells::text(pod, "/spec/nodeName")
            }),
        ],
        ("apps", "Deployment") => &[
            ("Ready", "string", 0, cells::ready_of_wanted),
            ("Up-to-date", "string", 0, |object| {
                cells::number(object, "/status/updatedReplicas")
            }),
            ("Available", "string", 0, |object| {
                cells::number(object, "/status/availableReplicas")
            }),
            ("Age", "string", 0, cells::age),
            ("Containers", "string", 1, cells::containers),
            ("Images", "string", 1, cells::images),
            ("Selector", "string", 1, cells::selector),
        ],
        ("apps", "ReplicaSet") => &[
            ("Desired", "integer", 0, |object| {
                cells::number(object, "/spec/replicas")
            }),
            ("Current", "integer", 0, |object| {
                cells::number(object, "/status/replicas")
            }),
            ("Ready", "integer", 0, |object| {
                cells::number(object, "/status/readyReplicas")
            }),
            ("Age", "string", 0, cells::age),
            ("Containers", "string", 1, cells::containers),
            ("Images", "string", 1, cells::images),
            ("Selector", "string", 1, cells::selector),
        ],
        ("apps", "StatefulSet") => &[
            ("Ready", "string", 0, cells::ready_of_wanted),
            ("Age", "string", 0, cells::age),
            ("Containers", "string", 1, cells::containers),
            ("Images", "string", 1, cells::images),
        ],
        ("apps", "DaemonSet") => &[
            ("Desired", "integer", 0, |set| {
                cells::number(set, "/status/desiredNumberScheduled")
            }),
            ("Current", "integer", 0, |set| {
                cells::number(set, "/status/currentNumberScheduled")
            }),
            ("Ready", "integer", 0, |set| {
                cells::number(set, "/status/numberReady")
            }),
            ("Up-to-date", "integer", 0, |set| {
                cells::number(set, "/status/updatedNumberScheduled")
            }),
            ("Available", "integer", 0, |set| {
                cells::number(set, "/status/numberAvailable")
            }),
            ("Age", "string", 0, cells::age),
            ("Containers", "string", 1, cells::containers),
            ("Images", "string", 1, cells::images),
            ("Selector", "string", 1, cells::selector),
        ],
        ("batch", "Job") => &[
            ("Status", "string", 0, cells::job_status),
            ("Completions", "string", 0, cells::job_completions),
            ("Age", "string", 0, cells::age),
            ("Containers", "string", 1, cells::containers),
            ("Images", "string", 1, cells::images),
        ],
        ("batch", "CronJob") => &[
            ("Schedule", "string", 0, |job| {
                cells::text(job, "/spec/schedule")
            }),
            ("Timezone", "string", 0, |job| {
                cells::text(job, "/spec/timeZone")
            }),
            ("Suspend", "boolean", 0, |job| {
                cells::yes(job, "/spec/suspend")
            }),
            ("Age", "string", 0, cells::age),
        ],
        ("", "Service") => &[
            ("Type", "string", 0, |service| {
                cells::text(service, "/spec/type")
            }),
            ("Cluster-IP", "string", 0, |service| {
                cells::text(service, "/spec/clusterIP")
            }),
            ("External-IP", "string", 0, cells::external_address),
            ("Port(s)", "string", 0, cells::ports),
            ("Age", "string", 0, cells::age),
            ("Selector", "string", 1, cells::selector),
        ],
        ("", "Namespace") => &[
            ("Status", "string", 0, |object| {
                cells::text(object, "/status/phase")
            }),
            ("Age", "string", 0, cells::age),
        ],
        ("", "ConfigMap") => &[
            ("Data", "string", 0, cells::data_count),
            ("Age", "string", 0, cells::age),
        ],
        ("", "Secret") => &[
            ("Type", "string", 0, |object| cells::text(object, "/type")),
            ("Data", "string", 0, cells::data_count),
            ("Age", "string", 0, cells::age),
        ],
        ("", "PersistentVolumeClaim") => &[
            ("Status", "string", 0, |claim| {
                cells::text(claim, "/status/phase")
            }),
            ("Volume", "string", 0, |claim| {
                cells::text(claim, "/spec/volumeName")
            }),
            ("Capacity", "string", 0, |claim| {
                cells::text(claim, "/status/capacity/storage")
            }),
            ("StorageClass", "string", 0, |claim| {
                cells::text(claim, "/spec/storageClassName")
            }),
            ("Age", "string", 0, cells::age),
        ],
        ("", "Event") => &[
            ("Last Seen", "string", 0, |event| {
                cells::since(event, "/lastTimestamp")
            }),
            ("Type", "string", 0, |event| cells::text(event, "/type")),
            ("Reason", "string", 0, |event| cells::text(event, "/reason")),
            ("Object", "string", 0, cells::event_object),
            ("Message", "string", 0, |event| {
                cells::text(event, "/message")
            }),
        ],
        ("networking.k8s.io", "Ingress") => &[
            ("Class", "string", 0, |ingress| {
                cells::text(ingress, "/spec/ingressClassName")
            }),
            ("Hosts", "string", 0, cells::hosts),
            ("Age", "string", 0, cells::age),
        ],
        ("coordination.k8s.io", "Lease") => &[
            ("Holder", "string", 0, |lease| {
                cells::text(lease, "/spec/holderIdentity")
            }),
            ("Age", "string", 0, cells::age),
        ],
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            &[("Created At", "date", 0, |crd| {
                cells::text(crd, "/metadata/creationTimestamp")
            })]
        }
        _ => &[],
    }
}
