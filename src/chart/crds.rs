//! The CRDs a chart carries in `crds/`: read, checked, with a digest.
//!
//! Helm applies that folder once, on the first install, and never again; stackctl makes them nodes
//! of their own. What else is in the folder would be applied by nobody: that is a finding.

use std::sync::Arc;

use serde_json::Value;

use super::files::File;
use crate::digest::Digest;

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
            Err(reason) => {
                let finding = format!("{} cannot be read: {reason}", file.path);
                return self.findings.push(finding);
            }
        };
        for document in documents {
            match crd(document) {
                Ok(crd) => self.crds.push(Arc::new(crd)),
                Err(reason) => self.findings.push(format!("{} holds {reason}", file.path)),
            }
        }
    }
}

/// The objects of a file, those of a `List` one by one. Scalars are those of YAML 1.1, and the last
/// of two equal keys wins, as for Helm. The limits of the parser are for configuration: a schema is
/// deeper and has more values, and the size of charts is limited before.
fn documents(file: &File) -> Result<Vec<Value>, String> {
    let options = serde_saphyr::options! {
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins,
        legacy_octal_numbers: true,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: 256,
            max_events: 20_000_000,
            max_nodes: 10_000_000,
        },
    };
    let text = std::str::from_utf8(&file.bytes).map_err(|error| error.to_string())?;
    let documents: Result<Vec<Value>, _> = serde_saphyr::from_multiple_with_options(text, options);
    let documents = documents.map_err(|error| {
        let text = error.to_string();
        text.lines().next().unwrap_or_default().to_owned()
    })?;
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

#[cfg(test)]
mod tests {
    use super::*;

    const WIDGETS: &str = "\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: widgets.example.com
  creationTimestamp: null
spec:
  group: example.com
  names: {kind: Widget, plural: widgets}
  versions:
  - {name: v1, served: true, storage: true}
  - {name: v1beta1, served: false, storage: false}
  - {name: v2, served: true, storage: false}
status: {conditions: []}
";

    fn read(text: &str) -> Carried {
        let mut carried = Carried::default();
        carried.read(&File {
            path: "crds/x.yaml".to_owned(),
            bytes: text.as_bytes().to_vec(),
        });
        carried
    }

    #[test]
    fn a_definition_tells_its_kind_and_served_versions() {
        let carried = read(WIDGETS);
        assert_eq!(carried.findings, [""; 0]);
        let [crd] = carried.crds.as_slice() else {
            panic!("one definition: {carried:?}")
        };
        let said = (crd.name.as_str(), crd.group.as_str(), crd.kind.as_str());
        assert_eq!(said, ("widgets.example.com", "example.com", "Widget"));
        assert_eq!(crd.versions, ["v1", "v2"]);
        assert!(crd.document.get("status").is_none());
        assert_eq!(
            crd.document["metadata"],
            serde_json::json!({ "name": "widgets.example.com" })
        );
    }

    #[test]
    fn the_digest_is_of_what_is_said_not_of_how() {
        let digest = |text: &str| read(text).crds[0].digest.clone();
        let json = serde_json::to_string_pretty(&read(WIDGETS).crds[0].document).unwrap();
        let turned: String = {
            let (head, tail) = WIDGETS.split_once("spec:").unwrap();
            format!(
                "# generated\nspec:{}\n{head}",
                tail.trim_end_matches("status: {conditions: []}\n")
            )
        };
        let all = [
            json.as_str(),
            &turned,
            &WIDGETS.replace("creationTimestamp: null", "labels: ~"),
        ];
        assert_eq!(digest(all[0]), digest(WIDGETS));
        assert_eq!(digest(all[1]), digest(WIDGETS));
        assert_ne!(digest(all[2]), digest(WIDGETS));
        assert_eq!(digest(WIDGETS).len(), 64);
    }

    #[test]
    fn several_documents_and_lists_are_taken_apart() {
        let other = WIDGETS.replace("widgets", "gadgets");
        let item = |text: &str| format!("- {}", text.trim_end().replace('\n', "\n  "));
        let list = format!(
            "# a licence\n---\n{WIDGETS}---\n---\nkind: List\napiVersion: v1\nitems:\n{}\n",
            item(&other)
        );
        let names: Vec<_> = read(&list)
            .crds
            .iter()
            .map(|crd| crd.name.clone())
            .collect();
        assert_eq!(names, ["widgets.example.com", "gadgets.example.com"]);
        assert_eq!(read("# nothing\n"), Carried::default());
    }

    #[test]
    fn what_is_no_definition_is_a_finding_and_the_rest_is_read() {
        let object = "kind: ConfigMap\nmetadata: {name: x}\n";
        for (text, finding) in [
            (
                object,
                "crds/x.yaml holds ConfigMap `x`, which is no CustomResourceDefinition",
            ),
            (
                "just: text\n",
                "holds something that is no Kubernetes object",
            ),
            (
                &WIDGETS.replace("k8s.io/v1", "k8s.io/v1beta1"),
                "holds CustomResourceDefinition `widgets.example.com` of `apiextensions.k8s.io/v1beta1`",
            ),
            (
                &WIDGETS.replace("  group:", "  grup:"),
                "without spec.group",
            ),
            (
                &WIDGETS.replace("name: widgets", "nam: widgets"),
                "without metadata.name",
            ),
            ("{{ if .Values.crds }}\n", "crds/x.yaml cannot be read:"),
        ] {
            let carried = read(text);
            assert_eq!(
                (carried.crds.len(), carried.findings.len()),
                (0, 1),
                "{text}"
            );
            assert!(
                carried.findings[0].contains(finding),
                "{:?}",
                carried.findings
            );
        }
        let both = read(&format!("{object}---\n{WIDGETS}"));
        assert_eq!((both.crds.len(), both.findings.len()), (1, 1));
    }

    #[test]
    fn the_files_and_templates_that_matter_are_known() {
        for (path, is_one) in [
            ("crds/a.yaml", true),
            ("crds/deep/a.yml", true),
            ("crds/a.json", true),
            ("crds/README.md", false),
            ("templates/crds/a.yaml", false),
            ("my-crds/a.yaml", false),
        ] {
            assert_eq!(is_crd_file(path), is_one, "{path}");
        }
        for (text, makes) in [
            ("kind: CustomResourceDefinition\n", true),
            ("  kind: \"CustomResourceDefinition\"\n", true),
            ("kind: CustomResourceDefinitionList\n", false),
            ("# of a CustomResourceDefinition\nkind: Role\n", false),
        ] {
            assert_eq!(is_in_template(text), makes, "{text}");
        }
    }
}
