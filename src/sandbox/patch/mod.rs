//! Stands in for the real module until it is merged.
use serde_json::Value;
use super::schema::Schema;
pub(super) struct Manager<'a> { pub(super) name: &'a str, pub(super) api_version: &'a str, pub(super) subresource: &'a str, pub(super) time: &'a str }
#[derive(Debug)]
pub(super) struct Conflicts;
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub(super) struct PatchError;
pub(super) fn apply(_: Option<&Schema>, live: Option<&Value>, applied: &Value, _: &Manager<'_>, _: bool) -> Result<Value, Conflicts> {
    let mut out = live.cloned().unwrap_or(Value::Null);
    json_patch::merge(&mut out, applied);
    Ok(out)
}
pub(super) fn track_update(_: Option<&Schema>, _: Option<&Value>, _: &mut Value, _: &Manager<'_>) {}
pub(super) fn strategic(_: &Schema, live: &Value, patch: &Value) -> Result<Value, PatchError> {
    let mut out = live.clone();
    json_patch::merge(&mut out, patch);
    Ok(out)
}
