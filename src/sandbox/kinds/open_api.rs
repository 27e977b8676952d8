//! `OpenAPI` documents that say just enough: every kind takes patches with `fieldValidation`. Then
//! clients leave validation to the server, which is where it is done.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Value, json};

use super::Kind;

/// The kind of answer to `/openapi/v2`; Helm refuses the name that has an `@`.
pub(in crate::sandbox) const V2_TYPE: &str =
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// `/openapi/v2` as protobuf: `Document { swagger: "2.0", info { title, version }, paths {} }`. Only
/// asked for when a kind is in no other document.
pub(in crate::sandbox) const V2: &[u8] =
    b"\x0a\x032.0\x12\x13\x0a\x0aKubernetes\x12\x05v1.37\x42\x00";

/// The folder a group's version is under: `api/v1`, `apis/apps/v1`.
fn folder(kind: &Kind) -> String {
    if kind.group.is_empty() {
        format!("api/{}", kind.version)
    } else {
        format!("apis/{}/{}", kind.group, kind.version)
    }
}

/// `/openapi/v3`: where the documents are. `salt` is part of their addresses, which clients cache
/// for ever.
pub(in crate::sandbox) fn index(kinds: &[Arc<Kind>], salt: &str) -> Value {
    let folders: BTreeSet<String> = kinds.iter().map(|kind| folder(kind)).collect();
    let paths = folders.into_iter().map(|folder| {
        let address = format!("/openapi/v3/{folder}?hash={salt}");
        (folder, json!({ "serverRelativeURL": address }))
    });
    json!({ "paths": paths.collect::<serde_json::Map<_, _>>() })
}

/// `/openapi/v3/apis/GROUP/VERSION`.
pub(in crate::sandbox) fn document(kinds: &[Arc<Kind>], of: &str) -> Option<Value> {
    let mut paths = serde_json::Map::new();
    let mut schemas = serde_json::Map::new();
    for kind in kinds.iter().filter(|kind| folder(kind) == of) {
        let namespace = if kind.namespaced {
            "namespaces/{namespace}/"
        } else {
            ""
        };
        let path = format!("/{of}/{namespace}{}/{{name}}", kind.plural);
        let identity = json!({ "group": kind.group, "version": kind.version, "kind": kind.kind });
        let operation = json!({
            "parameters": [{
                "name": "fieldValidation",
                "in": "query",
                "schema": { "type": "string", "uniqueItems": true },
            }],
            "responses": { "200": { "description": "OK" } },
            "x-kubernetes-action": "patch",
            "x-kubernetes-group-version-kind": identity,
        });
        paths.insert(path, json!({ "patch": operation }));
        if let Some(custom) = &kind.custom
            && custom.open_api.is_object()
        {
            let mut schema = custom.open_api.clone();
            schema["x-kubernetes-group-version-kind"] = json!([identity]);
            let mut name: Vec<&str> = kind.group.rsplit('.').collect();
            name.extend([&*kind.version, &*kind.kind]);
            schemas.insert(name.join("."), schema);
        }
    }
    let document = json!({
        "openapi": "3.0.0",
        "info": { "title": "Kubernetes", "version": "v1.37" },
        "paths": paths,
        "components": { "schemas": schemas },
    });
    (!paths_empty(&document)).then_some(document)
}

fn paths_empty(document: &Value) -> bool {
    document["paths"]
        .as_object()
        .is_none_or(serde_json::Map::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::kinds::Kinds;

    #[test]
    fn every_document_of_the_index_is_there() {
        let kinds = Kinds::new(&[]);
        let kinds = kinds.all();
        let index = index(&kinds, "x");
        let paths = index["paths"].as_object().unwrap();
        assert!(paths.contains_key("api/v1") && paths.contains_key("apis/apps/v1"));
        for path in paths.keys() {
            assert!(document(&kinds, path).is_some(), "{path}");
        }
        assert!(document(&kinds, "apis/nope/v1").is_none());
        let apps = document(&kinds, "apis/apps/v1").unwrap();
        let path = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}";
        let operation = &apps["paths"][path]["patch"];
        assert_eq!(
            operation["x-kubernetes-group-version-kind"]["kind"],
            "Deployment"
        );
    }
}
