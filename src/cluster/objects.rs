//! References to objects of any kind, and reading, listing and replacing them.

use std::collections::BTreeMap;

use kube::core::{
    Request,
    params::{GetParams, ListParams, Patch, PatchParams, PostParams},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Cluster, ClusterError};
use crate::name::ObjectRef;

/// Objects per page of a LIST.
const PAGE: u32 = 500;

/// How often a LIST starts again because the server forgot where it was.
const RESTARTS: usize = 3;

/// A page of a LIST.
#[derive(Debug, Deserialize)]
struct Page {
    #[serde(default)]
    metadata: PageMeta,
    #[serde(default)]
    items: Option<Vec<Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMeta {
    #[serde(default)]
    resource_version: String,
    #[serde(default, rename = "continue")]
    go_on: Option<String>,
}

/// What a LIST found.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) items: Vec<Value>,
    /// The version of the collection that a watch goes on from.
    pub(super) resource_version: String,
}

/// Whether a LIST asks for whole objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// Everything.
    Whole,
    /// `PartialObjectMetadata`: no spec, no status, no data.
    Metadata,
}

impl Cluster {
    /// The object, `None` if it is not there. A quorum read: never older than the call.
    pub async fn get(&self, object: &ObjectRef) -> Result<Option<Value>, ClusterError> {
        let operation = format!("GET {object}");
        let url = self.url_of(object).await?;
        let request = Request::new(url).get(&object.name, &GetParams::default());
        absent_as_none(self.gate().read(&operation, request).await)
    }

    /// All objects of a kind, in one namespace or (`None`) in all, narrowed by a label selector
    /// (`app=web,tier!=db`; empty for all). A quorum read.
    pub async fn list(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        selector: &str,
    ) -> Result<Vec<Value>, ClusterError> {
        let params = ListParams::default().labels(selector);
        let resolved = self.kind(api_version, kind).await?;
        let operation = format!("LIST {}", resolved.resource.plural);
        let url = resolved.url(namespace);
        let listing = self.pages(&operation, &url, params, Detail::Whole).await?;
        Ok(listing.items)
    }

    /// The metadata of all objects of a kind: as [`Self::list`], but nothing else of them is sent,
    /// and narrowed by a field selector too.
    pub async fn list_metadata(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        labels: &str,
        fields: &str,
    ) -> Result<Vec<Value>, ClusterError> {
        let params = ListParams::default().labels(labels).fields(fields);
        let resolved = self.kind(api_version, kind).await?;
        let operation = format!("LIST {}", resolved.resource.plural);
        let url = resolved.url(namespace);
        let listing = self
            .pages(&operation, &url, params, Detail::Metadata)
            .await?;
        Ok(listing.items)
    }

    /// Replaces the object, if its resourceVersion is still that of `value`; else
    /// [`ClusterError::Conflict`].
    pub async fn replace(&self, object: &ObjectRef, value: &Value) -> Result<(), ClusterError> {
        let operation = format!("PUT {object}");
        let url = self.url_of(object).await?;
        let body = value.to_string().into_bytes();
        let request = Request::new(url).replace(&object.name, &PostParams::default(), body);
        self.gate().write::<Value>(&operation, request).await?;
        Ok(())
    }

    /// Sets labels, if the object's resourceVersion is still this one; else
    /// [`ClusterError::Conflict`].
    pub async fn set_labels(
        &self,
        object: &ObjectRef,
        resource_version: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), ClusterError> {
        let operation = format!("PATCH {object}");
        let url = self.url_of(object).await?;
        let patch = Patch::Merge(json!({
            "metadata": { "resourceVersion": resource_version, "labels": labels }
        }));
        let request =
            Request::new(url).patch_metadata(&object.name, &PatchParams::default(), &patch);
        self.gate().write::<Value>(&operation, request).await?;
        Ok(())
    }

    /// A whole LIST, page by page; from the start again if the server forgets where it was (410).
    pub(super) async fn pages(
        &self,
        operation: &str,
        url: &str,
        params: ListParams,
        detail: Detail,
    ) -> Result<Listing, ClusterError> {
        let mut restarts = 0;
        let mut items = Vec::new();
        let mut params = params.limit(PAGE);
        loop {
            let request = match detail {
                Detail::Whole => Request::new(url).list(&params),
                Detail::Metadata => Request::new(url).list_metadata(&params),
            };
            let page: Page = match self.gate().read(operation, request).await {
                Ok(page) => page,
                Err(ClusterError::Expired { .. }) if restarts < RESTARTS => {
                    restarts += 1;
                    items.clear();
                    params.continue_token = None;
                    continue;
                }
                Err(error) => return Err(error),
            };
            items.extend(page.items.unwrap_or_default());
            params.continue_token = page.metadata.go_on.filter(|token| !token.is_empty());
            if params.continue_token.is_none() {
                let resource_version = page.metadata.resource_version;
                return Ok(Listing {
                    items,
                    resource_version,
                });
            }
        }
    }

    /// URL of the collection the object is in.
    pub(super) async fn url_of(&self, object: &ObjectRef) -> Result<String, ClusterError> {
        let kind = self.kind(&object.api_version, &object.kind).await?;
        let namespace = object
            .namespace
            .as_deref()
            .unwrap_or(self.default_namespace());
        Ok(kind.url(Some(namespace)))
    }
}

/// 404 is an answer, not an error.
pub(super) fn absent_as_none<T>(
    result: Result<T, ClusterError>,
) -> Result<Option<T>, ClusterError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(ClusterError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::testing::{Answer, Script};

    fn core() -> Answer {
        Answer::json(&json!({ "groupVersion": "v1", "resources": [
            { "name": "pods", "singularName": "", "namespaced": true, "kind": "Pod", "verbs": [] },
            { "name": "namespaces", "singularName": "", "namespaced": false, "kind": "Namespace",
              "verbs": [] },
        ] }))
    }

    fn object(kind: &str, namespace: Option<&str>) -> ObjectRef {
        ObjectRef {
            api_version: "v1".to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: "x".to_owned(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn scope_decides_the_path() {
        let (cluster, script) = Script::cluster(|_, call| match call.path.as_str() {
            "/api/v1" => core(),
            "/api/v1/namespaces/a/pods/x" => Answer::json(&json!({ "kind": "Pod" })),
            "/api/v1/namespaces/x" => Answer::json(&json!({ "kind": "Namespace" })),
            _ => Answer::status(404, "no"),
        });
        assert!(
            cluster
                .get(&object("Pod", Some("a")))
                .await
                .unwrap()
                .is_some()
        );
        assert!(
            cluster
                .get(&object("Pod", Some("b")))
                .await
                .unwrap()
                .is_none()
        );
        assert!(
            cluster
                .get(&object("Namespace", Some("a")))
                .await
                .unwrap()
                .is_some()
        );
        assert!(cluster.get(&object("Pod", None)).await.unwrap().is_none());
        assert_eq!(script.calls()[4].path, "/api/v1/namespaces/default/pods/x");
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_follows_its_pages_and_starts_again_when_they_expire() {
        let page = |name: &str, go_on: &str| {
            Answer::json(&json!({
                "metadata": { "resourceVersion": "7", "continue": go_on },
                "items": [{ "metadata": { "name": name } }],
            }))
        };
        let (cluster, script) = Script::cluster(move |nth, _| match nth {
            0 => core(),
            1 | 3 => page("a", "more"),
            2 => Answer::status(410, "the continue token is too old"),
            _ => page("b", ""),
        });
        let pods = cluster
            .list("v1", "Pod", Some("n"), "app=web")
            .await
            .unwrap();
        let names: Vec<_> = pods
            .iter()
            .map(|pod| pod["metadata"]["name"].as_str())
            .collect();
        assert_eq!(names, [Some("a"), Some("b")]);
        let paths: Vec<_> = script.calls().into_iter().map(|call| call.path).collect();
        assert_eq!(
            paths[2],
            "/api/v1/namespaces/n/pods?&labelSelector=app=web&limit=500&continue=more"
        );
        assert!(!paths[3].contains("continue"), "{}", paths[3]);
    }
}
