//! Is the server there, and may we do this.

use kube::core::{Request, params::PostParams};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Cluster, ClusterError, gate::Effect};
use crate::name::Namespace;

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
    /// `None` asks for all namespaces (or a cluster-scoped resource). A namespace itself is in
    /// itself, once it has a name: only its creation is outside.
    pub namespace: Option<&'a str>,
    /// `None` asks for objects of any name.
    pub name: Option<&'a str>,
}

/// What we may do in one namespace, as far as the server's authorizers can list it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
struct Rules {
    #[serde(default, rename = "resourceRules")]
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    #[serde(default)]
    verbs: Vec<String>,
    #[serde(default)]
    api_groups: Vec<String>,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    resource_names: Vec<String>,
}

impl Rules {
    /// Whether a rule says yes. No rule says no: not every authorizer can list what it allows
    /// (webhooks, as those of managed clusters, cannot).
    fn allow(&self, access: &Access<'_>) -> bool {
        self.rules.iter().any(|rule| rule.allows(access))
    }
}

impl Rule {
    fn allows(&self, access: &Access<'_>) -> bool {
        let holds = |list: &[String], wanted: &str| {
            let mut list = list.iter();
            list.any(|one| one == "*" || one == wanted)
        };
        let named = self.resource_names.is_empty()
            || access.name.is_some_and(|name| {
                let mut names = self.resource_names.iter();
                names.any(|one| one == name)
            });
        named
            && holds(&self.verbs, access.verb)
            && holds(&self.api_groups, access.group)
            && holds(&self.resources, access.resource)
    }
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

    /// Which of these we may not do, in their order. Everything that is about one namespace costs
    /// one request, as long as the server can list what is allowed there; only what is not listed
    /// is asked for one by one.
    pub async fn denied<'a>(
        &self,
        namespace: &Namespace,
        wanted: impl IntoIterator<Item = Access<'a>>,
    ) -> Result<Vec<Access<'a>>, ClusterError> {
        let rules = self.rules(namespace).await?;
        let mut denied = Vec::new();
        for access in wanted {
            if !rules.allow(&access) && !self.can(access).await? {
                denied.push(access);
            }
        }
        Ok(denied)
    }

    /// What we may do in a namespace (`SelfSubjectRulesReview`). Who may not even ask that knows
    /// nothing.
    async fn rules(&self, namespace: &Namespace) -> Result<Rules, ClusterError> {
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": { "namespace": namespace },
        });
        match self.review("selfsubjectrulesreviews", &review).await {
            Ok(mut answer) => {
                let status = answer["status"].take();
                Ok(serde_json::from_value(status).unwrap_or_default())
            }
            Err(ClusterError::Forbidden { .. } | ClusterError::NotFound { .. }) => {
                Ok(Rules::default())
            }
            Err(error) => Err(error),
        }
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
                "name": access.name.unwrap_or_default(),
            } },
        });
        let answer = self.review("selfsubjectaccessreviews", &review).await?;
        Ok(answer["status"]["allowed"].as_bool().unwrap_or(false))
    }

    async fn review(&self, resource: &str, review: &Value) -> Result<Value, ClusterError> {
        let url = format!("/apis/authorization.k8s.io/v1/{resource}");
        let request = || {
            let body = review.to_string().into_bytes();
            Request::new(&url).create(&PostParams::default(), body)
        };
        // A question that happens to be a POST: asking twice changes nothing.
        let operation = format!("POST {resource}");
        self.gate()
            .attempts(&operation, Effect::Read, |client| {
                let request = request().map_err(kube::Error::BuildRequest);
                async move { client.request(request?).await }
            })
            .await
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
            name: None,
        };
        assert!(cluster.can(access).await.unwrap());
        let asked = &script.calls()[1].body["spec"]["resourceAttributes"];
        assert_eq!(asked["resource"], "services");
        assert_eq!(asked["subresource"], "proxy");
        assert_eq!(asked["namespace"], "a");
    }

    const SECRETS: Access<'static> = Access {
        verb: "list",
        group: "",
        resource: "secrets",
        namespace: Some("a"),
        name: None,
    };
    const LEASE: Access<'static> = Access {
        verb: "get",
        group: "coordination.k8s.io",
        resource: "leases",
        namespace: Some("a"),
        name: Some("stackctl-x"),
    };

    #[tokio::test(start_paused = true)]
    async fn what_the_rules_say_is_not_asked_for_again() {
        let (cluster, script) = Script::cluster(|_, _| {
            Answer::json(&json!({ "status": { "incomplete": false, "resourceRules": [
                { "verbs": ["*"], "apiGroups": [""], "resources": ["*"] },
                { "verbs": ["get", "list"], "apiGroups": ["coordination.k8s.io"],
                  "resources": ["leases"], "resourceNames": ["stackctl-x"] },
            ] } }))
        });
        let namespace = Namespace::new("a").unwrap();
        let denied = cluster.denied(&namespace, [SECRETS, LEASE]).await;
        assert_eq!(denied, Ok(Vec::new()));
        assert_eq!(script.count(), 1);
        assert_eq!(script.calls()[0].body["spec"]["namespace"], "a");
    }

    #[tokio::test(start_paused = true)]
    async fn what_no_rule_says_is_asked_for_by_itself() {
        for listed in [
            // Another name, any name at all, another group, nothing that can be read.
            json!({ "status": { "resourceRules": [{ "verbs": ["get"],
                "apiGroups": ["coordination.k8s.io"], "resources": ["leases"],
                "resourceNames": ["stackctl-y"] }] } }),
            json!({ "status": { "resourceRules": [{ "verbs": ["list"], "apiGroups": [""],
                "resources": ["secrets"], "resourceNames": ["one"] }] } }),
            json!({ "status": { "resourceRules": [{ "verbs": ["*"], "apiGroups": ["apps"],
                "resources": ["*"] }] } }),
            json!({ "status": { "incomplete": true, "resourceRules": null } }),
        ] {
            let (cluster, script) = Script::cluster(move |_, call| {
                if call.path.contains("rules") {
                    return Answer::json(&listed);
                }
                let asked = &call.body["spec"]["resourceAttributes"];
                let allowed = asked["name"] == "stackctl-x";
                Answer::json(&json!({ "status": { "allowed": allowed } }))
            });
            let namespace = Namespace::new("a").unwrap();
            let denied = cluster.denied(&namespace, [SECRETS, LEASE]).await;
            assert_eq!(denied, Ok(vec![SECRETS]));
            assert_eq!(script.count(), 3);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_may_not_list_the_rules_may_still_do_it() {
        let (cluster, _script) = Script::cluster(|nth, _| match nth {
            0 => Answer::status(403, "no"),
            _ => Answer::json(&json!({ "status": { "allowed": true } })),
        });
        let namespace = Namespace::new("a").unwrap();
        let denied = cluster.denied(&namespace, [SECRETS]).await;
        assert_eq!(denied, Ok(Vec::new()));
    }
}
