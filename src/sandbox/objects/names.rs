//! Which names, labels and annotations are allowed, refused in Kubernetes' words.

use serde_json::{Value, json};

use super::Place;
use crate::{
    name::{is_label, is_subdomain, is_wordy},
    sandbox::{kinds::Kind, refusal::Cause},
};

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric \
    characters, '-' or '.', and must start and end with an alphanumeric character (e.g. \
    'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters \
    or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', \
    regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SERVICE: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', \
    start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  \
    or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric \
    characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. \
    'MyValue',  or 'my_value',  or '12345', regex used for validation is \
    '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const QUALIFIED: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and \
    must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or \
    '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
/// All annotations of an object together, bytes.
const ANNOTATIONS: usize = 256 << 10;

/// Name, labels, annotations and finalizers of a new or changed object.
pub(super) fn check(place: &Place<'_>, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let metadata = &object["metadata"];
    let name = metadata["name"].as_str().unwrap_or_default();
    if name.is_empty() {
        let detail = "name or generateName is required";
        causes.push(Cause::required("metadata.name", detail));
    } else if let Some(wrong) = wrong_name(place.kind, name) {
        causes.push(Cause::invalid("metadata.name", &json!(name), &wrong));
    }
    causes.extend(labels("metadata.labels", &metadata["labels"]));
    let mut size = 0;
    for (key, value) in metadata["annotations"].as_object().into_iter().flatten() {
        size += key.len() + value.as_str().map_or(0, str::len);
        if let Some(wrong) = wrong_key(&key.to_lowercase()) {
            causes.push(Cause::invalid("metadata.annotations", &json!(key), &wrong));
        }
    }
    if size > ANNOTATIONS {
        let detail = format!("may not be more than {ANNOTATIONS} bytes");
        causes.push(Cause::too_long("metadata.annotations", &detail));
    }
    causes
}

/// Keys and values of labels, under the field.
pub(super) fn labels(field: &str, labels: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (key, value) in labels.as_object().into_iter().flatten() {
        if let Some(wrong) = wrong_key(key) {
            causes.push(Cause::invalid(field, &json!(key), &wrong));
        }
        let text = value.as_str().unwrap_or_default();
        if text.len() > 63 {
            causes.push(Cause::invalid(
                field,
                value,
                "must be no more than 63 bytes",
            ));
        } else if !text.is_empty() && !is_wordy(text) {
            causes.push(Cause::invalid(field, value, LABEL_VALUE));
        }
    }
    causes
}

fn wrong_name(kind: &Kind, name: &str) -> Option<String> {
    if kind.group == "rbac.authorization.k8s.io" {
        return path_segment(name);
    }
    let (longest, fits, wrong): (usize, fn(&str) -> bool, &str) = if kind.is("", "Namespace") {
        (63, is_label, LABEL)
    } else if kind.is("", "Service") {
        (
            63,
            |name| is_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase()),
            SERVICE,
        )
    } else {
        (253, is_subdomain, SUBDOMAIN)
    };
    if name.len() > longest {
        return Some(format!("must be no more than {longest} bytes"));
    }
    (!fits(name)).then(|| wrong.to_owned())
}

fn path_segment(name: &str) -> Option<String> {
    match name {
        "." | ".." => Some(format!("may not be '{name}'")),
        _ => ["/", "%"]
            .into_iter()
            .find(|part| name.contains(part))
            .map(|part| format!("may not contain '{part}'")),
    }
}

/// A qualified name: `[prefix/]name`.
fn wrong_key(key: &str) -> Option<String> {
    let (prefix, name) = key
        .split_once('/')
        .map_or((None, key), |(prefix, name)| (Some(prefix), name));
    if let Some(prefix) = prefix {
        if prefix.is_empty() {
            return Some("prefix part must be non-empty".to_owned());
        }
        if !is_subdomain(prefix) {
            return Some(format!("prefix part {SUBDOMAIN}"));
        }
    }
    if name.is_empty() {
        return Some("name part must be non-empty".to_owned());
    }
    if name.len() > 63 {
        return Some("name part must be no more than 63 bytes".to_owned());
    }
    (!is_wordy(name)).then(|| QUALIFIED.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_by_the_rules_of_their_kind() {
        for (good, bad) in [("a.b-c", "X_"), ("1", "a..b"), ("a", "-a")] {
            assert!(is_subdomain(good) && !is_subdomain(bad), "{good} {bad}");
        }
        assert!(is_label("a-1") && !is_label("a.b") && !is_label(""));
        assert_eq!(path_segment("system:node"), None);
        assert_eq!(path_segment("a/b"), Some("may not contain '/'".to_owned()));
    }

    #[test]
    fn labels_are_judged_by_key_and_value() {
        let good = json!({ "app.kubernetes.io/name": "x", "a": "", "b": "A_1.x" });
        assert!(labels("metadata.labels", &good).is_empty());
        for (key, value) in [
            ("a b", "x"),
            ("/a", "x"),
            ("a", "b!"),
            ("a", "-"),
            ("A/b", "x"),
        ] {
            let bad = json!({ key: value });
            assert_eq!(labels("metadata.labels", &bad).len(), 1, "{key}={value}");
        }
    }
}
