//! Which kinds the cluster serves, by any word people use for them: what `kubectl get` does with
//! its first argument.
//!
//! Asked as aggregated discovery (two small requests for everything, Kubernetes 1.27 and later),
//! and only when a stack file names a kind without its `api_version`.

use kube::discovery::ApiResource;
use serde::Deserialize;

use super::{Cluster, ClusterError, Kind, gate::Gate, ready::is_built_in};

/// The aggregated form, in both of its versions.
const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                      application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";

/// A kind as the cluster serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedKind {
    /// `apps/v1`.
    pub api_version: String,
    /// `Deployment`.
    pub kind: String,
    /// `deployments`.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

/// A kind and its other names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Served {
    pub(super) kind: Kind,
    pub(super) singular: String,
    pub(super) short_names: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Groups {
    kind: String,
    items: Vec<Group>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Group {
    metadata: Metadata,
    versions: Vec<Version>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Version {
    version: String,
    resources: Vec<Resource>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Resource {
    resource: String,
    response_kind: ResponseKind,
    scope: String,
    singular_resource: String,
    short_names: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ResponseKind {
    kind: String,
}

impl Cluster {
    /// The kind that a word means: its name, plural, singular or a short name, in upper or lower
    /// case. Without `api_version` the group that has it, in its preferred version; Kubernetes'
    /// own groups come first, as in kubectl, other groups must not leave a choice.
    pub async fn resolve_kind(
        &self,
        word: &str,
        api_version: Option<&str>,
    ) -> Result<ServedKind, ClusterError> {
        let kinds = &self.0.kinds;
        let served = match api_version {
            Some(api_version) => kinds.of_version(self.gate(), api_version, word).await?,
            None => kinds.of_any_group(self.gate(), word).await?,
        };
        Ok(ServedKind {
            api_version: served.resource.api_version,
            kind: served.resource.kind,
            plural: served.resource.plural,
            namespaced: served.namespaced,
        })
    }
}

impl Served {
    /// Whether people call it so.
    pub(super) fn is_called(&self, word: &str) -> bool {
        let resource = &self.kind.resource;
        [&resource.kind, &resource.plural, &self.singular]
            .into_iter()
            .chain(&self.short_names)
            .any(|name| !name.is_empty() && name.eq_ignore_ascii_case(word))
    }
}

/// Everything the cluster serves: groups in its order, versions by preference.
pub(super) async fn everything(gate: &Gate) -> Result<Vec<Served>, ClusterError> {
    let mut all = Vec::new();
    for path in ["/api", "/apis"] {
        let request = http::Request::get(path)
            .header(http::header::ACCEPT, ACCEPT)
            .body(Vec::new())
            .map_err(kube::core::request::Error::BuildRequest);
        let operation = format!("GET {path}");
        let groups: Groups = gate.read(&operation, request).await?;
        if groups.kind != "APIGroupDiscoveryList" {
            return Err(ClusterError::Unexpected {
                operation,
                message: "it does not tell its kinds at once: say `api_version` in the stack file"
                    .to_owned(),
            });
        }
        all.extend(groups.items.into_iter().flat_map(Group::served));
    }
    Ok(all)
}

impl Group {
    fn served(self) -> impl Iterator<Item = Served> {
        let group = self.metadata.name;
        self.versions.into_iter().flat_map(move |version| {
            let api_version = if group.is_empty() {
                version.version.clone()
            } else {
                format!("{group}/{}", version.version)
            };
            let group = group.clone();
            version.resources.into_iter().map(move |served| Served {
                kind: Kind {
                    resource: ApiResource {
                        group: group.clone(),
                        version: version.version.clone(),
                        api_version: api_version.clone(),
                        kind: served.response_kind.kind,
                        plural: served.resource,
                    },
                    namespaced: served.scope == "Namespaced",
                },
                singular: served.singular_resource,
                short_names: served.short_names,
            })
        })
    }
}

/// The one that a word means; `None` if nothing is called so.
pub(super) fn pick<'a>(all: &'a [Served], word: &str) -> Result<Option<&'a Kind>, ClusterError> {
    let called = || all.iter().filter(|served| served.is_called(word));
    let built_in = called().find(|served| is_built_in(&served.kind.resource.group));
    if let Some(served) = built_in {
        return Ok(Some(&served.kind));
    }
    let Some(first) = called().next() else {
        return Ok(None);
    };
    let first = &first.kind.resource;
    if called().any(|served| served.kind.resource.group != first.group) {
        let mut served_as: Vec<String> = called()
            .map(|served| served.kind.resource.api_version.clone())
            .collect();
        served_as.dedup();
        return Err(ClusterError::AmbiguousKind {
            kind: word.to_owned(),
            served_as,
        });
    }
    Ok(called().next().map(|served| &served.kind))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cluster::testing::{Answer, Script};

    fn resource(kind: &str, plural: &str, short: &[&str]) -> Value {
        json!({
            "resource": plural, "responseKind": { "group": "", "version": "", "kind": kind },
            "scope": "Namespaced", "singularResource": kind.to_lowercase(), "shortNames": short,
            "verbs": ["get"],
        })
    }

    fn group(name: &str, versions: &[(&str, Vec<Value>)]) -> Value {
        let versions: Vec<Value> = versions
            .iter()
            .map(|(version, resources)| {
                json!({ "version": version, "resources": resources, "freshness": "Current" })
            })
            .collect();
        json!({ "metadata": { "name": name }, "versions": versions })
    }

    fn list(groups: &[Value]) -> Answer {
        Answer::json(&json!({ "kind": "APIGroupDiscoveryList", "items": groups }))
    }

    fn cluster() -> (Cluster, Script) {
        Script::cluster(|_, call| match call.path.as_str() {
            "/api" => list(&[group(
                "",
                &[(
                    "v1",
                    vec![
                        resource("Pod", "pods", &["po"]),
                        resource("Service", "services", &["svc"]),
                    ],
                )],
            )]),
            "/apis" => list(&[
                group(
                    "metrics.k8s.io",
                    &[("v1beta1", vec![resource("PodMetrics", "pods", &[])])],
                ),
                group(
                    "serving.knative.dev",
                    &[("v1", vec![resource("Service", "services", &["ksvc"])])],
                ),
                group(
                    "autoscaling",
                    &[
                        (
                            "v2",
                            vec![resource(
                                "HorizontalPodAutoscaler",
                                "horizontalpodautoscalers",
                                &["hpa"],
                            )],
                        ),
                        (
                            "v1",
                            vec![resource(
                                "HorizontalPodAutoscaler",
                                "horizontalpodautoscalers",
                                &["hpa"],
                            )],
                        ),
                    ],
                ),
                group(
                    "a.io",
                    &[("v1", vec![resource("Gateway", "gateways", &["gw"])])],
                ),
                group(
                    "b.io",
                    &[("v2", vec![resource("Gateway", "gateways", &[])])],
                ),
            ]),
            "/apis/serving.knative.dev/v1" => Answer::json(&json!({
                "groupVersion": "serving.knative.dev/v1", "resources": [
                    { "name": "services", "singularName": "service", "namespaced": true,
                      "kind": "Service", "verbs": ["get"], "shortNames": ["ksvc"] },
                ]
            })),
            _ => Answer::status(404, "no"),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn any_word_of_kubectl_finds_its_kind() {
        let (cluster, script) = cluster();
        for (word, api_version, expected) in [
            ("Pod", None, "v1 Pod"),
            ("pods", None, "v1 Pod"),
            ("po", None, "v1 Pod"),
            ("podmetrics", None, "metrics.k8s.io/v1beta1 PodMetrics"),
            ("service", None, "v1 Service"),
            ("HPA", None, "autoscaling/v2 HorizontalPodAutoscaler"),
            ("gw", None, "a.io/v1 Gateway"),
            (
                "ksvc",
                Some("serving.knative.dev/v1"),
                "serving.knative.dev/v1 Service",
            ),
            (
                "Service",
                Some("serving.knative.dev/v1"),
                "serving.knative.dev/v1 Service",
            ),
        ] {
            let found = cluster.resolve_kind(word, api_version).await.unwrap();
            assert_eq!(format!("{} {}", found.api_version, found.kind), expected);
        }
        // Once, whatever number of words; and what is found needs no look any more.
        let asked = |path: &str| {
            script
                .calls()
                .iter()
                .filter(|call| call.path == path)
                .count()
        };
        assert_eq!((asked("/api"), asked("/apis")), (1, 1));
        assert!(script.calls()[0].accept.contains("APIGroupDiscoveryList"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_clear_is_not_guessed_and_what_is_unknown_is_looked_for_again() {
        let (cluster, script) = cluster();
        let error = cluster.resolve_kind("Gateway", None).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "several groups have a kind Gateway: a.io/v1, b.io/v2"
        );
        for _ in 0..2 {
            let before = script.count();
            let error = cluster.resolve_kind("Widget", None).await.unwrap_err();
            assert_eq!(error.to_string(), "the cluster knows no kind Widget");
            assert_eq!(script.count(), before + 2);
        }
        let error = cluster.resolve_kind("Widget", Some("x.io/v1")).await;
        let error = error.unwrap_err().to_string();
        assert_eq!(error, "the cluster knows no kind Widget in x.io/v1");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_too_old_for_it_is_told() {
        let (cluster, _script) =
            Script::cluster(|_, _| Answer::json(&json!({ "kind": "APIVersions" })));
        let error = cluster.resolve_kind("Pod", None).await.unwrap_err();
        assert!(error.to_string().contains("`api_version`"), "{error}");
    }
}
