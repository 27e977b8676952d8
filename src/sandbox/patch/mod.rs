//! The ways to change an object: JSON patch, merge patch, strategic merge patch and server-side
//! apply; and who owns which field afterwards.
//!
//! Pure. What a request handler does, in this order:
//!
//! - apply: [`apply`], then `Schema::default` on the result. What nobody applies any more may leave
//!   nulls in a custom object, which `Schema::check` then refuses: so does the real server;
//! - POST, PUT and the other patches: make the new object ([`json`], [`merge`], [`strategic`]),
//!   [`keep_other_part`], `Schema::prune`, `Schema::default`, then [`track_update`].
//!
//! What the server itself then sets (addresses, finalizers) is owned by nobody. A write that leaves
//! the object as it was changes nothing of its managedFields either.
//!
//! Server-side apply is what `structured-merge-diff` does, with these differences: one schema for
//! all versions of a kind; managers by update are not capped at ten; kubectl's last-applied
//! annotation is neither read nor written (kubectl since 1.26 moves its managers itself).

mod apply;
mod managers;
mod path;
mod set;
mod strategic;
mod typed;
mod valid;

use serde_json::Value;

pub(super) use self::{
    apply::{ApplyError, apply, keep_other_part, track_update},
    strategic::strategic,
};

/// Who writes, as managedFields records it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manager<'a> {
    /// The request's `fieldManager`, else the first part of its user agent.
    pub(super) name: &'a str,
    /// Of the object that was sent: `apps/v1`.
    pub(super) api_version: &'a str,
    /// `status`, `scale`; empty for the object itself.
    pub(super) subresource: &'a str,
    /// Now, RFC 3339 in whole seconds.
    pub(super) time: &'a str,
}

/// Why a patch could not be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum PatchError {
    /// It is not a patch of that type (400).
    #[error("{0}")]
    Malformed(String),
    /// It does not fit the object: a failed test, a missing path (422).
    #[error("{0}")]
    Unfit(String),
}

/// The object changed by a JSON patch (RFC 6902).
pub(super) fn json(live: &Value, patch: &Value) -> Result<Value, PatchError> {
    let patch: json_patch::Patch = serde_json::from_value(patch.clone())
        .map_err(|error| PatchError::Malformed(error.to_string()))?;
    let mut object = live.clone();
    json_patch::patch(&mut object, &patch).map_err(|error| PatchError::Unfit(error.to_string()))?;
    Ok(object)
}

/// The object changed by a merge patch (RFC 7386).
pub(super) fn merge(live: &Value, patch: &Value) -> Value {
    let mut object = live.clone();
    json_patch::merge(&mut object, patch);
    object
}

#[cfg(test)]
mod tests;
