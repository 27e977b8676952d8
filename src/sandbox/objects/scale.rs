//! The scale subresource: a number in, the same number elsewhere.

use serde_json::{Value, json};

use crate::sandbox::{
    kinds::{Kind, Scale},
    refusal::Refusal,
};

/// The `Scale` of an object.
pub(in crate::sandbox) fn of(kind: &Kind, object: &Value) -> Result<Value, Refusal> {
    let scale = fields(kind)?;
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0);
    let field = |name: &str| object["metadata"][name].clone();
    let mut result = json!({
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {
            "name": field("name"),
            "namespace": field("namespace"),
            "uid": field("uid"),
            "resourceVersion": field("resourceVersion"),
            "creationTimestamp": field("creationTimestamp"),
        },
        "spec": { "replicas": number(&scale.wanted) },
        "status": { "replicas": number(&scale.present) },
    });
    let selector = scale
        .selector
        .as_deref()
        .and_then(|path| object.pointer(path));
    if let Some(selector) = selector.and_then(selector_text) {
        result["status"]["selector"] = selector.into();
    }
    Ok(result)
}

/// The number that a `Scale` asks for.
pub(super) fn wanted(sent: &Value) -> Result<i64, Refusal> {
    let replicas = &sent["spec"]["replicas"];
    match replicas.as_i64() {
        Some(number) if number >= 0 => Ok(number),
        None if replicas.is_null() => Ok(0),
        _ => Err(Refusal::unprocessable(format!(
            "Scale.autoscaling is invalid: spec.replicas: Invalid value: {replicas}: must be \
             greater than or equal to 0"
        ))),
    }
}

/// The object with another number.
pub(super) fn set(kind: &Kind, object: &Value, wanted: i64) -> Result<Value, Refusal> {
    let scale = fields(kind)?;
    let mut next = object.clone();
    let mut field = &mut next;
    for name in scale.wanted.split('/').skip(1) {
        field = &mut field[name];
    }
    *field = wanted.into();
    Ok(next)
}

fn fields(kind: &Kind) -> Result<&Scale, Refusal> {
    kind.scale.as_ref().ok_or_else(Refusal::no_such_path)
}

/// A `LabelSelector` as text.
fn selector_text(selector: &Value) -> Option<String> {
    if let Some(text) = selector.as_str() {
        return Some(text.to_owned());
    }
    let mut parts = Vec::new();
    for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
        parts.push(format!("{key}={}", value.as_str()?));
    }
    for expression in selector["matchExpressions"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let key = expression["key"].as_str()?;
        let values = expression["values"].as_array().into_iter().flatten();
        let values: Vec<&str> = values.filter_map(Value::as_str).collect();
        let values = values.join(",");
        parts.push(match expression["operator"].as_str()? {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => return None,
        });
    }
    Some(parts.join(","))
}
