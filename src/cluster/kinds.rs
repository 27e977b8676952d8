//! Resolves (apiVersion, kind) to the resource the API server serves it as.
//!
//! One small request per group version in use, kept for the run: a group whose server is down
//! (an `APIService`) cannot disturb the others, and nothing is downloaded for the hundreds of kinds
//! nobody asked for. A kind that is not found is looked up again the next time, since a chart of
//! this very run may bring its CRD.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResourceList;
use kube::core::{DynamicObject, Resource};
use kube::discovery::ApiResource;

use super::{ClusterError, called, discovery, gate::Gate};

/// How a kind is served.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    pub(super) resource: ApiResource,
    pub(super) namespaced: bool,
    /// All its objects can be listed; some kinds (`TokenReview`) are only questions.
    pub(super) listable: bool,
}

/// A kind and its other names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Served {
    pub(super) kind: Kind,
    pub(super) singular: String,
    pub(super) short_names: Vec<String>,
    /// What an `APIService` said before it became unreachable: there is such a kind, but nothing
    /// can be done with it just now.
    pub(super) stale: bool,
}

impl Kind {
    /// URL of the collection: of the namespace, or of all namespaces (`None`), or of a
    /// cluster-scoped kind whatever is given.
    pub(super) fn url(&self, namespace: Option<&str>) -> String {
        let namespace = namespace.filter(|_| self.namespaced);
        DynamicObject::url_path(&self.resource, namespace)
    }
}

/// The kinds met so far.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    /// By apiVersion and kind.
    met: Mutex<HashMap<(String, String), Kind>>,
    /// What was offered when somebody last asked for a kind without its group.
    served: tokio::sync::Mutex<Option<Arc<Vec<Served>>>>,
}

impl Kinds {
    /// The kind, from memory or the server.
    pub(super) async fn resolve(
        &self,
        gate: &Gate,
        api_version: &str,
        kind: &str,
    ) -> Result<Kind, ClusterError> {
        let key = (api_version.to_owned(), kind.to_owned());
        if let Some(found) = self.lock().get(&key) {
            return Ok(found.clone());
        }
        let served = self.serve(gate, api_version, kind).await?;
        let served = served.into_iter().map(|served| served.kind);
        let mut found = served.filter(|served| served.resource.kind == kind);
        found.next().ok_or_else(|| unknown(Some(api_version), kind))
    }

    /// The kind of a group version that a word means.
    pub(super) async fn of_version(
        &self,
        gate: &Gate,
        api_version: &str,
        word: &str,
    ) -> Result<Kind, ClusterError> {
        let key = (api_version.to_owned(), word.to_owned());
        if let Some(found) = self.lock().get(&key) {
            return Ok(found.clone());
        }
        let served = self.serve(gate, api_version, word).await?;
        let mut found = served.into_iter().filter(|served| served.is_called(word));
        let found = found.next().map(|served| served.kind);
        found.ok_or_else(|| unknown(Some(api_version), word))
    }

    /// The kind that a word means, whatever its group. Only what Kubernetes itself serves is taken
    /// from memory: of any other word a chart of this very run may have brought a second meaning,
    /// and which one is found must not depend on who asked first.
    pub(super) async fn of_any_group(&self, gate: &Gate, word: &str) -> Result<Kind, ClusterError> {
        let mut known = self.served.lock().await;
        if let Some(known) = &*known
            && let Some(found) = called::built_in(known, word)
        {
            return Ok(found.clone());
        }
        let served = Arc::new(discovery::offered(gate).await?);
        *known = Some(Arc::clone(&served));
        drop(known);
        let found = called::pick(&served, word)?;
        let found = found.cloned().ok_or_else(|| unknown(None, word))?;
        let key = (
            found.resource.api_version.clone(),
            found.resource.kind.clone(),
        );
        self.lock().insert(key, found.clone());
        Ok(found)
    }

    /// All kinds of a group version, which are known from then on; none is an error.
    async fn serve(
        &self,
        gate: &Gate,
        api_version: &str,
        word: &str,
    ) -> Result<Vec<Served>, ClusterError> {
        let served = serve(gate, api_version).await?;
        let served = served.ok_or_else(|| unknown(Some(api_version), word))?;
        let mut kinds = self.lock();
        for one in &served {
            let name = one.kind.resource.kind.clone();
            kinds.insert((api_version.to_owned(), name), one.kind.clone());
        }
        Ok(served)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), Kind>> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unknown(api_version: Option<&str>, kind: &str) -> ClusterError {
    ClusterError::UnknownKind {
        api_version: api_version.map(str::to_owned),
        kind: kind.to_owned(),
    }
}

/// The kinds of a group version; `None` if the server does not serve it.
pub(super) async fn serve(
    gate: &Gate,
    api_version: &str,
) -> Result<Option<Vec<Served>>, ClusterError> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let path = if group.is_empty() {
        format!("/api/{version}")
    } else {
        format!("/apis/{group}/{version}")
    };
    let request = http::Request::get(&path)
        .body(Vec::new())
        .map_err(kube::core::request::Error::BuildRequest);
    let list: APIResourceList = match gate.read(&format!("GET {path}"), request).await {
        Ok(list) => list,
        Err(ClusterError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let kinds = list
        .resources
        .into_iter()
        .filter(|resource| !resource.name.contains('/'));
    let kinds = kinds.map(|served| {
        let resource = ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: api_version.to_owned(),
            kind: served.kind,
            plural: served.name,
        };
        Served {
            kind: Kind {
                resource,
                namespaced: served.namespaced,
                listable: served.verbs.iter().any(|verb| verb == "list"),
            },
            singular: served.singular_name,
            short_names: served.short_names.unwrap_or_default(),
            stale: false,
        }
    });
    Ok(Some(kinds.collect()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::testing::{Answer, Script};

    #[tokio::test(start_paused = true)]
    async fn a_kind_is_asked_for_once_and_an_unknown_one_again() {
        let (gate, script) = Script::gate(|nth, call| match call.path.as_str() {
            "/apis/apps/v1" => Answer::json(&json!({ "groupVersion": "apps/v1", "resources": [
                { "name": "deployments", "singularName": "", "namespaced": true,
                  "kind": "Deployment", "verbs": ["get"] },
                { "name": "deployments/status", "singularName": "", "namespaced": true,
                  "kind": "Deployment", "verbs": ["get"] },
            ] })),
            "/apis/example.com/v1" if nth > 1 => {
                Answer::json(&json!({ "groupVersion": "example.com/v1", "resources": [
                    { "name": "widgets", "singularName": "", "namespaced": false,
                      "kind": "Widget", "verbs": ["get"] },
                ] }))
            }
            _ => Answer::status(404, "the server could not find the requested resource"),
        });
        let kinds = Kinds::default();
        let deployment = kinds.resolve(&gate, "apps/v1", "Deployment").await.unwrap();
        assert_eq!(
            deployment.url(Some("a")),
            "/apis/apps/v1/namespaces/a/deployments"
        );
        assert_eq!(deployment.url(None), "/apis/apps/v1/deployments");
        let unknown = kinds
            .resolve(&gate, "example.com/v1", "Widget")
            .await
            .unwrap_err();
        assert_eq!(
            unknown.to_string(),
            "the cluster knows no kind Widget in example.com/v1"
        );
        let widget = kinds
            .resolve(&gate, "example.com/v1", "Widget")
            .await
            .unwrap();
        assert_eq!(widget.url(Some("a")), "/apis/example.com/v1/widgets");
        kinds.resolve(&gate, "apps/v1", "Deployment").await.unwrap();
        assert_eq!(script.count(), 3);
        kinds.resolve(&gate, "apps/v1", "Widget").await.unwrap_err();
        assert_eq!(script.count(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_that_is_down_disturbs_only_itself() {
        let (gate, _script) = Script::gate(|_, call| match call.path.as_str() {
            "/api/v1" => Answer::json(&json!({ "groupVersion": "v1", "resources": [
                { "name": "pods", "singularName": "", "namespaced": true, "kind": "Pod",
                  "verbs": ["get"] },
            ] })),
            _ => Answer::status(503, "error trying to reach service"),
        });
        let kinds = Kinds::default();
        let down = kinds
            .resolve(&gate, "metrics.k8s.io/v1beta1", "PodMetrics")
            .await;
        assert!(
            matches!(down, Err(ClusterError::Server { code: 503, .. })),
            "{down:?}"
        );
        kinds.resolve(&gate, "v1", "Pod").await.unwrap();
    }
}
