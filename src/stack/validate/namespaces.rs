//! `[namespaces]`: what namespaces get that are made for charts.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    known::Known,
    names::{self, Identity},
    pairs,
};
use crate::{
    name::{Namespace, is_subdomain, is_wordy},
    stack::{
        findings::{Finding, Findings},
        layers::origin::Text,
        model::NamespaceSpec,
        raw::{RawNamespace, RawStack},
    },
};

/// The namespaces that the file says something about.
pub(super) fn read(
    raw: &RawStack<'_>,
    identities: &[Option<Identity>],
    known: &Known<'_>,
    f: &mut Findings,
) -> BTreeMap<Namespace, NamespaceSpec> {
    let used = identities.iter().flatten();
    let used: BTreeSet<&str> = used.map(|it| it.release.namespace.as_str()).collect();
    let all_known = identities.iter().all(Option::is_some);
    let mut namespaces = BTreeMap::new();
    for one in &raw.namespaces {
        let spec = NamespaceSpec {
            labels: pairs(&one.labels, known, f),
            annotations: pairs(&one.annotations, known, f),
        };
        check(one, &spec, f);
        let Some(name) = names::namespace(one.name, known, f) else {
            continue;
        };
        // One of a chart that is switched off may be meant.
        if all_known && !used.contains(name.as_str()) {
            f.add(
                Finding::warning(format!("no chart is in namespace `{name}`"))
                    .at(one.name.origin, "it is not made, and gets none of this")
                    .suggest(name.as_str(), used.iter().copied()),
            );
        }
        namespaces.insert(name, spec);
    }
    namespaces
}

/// The server would refuse them when the namespace is made, with charts at work.
fn check(one: &RawNamespace<'_>, spec: &NamespaceSpec, f: &mut Findings) {
    let labels = one.labels.iter().map(|(key, _)| (key, is_key(key.value)));
    // The case of annotations does not matter to the server.
    let annotations = one.annotations.iter();
    let annotations = annotations.map(|(key, _)| (key, is_key(&key.value.to_lowercase())));
    for (key, is_key) in labels.chain(annotations) {
        if !is_key {
            f.add(
                not_one(*key, "key of a label or annotation")
                    .help("a DNS name and `/` may come before it: `app.example.com/tier`"),
            );
        }
    }
    for (key, said) in &one.labels {
        let value = spec.labels.get(key.value);
        if value.is_some_and(|value| !value.is_empty() && !is_name(value)) {
            f.add(not_one(*said, "value of a label"));
        }
    }
}

fn not_one(text: Text<'_>, what: &str) -> Finding {
    Finding::error(format!("`{}` is no {what}", text.value)).at(
        text.origin,
        "up to 63 letters, digits, `-`, `_` and `.`, a letter or digit at both ends",
    )
}

/// `PREFIX/NAME`, or `NAME` (Kubernetes' `IsQualifiedName`).
fn is_key(text: &str) -> bool {
    let (prefix, name) = match text.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    let is_prefix = |prefix: &str| prefix.len() <= 253 && is_subdomain(prefix);
    is_name(name) && prefix.is_none_or(is_prefix)
}

fn is_name(text: &str) -> bool {
    text.len() <= 63 && is_wordy(text)
}
