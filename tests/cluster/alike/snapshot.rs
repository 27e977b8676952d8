//! Everything that is in a namespace, and of it, so that two servers can be compared.

use std::{collections::BTreeMap, io::Read as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::patches::server::Server;

/// What a pod's template is called in the names and labels of what comes of it.
const HASHES: [&str; 2] = ["pod-template-hash", "controller-revision-hash"];

/// Objects by `Kind/name`, without what is another every time: uids, times, versions, addresses,
/// and names that a server made up.
pub(super) type Snapshot = BTreeMap<String, Value>;

/// The collections that hold objects of the namespace: those that the sandbox has, and cluster-wide
/// ones that only hold others' objects, too.
pub(super) fn collections(sandbox: &Server, namespace: &str) -> Vec<(String, Value)> {
    let mut versions = vec!["/api/v1".to_owned()];
    let groups = get(sandbox, "/apis");
    for group in groups["groups"].as_array().into_iter().flatten() {
        let version = group["preferredVersion"]["groupVersion"].as_str();
        versions.push(format!("/apis/{}", version.expect("a group has a version")));
    }
    let mut all = Vec::new();
    for version in versions {
        let list = get(sandbox, &version);
        for resource in list["resources"].as_array().into_iter().flatten() {
            let verbs = resource["verbs"].as_array().into_iter().flatten();
            let name = resource["name"].as_str().unwrap_or_default();
            if !verbs.into_iter().any(|verb| verb == "list") || name.contains('/') {
                continue;
            }
            let path = if resource["namespaced"] == true {
                format!("{version}/namespaces/{namespace}/{name}")
            } else {
                format!("{version}/{name}")
            };
            let type_of =
                json!({"apiVersion": list["groupVersion"], "kind": resource["kind"].clone()});
            all.push((path, type_of));
        }
    }
    all
}

fn get(server: &Server, path: &str) -> Value {
    let answer = server.get(path);
    answer.unwrap_or_else(|(code, why)| panic!("GET {path}: {code} {why}"))
}

/// What there is now.
pub(super) fn take(server: &Server, namespace: &str, collections: &[(String, Value)]) -> Snapshot {
    let mut objects = Vec::new();
    for (path, type_of) in collections {
        for mut object in server.list(path) {
            if !belongs_to(&object, namespace) {
                continue;
            }
            for name in ["apiVersion", "kind"] {
                object[name] = type_of[name].clone();
            }
            read_release(&mut object);
            objects.push(object);
        }
    }
    let names = Names::of(&objects);
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for object in objects {
        let mut object = names.plain(&object);
        settle("", &mut object);
        let name = format!(
            "{}/{}",
            word(&object, "/kind"),
            word(&object, "/metadata/name")
        );
        found.entry(name).or_default().push(object);
    }
    let mut snapshot = Snapshot::new();
    for (name, mut alike) in found {
        // Pods of one template.
        alike.sort_by_cached_key(Value::to_string);
        for (index, object) in alike.into_iter().enumerate() {
            snapshot.insert(format!("{name}{}", "'".repeat(index)), object);
        }
    }
    snapshot
}

/// In the namespace, the namespace itself, or something cluster-wide that is named after it.
fn belongs_to(object: &Value, namespace: &str) -> bool {
    match object["metadata"]["namespace"].as_str() {
        Some(found) => found == namespace,
        None => word(object, "/metadata/name")
            .split('.')
            .any(|part| part == namespace),
    }
}

fn word<'a>(object: &'a Value, pointer: &str) -> &'a str {
    let word = object.pointer(pointer).and_then(Value::as_str);
    word.unwrap_or_default()
}

/// Helm's record, as it is inside.
fn read_release(object: &mut Value) {
    if object["type"] != "helm.sh/release.v1" {
        return;
    }
    let outer = STANDARD.decode(word(object, "/data/release"));
    let inner = outer.map(|text| STANDARD.decode(text).expect("as Helm writes it"));
    let inner = inner.expect("a Secret's data");
    let mut text = String::new();
    let mut reader = GzDecoder::new(&*inner);
    reader.read_to_string(&mut text).expect("it is compressed");
    object["data"]["release"] = serde_json::from_str(&text).expect("it is JSON");
    // The archive is as it was, and long.
    object["data"]["release"]["chart"] = Value::Null;
}

/// What servers made up, and what it is called here.
struct Names(Vec<(String, String)>);

impl Names {
    fn of(objects: &[Value]) -> Self {
        let mut names = Vec::new();
        for object in objects {
            let (kind, name) = (word(object, "/kind"), word(object, "/metadata/name"));
            let uid = word(object, "/metadata/uid");
            names.push((uid.to_owned(), format!("<uid of {kind} {name}>")));
            let prefix = word(object, "/metadata/generateName");
            // A StatefulSet's pods are numbered; what is made up has five letters or digits.
            let made_up = name.rsplit('-').next().is_some_and(|end| end.len() == 5);
            if !prefix.is_empty() && made_up {
                names.push((name.to_owned(), format!("{prefix}*")));
            }
            let revision = object
                .pointer("/metadata/annotations/deployment.kubernetes.io~1revision")
                .and_then(Value::as_str)
                .filter(|_| kind == "ReplicaSet");
            for label in HASHES {
                let hash = word(object, &format!("/metadata/labels/{label}"));
                // A StatefulSet's has its name in front.
                let hash = hash.rsplit('-').next().unwrap_or_default();
                if let Some(revision) = revision {
                    names.push((hash.to_owned(), format!("<template {revision}>")));
                } else if kind == "Pod" && label == HASHES[1] {
                    names.push((hash.to_owned(), "<template>".to_owned()));
                }
            }
        }
        names.retain(|(made_up, _)| !made_up.is_empty());
        names.sort_by_key(|(made_up, _)| std::cmp::Reverse(made_up.len()));
        names.dedup();
        Self(names)
    }

    fn plain(&self, object: &Value) -> Value {
        let mut text = object.to_string();
        // It plays whoever writes states that no controller of the control plane writes.
        let played = match word(object, "/kind") {
            "Pod" => r#""manager":"kubelet""#,
            _ => r#""manager":"kube-controller-manager""#,
        };
        text = text.replace(r#""manager":"kwok""#, played);
        for (made_up, name) in &self.0 {
            text = text.replace(made_up.as_str(), name);
        }
        serde_json::from_str(&text).expect("names need no escapes")
    }
}

/// Takes out the rest of what is another every time.
fn settle(field: &str, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("resourceVersion");
            for (name, value) in fields.iter_mut() {
                settle(name, value);
            }
        }
        Value::Array(items) => {
            if field == "conditions" {
                items.sort_by_key(|it| word(it, "/type").to_owned());
            }
            for item in &mut *items {
                settle(field, item);
            }
            if field == "managedFields" {
                // Whether the scheduler ever finds a pod's claim not bound yet is a race.
                items.retain(|it| word(it, "/manager") != "kube-scheduler");
                // By who they are of, not by when they wrote.
                let named = items.drain(..).map(|entry| {
                    let words = ["/manager", "/operation", "/subresource"];
                    let words = words.map(|name| word(&entry, name));
                    (words.join(" ").trim_end().to_owned(), entry)
                });
                *value = Value::Object(named.collect());
            }
        }
        Value::String(text) => {
            if let Some(name) = volatile(field, text) {
                *text = name.to_owned();
            }
        }
        Value::Number(_) if field == "nodePort" => *value = json!("<port>"),
        _ => {}
    }
}

fn volatile(field: &str, text: &str) -> Option<&'static str> {
    let is_uid = || {
        let dashes = text.match_indices('-').map(|(at, _)| at);
        text.len() == 36 && dashes.eq([8, 13, 18, 23])
    };
    if field == "modifiedAt" || text.parse::<jiff::Timestamp>().is_ok() {
        Some("<time>")
    } else if field == "nodeName" {
        Some("<node>")
    } else if text == "NewReplicaSetCreated" {
        // Which of the two is last when a rollout gets stuck is a race in the real controller.
        Some("ReplicaSetUpdated")
    } else if text.starts_with("Created new replica set \"") || text.ends_with("\" is progressing.")
    {
        Some("ReplicaSet is progressing.")
    } else if is_uid() {
        Some("<uid>")
    } else if text.parse::<std::net::IpAddr>().is_ok() {
        Some("<address>")
    } else {
        None
    }
}
