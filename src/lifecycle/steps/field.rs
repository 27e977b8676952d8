//! Fields of live objects: reading, comparing, showing.

use serde_json::Value;

use super::objects::Live;
use crate::{
    secret::MASK,
    stack::{PathPart, ValuePath},
};

/// Values are shown up to this many characters.
const SHOWN: usize = 200;

/// The field of an object; `None` if it is not there. What a Secret holds is decoded, where it is
/// text.
pub(super) fn read(object: &Live, path: &ValuePath) -> Option<Value> {
    let found = path
        .0
        .iter()
        .try_fold(&object.value, |value, part| match part {
            PathPart::Key(key) => value.get(key),
            PathPart::Index(index) => value.get(index),
        })?;
    let data = PathPart::Key("data".to_owned());
    if object.secret && path.0.first() == Some(&data) {
        return Some(decoded(found));
    }
    Some(found.clone())
}

fn decoded(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let map = map.iter().map(|(key, value)| (key.clone(), decoded(value)));
            Value::Object(map.collect())
        }
        Value::String(_) => {
            let bytes: Option<k8s_openapi::ByteString> = serde_json::from_value(value.clone()).ok();
            let text = bytes.and_then(|bytes| String::from_utf8(bytes.0).ok());
            text.map_or_else(|| value.clone(), Value::String)
        }
        other => other.clone(),
    }
}

/// Whether two values are the same; `1` and `1.0` are.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64() == other.as_f64()
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let in_other = |(key, value): (&String, &Value)| {
                other.get(key).is_some_and(|other| same(value, other))
            };
            one.len() == other.len() && one.iter().all(in_other)
        }
        _ => one == other,
    }
}

/// Whether a value has all of another: a text a part, a list an item (each, of a list), a table
/// these keys.
pub(super) fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::String(whole), Value::String(part)) => whole.contains(part),
        (Value::Array(items), Value::Array(parts)) => parts
            .iter()
            .all(|part| items.iter().any(|item| fits(item, part))),
        (Value::Array(items), part) => items.iter().any(|item| fits(item, part)),
        (Value::Object(_), Value::Object(_)) => fits(whole, part),
        _ => false,
    }
}

/// Whether an item is the one that is meant: the same, or a table that has these keys.
fn fits(item: &Value, wanted: &Value) -> bool {
    match (item, wanted) {
        (Value::Object(item), Value::Object(wanted)) => wanted
            .iter()
            .all(|(key, wanted)| item.get(key).is_some_and(|item| fits(item, wanted))),
        _ => same(item, wanted),
    }
}

/// A value for people: JSON, shortened.
pub(super) fn shown(value: &Value, secret: bool) -> String {
    if secret {
        return MASK.to_owned();
    }
    let text = value.to_string();
    if text.chars().count() <= SHOWN {
        return text;
    }
    let start: String = text.chars().take(SHOWN).collect();
    format!("{start}…")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::ObjectRef;

    fn live(kind: &str, value: Value) -> Live {
        Live {
            object: ObjectRef {
                api_version: "v1".into(),
                kind: kind.into(),
                namespace: None,
                name: "x".into(),
            },
            secret: kind == "Secret",
            value,
        }
    }

    fn path(text: &str) -> ValuePath {
        ValuePath::parse(text).unwrap()
    }

    #[test]
    fn a_path_leads_to_a_field_and_secrets_are_decoded() {
        let object = json!({
            "metadata": { "annotations": { "a.b/c": "x" } },
            "spec": { "ports": [{ "port": 80 }] },
            "data": { "password": "aHVudGVyMg==", "bytes": "/w==" },
        });
        let map = live("ConfigMap", object.clone());
        let secret = live("Secret", object);
        for (object, text, expected) in [
            (&map, "spec.ports[0].port", Some(json!(80))),
            (&map, "metadata.annotations.a\\.b/c", Some(json!("x"))),
            (&map, "spec.ports[1].port", None),
            (&map, "spec.type.x", None),
            (&map, "data.password", Some(json!("aHVudGVyMg=="))),
            (&secret, "data.password", Some(json!("hunter2"))),
            (&secret, "data.bytes", Some(json!("/w=="))),
            (
                &secret,
                "data",
                Some(json!({ "password": "hunter2", "bytes": "/w==" })),
            ),
        ] {
            assert_eq!(read(object, &path(text)), expected, "{text}");
        }
    }

    #[test]
    fn what_contains_what() {
        for (whole, part, expected) in [
            (json!("abc"), json!("b"), true),
            (json!("abc"), json!("x"), false),
            (json!(["a", "b"]), json!("b"), true),
            (json!(["a", "b"]), json!(["b", "a"]), true),
            (json!(["a", "b"]), json!(["b", "c"]), false),
            (
                json!([{ "kind": "SA", "name": "x" }]),
                json!({ "kind": "SA" }),
                true,
            ),
            (
                json!([{ "kind": "SA", "name": "x" }]),
                json!({ "kind": "User" }),
                false,
            ),
            (
                json!({ "a": { "b": 1, "c": 2 } }),
                json!({ "a": { "b": 1.0 } }),
                true,
            ),
            (json!({ "a": 1 }), json!({ "b": 1 }), false),
            (json!(12), json!(1), false),
        ] {
            assert_eq!(contains(&whole, &part), expected, "{whole} {part}");
        }
    }

    #[test]
    fn long_values_are_cut_and_secret_ones_not_shown() {
        assert_eq!(shown(&json!({ "a": "b" }), false), r#"{"a":"b"}"#);
        assert_eq!(shown(&json!("x"), true), "***");
        assert_eq!(shown(&json!("é".repeat(500)), false).chars().count(), 201);
    }
}
