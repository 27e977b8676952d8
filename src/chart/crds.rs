//! The CustomResourceDefinitions a chart carries in `crds/`: read, checked, with a digest.
//!
//! Helm applies that folder once, on the first install, and never again; stackctl makes them nodes
//! of their own. What else is in the folder would be applied by nobody: that is a finding.

use std::sync::Arc;

use serde_json::Value;

use super::{digest::Digest, files::File};

/// One `CustomResourceDefinition` of a chart's `crds/`, or of a subchart's.
#[derive(Debug, Clone, PartialEq)]
pub struct Crd {
    /// `metadata.name`: `PLURAL.GROUP`.
    pub name: String,
    /// `spec.group`.
    pub group: String,
    /// `spec.names.kind`.
    pub kind: String,
    /// `spec.versions` that are served, in their order.
    pub versions: Vec<String>,
    /// What is applied. Without what only the server may say (`status`).
    pub document: Value,
    /// SHA-256 of the document's canonical JSON, in hex: the same however the file is written.
    pub digest: String,
}

/// What `crds/` folders hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Carried {
    /// In Helm's order.
    pub(super) crds: Vec<Arc<Crd>>,
    /// What is wrong with the rest, each with its file.
    pub(super) findings: Vec<String>,
}

/// Whether a path inside a chart is one of the files Helm takes CRDs from (`CRDObjects`).
pub(super) fn is_crd_file(inner: &str) -> bool {
    let extension = std::path::Path::new(inner).extension();
    inner.starts_with("crds/")
        && extension.is_some_and(|ext| ["yaml", "yml", "json"].iter().any(|known| ext == *known))
}

/// Whether a template makes a CRD.
pub(super) fn is_in_template(text: &str) -> bool {
    let makes = |line: &str| {
        let kind = line.trim().strip_prefix("kind:");
        kind.is_some_and(|kind| kind.trim().trim_matches(['"', '\'']) == KIND)
    };
    text.contains(KIND) && text.lines().any(makes)
}

const KIND: &str = "CustomResourceDefinition";

impl Carried {
    /// Adds what a file of `crds/` holds.
    pub(super) fn read(&mut self, file: &File) {
        let documents = match documents(file) {
            Ok(documents) => documents,
            Err(reason) => return self.unreadable(&file.path, &reason),
        };
        for document in documents {
            match crd(document) {
                Ok(crd) => self.crds.push(Arc::new(crd)),
                Err(reason) => self.findings.push(format!("{} holds {reason}", file.path)),
            }
        }
    }

    /// Adds a file that cannot be understood.
    pub(super) fn unreadable(&mut self, path: &str, reason: &str) {
        self.findings
            .push(format!("{path} cannot be read: {reason}"));
    }
}

/// The objects of a file, those of a `List` one by one.
fn documents(file: &File) -> Result<Vec<Value>, String> {
    let documents: Vec<Value> = super::yaml::all(&file.bytes)?;
    let objects = documents.into_iter().flat_map(|mut document| {
        let is_list = document["kind"]
            .as_str()
            .is_some_and(|it| it.ends_with("List"));
        match document.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) if is_list => items,
            _ => vec![document],
        }
    });
    Ok(objects.collect())
}

/// Checks one object. The error says what it is instead.
fn crd(mut document: Value) -> Result<Crd, String> {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
    let name = text("/metadata/name").unwrap_or_default().to_owned();
    let kind = text("/kind").unwrap_or_default();
    if kind != KIND {
        return Err(match kind {
            "" => "something that is no Kubernetes object".to_owned(),
            kind => format!("{kind} `{name}`, which is no {KIND}: only these belong in crds/"),
        });
    }
    match text("/apiVersion").unwrap_or_default() {
        "apiextensions.k8s.io/v1" => {}
        other => {
            return Err(format!(
                "{KIND} `{name}` of `{other}`, which no cluster serves: it must be of \
                 apiextensions.k8s.io/v1"
            ));
        }
    }
    let lacking = |field: &str| format!("{KIND} `{name}` without {field}");
    if name.is_empty() {
        return Err(format!("a {KIND} without metadata.name"));
    }
    let group = text("/spec/group").ok_or_else(|| lacking("spec.group"))?;
    let kind = text("/spec/names/kind").ok_or_else(|| lacking("spec.names.kind"))?;
    let (group, kind) = (group.to_owned(), kind.to_owned());
    let versions = document["spec"]["versions"].as_array();
    let versions = versions.ok_or_else(|| lacking("spec.versions"))?;
    let served = versions.iter().filter(|it| it["served"] == true);
    let versions = served.filter_map(|it| Some(it["name"].as_str()?.to_owned()));
    let versions = versions.collect();
    leave_to_server(&mut document);
    let digest = Digest::of(document.to_string().as_bytes()).hex().to_owned();
    Ok(Crd {
        name,
        group,
        kind,
        versions,
        document,
        digest,
    })
}

/// Generators write these, empty; only the server fills them.
fn leave_to_server(document: &mut Value) {
    if let Some(fields) = document.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = document["metadata"].as_object_mut() {
        metadata.remove("creationTimestamp");
    }
}
