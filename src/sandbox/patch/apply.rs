//! Server-side apply, and who owns what after any other write.

use serde_json::{Value, json};

use super::{
    Manager,
    managers::{Conflicts, Id, Managers, Owned, is_reset},
    set::FieldSet,
    typed::{compare, fields_of, merge, remove},
    valid,
};
use crate::sandbox::schema::{Place, Schema};

/// Who owns what was there before the first apply, when nothing says it.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Why an object could not be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::sandbox) enum ApplyError {
    /// Others own fields that would change (409).
    #[error("{0}")]
    Conflicts(Conflicts),
    /// The applied object says who owns what, which only the server may (400).
    #[error("metadata.managedFields must be nil")]
    ManagedFields,
    /// The applied object does not fit its kind (500, as in the real server).
    #[error(
        "failed to create typed patch object ({object}; {api_version}, Kind={kind}): {problems}"
    )]
    Unfit {
        /// `namespace/name`.
        object: String,
        /// Of the applied object.
        api_version: String,
        /// Of the applied object.
        kind: String,
        /// In the server's words.
        problems: String,
    },
}

/// The part of an object that a request may change.
#[derive(Debug, Clone, Copy)]
enum Part {
    Whole,
    AllButStatus,
    Status,
}

impl Part {
    fn of(schema: Option<&Schema>, subresource: &str) -> Self {
        match subresource {
            "status" => Self::Status,
            "" if schema.is_some_and(Schema::has_status) => Self::AllButStatus,
            _ => Self::Whole,
        }
    }

    fn of_fields(self, fields: FieldSet) -> FieldSet {
        match self {
            Self::Whole => fields,
            Self::AllButStatus => fields.split_at("status", false),
            Self::Status => fields.split_at("status", true),
        }
    }
}

/// Puts back what a request to this endpoint cannot change: the status, or all but the status.
/// The first thing to do with an object that a PUT or PATCH made; [`apply`] does it itself.
pub(in crate::sandbox) fn keep_other_part(
    schema: Option<&Schema>,
    before: Option<&Value>,
    after: &mut Value,
    subresource: &str,
) {
    let status_of =
        |object: Option<&Value>| object.and_then(|object| object.get("status")).cloned();
    match Part::of(schema, subresource) {
        Part::Whole => {}
        Part::AllButStatus => set_field(after, "status", status_of(before)),
        Part::Status => {
            let status = status_of(Some(after));
            if let Some(before) = before {
                after.clone_from(before);
            }
            set_field(after, "status", status);
        }
    }
}

fn set_field(object: &mut Value, name: &str, value: Option<Value>) {
    let Some(fields) = object.as_object_mut() else {
        return;
    };
    match value {
        Some(value) => {
            fields.insert(name.to_owned(), value);
        }
        None => {
            fields.remove(name);
        }
    }
}

/// Merges the applied object into the live one, and removes what this manager applied before and
/// nobody applies any more. The result's managedFields say who owns what now; defaulting
/// it is left to the caller.
pub(in crate::sandbox) fn apply(
    schema: Option<&Schema>,
    live: Option<&Value>,
    applied: &Value,
    manager: &Manager<'_>,
    force: bool,
) -> Result<Value, ApplyError> {
    if applied.pointer("/metadata/managedFields").is_some() {
        return Err(ApplyError::ManagedFields);
    }
    let place = schema.map(Schema::root);
    if let Some(place) = place {
        check(place, applied)?;
    }
    let nothing = json!({});
    let mut managers = Managers::of(live.unwrap_or(&nothing));
    let before = plain(schema, live.unwrap_or(&nothing));
    if live.is_some() && managers.is_empty() {
        let first = Manager {
            name: BEFORE_FIRST_APPLY,
            ..*manager
        };
        let empty = plain(schema, &nothing);
        own_changes(&mut managers, schema, &empty, &before, &first);
    }
    let id = Id::applier(manager);
    let part = Part::of(schema, manager.subresource);
    let last = managers.get(&id).cloned();
    let mut owned = Owned {
        fields: part.of_fields(fields_of(place, applied)),
        api_version: manager.api_version.to_owned(),
        time: last.as_ref().and_then(|last| last.time.clone()),
    };
    // What is above is owned too until the merge is done: only then is it clear what goes.
    managers.set(id.clone(), owned.clone());
    let merged = merge(place, Some(&before), Some(applied)).unwrap_or_else(|| json!({}));
    let mut after = match &last {
        Some(last) => drop_forsaken(place, &merged, &managers, &last.fields),
        None => merged,
    };
    keep_other_part(schema, Some(&before), &mut after, manager.subresource);

    let changes = compare(place, &before, &after);
    let touched = part.of_fields(changes.modified.union(&changes.added));
    let others = managers.others(&id);
    let taken = others.map(|(id, owned)| (id, owned.fields.intersection(&touched)));
    match Conflicts::new(taken) {
        Some(conflicts) if !force => return Err(ApplyError::Conflicts(conflicts)),
        _ => managers.take_from_others(Some(&id), &touched),
    }
    managers.take_from_others(Some(&id), &part.of_fields(changes.removed));
    // Who only joins in has no time, as in the real server.
    if before != after {
        owned.time = Some(manager.time.to_owned());
    }
    owned.fields = owned.fields.difference(&never_owned());
    managers.set(id, owned);
    managers.write(&mut after);
    if let Some(schema) = schema {
        schema.prune_applied(&mut after);
    }
    Ok(after)
}

/// Writes into `after` who owns what once it replaces `before`. For every write but apply, and
/// after defaulting. Who sends managedFields along changes them; an empty list forgets them.
pub(in crate::sandbox) fn track_update(
    schema: Option<&Schema>,
    before: Option<&Value>,
    after: &mut Value,
    manager: &Manager<'_>,
) {
    let nothing = json!({});
    let live = before.unwrap_or(&nothing);
    let sent = Managers::of(after);
    let mut managers = if manager.subresource.is_empty() && is_reset(after) {
        Managers::default()
    } else if manager.subresource.is_empty() && !sent.is_empty() {
        sent
    } else {
        Managers::of(live)
    };
    // Where nobody is known to own anything, that starts with the first apply.
    if before.is_none() || !managers.is_empty() {
        let (before, now) = (plain(schema, live), plain(schema, after));
        own_changes(&mut managers, schema, &before, &now, manager);
    }
    managers.write(after);
}

/// Gives the manager what differs between the two, and takes it from everyone else.
fn own_changes(
    managers: &mut Managers,
    schema: Option<&Schema>,
    before: &Value,
    after: &Value,
    manager: &Manager<'_>,
) {
    let part = match Part::of(schema, manager.subresource) {
        // The rest is as it was, but for what our controllers write along with the status.
        Part::Status => Part::Whole,
        part => part,
    };
    let changes = compare(schema.map(Schema::root), before, after);
    let touched = part.of_fields(changes.modified.union(&changes.added));
    managers.take_from_others(None, &touched);
    managers.take_from_others(None, &part.of_fields(changes.removed));
    let mine = touched.difference(&never_owned());
    if mine.is_empty() {
        return;
    }
    let id = Id::updater(manager);
    let fields = match managers.get(&id) {
        Some(owned) => owned.fields.union(&mine),
        None => mine,
    };
    managers.set(
        id,
        Owned {
            fields,
            api_version: manager.api_version.to_owned(),
            time: Some(manager.time.to_owned()),
        },
    );
}

/// The merged object without what the manager applied last time, unless it still applies it or
/// someone else owns it.
fn drop_forsaken(
    place: Option<Place<'_>>,
    merged: &Value,
    managers: &Managers,
    last: &FieldSet,
) -> Value {
    let last = last.with_declared_parents(place);
    let all = fields_of(place, merged).with_declared_parents(place);
    let left = |object: &Value| fields_of(place, object).with_declared_parents(place);
    let owned = managers.everyones().with_declared_parents(place);

    let without = remove(place, merged, &last);
    let unowned = all.difference(&left(&without).union(&owned));
    let without = remove(place, merged, &unowned);
    let gone = all.difference(&left(&without)).intersection(&last);
    remove(place, merged, &gone)
}

/// The object as its fields are compared: without managedFields, with the parts that are always
/// there.
fn plain(schema: Option<&Schema>, object: &Value) -> Value {
    let mut object = object.clone();
    let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
    if let Some(metadata) = metadata {
        metadata.remove("managedFields");
    }
    if let Some(schema) = schema {
        schema.complete(&mut object);
    }
    object
}

/// What the server writes itself, and what names the object.
fn never_owned() -> FieldSet {
    let mut fields = FieldSet::default();
    for name in ["apiVersion", "kind", "metadata"] {
        fields.insert_names(&[name]);
    }
    for name in [
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    ] {
        fields.insert_names(&["metadata", name]);
    }
    fields
}

fn check(place: Place<'_>, applied: &Value) -> Result<(), ApplyError> {
    let problems = valid::problems(place, applied);
    let problems = match problems.as_slice() {
        [] => return Ok(()),
        [only] => only.clone(),
        several => format!("errors:\n  {}", several.join("\n  ")),
    };
    let text = |path: &str| {
        let value = applied.pointer(path).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    Err(ApplyError::Unfit {
        object: format!("{}/{}", text("/metadata/namespace"), text("/metadata/name")),
        api_version: text("/apiVersion"),
        kind: text("/kind"),
        problems,
    })
}
