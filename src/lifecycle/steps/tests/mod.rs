//! Steps as a stack file says them, against an API server that is a map of objects.

mod change;
mod check;
mod every;
mod frame;
mod look;

use serde_json::{Value, json};

use crate::lifecycle::testing::{Lab, Ran};

/// An object in the chart's namespace.
fn object(api_version: &str, kind: &str, name: &str, rest: Value) -> Value {
    let mut object = json!({
        "apiVersion": api_version, "kind": kind,
        "metadata": { "name": name, "namespace": "shop" },
    });
    merge(&mut object, rest);
    object
}

fn merge(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                merge(under.entry(key).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over,
    }
}

fn config(name: &str, data: &Value) -> Value {
    object("v1", "ConfigMap", name, json!({ "data": data }))
}

fn pod(name: &str, app: &str, ready: bool) -> Value {
    let status = if ready { "True" } else { "False" };
    object(
        "v1",
        "Pod",
        name,
        json!({
            "metadata": { "labels": { "app": app } },
            "status": {
                "phase": "Running",
                "conditions": [{ "type": "Ready", "status": status }],
            },
        }),
    )
}

/// A Deployment that is rolled out.
fn deployment(name: &str, replicas: u32) -> Value {
    object(
        "apps/v1",
        "Deployment",
        name,
        json!({
            "spec": { "replicas": replicas },
            "status": {
                "observedGeneration": 1, "replicas": replicas, "updatedReplicas": replicas,
                "availableReplicas": replicas,
            },
        }),
    )
}

/// Runs one step of `post`.
async fn post(lab: Lab, step: &str) -> Ran {
    lab.run(&format!("[[charts.web.post]]\n{step}\n")).await
}

/// What one step of `post` says when it fails, for each of several.
async fn failures(objects: &[Value], steps: &[&str]) -> String {
    let mut said = Vec::new();
    for step in steps {
        let ran = post(Lab::new(objects), step).await;
        said.push(format!("{step}\n{}", ran.failure()));
    }
    said.join("\n\n")
}
