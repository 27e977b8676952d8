//! Resources that CRDs declare.

use std::sync::Arc;

use serde_json::Value;

use super::{Kind, Scale, resource};
use crate::sandbox::schema::Schema;

/// What only CRDs say about a kind.
#[derive(Debug, Default)]
pub(in crate::sandbox) struct Custom {
    /// `additionalPrinterColumns`.
    pub(in crate::sandbox) columns: Vec<Column>,
    /// The schema as the CRD has it, for the `OpenAPI` document.
    pub(in crate::sandbox) open_api: Value,
}

/// A column of `kubectl get`.
#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Column {
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) kind: String,
    pub(in crate::sandbox) format: String,
    pub(in crate::sandbox) priority: i64,
    /// As the CRD has it: `.spec.replicas`.
    pub(in crate::sandbox) path: String,
}

impl Kind {
    /// One for each served version, the stored one first; none while it is not established.
    pub(super) fn of_crd(crd: &Value) -> Vec<Self> {
        let established =
            |condition: &Value| condition["type"] == "Established" && condition["status"] == "True";
        let conditions = crd.pointer("/status/conditions").and_then(Value::as_array);
        let mut versions: Vec<&Value> = crd
            .pointer("/spec/versions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter(|version| version["served"] == true)
            .filter(|_| conditions.is_some_and(|all| all.iter().any(established)))
            .collect();
        versions.sort_by_key(|version| version["storage"] != true);
        let kinds = versions.iter().map(|version| of_version(crd, version));
        kinds.collect()
    }
}

fn of_version(crd: &Value, version: &Value) -> Kind {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let texts = |value: &Value| -> Vec<String> {
        let items = value.as_array().into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let (spec, names) = (&crd["spec"], &crd["spec"]["names"]);
    let (group, plural, kind) = (
        text(&spec["group"]),
        text(&names["plural"]),
        text(&names["kind"]),
    );
    let or = |value: &Value, default: String| match text(value) {
        given if given.is_empty() => default,
        given => given,
    };
    let scale = &version["subresources"]["scale"];
    let pointer = |path: &Value| text(path).replace('.', "/");
    let open_api = version["schema"]["openAPIV3Schema"].clone();
    Kind {
        version: text(&version["name"]),
        list_kind: or(&names["listKind"], format!("{kind}List")),
        singular: or(&names["singular"], kind.to_lowercase()),
        resource: resource(&group, &plural),
        namespaced: spec["scope"] == "Namespaced",
        short_names: texts(&names["shortNames"]),
        categories: texts(&names["categories"]),
        status: version["subresources"]["status"].is_object(),
        scale: scale.is_object().then(|| Scale {
            wanted: pointer(&scale["specReplicasPath"]),
            present: pointer(&scale["statusReplicasPath"]),
            selector: scale["labelSelectorPath"]
                .is_string()
                .then(|| pointer(&scale["labelSelectorPath"])),
        }),
        others: Vec::new(),
        review: false,
        // One that cannot be read was refused when the CRD came.
        schema: Schema::from_crd(version).ok().map(Arc::new),
        custom: Some(Custom {
            columns: columns(version),
            open_api,
        }),
        group,
        plural,
        kind,
    }
}

fn columns(version: &Value) -> Vec<Column> {
    let declared = version["additionalPrinterColumns"].as_array();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let column = |column: &Value| Column {
        name: text(&column["name"]),
        kind: text(&column["type"]),
        format: text(&column["format"]),
        priority: column["priority"].as_i64().unwrap_or(0),
        path: text(&column["jsonPath"]),
    };
    declared.into_iter().flatten().map(column).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_crd_is_served_once_established_in_its_served_versions() {
        let mut crd = json!({
            "spec": {
                "group": "example.com", "scope": "Namespaced",
                "names": { "plural": "buckets", "kind": "Bucket", "shortNames": ["bk"] },
                "versions": [
                    { "name": "v1alpha1", "served": false, "storage": false },
                    { "name": "v1beta1", "served": true, "storage": false },
                    { "name": "v1", "served": true, "storage": true, "subresources": {
                        "status": {}, "scale": { "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas" },
                    } },
                ],
            },
        });
        assert!(Kind::of_crd(&crd).is_empty());
        crd["status"] = json!({ "conditions": [{ "type": "Established", "status": "True" }] });
        let kinds = Kind::of_crd(&crd);
        let versions: Vec<&str> = kinds.iter().map(|kind| &*kind.version).collect();
        assert_eq!(versions, ["v1", "v1beta1"]);
        let v1 = &kinds[0];
        assert_eq!(
            (&*v1.resource, &*v1.list_kind, &*v1.singular),
            ("buckets.example.com", "BucketList", "bucket")
        );
        assert!(v1.status && v1.namespaced);
        assert_eq!(v1.scale.as_ref().unwrap().wanted, "/spec/replicas");
        assert!(!kinds[1].status);
    }
}
