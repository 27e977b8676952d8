//! Which of the user's values appear in an object that a chart rendered. Pure.
//!
//! Nobody knows what a template did with a value. What can be told is that a value stands in the
//! object: under a key of the same name, or as a word that is too long to be there by chance. So
//! that is what is told, and no more.

use std::fmt::Write as _;

use serde_json::Value;

use crate::{
    secret::MASK,
    stack::{Leaf, PathPart, ValuePath},
};

/// More are counted only.
const NAMED: usize = 5;

/// Longer values are cut.
const LONGEST: usize = 40;

/// A sentence about those values that appear in the object, with where they are said; `None` if
/// none does. Masked values never do.
pub(super) fn appearing(values: &[Leaf], object: &Value) -> Option<String> {
    let mut scalars = Vec::new();
    for (key, value) in object.as_object().into_iter().flatten() {
        if !matches!(key.as_str(), "apiVersion" | "kind") {
            scalars_of(value, key, &mut scalars);
        }
    }
    let mut found = Vec::new();
    for leaf in values {
        if let Some(value) = &leaf.value {
            let first = found.len();
            look_for(value, &mut leaf.path.clone(), &scalars, &mut found);
            if let (Some(file), Some(line)) = (&leaf.by.file, leaf.by.line) {
                for told in &mut found[first..] {
                    // Writing to a string cannot fail.
                    let _ = write!(told, " ({file}:{line})");
                }
            }
        }
    }
    if found.is_empty() {
        return None;
    }
    let more = found.len().saturating_sub(NAMED);
    found.truncate(NAMED);
    let tail = match more {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!(
        "values that appear in it: {}{tail}",
        found.join(", ")
    ))
}

/// Every text, number and flag with the name of its key; those of a list have the list's.
fn scalars_of(value: &Value, key: &str, scalars: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Array(items) => items.iter().for_each(|item| scalars_of(item, key, scalars)),
        Value::Object(map) => map
            .iter()
            .for_each(|(key, value)| scalars_of(value, key, scalars)),
        scalar => scalars.push((plain(key), text_of(scalar))),
    }
}

fn look_for(
    value: &Value,
    path: &mut ValuePath,
    scalars: &[(String, String)],
    found: &mut Vec<String>,
) {
    let mut inner = |part: PathPart, value: &Value, path: &mut ValuePath| {
        path.0.push(part);
        look_for(value, path, scalars, found);
        path.0.pop();
    };
    match value {
        Value::Null => {}
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                inner(PathPart::Index(index), item, path);
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                inner(PathPart::Key(key.clone()), value, path);
            }
        }
        scalar => {
            let text = text_of(scalar);
            if appears(&text, path, scalars) {
                found.push(format!("{path} = {}", cut(&text)));
            }
        }
    }
}

fn appears(text: &str, path: &ValuePath, scalars: &[(String, String)]) -> bool {
    if text.is_empty() || text.contains(MASK) {
        return false;
    }
    let keys = path.0.iter().rev();
    let key = keys.into_iter().find_map(|part| match part {
        PathPart::Key(key) => Some(plain(key)),
        PathPart::Index(_) => None,
    });
    let is_word = is_telling(text);
    scalars.iter().any(|(name, scalar)| {
        (scalar == text && key.as_ref() == Some(name)) || (is_word && has_word(scalar, text))
    })
}

/// Not to be met by chance: `1.2`, `v2` and `nginx` are, `2`, `no` and `true` are not.
fn is_telling(text: &str) -> bool {
    let is_mixed = text.contains(|c: char| c.is_ascii_digit())
        && text.contains(|c: char| c.is_ascii_alphabetic());
    (text.len() > 2 || is_mixed) && !matches!(text, "true" | "false")
}

/// Whether a text holds another one that is not merely a part of a word of it.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = text[start + word.len()..].chars().next();
        ![before, after]
            .into_iter()
            .flatten()
            .any(char::is_alphanumeric)
    })
}

/// `stackctl.test/ready-after` and `readyAfter` are one name.
fn plain(key: &str) -> String {
    let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
    let kept = name.chars().filter(|c| c.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}

fn text_of(scalar: &Value) -> String {
    scalar
        .as_str()
        .map_or_else(|| scalar.to_string(), str::to_owned)
}

fn cut(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::stack::SaidBy;

    /// Values as one document says them.
    fn told(values: &Value, object: &Value) -> Option<String> {
        let by = SaidBy {
            layer: None,
            section: None,
            command: None,
            file: Some("stack.toml".to_owned()),
            line: Some(14),
            note: None,
        };
        let leaf = |(key, value): (&String, &Value)| Leaf {
            path: ValuePath(vec![PathPart::Key(key.clone())]),
            value: Some(value.clone()),
            by: by.clone(),
        };
        let leaves: Vec<Leaf> = values.as_object().unwrap().iter().map(leaf).collect();
        appearing(&leaves, object)
    }

    fn deployment() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
            "spec": { "replicas": 2, "paused": false, "template": {
                "metadata": { "annotations": { "stackctl.test/ready-after": "0s" } },
                "spec": { "containers": [{
                    "image": "registry.corp/web:1.2",
                    "args": ["--level", "debug"],
                    "env": [{ "name": "GREETING", "value": "good morning" }],
                }] },
            } },
        })
    }

    #[test]
    fn a_value_that_stands_in_the_object_is_told_by_its_path() {
        for (values, expected) in [
            (
                json!({ "image": { "tag": "1.2" } }),
                Some("image.tag = 1.2"),
            ),
            (json!({ "replicas": 2 }), Some("replicas = 2")),
            (json!({ "paused": false }), Some("paused = false")),
            (json!({ "readyAfter": "0s" }), Some("readyAfter = 0s")),
            (json!({ "flags": ["x", "debug"] }), Some("flags[1] = debug")),
            (json!({ "greeting": "good  morning" }), None),
            (
                json!({ "greeting": "good morning" }),
                Some("greeting = good morning"),
            ),
            // Met by chance, or a part of something else.
            (json!({ "shards": 2 }), None),
            (json!({ "enabled": false }), None),
            (json!({ "tag": "2" }), None),
            (json!({ "word": "regis" }), None),
            (json!({ "version": "apps/v1" }), None),
            // Not there, not said, or not to be seen.
            (json!({ "image": { "tag": "1.3" } }), None),
            (json!({ "image": { "tag": "" } }), None),
            (json!({ "image": null }), None),
            (json!({ "greeting": "***" }), None),
        ] {
            let expected =
                expected.map(|text| format!("values that appear in it: {text} (stack.toml:14)"));
            assert_eq!(told(&values, &deployment()), expected, "{values}");
        }
    }

    #[test]
    fn long_values_and_many_are_cut() {
        let text = "a very long text that is not told to its end";
        let values: serde_json::Map<String, Value> =
            (0..10).map(|n| (format!("k{n}"), text.into())).collect();
        let told = told(&values.into(), &json!({ "data": { "text": text } })).unwrap();
        assert!(
            told.contains("k4 = a very long text that is not told to its…"),
            "{told}"
        );
        assert!(told.ends_with("and 5 more"), "{told}");
    }
}
