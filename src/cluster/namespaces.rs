//! Namespaces: made when missing, labelled as the stack says, and marked as ours then; deleted.

use std::collections::BTreeMap;

use kube::core::{
    Request,
    params::{DeleteParams, GetParams, Patch, PatchParams, PostParams, Preconditions},
};
use serde_json::{Map, Value, json};

use super::{
    Cluster, ClusterError,
    marks::{self, CREATED_BY, Owner},
    objects::absent_as_none,
};
use crate::name::Namespace;

const URL: &str = "/api/v1/namespaces";

/// What [`Cluster::ensure_namespace`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ensured {
    /// It was missing.
    Created,
    /// Labels or annotations were missing or different.
    Updated,
    /// Nothing to do.
    Unchanged,
    /// We may not look at it and nothing was asked of it, so it is taken to be there: who deploys
    /// into one namespace often may not read namespaces. If it is missing, Helm will say so.
    Assumed,
}

/// A namespace that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveNamespace {
    /// Who made it, if stackctl did, for a chart.
    pub created_by: Option<Owner>,
    /// It is being deleted; what holds it, in the server's words, if it says so.
    pub leaving: Option<String>,
    /// `metadata.uid`.
    pub uid: String,
}

/// What [`Cluster::ensure_namespace`] would find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is not there.
    Missing,
    /// It is being deleted.
    Leaving,
    /// Labels or annotations are missing or different.
    Different,
    /// It is there, and as it should be.
    Right,
    /// We may not look at it.
    Hidden,
}

impl Cluster {
    /// Looks at a namespace, and at whether it carries these labels and annotations.
    pub async fn namespace_standing(
        &self,
        namespace: &Namespace,
        labels: &BTreeMap<String, String>,
        annotations: &BTreeMap<String, String>,
    ) -> Result<Standing, ClusterError> {
        Ok(match self.namespace(namespace).await {
            Err(ClusterError::Forbidden { .. }) => Standing::Hidden,
            Err(error) => return Err(error),
            Ok(None) => Standing::Missing,
            Ok(Some(found)) if leaving(&found).is_some() => Standing::Leaving,
            Ok(Some(found)) => match difference(&found, labels, annotations) {
                Some(_) => Standing::Different,
                None => Standing::Right,
            },
        })
    }

    /// Makes sure the namespace exists and carries these labels and annotations. Others are left
    /// alone. One that has to be made is marked with its `creator`. A namespace that is being
    /// deleted is an error ([`ClusterError::Conflict`]).
    pub async fn ensure_namespace(
        &self,
        namespace: &Namespace,
        labels: &BTreeMap<String, String>,
        annotations: &BTreeMap<String, String>,
        creator: Option<&Owner>,
    ) -> Result<Ensured, ClusterError> {
        let found = match self.namespace(namespace).await {
            Ok(found) => found,
            Err(ClusterError::Forbidden { .. }) if labels.is_empty() && annotations.is_empty() => {
                return Ok(Ensured::Assumed);
            }
            Err(error) => return Err(error),
        };
        let found = if let Some(found) = found {
            found
        } else {
            let created = self.create_namespace(namespace, labels, annotations, creator);
            match created.await {
                Ok(()) => return Ok(Ensured::Created),
                // Someone else was faster.
                Err(ClusterError::Conflict { exists: true, .. }) => {
                    self.namespace(namespace).await?.unwrap_or_default()
                }
                Err(error) => return Err(error),
            }
        };
        if leaving(&found).is_some() {
            return Err(ClusterError::Conflict {
                message: format!(
                    "namespace {namespace} is being deleted: wait until it is gone, or find out \
                     what holds it with `kubectl get namespace {namespace} -o yaml`"
                ),
                exists: true,
            });
        }
        let Some(patch) = difference(&found, labels, annotations) else {
            return Ok(Ensured::Unchanged);
        };
        let operation = format!("PATCH Namespace/{namespace}");
        let request = Request::new(URL).patch(
            namespace.as_str(),
            &PatchParams::default(),
            &Patch::Merge(patch),
        );
        self.gate().idempotent::<Value>(&operation, request).await?;
        Ok(Ensured::Updated)
    }

    /// The namespace; `None` if it is not there.
    pub async fn live_namespace(
        &self,
        namespace: &Namespace,
    ) -> Result<Option<LiveNamespace>, ClusterError> {
        let found = self.namespace(namespace).await?;
        Ok(found.map(|found| LiveNamespace {
            created_by: marks::creator(&found),
            leaving: leaving(&found),
            uid: found["metadata"]["uid"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        }))
    }

    /// Deletes the namespace that has this uid, with all it holds; one that is gone already is no
    /// error. Does not wait for it to be gone.
    pub async fn delete_namespace(
        &self,
        namespace: &Namespace,
        uid: &str,
    ) -> Result<(), ClusterError> {
        let operation = format!("DELETE Namespace/{namespace}");
        let params = DeleteParams::background().preconditions(Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: None,
        });
        let request = Request::new(URL).delete(namespace.as_str(), &params);
        absent_as_none(self.gate().idempotent::<Value>(&operation, request).await)?;
        Ok(())
    }

    async fn namespace(&self, namespace: &Namespace) -> Result<Option<Value>, ClusterError> {
        let operation = format!("GET Namespace/{namespace}");
        let request = Request::new(URL).get(namespace.as_str(), &GetParams::default());
        absent_as_none(self.gate().read(&operation, request).await)
    }

    async fn create_namespace(
        &self,
        namespace: &Namespace,
        labels: &BTreeMap<String, String>,
        annotations: &BTreeMap<String, String>,
        creator: Option<&Owner>,
    ) -> Result<(), ClusterError> {
        let mut body = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": { "name": namespace, "labels": labels, "annotations": annotations },
        });
        if let Some(creator) = creator {
            body["metadata"]["annotations"][CREATED_BY] = Value::from(marks::written(creator));
        }
        let operation = format!("POST Namespace/{namespace}");
        let request =
            Request::new(URL).create(&PostParams::default(), body.to_string().into_bytes());
        self.gate().idempotent::<Value>(&operation, request).await?;
        Ok(())
    }
}

/// What holds a namespace that is being deleted: empty if nothing says so.
fn leaving(namespace: &Value) -> Option<String> {
    namespace["metadata"]["deletionTimestamp"].as_str()?;
    let conditions = namespace["status"]["conditions"].as_array();
    let holding = conditions
        .into_iter()
        .flatten()
        .filter(|it| it["status"] == "True");
    let words: Vec<&str> = holding.filter_map(|it| it["message"].as_str()).collect();
    Some(words.join("; "))
}

/// A merge patch with the labels and annotations that differ; `None` if none do.
fn difference(
    found: &Value,
    labels: &BTreeMap<String, String>,
    annotations: &BTreeMap<String, String>,
) -> Option<Value> {
    let mut metadata = Map::new();
    for (field, wanted) in [("labels", labels), ("annotations", annotations)] {
        let differing: Map<String, Value> = wanted
            .iter()
            .filter(|(key, value)| found["metadata"][field][key].as_str() != Some(value))
            .map(|(key, value)| (key.clone(), Value::from(value.as_str())))
            .collect();
        if !differing.is_empty() {
            metadata.insert(field.to_owned(), Value::Object(differing));
        }
    }
    (!metadata.is_empty()).then(|| json!({ "metadata": metadata }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cluster::testing::{Answer, Script},
        name::StackName,
    };

    fn labels() -> BTreeMap<String, String> {
        [("tier", "base"), ("pod-security", "baseline")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    fn namespace() -> Namespace {
        Namespace::new("apps").unwrap()
    }

    async fn ensure(cluster: &Cluster) -> Result<Ensured, ClusterError> {
        cluster
            .ensure_namespace(&namespace(), &labels(), &BTreeMap::new(), None)
            .await
    }

    #[tokio::test(start_paused = true)]
    async fn a_missing_one_is_made_with_its_labels() {
        let (cluster, script) = Script::cluster(|nth, _| match nth {
            0 => Answer::status(404, "no"),
            _ => Answer::json(&json!({})),
        });
        assert_eq!(ensure(&cluster).await, Ok(Ensured::Created));
        let posted = &script.calls()[1];
        assert_eq!(posted.method, "POST");
        assert_eq!(posted.body["metadata"]["labels"]["tier"], "base");
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_differs_is_patched_also_when_another_one_was_faster() {
        let (cluster, script) = Script::cluster(|nth, _| match nth {
            0 => Answer::status(404, "no"),
            1 => Answer::reason(409, "exists", "AlreadyExists"),
            2 => Answer::json(&json!({ "metadata": { "labels": { "tier": "base", "x": "y" } } })),
            _ => Answer::json(&json!({})),
        });
        assert_eq!(ensure(&cluster).await, Ok(Ensured::Updated));
        let patch = &script.calls()[3].body;
        assert_eq!(
            *patch,
            json!({ "metadata": { "labels": { "pod-security": "baseline" } } })
        );
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_right_costs_one_get() {
        let (cluster, script) =
            Script::cluster(|_, _| Answer::json(&json!({ "metadata": { "labels": labels() } })));
        assert_eq!(ensure(&cluster).await, Ok(Ensured::Unchanged));
        assert_eq!(script.count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_being_deleted_is_an_error() {
        let (cluster, _script) = Script::cluster(|_, _| {
            Answer::json(&json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } }))
        });
        let error = ensure(&cluster).await.unwrap_err().to_string();
        assert!(error.contains("namespace apps is being deleted"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn looking_says_what_ensuring_would_find() {
        let leaving = json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } });
        for (answer, expected) in [
            (Answer::status(404, "no"), Standing::Missing),
            (Answer::status(403, "no"), Standing::Hidden),
            (Answer::json(&leaving), Standing::Leaving),
            (Answer::json(&json!({})), Standing::Different),
            (
                Answer::json(&json!({ "metadata": { "labels": labels() } })),
                Standing::Right,
            ),
        ] {
            let answer = std::sync::Mutex::new(Some(answer));
            let (cluster, _script) =
                Script::cluster(move |_, _| answer.lock().unwrap().take().unwrap());
            let standing = cluster
                .namespace_standing(&namespace(), &labels(), &BTreeMap::new())
                .await;
            assert_eq!(standing, Ok(expected));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_may_not_look_is_stopped_only_if_something_is_to_be_set() {
        let (cluster, _script) = Script::cluster(|_, _| Answer::status(403, "no"));
        assert!(matches!(
            ensure(&cluster).await,
            Err(ClusterError::Forbidden { .. })
        ));
        let nothing = BTreeMap::new();
        let ensured = cluster
            .ensure_namespace(&namespace(), &nothing, &nothing, None)
            .await;
        assert_eq!(ensured, Ok(Ensured::Assumed));
    }

    #[tokio::test(start_paused = true)]
    async fn the_creator_is_noted_only_on_one_that_is_made() {
        let shop: Owner = (StackName::new("shop").unwrap(), None);
        let (cluster, script) = Script::cluster(|nth, call| match (nth, call.method.as_str()) {
            (0, _) => Answer::status(404, "no"),
            (1, _) => Answer::json(&call.body),
            _ => Answer::json(&json!({ "metadata": {
                "uid": "u1", "annotations": { "stackctl.io/created-by": "shop" },
            } })),
        });
        let (apps, nothing) = (namespace(), BTreeMap::new());
        for ensured in [Ensured::Created, Ensured::Unchanged] {
            let now = cluster.ensure_namespace(&apps, &nothing, &nothing, Some(&shop));
            assert_eq!(now.await, Ok(ensured));
        }
        let posted = &script.calls()[1].body["metadata"]["annotations"];
        assert_eq!(posted["stackctl.io/created-by"], "shop");
        let live = cluster.live_namespace(&apps).await.unwrap().unwrap();
        assert_eq!((live.created_by, live.leaving), (Some(shop), None));
        cluster.delete_namespace(&apps, &live.uid).await.unwrap();
        let deleted = script.calls().pop().unwrap();
        assert_eq!(
            (
                deleted.method.as_str(),
                &deleted.body["preconditions"]["uid"]
            ),
            ("DELETE", &json!("u1"))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_holds_one_that_is_being_deleted_is_told() {
        let (cluster, _script) = Script::cluster(|_, _| {
            Answer::json(&json!({
                "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" },
                "status": { "conditions": [
                    { "status": "False", "message": "all discovered" },
                    { "status": "True", "message": "widgets. has 1 resource instances" },
                ] },
            }))
        });
        let live = cluster.live_namespace(&namespace()).await.unwrap().unwrap();
        assert_eq!(
            live.leaving.as_deref(),
            Some("widgets. has 1 resource instances")
        );
    }
}
