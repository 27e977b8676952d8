//! Which kinds the server offers just now.
//!
//! Asked as Helm asks: by aggregated discovery, one answer for all groups. Servers without it
//! answer the same question with the names of their group versions, which are then asked one by
//! one. Nothing is kept: who asks wants to know what has just changed.

use std::collections::BTreeSet;

use kube::discovery::ApiResource;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Cluster, ClusterError,
    gate::Gate,
    kinds::{self, Kind, Served},
};

/// The newest form first; a server takes the first that it knows.
const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                      application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,\
                      application/json";

/// What a server says of its kinds.
enum Answer {
    /// Aggregated: all there is.
    Kinds(Vec<Served>),
    /// Without aggregation: the group versions (`apps/v1`).
    Versions(Vec<String>),
}

/// `APIGroupDiscoveryList`.
#[derive(Deserialize)]
struct Groups {
    #[serde(default)]
    items: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    metadata: Named,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Default, Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Version {
    #[serde(rename = "version")]
    name: String,
    #[serde(default)]
    resources: Vec<Resource>,
    #[serde(default)]
    freshness: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    #[serde(rename = "resource")]
    plural: String,
    #[serde(default)]
    response_kind: Option<ResponseKind>,
    #[serde(default)]
    scope: String,
    #[serde(default, rename = "singularResource")]
    singular: String,
    #[serde(default)]
    short_names: Vec<String>,
    #[serde(default)]
    verbs: Vec<String>,
}

#[derive(Deserialize)]
struct ResponseKind {
    kind: String,
}

impl Cluster {
    /// Of these kinds, each an `apiVersion` and a `kind`, those the server does not offer.
    pub async fn not_served(
        &self,
        wanted: &[(String, String)],
    ) -> Result<Vec<(String, String)>, ClusterError> {
        let kinds = match ask(self.gate(), "/apis").await? {
            Answer::Kinds(kinds) => kinds,
            Answer::Versions(versions) => {
                let asked = wanted.iter().map(|(api_version, _)| api_version);
                let asked: BTreeSet<_> = asked.filter(|it| versions.contains(it)).collect();
                one_by_one(self.gate(), asked).await?
            }
        };
        let is_offered = |(api_version, kind): &&(String, String)| {
            let offered = kinds.iter().filter(|it| !it.stale);
            let mut resources = offered.map(|it| &it.kind.resource);
            resources.any(|it| it.api_version == *api_version && it.kind == *kind)
        };
        let missing = wanted.iter().filter(|it| !is_offered(it));
        Ok(missing.cloned().collect())
    }

    /// What the server offers, as Helm's `.Capabilities.APIVersions` names it: `GROUP/VERSION` and
    /// `GROUP/VERSION/KIND`.
    pub async fn served(&self) -> Result<BTreeSet<String>, ClusterError> {
        let offered = offered(self.gate()).await?;
        let offered = offered.into_iter().filter(|served| !served.stale);
        let names = offered.map(|served| served.kind.resource);
        let names =
            names.flat_map(|it| [format!("{}/{}", it.api_version, it.kind), it.api_version]);
        Ok(names.collect())
    }
}

/// Every kind the server offers, in every version of it: groups in the server's order, versions by
/// preference. Stale ones are among them.
pub(super) async fn offered(gate: &Gate) -> Result<Vec<Served>, ClusterError> {
    let mut all = Vec::new();
    for path in ["/api", "/apis"] {
        all.extend(match ask(gate, path).await? {
            Answer::Kinds(kinds) => kinds,
            Answer::Versions(versions) => one_by_one(gate, &versions).await?,
        });
    }
    Ok(all)
}

async fn ask(gate: &Gate, path: &str) -> Result<Answer, ClusterError> {
    let operation = format!("GET {path}");
    let request = http::Request::get(path)
        .header(http::header::ACCEPT, ACCEPT)
        .body(Vec::new())
        .map_err(kube::core::request::Error::BuildRequest);
    let answer: Value = gate.read(&operation, request).await?;
    if answer["kind"] == "APIGroupDiscoveryList" {
        let groups = serde_json::from_value(answer);
        let groups: Groups = groups.map_err(|error| ClusterError::Unexpected {
            operation,
            message: error.to_string(),
        })?;
        return Ok(Answer::Kinds(aggregated(groups)));
    }
    // `APIVersions` at /api, `APIGroupList` at /apis.
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let core = answer["versions"].as_array().into_iter().flatten();
    let groups = answer["groups"].as_array().into_iter().flatten();
    let versions = groups.filter_map(|group| group["versions"].as_array());
    let versions = versions.flatten().map(|it| &it["groupVersion"]);
    Ok(Answer::Versions(
        core.chain(versions).filter_map(text).collect(),
    ))
}

fn aggregated(groups: Groups) -> Vec<Served> {
    let mut kinds = Vec::new();
    for group in groups.items {
        let name = group.metadata.name;
        for version in group.versions {
            let stale = version.freshness == "Stale";
            let api_version = match name.as_str() {
                "" => version.name.clone(),
                group => format!("{group}/{}", version.name),
            };
            for resource in version.resources {
                let Some(ResponseKind { kind }) = resource.response_kind else {
                    continue;
                };
                let served = ApiResource {
                    group: name.clone(),
                    version: version.name.clone(),
                    api_version: api_version.clone(),
                    kind,
                    plural: resource.plural,
                };
                kinds.push(Served {
                    kind: Kind {
                        resource: served,
                        namespaced: resource.scope == "Namespaced",
                        listable: resource.verbs.iter().any(|verb| verb == "list"),
                    },
                    singular: resource.singular,
                    short_names: resource.short_names,
                    stale,
                });
            }
        }
    }
    kinds
}

async fn one_by_one(
    gate: &Gate,
    versions: impl IntoIterator<Item = &String>,
) -> Result<Vec<Served>, ClusterError> {
    let mut kinds = Vec::new();
    for version in versions {
        // One that has gone meanwhile offers nothing.
        let served = kinds::serve(gate, version).await?;
        kinds.extend(served.into_iter().flatten());
    }
    Ok(kinds)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::testing::{Answer as Reply, Script};

    fn wanted(kinds: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(version, kind): &(&str, &str)| ((*version).to_owned(), (*kind).to_owned());
        kinds.iter().map(owned).collect()
    }

    fn group(name: &str, freshness: &str) -> Value {
        json!({ "metadata": { "name": name }, "versions": [{
            "version": "v1", "freshness": freshness,
            "resources": [{
                "resource": "widgets", "scope": "Namespaced", "verbs": ["get", "list"],
                "responseKind": { "group": name, "version": "v1", "kind": "Widget" },
            }],
        }] })
    }

    #[tokio::test(start_paused = true)]
    async fn one_question_tells_of_all_kinds_and_stale_ones_do_not_count() {
        let (cluster, script) = Script::cluster(|_, _| {
            Reply::json(&json!({
                "kind": "APIGroupDiscoveryList",
                "items": [group("example.com", "Current"), group("down.example.com", "Stale")],
            }))
        });
        let kinds = wanted(&[
            ("example.com/v1", "Widget"),
            ("example.com/v2", "Widget"),
            ("example.com/v1", "Gadget"),
            ("down.example.com/v1", "Widget"),
        ]);
        assert_eq!(cluster.not_served(&kinds).await.unwrap(), kinds[1..]);
        let calls = script.calls();
        assert_eq!((calls.len(), calls[0].path.as_str()), (1, "/apis"));
        let first = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        assert!(calls[0].accept.starts_with(first), "{}", calls[0].accept);
    }

    #[tokio::test(start_paused = true)]
    async fn servers_without_aggregation_are_asked_group_by_group() {
        let (cluster, script) = Script::cluster(|_, call| match call.path.as_str() {
            "/apis" => Reply::json(&json!({ "kind": "APIGroupList", "groups": [
                { "name": "apps", "versions": [{ "groupVersion": "apps/v1" }] },
                { "name": "example.com", "versions": [{ "groupVersion": "example.com/v1" }] },
            ] })),
            "/apis/example.com/v1" => {
                Reply::json(&json!({ "groupVersion": "example.com/v1", "resources": [
                    { "name": "widgets", "singularName": "", "namespaced": true,
                      "kind": "Widget", "verbs": ["get", "list"] },
                ] }))
            }
            _ => Reply::status(404, "no"),
        });
        let kinds = wanted(&[
            ("example.com/v1", "Widget"),
            ("example.com/v1", "Gadget"),
            ("example.com/v2", "Widget"),
        ]);
        assert_eq!(cluster.not_served(&kinds).await.unwrap(), kinds[1..]);
        let paths: Vec<_> = script.calls().into_iter().map(|call| call.path).collect();
        assert_eq!(paths, ["/apis", "/apis/example.com/v1"]);
    }
}
