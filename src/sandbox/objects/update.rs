//! Replacing, and the rules every change of an object follows, a patch's too.

use std::sync::Arc;

use serde_json::Value;

use super::{
    Objects, Place, Writing, Written, admission, crds, create, immutable, in_version, meta, names,
    scale, services, validate,
};
use crate::sandbox::{
    kinds::Kind,
    patch::{self, Manager},
    refusal::Refusal,
    store::{WriteError, version_of},
};

/// Writes tried against somebody who writes the same object all the time.
const TRIES: u32 = 100;

impl Objects {
    /// Replaces an object, or its status or scale.
    pub(in crate::sandbox) async fn update(
        &self,
        place: &Place<'_>,
        object: Value,
        writing: &Writing<'_>,
    ) -> Result<Written, Refusal> {
        let mut sent = object;
        if place.subresource == "scale" {
            return self.rescale(place, &sent, writing).await;
        }
        meta::settle(place, &mut sent)?;
        let said = meta::text(&sent, "name");
        if !said.is_empty() && said != place.name {
            return Err(other_name(said, place.name));
        }
        let compute = |_: &Value| Ok((sent.clone(), true));
        self.change(place, writing, compute).await
    }

    /// Reads, computes, judges and writes; again if somebody else wrote in between and the new
    /// state does not say what it is based on. `compute` answers the object and whether its
    /// changes are an update by the manager; else `managedFields` are settled.
    pub(super) async fn change(
        &self,
        place: &Place<'_>,
        writing: &Writing<'_>,
        compute: impl Fn(&Value) -> Result<(Value, bool), Refusal>,
    ) -> Result<Written, Refusal> {
        let kind = place.kind;
        let mut tries = 0;
        loop {
            tries += 1;
            let live = self.get(place)?;
            let (sent, track) = compute(&live)?;
            let based = precondition(place, &live, &sent)?;
            let (object, warnings) = next(place, &live, sent, track, writing)?;
            let written = self.settle(place, &live, object, writing.dry_run).await;
            match written {
                Ok(object) => {
                    return Ok(Written {
                        object: in_version(kind, object),
                        created: false,
                        warnings,
                    });
                }
                Err(WriteError::Stale) if !based && tries < TRIES => {}
                Err(error) => return Err(Refusal::of_write(&error, kind, place.name)),
            }
        }
    }

    /// Writes the next state. An object that was only waiting for its finalizers goes with the
    /// last of them.
    pub(super) async fn settle(
        &self,
        place: &Place<'_>,
        live: &Value,
        object: Value,
        dry_run: bool,
    ) -> Result<Arc<Value>, WriteError> {
        if meta::same(live, &object) {
            return Ok(Arc::new(live.clone()));
        }
        let waits = !meta::finalizers(&object).is_empty()
            || meta::finalizers(live).is_empty()
            || place.kind.is("", "Namespace");
        if meta::going(&object) && !waits {
            return self.take(place, live, dry_run).await;
        }
        self.put(place, Some(live), object, dry_run).await
    }

    async fn rescale(
        &self,
        place: &Place<'_>,
        sent: &Value,
        writing: &Writing<'_>,
    ) -> Result<Written, Refusal> {
        let whole = Place {
            subresource: "",
            ..*place
        };
        let wanted = scale::wanted(sent)?;
        let compute = |live: &Value| {
            let mut next = scale::set(place.kind, live, wanted)?;
            if let Some(metadata) = meta::of(&mut next) {
                match sent["metadata"].get("resourceVersion") {
                    Some(version) => metadata.insert("resourceVersion".to_owned(), version.clone()),
                    None => metadata.remove("resourceVersion"),
                };
            }
            Ok((next, true))
        };
        let writing = Writing {
            through: Some(place.subresource),
            ..*writing
        };
        let mut written = self.change(&whole, &writing, compute).await?;
        written.object = Arc::new(scale::of(place.kind, &written.object)?);
        Ok(written)
    }
}

/// The next state of an object, judged.
fn next(
    place: &Place<'_>,
    live: &Value,
    sent: Value,
    track: bool,
    writing: &Writing<'_>,
) -> Result<(Value, Vec<String>), Refusal> {
    let kind = place.kind;
    let mut object = sent;
    meta::settle(place, &mut object)?;
    let warnings = admission::fields(kind, &mut object, writing.validation, track)?;
    meta::carry(live, &mut object);
    if let Some(metadata) = meta::of(&mut object)
        && track
        && metadata.get("managedFields").is_none()
        && let Some(fields) = live["metadata"].get("managedFields")
    {
        metadata.insert("managedFields".to_owned(), fields.clone());
    }
    let schema = kind.schema.as_deref();
    if track {
        patch::keep_other_part(schema, Some(live), &mut object, place.subresource);
    }
    if place.subresource.is_empty() {
        if kind.is("", "Secret") {
            create::fold_string_data(&mut object);
        }
        if kind.is("", "Namespace") {
            // Its finalizers are the server's.
            object["spec"] = live["spec"].clone();
        }
        if crds::is_crd(kind) {
            crds::follow(&mut object);
        }
        services::carry(kind, live, &mut object);
        immutable::carry(kind, live, &mut object);
        meta::count(kind, live, &mut object);
        let mut causes = names::check(place, &object);
        causes.extend(validate::check(kind, &object));
        causes.extend(immutable::check(kind, live, &object));
        if !causes.is_empty() {
            return Err(Refusal::invalid(kind, place.name, &causes));
        }
    }
    if track {
        let (api_version, time) = (kind.api_version(), meta::now());
        let manager = Manager {
            name: writing.manager,
            api_version: &api_version,
            subresource: writing.through.unwrap_or(place.subresource),
            time: &time,
        };
        patch::track_update(schema, Some(live), &mut object, &manager);
    }
    Ok((object, warnings))
}

/// What the sent state is based on must be what is there. Says whether it is based on anything.
fn precondition(place: &Place<'_>, live: &Value, sent: &Value) -> Result<bool, Refusal> {
    let (kind, name) = (place.kind, place.name);
    let (said, uid) = (meta::text(sent, "uid"), meta::text(live, "uid"));
    if !said.is_empty() && said != uid {
        let why =
            format!("Precondition failed: UID in precondition: {said}, UID in object meta: {uid}");
        return Err(Refusal::conflict(kind, name, &why));
    }
    match meta::text(sent, "resourceVersion") {
        "" | "0" => Ok(false),
        said if said == version_of(live).to_string() => Ok(true),
        said if said.parse::<u64>().is_err() => {
            let why = format!("metadata.resourceVersion: Invalid value: {said:?}");
            Err(Refusal::bad_request(why))
        }
        _ => Err(Refusal::stale(kind, name)),
    }
}

pub(super) fn other_name(said: &str, name: &str) -> Refusal {
    Refusal::bad_request(format!(
        "the name of the object ({said}) does not match the name on the URL ({name})"
    ))
}

/// Is there this subresource?
pub(in crate::sandbox) fn has_subresource(kind: &Kind, name: &str) -> bool {
    match name {
        "" => true,
        "status" => kind.status,
        "scale" => kind.scale.is_some(),
        _ => false,
    }
}
