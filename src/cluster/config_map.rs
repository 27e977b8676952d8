//! Reads and writes a ConfigMap, key by key. What its data mean is for others to say.

use std::collections::BTreeMap;

use kube::core::{
    Request,
    params::{GetParams, Patch, PatchParams, PostParams},
};
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

    /// Creates it with one key, and these labels; [`ClusterError::Conflict`] if it is there.
    pub async fn create_config_map(
        &self,
        namespace: &Namespace,
        name: &str,
        labels: &BTreeMap<String, String>,
        (key, value): (&str, &str),
    ) -> Result<(), ClusterError> {
        let body = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": name, "labels": labels },
            "data": { key: value },
        });
        let operation = format!("POST ConfigMap/{name}");
        let request =
            collection(namespace).create(&PostParams::default(), body.to_string().into_bytes());
        self.gate().idempotent::<Value>(&operation, request).await?;
        Ok(())
    }

    /// Sets one key of its data, or removes it. Who writes other keys is not in the way.
    /// [`ClusterError::NotFound`] if it is not there.
    pub async fn set_config_map_key(
        &self,
        namespace: &Namespace,
        name: &str,
        key: &str,
        value: Option<&str>,
    ) -> Result<(), ClusterError> {
        let operation = format!("PATCH ConfigMap/{name}");
        let patch = Patch::Merge(json!({ "data": { key: value } }));
        let request = collection(namespace).patch(name, &PatchParams::default(), &patch);
        self.gate().idempotent::<Value>(&operation, request).await?;
        Ok(())
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

    #[tokio::test(start_paused = true)]
    async fn a_key_is_set_and_removed_without_touching_others() {
        let namespace = Namespace::new("default").unwrap();
        let (cluster, script) = Script::cluster(|nth, _| match nth {
            0 => Answer::status(404, "no"),
            _ => Answer::json(&json!({
                "metadata": { "resourceVersion": "7" }, "data": { "other": "x" },
            })),
        });
        let set = |value| cluster.set_config_map_key(&namespace, "x", "a.b", value);
        let gone = set(Some("1")).await.unwrap_err();
        assert!(matches!(gone, ClusterError::NotFound { .. }), "{gone}");
        set(None).await.unwrap();
        let left = cluster.get_config_map(&namespace, "x").await;
        let left = left.unwrap().unwrap();
        assert_eq!(left.resource_version, "7");
        assert_eq!(left.data["other"], "x");
        let calls = script.calls();
        assert_eq!(calls[0].method, "PATCH");
        assert_eq!(calls[0].path, "/api/v1/namespaces/default/configmaps/x?");
        assert_eq!(calls[0].body, json!({ "data": { "a.b": "1" } }));
        assert_eq!(calls[1].body, json!({ "data": { "a.b": null } }));
    }
}
