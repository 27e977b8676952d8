//! Deleting: at once, or marked until the finalizers are done.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Objects, Place, admission, crds, meta};
use crate::sandbox::{
    refusal::Refusal,
    store::{WriteError, version_of},
};

/// The finalizer that holds an owner until its dependents are gone.
const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer that holds an owner until its dependents have forgotten it.
const ORPHAN: &str = "orphan";
/// A pod with this annotation takes its time to go.
const DELETE_AFTER: &str = "stackctl.test/delete-after";

/// `DeleteOptions`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::sandbox) struct DeleteOptions {
    pub(in crate::sandbox) propagation: Option<Propagation>,
    /// Seconds.
    pub(in crate::sandbox) grace: Option<i64>,
    /// The object must be this one.
    pub(in crate::sandbox) uid: Option<String>,
    /// The object must be as it was.
    pub(in crate::sandbox) version: Option<String>,
    pub(in crate::sandbox) dry_run: bool,
}

/// What becomes of an object's dependents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) enum Propagation {
    /// They are deleted after it.
    Background,
    /// They are deleted before it.
    Foreground,
    /// They stay.
    Orphan,
}

/// What a deletion led to.
#[derive(Debug, Clone)]
pub(in crate::sandbox) enum Deleted {
    /// It is gone; its last state.
    Gone(Arc<Value>),
    /// It is marked, and goes when its finalizers are done.
    Going(Arc<Value>),
}

impl Objects {
    /// Deletes an object, or begins to.
    pub(in crate::sandbox) async fn delete(
        &self,
        place: &Place<'_>,
        options: &DeleteOptions,
    ) -> Result<Deleted, Refusal> {
        loop {
            let live = self.get(place)?;
            preconditions(place, &live, options)?;
            let done = self.delete_state(place, &live, options).await;
            match done {
                Err(WriteError::Stale) => {}
                Err(error) => return Err(Refusal::of_write(&error, place.kind, place.name)),
                Ok(deleted) => return Ok(deleted),
            }
        }
    }

    async fn delete_state(
        &self,
        place: &Place<'_>,
        live: &Arc<Value>,
        options: &DeleteOptions,
    ) -> Result<Deleted, WriteError> {
        let mut held = held_by(live, options.propagation);
        // Its objects go first.
        if crds::is_crd(place.kind) && !meta::going(live) && !held.contains(&crds::CLEANUP) {
            held.push(crds::CLEANUP);
        }
        let namespace = place.kind.is("", "Namespace");
        let grace = grace(place, live, options);
        if held.is_empty() && !namespace && grace == 0 {
            let taken = self.take(place, live, options.dry_run).await?;
            return Ok(Deleted::Gone(taken));
        }
        let mut next = Value::clone(live);
        if let Some(metadata) = meta::of(&mut next) {
            if metadata.get("deletionTimestamp").is_none() {
                let later = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(grace);
                let at = later.round(jiff::Unit::Second).unwrap_or(later);
                metadata.insert("deletionTimestamp".to_owned(), at.to_string().into());
                metadata.insert("deletionGracePeriodSeconds".to_owned(), grace.into());
                if let Some(generation) = metadata.get("generation").and_then(Value::as_i64) {
                    metadata.insert("generation".to_owned(), (generation + 1).into());
                }
            }
            if held.is_empty() {
                metadata.remove("finalizers");
            } else {
                metadata.insert("finalizers".to_owned(), json!(held));
            }
        }
        if namespace {
            next["status"]["phase"] = "Terminating".into();
        }
        let marked = self.put(place, Some(live), next, options.dry_run).await?;
        Ok(Deleted::Going(marked))
    }
}

fn preconditions(place: &Place<'_>, live: &Value, options: &DeleteOptions) -> Result<(), Refusal> {
    let (kind, name) = (place.kind, place.name);
    if kind.is("", "Namespace") && admission::KEPT.contains(&name) {
        let why = "this namespace may not be deleted";
        return Err(Refusal::forbidden(kind, name, why));
    }
    let uid = meta::text(live, "uid");
    if let Some(wanted) = options.uid.as_deref().filter(|wanted| *wanted != uid) {
        let why = format!(
            "Precondition failed: UID in precondition: {wanted}, UID in object meta: {uid}"
        );
        return Err(Refusal::conflict(kind, name, &why));
    }
    let version = version_of(live).to_string();
    if let Some(wanted) = options
        .version
        .as_deref()
        .filter(|wanted| *wanted != version)
    {
        let why = format!(
            "Precondition failed: ResourceVersion in precondition: {wanted}, ResourceVersion in \
             object meta: {version}"
        );
        return Err(Refusal::conflict(kind, name, &why));
    }
    Ok(())
}

/// The finalizers it has to wait for.
fn held_by(live: &Value, propagation: Option<Propagation>) -> Vec<&str> {
    let mut held = meta::finalizers(live);
    if let Some(propagation) = propagation {
        held.retain(|name| ![FOREGROUND, ORPHAN].contains(name));
        match propagation {
            Propagation::Background => {}
            Propagation::Foreground => held.push(FOREGROUND),
            Propagation::Orphan => held.push(ORPHAN),
        }
    }
    held
}

/// Seconds that a pod may take to go. Others go at once; so do pods, unless they are told not to:
/// no container has to end.
fn grace(place: &Place<'_>, live: &Value, options: &DeleteOptions) -> i64 {
    let slow = live["metadata"]["annotations"].get(DELETE_AFTER).is_some();
    let started = live["spec"]["nodeName"].is_string();
    if !place.kind.is("", "Pod") || !slow || !started {
        return 0;
    }
    let own = live["spec"]["terminationGracePeriodSeconds"].as_i64();
    options.grace.or(own).unwrap_or(30)
}
