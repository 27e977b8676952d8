//! What the server says it serves: the aggregated documents, which clients of today ask for, and
//! the older ones, document by document.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Kind;

/// Of resources that are kept.
const VERBS: [&str; 8] = [
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];

/// Versions of a group, each with its kinds.
type Versions<'a> = Vec<(&'a str, Vec<&'a Kind>)>;

/// Groups and versions, the core group's left out unless asked for, each with its kinds.
fn groups(kinds: &[Arc<Kind>], core: bool) -> Vec<(&str, Versions<'_>)> {
    let mut groups: Vec<(&str, Versions<'_>)> = Vec::new();
    for kind in kinds.iter().filter(|kind| kind.group.is_empty() == core) {
        let at = groups.iter().position(|(name, _)| *name == kind.group);
        let at = at.unwrap_or_else(|| {
            groups.push((&kind.group, Vec::new()));
            groups.len() - 1
        });
        let versions = &mut groups[at].1;
        match versions.iter_mut().find(|(name, _)| *name == kind.version) {
            Some((_, kinds)) => kinds.push(kind),
            None => versions.push((&kind.version, vec![kind])),
        }
    }
    for (_, versions) in &mut groups {
        versions.sort_by_key(|(name, _)| std::cmp::Reverse(priority(name)));
    }
    groups
}

/// Kubernetes' order of versions, the most stable and newest last: `v1alpha1`, `v1beta1`, `v1`,
/// `v2`. Others come before.
fn priority(version: &str) -> (u8, u32, u32) {
    let parse = || {
        let rest = version.strip_prefix('v')?;
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let major = rest[..digits].parse().ok()?;
        let (level, minor) = match &rest[digits..] {
            "" => (3, ""),
            tail if tail.starts_with("beta") => (2, &tail[4..]),
            tail if tail.starts_with("alpha") => (1, &tail[5..]),
            _ => return None,
        };
        Some((level, major, minor.parse().unwrap_or(0)))
    };
    parse().unwrap_or((0, 0, 0))
}

/// `APIGroupDiscoveryList` of `/api` (the core group) or `/apis` (the others).
pub(in crate::sandbox) fn aggregated(kinds: &[Arc<Kind>], core: bool) -> Value {
    let items = groups(kinds, core).into_iter().map(|(group, versions)| {
        let versions = versions.into_iter().map(|(version, kinds)| {
            json!({
                "version": version,
                "resources": kinds.into_iter().map(aggregated_resource).collect::<Value>(),
                "freshness": "Current",
            })
        });
        let metadata = if group.is_empty() {
            json!({})
        } else {
            json!({ "name": group })
        };
        json!({ "metadata": metadata, "versions": versions.collect::<Value>() })
    });
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items.collect::<Value>(),
    })
}

fn aggregated_resource(kind: &Kind) -> Value {
    let mut resource = json!({
        "resource": kind.plural,
        "responseKind": { "group": kind.group, "version": kind.version, "kind": kind.kind },
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": kind.singular,
        "verbs": verbs(kind),
    });
    if !kind.short_names.is_empty() {
        resource["shortNames"] = json!(kind.short_names);
    }
    if !kind.categories.is_empty() {
        resource["categories"] = json!(kind.categories);
    }
    let subresources: Value = subresources(kind)
        .into_iter()
        .map(|(name, (group, version, kind), verbs)| {
            json!({
                "subresource": name,
                "responseKind": { "group": group, "version": version, "kind": kind },
                "verbs": verbs,
            })
        })
        .collect();
    if subresources.as_array().is_some_and(|all| !all.is_empty()) {
        resource["subresources"] = subresources;
    }
    resource
}

fn verbs(kind: &Kind) -> &'static [&'static str] {
    if kind.review { &["create"] } else { &VERBS }
}

type Subresource<'a> = (
    &'a str,
    (&'a str, &'a str, &'a str),
    &'static [&'static str],
);

fn subresources(kind: &Kind) -> Vec<Subresource<'_>> {
    let own = (&*kind.group, &*kind.version, &*kind.kind);
    let mut all: Vec<Subresource<'_>> = Vec::new();
    for &other in &kind.others {
        let verbs: &[&str] = if other == "log" {
            &["get"]
        } else {
            &["update"]
        };
        all.push((other, own, verbs));
    }
    if kind.scale.is_some() {
        let scale = ("autoscaling", "v1", "Scale");
        all.push(("scale", scale, &["get", "patch", "update"]));
    }
    if kind.status {
        all.push(("status", own, &["get", "patch", "update"]));
    }
    all
}

/// `/apis`, for clients that do not know the aggregated form.
pub(in crate::sandbox) fn group_list(kinds: &[Arc<Kind>]) -> Value {
    let groups = groups(kinds, false);
    let groups = groups
        .iter()
        .map(|(name, versions)| group_of(name, versions));
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups.collect::<Value>() })
}

/// `/apis/GROUP`.
pub(in crate::sandbox) fn group(kinds: &[Arc<Kind>], name: &str) -> Option<Value> {
    let groups = groups(kinds, false);
    let (name, versions) = groups.iter().find(|(group, _)| *group == name)?;
    let mut group = group_of(name, versions);
    group["kind"] = "APIGroup".into();
    group["apiVersion"] = "v1".into();
    Some(group)
}

fn group_of(name: &str, versions: &[(&str, Vec<&Kind>)]) -> Value {
    let one =
        |version: &str| json!({ "groupVersion": format!("{name}/{version}"), "version": version });
    let all: Vec<Value> = versions.iter().map(|(version, _)| one(version)).collect();
    json!({ "name": name, "preferredVersion": all.first(), "versions": all })
}

/// `/api/v1` and `/apis/GROUP/VERSION`.
pub(in crate::sandbox) fn resource_list(
    kinds: &[Arc<Kind>],
    group: &str,
    version: &str,
) -> Option<Value> {
    let of_version = |kind: &&Arc<Kind>| kind.group == group && kind.version == version;
    let mut resources = Vec::new();
    let mut api_version = None;
    for kind in kinds.iter().filter(of_version) {
        api_version = Some(kind.api_version());
        let mut resource = json!({
            "name": kind.plural,
            "singularName": kind.singular,
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": verbs(kind),
        });
        if !kind.short_names.is_empty() {
            resource["shortNames"] = json!(kind.short_names);
        }
        if !kind.categories.is_empty() {
            resource["categories"] = json!(kind.categories);
        }
        resources.push(resource);
        for (name, (of_group, of_version, of_kind), verbs) in subresources(kind) {
            let mut resource = json!({
                "name": format!("{}/{name}", kind.plural),
                "singularName": "",
                "namespaced": kind.namespaced,
                "kind": of_kind,
                "verbs": verbs,
            });
            if of_group != kind.group {
                resource["group"] = of_group.into();
                resource["version"] = of_version.into();
            }
            resources.push(resource);
        }
    }
    Some(json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": api_version?,
        "resources": resources,
    }))
}

/// `/api`, for clients that do not know the aggregated form.
pub(in crate::sandbox) fn core_versions(address: &str) -> Value {
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{ "clientCIDR": "0.0.0.0/0", "serverAddress": address }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::kinds::Kinds;

    #[test]
    fn versions_are_ordered_as_kubernetes_orders_them() {
        let mut versions = ["v1", "foo1", "v2beta1", "v10", "v2", "v1alpha2", "v3beta1"];
        versions.sort_by_key(|name| std::cmp::Reverse(priority(name)));
        assert_eq!(
            versions,
            ["v10", "v2", "v1", "v3beta1", "v2beta1", "v1alpha2", "foo1"]
        );
    }

    #[test]
    fn both_forms_say_the_same() {
        let kinds = Kinds::new(&[]);
        let kinds = kinds.all();
        let all = aggregated(&kinds, false);
        let apps = all["items"].as_array().unwrap();
        let apps = apps
            .iter()
            .find(|item| item["metadata"]["name"] == "apps")
            .unwrap();
        let names: Vec<&Value> = apps["versions"][0]["resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|resource| &resource["resource"])
            .collect();
        let older = resource_list(&kinds, "apps", "v1").unwrap();
        let older: Vec<&Value> = older["resources"]
            .as_array()
            .unwrap()
            .iter()
            .map(|resource| &resource["name"])
            .filter(|name| !name.as_str().unwrap().contains('/'))
            .collect();
        assert_eq!(names, older);
        assert_eq!(
            group(&kinds, "apps").unwrap()["preferredVersion"]["groupVersion"],
            "apps/v1"
        );
        assert!(group(&kinds, "nope").is_none());
        assert!(resource_list(&kinds, "apps", "v2").is_none());
    }
}
