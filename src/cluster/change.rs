//! Changing objects of any kind: patches, server-side apply, deletion, scaling.

use kube::core::{
    Request,
    params::{DeleteParams, Preconditions, PropagationPolicy},
};
use serde_json::{Value, json};

use super::{Cluster, ClusterError, ObjectRef, gate, objects::absent_as_none};

/// Who owns the fields that we set (`metadata.managedFields`).
pub const MANAGER: &str = "stackctl";

/// How a patch is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patched {
    /// JSON merge patch (RFC 7386).
    Merge,
    /// Strategic merge patch: built-in kinds only.
    Strategic,
    /// JSON patch (RFC 6902).
    Json,
}

/// How an object is deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deletion {
    /// What becomes of what it owns.
    pub propagation: Propagation,
    /// Only if it is this very object, not another one of the same name.
    pub uid: Option<String>,
    /// Only if its resourceVersion is still this one; else [`ClusterError::Conflict`].
    pub resource_version: Option<String>,
}

/// What becomes of what a deleted object owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Propagation {
    /// Deleted after it.
    #[default]
    Background,
    /// Deleted before it.
    Foreground,
    /// Left alone.
    Orphan,
}

impl Cluster {
    /// Patches an object. It as it is then.
    pub async fn patch(
        &self,
        object: &ObjectRef,
        how: Patched,
        patch: &Value,
    ) -> Result<Value, ClusterError> {
        let content_type = match how {
            Patched::Merge => "application/merge-patch+json",
            Patched::Strategic => "application/strategic-merge-patch+json",
            Patched::Json => "application/json-patch+json",
        };
        let query = format!("fieldManager={MANAGER}");
        self.send_patch(object, "", content_type, &query, patch)
            .await
    }

    /// Applies an object server-side, and makes it if it is not there. `force` takes over fields
    /// that others own; without it that is a [`ClusterError::Conflict`] which names them.
    pub async fn apply(
        &self,
        object: &ObjectRef,
        body: &Value,
        force: bool,
    ) -> Result<Value, ClusterError> {
        let query = format!("fieldManager={MANAGER}&force={force}");
        let content_type = "application/apply-patch+yaml";
        self.send_patch(object, "", content_type, &query, body)
            .await
    }

    /// Sets the number of replicas, through the `scale` subresource.
    pub async fn scale(&self, object: &ObjectRef, replicas: u32) -> Result<(), ClusterError> {
        let patch = json!({ "spec": { "replicas": replicas } });
        let query = format!("fieldManager={MANAGER}");
        let content_type = "application/merge-patch+json";
        self.send_patch(object, "/scale", content_type, &query, &patch)
            .await?;
        Ok(())
    }

    async fn send_patch(
        &self,
        object: &ObjectRef,
        subresource: &str,
        content_type: &str,
        query: &str,
        body: &Value,
    ) -> Result<Value, ClusterError> {
        let operation = format!("PATCH {object}{subresource}");
        let url = self.url_of(object).await?;
        let request: Result<gate::Request, _> =
            http::Request::patch(format!("{url}/{}{subresource}?{query}", object.name))
                .header(http::header::CONTENT_TYPE, content_type)
                .header(http::header::ACCEPT, "application/json")
                .body(body.to_string().into_bytes())
                .map_err(kube::core::request::Error::BuildRequest);
        self.gate().write(&operation, request).await
    }

    /// Deletes the object, what it owns after it; false if it was not there. Does not wait for it
    /// to be gone.
    pub async fn delete(&self, object: &ObjectRef) -> Result<bool, ClusterError> {
        self.delete_with(object, &Deletion::default()).await
    }

    /// Deletes one of our own objects out of its collection, if its resourceVersion is still this
    /// one; else [`ClusterError::Conflict`]. One that is gone already is no error.
    pub(super) async fn delete_own(
        &self,
        kind: &str,
        collection: Request,
        name: &str,
        resource_version: &str,
    ) -> Result<(), ClusterError> {
        let operation = format!("DELETE {kind}/{name}");
        let params = DeleteParams::default().preconditions(Preconditions {
            resource_version: Some(resource_version.to_owned()),
            uid: None,
        });
        let request = collection.delete(name, &params);
        absent_as_none(self.gate().idempotent::<Value>(&operation, request).await)?;
        Ok(())
    }

    /// Deletes the object as said; as [`Self::delete`].
    pub async fn delete_with(
        &self,
        object: &ObjectRef,
        deletion: &Deletion,
    ) -> Result<bool, ClusterError> {
        let operation = format!("DELETE {object}");
        let url = self.url_of(object).await?;
        let params = DeleteParams {
            propagation_policy: Some(match deletion.propagation {
                Propagation::Background => PropagationPolicy::Background,
                Propagation::Foreground => PropagationPolicy::Foreground,
                Propagation::Orphan => PropagationPolicy::Orphan,
            }),
            preconditions: Some(Preconditions {
                uid: deletion.uid.clone(),
                resource_version: deletion.resource_version.clone(),
            }),
            ..DeleteParams::default()
        };
        let request = Request::new(url).delete(&object.name, &params);
        let deleted: Option<Value> = absent_as_none(self.gate().write(&operation, request).await)?;
        Ok(deleted.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::{Answer, Script};

    fn core() -> Answer {
        Answer::json(&json!({ "groupVersion": "v1", "resources": [
            { "name": "pods", "singularName": "", "namespaced": true, "kind": "Pod", "verbs": [] },
        ] }))
    }

    fn pod() -> ObjectRef {
        ObjectRef {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: Some("a".to_owned()),
            name: "x".to_owned(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn deleting_what_is_gone_is_no_error() {
        let (cluster, script) = Script::cluster(|nth, _| match nth {
            0 => core(),
            1 => Answer::json(&json!({ "kind": "Status", "status": "Success" })),
            _ => Answer::status(404, "no"),
        });
        assert!(cluster.delete(&pod()).await.unwrap());
        assert!(!cluster.delete(&pod()).await.unwrap());
        assert_eq!(script.calls()[1].body["propagationPolicy"], "Background");
        let deletion = Deletion {
            propagation: Propagation::Orphan,
            uid: Some("u1".to_owned()),
            ..Deletion::default()
        };
        cluster.delete_with(&pod(), &deletion).await.unwrap();
        let body = &script.calls()[3].body;
        assert_eq!(body["propagationPolicy"], "Orphan");
        assert_eq!(body["preconditions"]["uid"], "u1");
    }

    #[tokio::test(start_paused = true)]
    async fn changes_say_who_makes_them_and_how() {
        let (cluster, script) = Script::cluster(|nth, _| match nth {
            0 => core(),
            _ => Answer::json(&json!({ "kind": "Pod" })),
        });
        let body = json!({ "spec": { "a": 1 } });
        for how in [Patched::Merge, Patched::Strategic, Patched::Json] {
            cluster.patch(&pod(), how, &body).await.unwrap();
        }
        cluster.apply(&pod(), &body, true).await.unwrap();
        cluster.scale(&pod(), 3).await.unwrap();
        let calls = script.calls();
        let said: Vec<_> = calls[1..]
            .iter()
            .map(|call| format!("{} {} {}", call.method, call.path, call.content_type))
            .collect();
        let pod = "PATCH /api/v1/namespaces/a/pods/x";
        assert_eq!(
            said,
            [
                format!("{pod}?fieldManager=stackctl application/merge-patch+json"),
                format!("{pod}?fieldManager=stackctl application/strategic-merge-patch+json"),
                format!("{pod}?fieldManager=stackctl application/json-patch+json"),
                format!("{pod}?fieldManager=stackctl&force=true application/apply-patch+yaml"),
                format!("{pod}/scale?fieldManager=stackctl application/merge-patch+json"),
            ]
        );
        assert_eq!(calls[1].body, body);
        assert_eq!(calls[5].body, json!({ "spec": { "replicas": 3 } }));
    }
}
