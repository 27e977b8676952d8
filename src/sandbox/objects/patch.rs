//! Patching, and applying.

use serde_json::Value;

use super::{Objects, Place, Writing, Written, meta, scale, update::other_name};
use crate::sandbox::{
    patch::{self, ApplyError, Manager, PatchError},
    refusal::{Cause, Refusal},
};

/// A patch as it came.
#[derive(Debug)]
pub(in crate::sandbox) enum Patch {
    /// `application/json-patch+json`.
    Json(Value),
    /// `application/merge-patch+json`.
    Merge(Value),
    /// `application/strategic-merge-patch+json`.
    Strategic(Value),
    /// `application/apply-patch+yaml`, `force`.
    Apply(Value, bool),
}

impl Objects {
    /// Patches an object, or its status or scale. Applying creates what is not there.
    pub(in crate::sandbox) async fn patch(
        &self,
        place: &Place<'_>,
        patch: Patch,
        writing: &Writing<'_>,
    ) -> Result<Written, Refusal> {
        match patch {
            Patch::Apply(applied, force) => self.apply(place, applied, force, writing).await,
            _ if place.subresource == "scale" => {
                let live = self.get(place)?;
                let sent = patched(place, &scale::of(place.kind, &live)?, &patch)?;
                self.update(place, sent, writing).await
            }
            _ => {
                let compute = |live: &Value| {
                    let mut next = patched(place, live, &patch)?;
                    let said = meta::text(&next, "name");
                    if said != place.name {
                        return Err(other_name(said, place.name));
                    }
                    unbase(live, &mut next);
                    Ok((next, true))
                };
                self.change(place, writing, compute).await
            }
        }
    }

    async fn apply(
        &self,
        place: &Place<'_>,
        mut applied: Value,
        force: bool,
        writing: &Writing<'_>,
    ) -> Result<Written, Refusal> {
        let kind = place.kind;
        if place.subresource == "scale" {
            return Err(Refusal::not_implemented("server-side apply of scale"));
        }
        meta::settle(place, &mut applied)?;
        if let Some(metadata) = meta::of(&mut applied) {
            let said = metadata.get("name").and_then(Value::as_str);
            if let Some(said) = said.filter(|said| !said.is_empty() && *said != place.name) {
                return Err(other_name(said, place.name));
            }
            metadata.insert("name".to_owned(), place.name.into());
        }
        let (api_version, time) = (kind.api_version(), meta::now());
        let manager = Manager {
            name: writing.manager,
            api_version: &api_version,
            subresource: place.subresource,
            time: &time,
        };
        let schema = kind.schema.as_deref();
        let merged = |live: Option<&Value>| {
            patch::apply(schema, live, &applied, &manager, force).map_err(|error| refused(&error))
        };
        if self.store.get(&place.key()).is_none() {
            if place.subresource == "status" {
                return Err(Refusal::not_found(kind, place.name));
            }
            let object = merged(None)?;
            match self.bring(place, object, writing, false).await {
                // Somebody was faster: then it is a change.
                Err(refusal) if refusal.reason == "AlreadyExists" => {}
                result => return result,
            }
        }
        let compute = |live: &Value| {
            let mut next = merged(Some(live))?;
            if applied["metadata"].get("resourceVersion").is_none() {
                unbase(live, &mut next);
            }
            Ok((next, false))
        };
        self.change(place, writing, compute).await
    }
}

/// A version that was only inherited from the live object is no precondition.
fn unbase(live: &Value, next: &mut Value) {
    if live["metadata"]["resourceVersion"] == next["metadata"]["resourceVersion"]
        && let Some(metadata) = meta::of(next)
    {
        metadata.remove("resourceVersion");
    }
}

fn patched(place: &Place<'_>, live: &Value, sent: &Patch) -> Result<Value, Refusal> {
    let next = match sent {
        Patch::Json(operations) => patch::json(live, operations),
        Patch::Merge(fields) | Patch::Apply(fields, _) => Ok(patch::merge(live, fields)),
        Patch::Strategic(fields) => {
            let schema = place.kind.schema.as_deref();
            let schema = schema.filter(|_| place.kind.custom.is_none());
            let schema = schema.ok_or_else(|| Refusal::unsupported_media_type(&OF_CRDS))?;
            patch::strategic(schema, live, fields)
        }
    };
    next.map_err(|error| match error {
        PatchError::Malformed(why) => Refusal::bad_request(why),
        PatchError::Unfit(why) => Refusal::unprocessable(why),
    })
}

/// Patches that kinds of CRDs take.
const OF_CRDS: [&str; 3] = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/apply-patch+yaml",
];

fn refused(error: &ApplyError) -> Refusal {
    match error {
        ApplyError::Conflicts(conflicts) => {
            let causes = conflicts.causes().into_iter();
            let causes =
                causes.map(|(message, field)| Cause::new("FieldManagerConflict", field, message));
            Refusal::apply_conflict(error.to_string(), &causes.collect::<Vec<_>>())
        }
        ApplyError::ManagedFields => Refusal::bad_request(error.to_string()),
        ApplyError::Unfit { .. } => Refusal::plain(500, error.to_string()),
    }
}
