//! Reads and writes a ConfigMap, key by key. What its data mean is for others to say.

use std::collections::BTreeMap;

use json_patch::{
    AddOperation, PatchOperation, RemoveOperation, TestOperation, jsonptr::PointerBuf,
};
use kube::core::{
    Request,
    params::{GetParams, Patch, PatchParams, PostParams},
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Cluster, ClusterError, objects::absent_as_none};
use crate::name::Namespace;

/// A ConfigMap, as far as we use it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigMap {
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// `data`.
    pub data: BTreeMap<String, String>,
}

impl Cluster {
    /// The ConfigMap, `None` if it is not there.
    pub async fn get_config_map(
        &self,
        namespace: &Namespace,
        name: &str,
    ) -> Result<Option<ConfigMap>, ClusterError> {
        let operation = format!("GET ConfigMap/{name}");
        let request = collection(namespace).get(name, &GetParams::default());
        let found = absent_as_none(self.gate().read::<Value>(&operation, request).await)?;
        Ok(found.map(|value| from_json(&value)))
    }

    /// Creates it with these labels and data; [`ClusterError::Conflict`] if it is there.
    pub async fn create_config_map(
        &self,
        namespace: &Namespace,
        name: &str,
        labels: &BTreeMap<String, String>,
        data: &BTreeMap<&str, &str>,
    ) -> Result<(), ClusterError> {
        let body = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": name, "labels": labels },
            "data": data,
        });
        let operation = format!("POST ConfigMap/{name}");
        let request =
            collection(namespace).create(&PostParams::default(), body.to_string().into_bytes());
        self.gate().idempotent::<Value>(&operation, request).await?;
        Ok(())
    }

    /// Sets one key of its data, whatever that was. The ConfigMap as it is then, `None` if it is
    /// not there.
    pub async fn set_config_map_key(
        &self,
        namespace: &Namespace,
        name: &str,
        (key, value): (&str, &str),
    ) -> Result<Option<ConfigMap>, ClusterError> {
        let patch = Patch::Merge(json!({ "data": { key: value } }));
        let found = absent_as_none(self.patch_config_map(namespace, name, &patch).await)?;
        Ok(found.map(|value| from_json(&value)))
    }

    /// Sets one key of its data, or removes it, if another one has this value at that moment; else
    /// [`ClusterError::Invalid`]. Who writes other keys is not in the way.
    /// [`ClusterError::NotFound`] if it is not there.
    pub async fn change_config_map_key(
        &self,
        namespace: &Namespace,
        name: &str,
        (guard, expected): (&str, &str),
        (key, value): (&str, Option<&str>),
    ) -> Result<(), ClusterError> {
        let at = |key| PointerBuf::from_tokens(["data", key]);
        let mut operations = vec![
            PatchOperation::Test(TestOperation {
                path: at(guard),
                value: expected.into(),
            }),
            PatchOperation::Add(AddOperation {
                path: at(key),
                value: value.unwrap_or_default().into(),
            }),
        ];
        // What is not there cannot be removed: a second attempt would fail.
        if value.is_none() {
            operations.push(PatchOperation::Remove(RemoveOperation { path: at(key) }));
        }
        let patch = Patch::<()>::Json(json_patch::Patch(operations));
        self.patch_config_map(namespace, name, &patch).await?;
        Ok(())
    }

    async fn patch_config_map<P: Serialize>(
        &self,
        namespace: &Namespace,
        name: &str,
        patch: &Patch<P>,
    ) -> Result<Value, ClusterError> {
        let operation = format!("PATCH ConfigMap/{name}");
        let request = collection(namespace).patch(name, &PatchParams::default(), patch);
        self.gate().idempotent(&operation, request).await
    }

    /// Deletes it, if its resourceVersion is still this one; else [`ClusterError::Conflict`]. One
    /// that is gone already is no error.
    pub async fn delete_config_map(
        &self,
        namespace: &Namespace,
        name: &str,
        resource_version: &str,
    ) -> Result<(), ClusterError> {
        self.delete_own("ConfigMap", collection(namespace), name, resource_version)
            .await
    }
}

fn collection(namespace: &Namespace) -> Request {
    Request::new(format!("/api/v1/namespaces/{namespace}/configmaps"))
}

fn from_json(value: &Value) -> ConfigMap {
    let data = value["data"].as_object();
    ConfigMap {
        resource_version: value["metadata"]["resourceVersion"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        data: data
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::{Answer, Script};

    fn map() -> (Namespace, &'static str) {
        (Namespace::new("default").unwrap(), "x")
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_is_set_and_removed_without_touching_others() {
        let (namespace, name) = map();
        let (cluster, script) = Script::cluster(|nth, _| match nth {
            0 => Answer::status(404, "no"),
            1 => Answer::reason(422, "testing value /data/by failed", "Invalid"),
            _ => Answer::json(&json!({
                "metadata": { "resourceVersion": "7" }, "data": { "other": "x" },
            })),
        });
        let change =
            |value| cluster.change_config_map_key(&namespace, name, ("by", "me"), ("a.b", value));
        let gone = change(Some("1")).await.unwrap_err();
        assert!(matches!(gone, ClusterError::NotFound { .. }), "{gone}");
        let other = change(Some("1")).await.unwrap_err();
        assert!(matches!(other, ClusterError::Invalid { .. }), "{other}");
        change(None).await.unwrap();
        let set = cluster.set_config_map_key(&namespace, name, ("by", "me"));
        let left = set.await.unwrap().unwrap();
        assert_eq!(left.resource_version, "7");
        assert_eq!(left.data["other"], "x");
        let calls = script.calls();
        assert_eq!(calls[0].method, "PATCH");
        assert_eq!(calls[0].path, "/api/v1/namespaces/default/configmaps/x?");
        let test = json!({ "op": "test", "path": "/data/by", "value": "me" });
        let add = |value| json!({ "op": "add", "path": "/data/a.b", "value": value });
        assert_eq!(calls[0].body, json!([test, add("1")]));
        let remove = json!({ "op": "remove", "path": "/data/a.b" });
        assert_eq!(calls[2].body, json!([test, add(""), remove]));
        assert_eq!(calls[3].body, json!({ "data": { "by": "me" } }));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_there_is_not_made_by_setting_a_key() {
        let (namespace, name) = map();
        let (cluster, _) = Script::cluster(|_, _| Answer::status(404, "no"));
        let set = cluster.set_config_map_key(&namespace, name, ("by", "me"));
        assert_eq!(set.await.unwrap(), None);
    }
}
