//! What stands in the cells of a table.

use serde_json::Value;

/// From an object to what is shown.
pub(super) type Cell = fn(&Value) -> Value;

/// What Kubernetes shows when there is nothing.
const NONE: &str = "<none>";

pub(super) fn name(object: &Value) -> Value {
    object["metadata"]["name"].clone()
}

pub(super) fn text(object: &Value, pointer: &str) -> Value {
    match object.pointer(pointer) {
        Some(Value::String(text)) if !text.is_empty() => text.clone().into(),
        None | Some(Value::Null | Value::String(_)) => NONE.into(),
        Some(other) => other.to_string().into(),
    }
}

pub(super) fn number(object: &Value, pointer: &str) -> Value {
    count(object, pointer).into()
}

pub(super) fn yes(object: &Value, pointer: &str) -> Value {
    (object.pointer(pointer) == Some(&Value::Bool(true))).into()
}

fn count(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

pub(super) fn age(object: &Value) -> Value {
    since(object, "/metadata/creationTimestamp")
}

pub(super) fn since(object: &Value, pointer: &str) -> Value {
    let time = object.pointer(pointer).and_then(Value::as_str);
    let time: Option<jiff::Timestamp> = time.and_then(|time| time.parse().ok());
    let seconds = time.map(|time| jiff::Timestamp::now().duration_since(time).as_secs());
    seconds
        .map_or_else(|| "<unknown>".to_owned(), duration)
        .into()
}

/// As `duration.HumanDuration` of k8s.io/apimachinery, which has two parts while they matter.
fn duration(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let two = |big: i64, big_name: &str, small: i64, small_name: &str| match small {
        0 => format!("{big}{big_name}"),
        _ => format!("{big}{big_name}{small}{small_name}"),
    };
    match seconds.max(0) {
        seconds if seconds < 2 * MINUTE => format!("{seconds}s"),
        seconds if seconds < 10 * MINUTE => two(seconds / MINUTE, "m", seconds % MINUTE, "s"),
        seconds if seconds < 3 * HOUR => format!("{}m", seconds / MINUTE),
        seconds if seconds < 8 * HOUR => two(seconds / HOUR, "h", seconds % HOUR / MINUTE, "m"),
        seconds if seconds < 2 * DAY => format!("{}h", seconds / HOUR),
        seconds if seconds < 8 * DAY => two(seconds / DAY, "d", seconds % DAY / HOUR, "h"),
        seconds => format!("{}d", seconds / DAY),
    }
}

fn items<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    object
        .pointer(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn joined<'a>(items: impl Iterator<Item = &'a Value>, field: &str) -> Value {
    let texts: Vec<&str> = items.filter_map(|item| item[field].as_str()).collect();
    texts.join(",").into()
}

pub(super) fn containers(object: &Value) -> Value {
    joined(items(object, "/spec/template/spec/containers"), "name")
}

pub(super) fn images(object: &Value) -> Value {
    joined(items(object, "/spec/template/spec/containers"), "image")
}

pub(super) fn selector(object: &Value) -> Value {
    let selector = &object["spec"]["selector"];
    let labels = selector.get("matchLabels").unwrap_or(selector);
    let labels = labels.as_object().into_iter().flatten();
    let terms: Vec<String> = labels
        .filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)))
        .collect();
    if terms.is_empty() {
        NONE.into()
    } else {
        terms.join(",").into()
    }
}

pub(super) fn ready_of_wanted(object: &Value) -> Value {
    let ready = count(object, "/status/readyReplicas");
    format!("{ready}/{}", count(object, "/spec/replicas")).into()
}

pub(super) fn pod_ready(pod: &Value) -> Value {
    let ready = items(pod, "/status/containerStatuses").filter(|status| status["ready"] == true);
    format!(
        "{}/{}",
        ready.count(),
        items(pod, "/spec/containers").count()
    )
    .into()
}

pub(super) fn pod_status(pod: &Value) -> Value {
    let waiting = items(pod, "/status/containerStatuses").find_map(|status| {
        let state = &status["state"];
        let reason = state["waiting"]["reason"].as_str();
        reason.or_else(|| state["terminated"]["reason"].as_str())
    });
    if pod["metadata"]["deletionTimestamp"].is_string() {
        return "Terminating".into();
    }
    match waiting.or_else(|| pod["status"]["reason"].as_str()) {
        Some(reason) => reason.into(),
        None => text(pod, "/status/phase"),
    }
}

pub(super) fn pod_restarts(pod: &Value) -> Value {
    let counts = items(pod, "/status/containerStatuses");
    let counts = counts.filter_map(|status| status["restartCount"].as_i64());
    counts.sum::<i64>().to_string().into()
}

pub(super) fn job_status(job: &Value) -> Value {
    let mut status = "Running";
    for condition in items(job, "/status/conditions").filter(|one| one["status"] == "True") {
        if let Some(kind @ ("Complete" | "Failed" | "Suspended")) = condition["type"].as_str() {
            status = kind;
        }
    }
    status.into()
}

pub(super) fn job_completions(job: &Value) -> Value {
    let wanted = count(job, "/spec/completions");
    format!("{}/{wanted}", count(job, "/status/succeeded")).into()
}

pub(super) fn external_address(service: &Value) -> Value {
    let addresses = items(service, "/status/loadBalancer/ingress");
    let addresses: Vec<&str> = addresses
        .filter_map(|one| one["ip"].as_str().or_else(|| one["hostname"].as_str()))
        .collect();
    match &service["spec"]["type"] {
        Value::String(kind) if kind == "LoadBalancer" && addresses.is_empty() => "<pending>".into(),
        Value::String(kind) if kind == "ExternalName" => text(service, "/spec/externalName"),
        _ if addresses.is_empty() => NONE.into(),
        _ => addresses.join(",").into(),
    }
}

pub(super) fn ports(service: &Value) -> Value {
    let ports: Vec<String> = items(service, "/spec/ports")
        .map(|port| {
            let node = port["nodePort"].as_u64();
            let node = node.map(|node| format!(":{node}")).unwrap_or_default();
            let protocol = port["protocol"].as_str().unwrap_or("TCP");
            format!("{}{node}/{protocol}", port["port"])
        })
        .collect();
    if ports.is_empty() {
        NONE.into()
    } else {
        ports.join(",").into()
    }
}

pub(super) fn data_count(object: &Value) -> Value {
    let keys = |field: &str| object[field].as_object().map_or(0, serde_json::Map::len);
    (keys("data") + keys("binaryData")).into()
}

pub(super) fn event_object(event: &Value) -> Value {
    let about = &event["involvedObject"];
    let kind = about["kind"].as_str().unwrap_or_default().to_lowercase();
    format!("{kind}/{}", about["name"].as_str().unwrap_or_default()).into()
}

pub(super) fn hosts(ingress: &Value) -> Value {
    let hosts: Vec<&str> = items(ingress, "/spec/rules")
        .map(|rule| rule["host"].as_str().unwrap_or("*"))
        .collect();
    if hosts.is_empty() {
        "*".into()
    } else {
        hosts.join(",").into()
    }
}

/// A `jsonPath` of a CRD's column: fields, indices and `[?(@.type=="Ready")]`.
pub(super) fn at_path(object: &Value, path: &str, date: bool) -> Value {
    let found = follow(object, path);
    match found {
        Some(Value::String(time)) if date => {
            let held = serde_json::json!({ "time": time });
            since(&held, "/time")
        }
        Some(value @ (Value::Object(_) | Value::Array(_))) => value.to_string().into(),
        Some(value) => value.clone(),
        None => Value::Null,
    }
}

fn follow<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let mut value = object;
    let mut rest = path.trim_start_matches(['{', '$']).trim_end_matches('}');
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (step, after) = inner.split_once(']')?;
            rest = after;
            value = match step.strip_prefix("?(@.") {
                Some(condition) => {
                    let (field, wanted) = condition.strip_suffix(')')?.split_once("==")?;
                    let wanted = wanted.trim().trim_matches(['"', '\'']);
                    let fits = |item: &&Value| item[field.trim()] == wanted;
                    value.as_array()?.iter().find(fits)?
                }
                None => match step.parse::<usize>() {
                    Ok(index) => value.get(index)?,
                    Err(_) => value.get(step.trim_matches(['"', '\'']))?,
                },
            };
            continue;
        }
        rest = rest.strip_prefix('.').unwrap_or(rest);
        let end = step_end(rest);
        let name = rest[..end].replace("\\.", ".");
        rest = &rest[end..];
        value = value.get(&name)?;
    }
    Some(value)
}

/// Where a field's name ends: at a dot that is not escaped, or a bracket.
fn step_end(rest: &str) -> usize {
    let mut escaped = false;
    let ends = |(_, c): &(usize, char)| {
        let ends = !escaped && ['.', '['].contains(c);
        escaped = *c == '\\';
        ends
    };
    rest.char_indices()
        .find(ends)
        .map_or(rest.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ages_are_as_kubectl_shows_them() {
        let cases = [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (3600, "60m"),
            (4 * 3600 + 60, "4h1m"),
            (30 * 3600, "30h"),
            (3 * 86400, "3d"),
            (400 * 86400, "400d"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(duration(seconds), expected);
        }
    }

    #[test]
    fn columns_of_crds_follow_their_paths() {
        let object = json!({
            "spec": { "size": 3, "a.b": "x" },
            "status": { "conditions": [{ "type": "Synced" }, { "type": "Ready", "status": "True" }] },
        });
        assert_eq!(at_path(&object, ".spec.size", false), 3);
        assert_eq!(at_path(&object, ".spec.a\\.b", false), "x");
        let ready = ".status.conditions[?(@.type==\"Ready\")].status";
        assert_eq!(at_path(&object, ready, false), "True");
        assert_eq!(
            at_path(&object, ".status.conditions[0].type", false),
            "Synced"
        );
        assert_eq!(at_path(&object, ".status.none", false), Value::Null);
    }

    #[test]
    fn a_pod_that_crashes_says_so() {
        let pod = json!({
            "spec": { "containers": [{}] },
            "status": { "phase": "Running", "containerStatuses": [
                { "ready": false, "restartCount": 6, "state": { "waiting": { "reason": "CrashLoopBackOff" } } },
            ] },
        });
        assert_eq!(pod_ready(&pod), "0/1");
        assert_eq!(pod_status(&pod), "CrashLoopBackOff");
        assert_eq!(pod_restarts(&pod), "6");
    }
}
