//! The words people use for a kind: what `kubectl get` does with its first argument.
//!
//! Everything the server offers is asked for only when a stack file names a kind without its
//! `api_version`.

use super::{
    Cluster, ClusterError,
    kinds::{Kind, Served},
    ready::is_built_in,
};

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

/// The one of Kubernetes' own groups that a word means. They have an order: that of the server.
pub(super) fn built_in<'a>(all: &'a [Served], word: &str) -> Option<&'a Kind> {
    let mut own = all
        .iter()
        .filter(|served| !served.stale && is_built_in(&served.kind.resource.group));
    own.find(|served| served.is_called(word))
        .map(|served| &served.kind)
}

/// The one that a word means; `None` if nothing is called so. A group that cannot be reached just
/// now has its meaning all the same: it is none, but leaves no choice either.
pub(super) fn pick<'a>(all: &'a [Served], word: &str) -> Result<Option<&'a Kind>, ClusterError> {
    if let Some(kind) = built_in(all, word) {
        return Ok(Some(kind));
    }
    let called = || all.iter().filter(|served| served.is_called(word));
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
    let mut usable = called().filter(|served| !served.stale);
    Ok(usable.next().map(|served| &served.kind))
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
        for (word, expected) in [
            ("podmetrics", "metrics.k8s.io/v1beta1 PodMetrics"),
            ("gw", "a.io/v1 Gateway"),
        ] {
            let (other, _) = self::cluster();
            let found = other.resolve_kind(word, None).await.unwrap();
            assert_eq!(format!("{} {}", found.api_version, found.kind), expected);
        }
        for (word, api_version, expected) in [
            ("Pod", None, "v1 Pod"),
            ("pods", None, "v1 Pod"),
            ("po", None, "v1 Pod"),
            ("service", None, "v1 Service"),
            ("HPA", None, "autoscaling/v2 HorizontalPodAutoscaler"),
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
    async fn a_second_meaning_that_comes_later_is_not_missed() {
        let (cluster, script) = Script::cluster(|nth, call| {
            let gateways =
                |name| group(name, &[("v1", vec![resource("Gateway", "gateways", &[])])]);
            list(&match call.path.as_str() {
                "/apis" if nth < 3 => vec![gateways("a.io")],
                "/apis" => vec![gateways("a.io"), gateways("b.io")],
                _ => Vec::new(),
            })
        });
        let first = cluster.resolve_kind("gateway", None).await.unwrap();
        assert_eq!(first.api_version, "a.io/v1");
        // By now a chart has brought another one.
        let error = cluster.resolve_kind("gateway", None).await.unwrap_err();
        let said = "several groups have a kind gateway: a.io/v1, b.io/v1";
        assert_eq!(error.to_string(), said);
        assert_eq!(script.count(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_meaning_whose_server_is_down_is_not_forgotten() {
        let (cluster, _script) = Script::cluster(|_, call| {
            let versions = |kind, plural| vec![("v1", vec![resource(kind, plural, &[])])];
            let mut down = group("down.io", &versions("Gateway", "gateways"));
            down["versions"][0]["freshness"] = json!("Stale");
            let mut gone = group("gone.io", &versions("Widget", "widgets"));
            gone["versions"][0]["freshness"] = json!("Stale");
            list(&match call.path.as_str() {
                "/apis" => vec![group("a.io", &versions("Gateway", "gateways")), down, gone],
                _ => Vec::new(),
            })
        });
        let error = cluster.resolve_kind("gateway", None).await.unwrap_err();
        let said = "several groups have a kind gateway: a.io/v1, down.io/v1";
        assert_eq!(error.to_string(), said);
        let error = cluster.resolve_kind("widget", None).await.unwrap_err();
        assert_eq!(error.to_string(), "the cluster knows no kind widget");
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
}
