//! Pods from templates: which template a pod comes from, and what a pod says about itself.

use serde_json::{Map, Value, json};

use super::{
    conditions::{is_true, since},
    text,
    world::{NODE, going, reference_to, seconds_since},
};

/// Tells the ReplicaSets of a Deployment apart.
pub(super) const TEMPLATE_HASH: &str = "pod-template-hash";

/// Tells the revisions of a StatefulSet's or DaemonSet's pods apart.
pub(super) const REVISION_HASH: &str = "controller-revision-hash";

/// Letters of generated names: those of Kubernetes, which form no words.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A short name for the template, the same for the same template.
pub(super) fn hash(template: &Value) -> String {
    // FNV-1a: not for secrets, only for names that stay the same.
    let bytes = template.to_string().into_bytes();
    let mut hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let letters = LETTERS.len() as u64;
    let mut name = String::new();
    for _ in 0..10 {
        let letter = usize::try_from(hash % letters).unwrap_or_default();
        name.push(char::from(LETTERS[letter]));
        hash /= letters;
    }
    name
}

/// The template without the label that a controller put there.
pub(super) fn without_label(template: &Value, label: &str) -> Value {
    let mut template = template.clone();
    let labels = template.pointer_mut("/metadata/labels");
    if let Some(labels) = labels.and_then(Value::as_object_mut) {
        labels.remove(label);
    }
    template
}

/// A pod of the owner, on the node; without a name.
pub(super) fn pod(owner: &Value, template: &Value) -> Value {
    let mut spec = template["spec"].clone();
    spec["nodeName"] = NODE.into();
    let mut metadata = Map::new();
    for field in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template["metadata"].get(field) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    metadata.insert("ownerReferences".to_owned(), json!([reference_to(owner)]));
    json!({"metadata": metadata, "spec": spec})
}

/// The prefix of the names of the owner's pods.
pub(super) fn prefix(owner: &Value) -> String {
    format!("{}-", text(owner, "/metadata/name"))
}

/// Has it neither ended nor been deleted?
pub(super) fn is_active(pod: &Value) -> bool {
    !going(pod) && !["Succeeded", "Failed"].contains(&text(pod, "/status/phase"))
}

pub(super) fn is_ready(pod: &Value) -> bool {
    is_true(pod, "Ready")
}

/// Has it been ready for so many seconds?
pub(super) fn is_available(pod: &Value, min_ready: i64) -> bool {
    is_ready(pod) && (min_ready == 0 || seconds_since(since(pod, "Ready")) >= min_ready)
}

/// Does a label selector of an object choose these labels? One without terms chooses all.
pub(super) fn selects(selector: &Value, object: &Value) -> bool {
    let labels = &object["metadata"]["labels"];
    let equal = selector["matchLabels"].as_object().into_iter().flatten();
    let mut equal = equal.map(|(name, value)| labels.get(name) == Some(value));
    let terms = selector["matchExpressions"]
        .as_array()
        .into_iter()
        .flatten();
    let mut terms = terms.map(|term| {
        let value = labels.get(text(term, "/key"));
        let listed = || {
            term["values"]
                .as_array()
                .is_some_and(|all| all.iter().any(|it| Some(it) == value))
        };
        match text(term, "/operator") {
            "In" => listed(),
            "NotIn" => !listed(),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    });
    equal.all(|fits| fits) && terms.all(|fits| fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_template_has_the_same_name() {
        let template = json!({"metadata": {"labels": {"app": "x"}}, "spec": {"a": 1}});
        let mut labelled = template.clone();
        labelled["metadata"]["labels"][TEMPLATE_HASH] = "abc".into();
        assert_eq!(without_label(&labelled, TEMPLATE_HASH), template);
        assert_eq!(hash(&template).len(), 10);
        assert_ne!(hash(&template), hash(&labelled));
    }

    #[test]
    fn selectors_choose_by_labels() {
        let object = json!({"metadata": {"labels": {"app": "x", "tier": "a"}}});
        for (selector, chosen) in [
            (json!({}), true),
            (json!({"matchLabels": {"app": "x"}}), true),
            (json!({"matchLabels": {"app": "y"}}), false),
            (
                json!({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}]}),
                true,
            ),
            (
                json!({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["a"]}]}),
                false,
            ),
            (
                json!({"matchExpressions": [{"key": "x", "operator": "Exists"}]}),
                false,
            ),
            (
                json!({"matchExpressions": [{"key": "x", "operator": "DoesNotExist"}]}),
                true,
            ),
        ] {
            assert_eq!(selects(&selector, &object), chosen, "{selector}");
        }
    }
}
