//! What there still is: objects of a CRD's kind, objects in a namespace. Asked before either is
//! deleted, since the server would delete them with it.

use futures::{StreamExt as _, stream};
use kube::{
    core::{
        Request,
        params::{GetParams, ListParams},
    },
    discovery::ApiResource,
};
use serde_json::Value;

use super::{
    Cluster, ClusterError, Kind, ObjectRef, crds,
    discovery::offered,
    kinds::Served,
    objects::{Detail, absent_as_none},
};
use crate::name::Namespace;

/// LISTs under way at once.
const AT_ONCE: usize = 8;

/// An object that is still there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remaining {
    /// The object.
    pub object: ObjectRef,
    /// It is being deleted.
    pub leaving: bool,
    /// Another object owns it, and takes it along.
    pub owned: bool,
}

/// What a namespace holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Objects, but for what Kubernetes itself keeps there; sorted.
    pub objects: Vec<Remaining>,
    /// What could not be looked at, and why. What is there of it is not known.
    pub unknown: Vec<String>,
}

impl Cluster {
    /// All objects of the kind that a CRD defines; none if the CRD is not there, or does not serve
    /// its kind.
    pub async fn instances(&self, crd: &str) -> Result<Vec<Remaining>, ClusterError> {
        let operation = format!("GET CustomResourceDefinition/{crd}");
        let request = Request::new(crds::URL).get(crd, &GetParams::default());
        let found = absent_as_none(self.gate().read::<Value>(&operation, request).await)?;
        let Some(kind) = found.as_ref().and_then(defined) else {
            return Ok(Vec::new());
        };
        self.remaining(&kind, None).await
    }

    /// What a namespace holds, of every kind the server offers.
    pub async fn contents(&self, namespace: &Namespace) -> Result<Contents, ClusterError> {
        let mut contents = Contents::default();
        let mut kinds: Vec<Kind> = Vec::new();
        let served = offered(self.gate()).await?;
        for Served { kind, .. } in served.into_iter().filter(|one| !one.stale) {
            let same = |it: &Kind| {
                it.resource.group == kind.resource.group
                    && it.resource.plural == kind.resource.plural
            };
            if kind.namespaced && kind.listable && !is_computed(&kind) && !kinds.iter().any(same) {
                kinds.push(kind);
            }
        }
        let lists = kinds.into_iter().map(|kind| async move {
            let listed = self.remaining(&kind, Some(namespace.as_str())).await;
            (kind, listed)
        });
        let mut listed = stream::iter(lists).buffered(AT_ONCE);
        while let Some((kind, result)) = listed.next().await {
            match result {
                Ok(found) => contents.objects.extend(found),
                // A CRD that was removed a moment ago.
                Err(ClusterError::NotFound { .. }) => {}
                Err(error) => {
                    let ApiResource { plural, group, .. } = &kind.resource;
                    let dot = if group.is_empty() { "" } else { "." };
                    contents
                        .unknown
                        .push(format!("{plural}{dot}{group}: {error}"));
                }
            }
        }
        contents.objects.retain(|it| !is_kept(&it.object));
        contents.objects.sort();
        Ok(contents)
    }

    async fn remaining(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
    ) -> Result<Vec<Remaining>, ClusterError> {
        let operation = format!("LIST {}", kind.resource.plural);
        let (url, params) = (kind.url(namespace), ListParams::default());
        let listing = self
            .pages(&operation, &url, params, Detail::Metadata)
            .await?;
        let remaining = |object: &Value| {
            let metadata = &object["metadata"];
            let owners = metadata["ownerReferences"].as_array();
            Remaining {
                object: ObjectRef {
                    api_version: kind.resource.api_version.clone(),
                    kind: kind.resource.kind.clone(),
                    namespace: metadata["namespace"].as_str().map(str::to_owned),
                    name: metadata["name"].as_str().unwrap_or_default().to_owned(),
                },
                leaving: !metadata["deletionTimestamp"].is_null(),
                owned: owners.is_some_and(|owners| !owners.is_empty()),
            }
        };
        Ok(listing.items.iter().map(remaining).collect())
    }
}

/// The kind a CRD serves: in the version its objects are stored in, if that one is served, since
/// reading another may need a conversion webhook that is gone. `None` if it serves none.
fn defined(crd: &Value) -> Option<Kind> {
    let (spec, status) = (&crd["spec"], &crd["status"]);
    let conditions = status["conditions"].as_array()?;
    let is_established = |it: &Value| it["type"] == "Established" && it["status"] == "True";
    conditions.iter().find(|it| is_established(it))?;
    let versions = spec["versions"].as_array()?;
    let mut served = versions.iter().filter(|it| it["served"] == true);
    let stored = served.clone().find(|it| it["storage"] == true);
    let version = stored.or_else(|| served.next())?["name"].as_str()?;
    let group = spec["group"].as_str()?;
    let text = |field: &str| spec["names"][field].as_str().map(str::to_owned);
    Some(Kind {
        resource: ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: format!("{group}/{version}"),
            kind: text("kind")?,
            plural: text("plural")?,
        },
        namespaced: spec["scope"] == "Namespaced",
        listable: true,
    })
}

/// Kinds that are computed from others when asked for.
fn is_computed(kind: &Kind) -> bool {
    kind.resource.group.ends_with("metrics.k8s.io")
}

/// What Kubernetes keeps in every namespace, or leaves behind by itself: it makes no namespace
/// less empty. So do Leases, the heartbeats of whoever was the leader there, but for those that
/// keep runs of stackctl apart.
fn is_kept(object: &ObjectRef) -> bool {
    match object.kind.as_str() {
        "Event" | "Endpoints" | "EndpointSlice" => true,
        "ConfigMap" => object.name == "kube-root-ca.crt",
        "ServiceAccount" => object.name == "default" && object.api_version == "v1",
        "Lease" => !object.name.starts_with("stackctl-"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::testing::{Answer, Script};

    fn crd(established: &str, versions: &Value) -> Value {
        json!({
            "spec": { "group": "example.com", "scope": "Namespaced", "versions": versions,
                      "names": { "kind": "Widget", "plural": "widgets" } },
            "status": { "conditions": [{ "type": "Established", "status": established }] },
        })
    }

    #[tokio::test(start_paused = true)]
    async fn objects_of_a_crd_are_listed_in_the_version_they_are_stored_in() {
        let versions = json!([
            { "name": "v2", "served": true, "storage": false },
            { "name": "v1", "served": true, "storage": true },
        ]);
        let (cluster, script) = Script::cluster(move |nth, _| match nth {
            0 => Answer::json(&crd("True", &versions)),
            _ => Answer::json(&json!({ "items": [
                { "metadata": { "name": "one", "namespace": "apps" } },
                { "metadata": { "name": "two", "namespace": "apps",
                                "deletionTimestamp": "2026-01-01T00:00:00Z" } },
            ] })),
        });
        let found = cluster.instances("widgets.example.com").await.unwrap();
        let seen = |it: &Remaining| (it.object.to_string(), it.leaving);
        let seen: Vec<_> = found.iter().map(seen).collect();
        assert_eq!(
            seen,
            [
                ("Widget/one".to_owned(), false),
                ("Widget/two".to_owned(), true)
            ]
        );
        let path = &script.calls()[1].path;
        assert!(path.starts_with("/apis/example.com/v1/widgets?"), "{path}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_crd_that_serves_nothing_has_no_objects() {
        let served = json!([{ "name": "v1", "served": true, "storage": true }]);
        let unserved = json!([{ "name": "v1", "served": false, "storage": true }]);
        for crd in [crd("False", &served), crd("True", &unserved), json!({})] {
            let (cluster, script) = Script::cluster(move |_, _| Answer::json(&crd));
            assert_eq!(
                cluster.instances("widgets.example.com").await,
                Ok(Vec::new())
            );
            assert_eq!(script.count(), 1);
        }
        let (cluster, _) = Script::cluster(|_, _| Answer::status(404, "no"));
        assert_eq!(
            cluster.instances("widgets.example.com").await,
            Ok(Vec::new())
        );
    }

    /// Discovery with kinds as `(group, kind, plural)`, all namespaced and listable.
    fn discovery(group: &str, kinds: &[(&str, &str)]) -> Value {
        let resource = |(kind, plural): &(&str, &str)| {
            json!({ "resource": plural, "scope": "Namespaced", "verbs": ["list"],
                    "responseKind": { "kind": kind } })
        };
        let resources: Vec<Value> = kinds.iter().map(resource).collect();
        json!({ "kind": "APIGroupDiscoveryList", "items": [{
            "metadata": { "name": group },
            "versions": [{ "version": "v1", "resources": resources }],
        }] })
    }

    fn list(objects: &[Value]) -> Answer {
        let items = objects
            .iter()
            .map(|metadata| json!({ "metadata": metadata }));
        Answer::json(&json!({ "items": items.collect::<Vec<_>>() }))
    }

    async fn contents(answer: fn(&str) -> Option<Answer>) -> Contents {
        let (cluster, _script) = Script::cluster(move |_, call| {
            let path = call.path.split('?').next().unwrap();
            match path {
                "/api" => Answer::json(&discovery(
                    "",
                    &[
                        ("ConfigMap", "configmaps"),
                        ("ServiceAccount", "serviceaccounts"),
                        ("Event", "events"),
                        ("Pod", "pods"),
                    ],
                )),
                "/apis" => Answer::json(&discovery(
                    "coordination.k8s.io",
                    &[("Lease", "leases"), ("PodMetrics", "odd")],
                )),
                path => answer(path).unwrap_or_else(|| list(&[])),
            }
        });
        let namespace = Namespace::new("apps").unwrap();
        cluster.contents(&namespace).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn what_kubernetes_keeps_in_a_namespace_does_not_count() {
        let contents = contents(|path| {
            let name = match path.rsplit('/').next()? {
                "configmaps" => "kube-root-ca.crt",
                "serviceaccounts" => "default",
                "events" => "web.1",
                "leases" => "controller-leader",
                _ => return None,
            };
            Some(list(&[json!({ "name": name })]))
        });
        assert_eq!(contents.await, Contents::default());
    }

    #[tokio::test(start_paused = true)]
    async fn everything_else_counts_and_so_does_what_cannot_be_seen() {
        let contents = contents(|path| {
            Some(match path.rsplit('/').next()? {
                "configmaps" => list(&[json!({ "name": "mine" })]),
                "serviceaccounts" => Answer::status(403, "not yours"),
                "leases" => list(&[json!({ "name": "stackctl-shop" })]),
                "pods" => list(&[json!({ "name": "p", "ownerReferences": [{}] })]),
                "odd" => Answer::status(404, "gone meanwhile"),
                _ => return None,
            })
        });
        let contents = contents.await;
        let names = contents
            .objects
            .iter()
            .map(|it| (it.object.to_string(), it.owned));
        let expected = [
            ("Lease/stackctl-shop", false),
            ("ConfigMap/mine", false),
            ("Pod/p", true),
        ];
        assert!(
            names.eq(expected.map(|(name, owned)| (name.to_owned(), owned))),
            "{contents:?}"
        );
        assert_eq!(
            contents.unknown,
            ["serviceaccounts: not allowed: not yours"]
        );
    }
}
