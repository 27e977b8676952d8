//! Is the server there, and may we do this.

use kube::core::{Request, params::PostParams};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Cluster, ClusterError, gate::Effect};

/// Version of the API server (`GET /version`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerVersion {
    /// `1`.
    pub major: u32,
    /// `37`.
    pub minor: u32,
    /// `v1.37.2`, with what a provider appends (`v1.33.5-eks-…`).
    pub git: String,
}

/// One question to the server's authorizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access<'a> {
    /// `create`, `list`, …
    pub verb: &'a str,
    /// API group, empty for core.
    pub group: &'a str,
    /// Plural resource (`secrets`), with its subresource (`services/proxy`) if it is about one.
    pub resource: &'a str,
    /// `None` asks for all namespaces (or a cluster-scoped resource).
    pub namespace: Option<&'a str>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawVersion {
    major: String,
    minor: String,
    git_version: String,
}

impl Cluster {
    /// Asks the server for its version: the cheapest proof that it is there.
    pub async fn version(&self) -> Result<ServerVersion, ClusterError> {
        let operation = "GET /version";
        let request = http::Request::get("/version")
            .body(Vec::new())
            .map_err(kube::core::request::Error::BuildRequest);
        let raw: RawVersion = self.gate().read(operation, request).await?;
        let parsed = number(&raw.major).zip(number(&raw.minor));
        let Some((major, minor)) = parsed else {
            return Err(ClusterError::Unexpected {
                operation: operation.to_owned(),
                message: format!("version {}.{}", raw.major, raw.minor),
            });
        };
        Ok(ServerVersion {
            major,
            minor,
            git: raw.git_version,
        })
    }

    /// Whether we may do this (`SelfSubjectAccessReview`).
    pub async fn can(&self, access: Access<'_>) -> Result<bool, ClusterError> {
        let (resource, subresource) = access
            .resource
            .split_once('/')
            .unwrap_or((access.resource, ""));
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": { "resourceAttributes": {
                "verb": access.verb,
                "group": access.group,
                "resource": resource,
                "subresource": subresource,
                "namespace": access.namespace.unwrap_or_default(),
            } },
        });
        let url = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let request =
            || Request::new(url).create(&PostParams::default(), review.to_string().into_bytes());
        let operation = "POST selfsubjectaccessreviews";
        // A question that happens to be a POST: asking twice changes nothing.
        let answer: Value = self
            .gate()
            .attempts(operation, Effect::Read, |client| {
                let request = request().map_err(kube::Error::BuildRequest);
                async move { client.request(request?).await }
            })
            .await?;
        Ok(answer["status"]["allowed"].as_bool().unwrap_or(false))
    }
}

/// Providers append a `+` to the minor version.
fn number(text: &str) -> Option<u32> {
    text.trim_end_matches(|c: char| !c.is_ascii_digit())
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::{Answer, Script};

    #[tokio::test(start_paused = true)]
    async fn the_version_is_read_as_providers_write_it() {
        let (cluster, _script) = Script::cluster(|_, _| {
            Answer::json(&json!({ "major": "1", "minor": "33+", "gitVersion": "v1.33.5-eks-1" }))
        });
        let version = cluster.version().await.unwrap();
        assert_eq!((version.major, version.minor), (1, 33));
        assert_eq!(version.git, "v1.33.5-eks-1");
    }

    #[tokio::test(start_paused = true)]
    async fn a_right_is_asked_for_as_the_server_spells_it() {
        let (cluster, script) = Script::cluster(|nth, _| match nth {
            0 => Answer::status(503, "not yet"),
            _ => Answer::json(&json!({ "status": { "allowed": true } })),
        });
        let access = Access {
            verb: "get",
            group: "",
            resource: "services/proxy",
            namespace: Some("a"),
        };
        assert!(cluster.can(access).await.unwrap());
        let asked = &script.calls()[1].body["spec"]["resourceAttributes"];
        assert_eq!(asked["resource"], "services");
        assert_eq!(asked["subresource"], "proxy");
        assert_eq!(asked["namespace"], "a");
    }
}
