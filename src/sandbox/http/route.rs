//! From a path to what it asks for.

use form_urlencoded::parse as form;

/// What a path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// `/version`.
    Version,
    /// `/healthz`, `/livez`, `/readyz` and what is below them.
    Health,
    /// `/api`.
    Core,
    /// `/apis`.
    Groups,
    /// `/apis/GROUP`.
    Group(String),
    /// `/api/v1`, `/apis/GROUP/VERSION`.
    Resources { group: String, version: String },
    /// `/openapi/v2`.
    OpenApiV2,
    /// `/openapi/v3`.
    OpenApiV3,
    /// `/openapi/v3/FOLDER`.
    OpenApiDocument(String),
    /// Objects.
    Target(Target),
    /// No such path.
    Unknown,
}

/// Objects of a resource, or one of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Target {
    pub(super) group: String,
    pub(super) version: String,
    /// `None`: of all namespaces, or of the cluster.
    pub(super) namespace: Option<String>,
    pub(super) plural: String,
    pub(super) name: Option<String>,
    /// Empty for the object itself; may hold slashes.
    pub(super) subresource: String,
}

/// Reads a path, still percent-encoded.
pub(super) fn route(path: &str) -> Route {
    let parts: Vec<String> = path
        .split('/')
        .filter(|part| !part.is_empty())
        .map(decoded)
        .collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match &parts[..] {
        ["version"] => Route::Version,
        ["healthz" | "livez" | "readyz", ..] => Route::Health,
        ["openapi", "v2"] => Route::OpenApiV2,
        ["openapi", "v3"] => Route::OpenApiV3,
        ["openapi", "v3", folder @ ..] => Route::OpenApiDocument(folder.join("/")),
        ["api"] => Route::Core,
        ["apis"] => Route::Groups,
        ["api", version] => Route::Resources {
            group: String::new(),
            version: (*version).to_owned(),
        },
        ["apis", group] => Route::Group((*group).to_owned()),
        ["apis", group, version] => Route::Resources {
            group: (*group).to_owned(),
            version: (*version).to_owned(),
        },
        ["api", version, rest @ ..] => target("", version, rest),
        ["apis", group, version, rest @ ..] => target(group, version, rest),
        _ => Route::Unknown,
    }
}

/// Subresources of a namespace itself, which look like resources in it.
const OF_NAMESPACES: [&str; 2] = ["finalize", "status"];

fn target(group: &str, version: &str, rest: &[&str]) -> Route {
    let (namespace, rest) = match rest {
        ["namespaces", _] => (None, rest),
        ["namespaces", _, sub] if OF_NAMESPACES.contains(sub) => (None, rest),
        ["namespaces", namespace, rest @ ..] => (Some((*namespace).to_owned()), rest),
        _ => (None, rest),
    };
    let [plural, rest @ ..] = rest else {
        return Route::Unknown;
    };
    let (name, subresource) = match rest {
        [] => (None, String::new()),
        [name, sub @ ..] => (Some((*name).to_owned()), sub.join("/")),
    };
    Route::Target(Target {
        group: group.to_owned(),
        version: version.to_owned(),
        namespace,
        plural: (*plural).to_owned(),
        name,
        subresource,
    })
}

/// Percent-decoding. A path's `+` is no blank.
fn decoded(part: &str) -> String {
    let plus = part.replace('+', "%2B");
    form(plus.as_bytes())
        .map(|(name, _)| name.into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str) -> Target {
        match route(path) {
            Route::Target(target) => target,
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn objects_are_found_at_every_depth() {
        let one = found("/apis/apps/v1/namespaces/a/deployments/web/status");
        assert_eq!(one.namespace.as_deref(), Some("a"));
        assert_eq!(
            (&*one.plural, one.name.as_deref()),
            ("deployments", Some("web"))
        );
        assert_eq!(one.subresource, "status");
        let all = found("/api/v1/secrets");
        assert_eq!((all.namespace, all.name), (None, None));
        let namespace = found("/api/v1/namespaces/a");
        assert_eq!(
            (&*namespace.plural, namespace.name.as_deref()),
            ("namespaces", Some("a"))
        );
        let status = found("/api/v1/namespaces/a/status");
        assert_eq!(
            (&*status.plural, &*status.subresource),
            ("namespaces", "status")
        );
        let role = found("/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode");
        assert_eq!(role.name.as_deref(), Some("system:node"));
    }

    #[test]
    fn the_rest_has_names_of_its_own() {
        assert_eq!(route("/version/"), Route::Version);
        assert_eq!(route("/readyz/etcd"), Route::Health);
        assert_eq!(
            route("/openapi/v3/apis/apps/v1"),
            Route::OpenApiDocument("apis/apps/v1".to_owned())
        );
        assert_eq!(route("/apis/apps"), Route::Group("apps".to_owned()));
        assert_eq!(route("/nope"), Route::Unknown);
    }
}
