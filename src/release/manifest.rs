//! The objects of a release's manifest.

use serde::{Deserialize, de::DeserializeOwned};

use crate::{cluster::ObjectRef, name::Namespace};

/// A document of a manifest that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{source_file} of the release's manifest cannot be read: {message}")]
pub struct ManifestError {
    /// Template it comes from, as Helm notes it (`web/templates/deployment.yaml`), or its number.
    pub source_file: String,
    /// What is wrong with it.
    pub message: String,
}

/// One object of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestObject {
    /// The object. Its namespace is the release's unless the manifest names one; whether it has
    /// one at all is for the cluster to say.
    pub object: ObjectRef,
    /// `helm.sh/resource-policy: keep`: `helm uninstall` leaves it.
    pub keep: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Head {
    api_version: String,
    kind: String,
    metadata: Option<Metadata>,
}

/// A `List`, or a list of one kind (`RoleList`): Helm applies its items.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct List {
    items: Option<Vec<Head>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    name: String,
    namespace: Option<String>,
    annotations: Option<Annotations>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Annotations {
    #[serde(rename = "helm.sh/resource-policy")]
    resource_policy: Option<String>,
}

/// All objects, in the manifest's order; the items of a `List` in its place.
pub fn manifest_objects(
    manifest: &str,
    namespace: &Namespace,
) -> Result<Vec<ManifestObject>, ManifestError> {
    let mut objects = Vec::new();
    for (number, document) in documents(manifest).into_iter().enumerate() {
        let error = |message: String| ManifestError {
            source_file: source_file(&document)
                .map_or_else(|| format!("document {}", number + 1), str::to_owned),
            message,
        };
        for head in heads(&document).map_err(error)? {
            objects.push(object(head, namespace).map_err(error)?);
        }
    }
    Ok(objects)
}

/// One object of a manifest as it was rendered; `None` if the manifest does not hold it.
pub fn manifest_content(
    manifest: &str,
    namespace: &Namespace,
    wanted: &ObjectRef,
) -> Option<serde_json::Value> {
    documents(manifest).into_iter().find_map(|document| {
        let heads = heads(&document).ok()?;
        let is_wanted = |head| object(head, namespace).is_ok_and(|found| found.object == *wanted);
        let position = heads.into_iter().position(is_wanted)?;
        let mut content: serde_json::Value = parse(&document).ok()?;
        match content.get_mut("items") {
            Some(items) => items.get_mut(position).map(serde_json::Value::take),
            None => Some(content),
        }
    })
}

/// Splits at lines that are `---`, as Helm does (`pkg/release/util/manifest.go`).
fn documents(manifest: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for line in manifest.lines() {
        if line == "---" || line.starts_with("--- ") {
            documents.push(String::new());
        } else if let Some(document) = documents.last_mut() {
            document.push_str(line);
            document.push('\n');
        }
    }
    documents
}

/// Helm writes where each document comes from.
fn source_file(document: &str) -> Option<&str> {
    document
        .lines()
        .find_map(|line| line.strip_prefix("# Source: "))
}

/// The objects of one document: none if it holds only comments, several if it is a list.
fn heads(document: &str) -> Result<Vec<Head>, String> {
    let is_content = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    if !document.lines().any(is_content) {
        return Ok(Vec::new());
    }
    let Some(head) = parse::<Option<Head>>(document)? else {
        return Ok(Vec::new());
    };
    let Some(item_kind) = head.kind.strip_suffix("List") else {
        return Ok(vec![head]);
    };
    let Some(items) = parse::<List>(document)?.items else {
        return Ok(Vec::new());
    };
    let filled = items.into_iter().map(|item| Head {
        api_version: first_of(item.api_version, &head.api_version),
        kind: first_of(item.kind, item_kind),
        metadata: item.metadata,
    });
    Ok(filled.collect())
}

fn first_of(text: String, otherwise: &str) -> String {
    if text.is_empty() {
        otherwise.to_owned()
    } else {
        text
    }
}

/// What Helm has applied may repeat keys: the last wins.
fn parse<T: DeserializeOwned>(document: &str) -> Result<T, String> {
    let options = serde_saphyr::options! {
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(document, options).map_err(|error| error.to_string())
}

fn object(head: Head, namespace: &Namespace) -> Result<ManifestObject, String> {
    let metadata = head.metadata.unwrap_or_default();
    for (field, value) in [
        ("apiVersion", &head.api_version),
        ("kind", &head.kind),
        ("metadata.name", &metadata.name),
    ] {
        if value.is_empty() {
            return Err(format!("it has no {field}"));
        }
    }
    let policy = metadata
        .annotations
        .and_then(|annotations| annotations.resource_policy);
    let own_namespace = metadata.namespace.filter(|namespace| !namespace.is_empty());
    Ok(ManifestObject {
        object: ObjectRef {
            api_version: head.api_version,
            kind: head.kind,
            namespace: Some(own_namespace.unwrap_or_else(|| namespace.to_string())),
            name: metadata.name,
        },
        keep: policy.is_some_and(|policy| policy.trim().eq_ignore_ascii_case("keep")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(manifest: &str) -> Result<Vec<String>, ManifestError> {
        let namespace = Namespace::new("apps").unwrap();
        let objects = manifest_objects(manifest, &namespace)?;
        let show = |it: ManifestObject| {
            let keep = if it.keep { " keep" } else { "" };
            let ObjectRef {
                api_version,
                kind,
                namespace,
                name,
            } = it.object;
            format!(
                "{api_version} {kind} {}/{name}{keep}",
                namespace.unwrap_or_default()
            )
        };
        Ok(objects.into_iter().map(show).collect())
    }

    #[test]
    fn every_document_is_an_object_or_nothing() {
        let manifest = "---
# Source: web/templates/empty.yaml
---
# Source: web/templates/config.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  name: settings-again
data:
  text: |
    --- not a separator
    a: [
  a: 1
  a: 2
---
null
--- # comment
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: other, annotations: { helm.sh/resource-policy: keep } }
";
        assert_eq!(
            objects(manifest).unwrap(),
            [
                "v1 ConfigMap apps/settings-again",
                "apps/v1 Deployment other/web keep"
            ]
        );
        assert_eq!(objects("").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_list_is_its_items() {
        let manifest = "apiVersion: v1
kind: List
metadata: {}
items:
- { apiVersion: v1, kind: Secret, metadata: { name: a } }
- { apiVersion: v1, kind: Secret, metadata: { name: b, namespace: c } }
";
        assert_eq!(
            objects(manifest).unwrap(),
            ["v1 Secret apps/a", "v1 Secret c/b"]
        );
        assert!(
            objects("apiVersion: v1\nkind: List\nitems: null\n")
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn the_content_of_an_object_is_that_of_its_document_or_item() {
        let manifest = "---
apiVersion: v1
kind: ConfigMap
metadata: { name: web }
data: { a: '1' }
---
apiVersion: v1
kind: ConfigMapList
items:
- { metadata: { name: b }, data: { a: '2' } }
- { metadata: { name: c }, data: { a: '3' } }
";
        let namespace = Namespace::new("apps").unwrap();
        let content = |name: &str| {
            let wanted = ObjectRef {
                api_version: "v1".to_owned(),
                kind: "ConfigMap".to_owned(),
                namespace: Some("apps".to_owned()),
                name: name.to_owned(),
            };
            manifest_content(manifest, &namespace, &wanted)
        };
        for (name, expected) in [("web", "1"), ("b", "2"), ("c", "3")] {
            assert_eq!(content(name).unwrap()["data"]["a"], expected, "{name}");
        }
        assert_eq!(content("d"), None);
    }

    #[test]
    fn what_cannot_be_read_says_where_it_comes_from() {
        let error = objects("---\n# Source: web/templates/x.yaml\na: [\n").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("web/templates/x.yaml of the release's"),
            "{error}"
        );
        let error = objects("kind: X\napiVersion: v1\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "document 1 of the release's manifest cannot be read: it has no metadata.name"
        );
    }
}
