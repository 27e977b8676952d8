//! `metadata.managedFields`: who owns which fields.

use std::{collections::BTreeMap, fmt};

use serde_json::{Map, Value, json};

use super::{
    Manager,
    path::{Step, text_of},
    set::FieldSet,
};

/// How a manager writes. The order is the one of managedFields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    /// Server-side apply.
    Apply,
    /// Everything else.
    Update,
}

/// What makes an entry of managedFields another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    operation: Operation,
    manager: String,
    /// Who applies in another version is still the same.
    api_version: Option<String>,
    subresource: String,
}

/// What a manager owns.
#[derive(Debug, Clone)]
pub(super) struct Owned {
    pub(super) fields: FieldSet,
    pub(super) api_version: String,
    /// When it last changed something.
    pub(super) time: Option<String>,
}

/// All managers of an object.
#[derive(Debug, Clone, Default)]
pub(super) struct Managers(BTreeMap<Id, Owned>);

impl Id {
    pub(super) fn applier(manager: &Manager<'_>) -> Self {
        Self {
            operation: Operation::Apply,
            manager: manager.name.to_owned(),
            api_version: None,
            subresource: manager.subresource.to_owned(),
        }
    }

    pub(super) fn updater(manager: &Manager<'_>) -> Self {
        Self {
            operation: Operation::Update,
            manager: manager.name.to_owned(),
            api_version: Some(manager.api_version.to_owned()),
            subresource: manager.subresource.to_owned(),
        }
    }
}

/// As the server names a manager that one conflicts with.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.manager)?;
        if !self.subresource.is_empty() {
            write!(f, " with subresource {:?}", self.subresource)?;
        }
        match &self.api_version {
            Some(version) => write!(f, " using {version}"),
            None => Ok(()),
        }
    }
}

impl Managers {
    /// Those of an object; an entry that cannot be read makes all of them unknown, as in the real
    /// server.
    pub(super) fn of(object: &Value) -> Self {
        let entries = object.pointer("/metadata/managedFields");
        let entries = entries.and_then(Value::as_array);
        let read: Option<BTreeMap<Id, Owned>> = entries.into_iter().flatten().map(read).collect();
        Self(read.unwrap_or_default())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, id: &Id) -> Option<&Owned> {
        self.0.get(id)
    }

    /// Gives a manager these fields; with none it is not one any more.
    pub(super) fn set(&mut self, id: Id, owned: Owned) {
        if owned.fields.is_empty() {
            self.0.remove(&id);
        } else {
            self.0.insert(id, owned);
        }
    }

    /// What all own together.
    pub(super) fn everyones(&self) -> FieldSet {
        let all = self.0.values();
        all.fold(FieldSet::default(), |all, owned| all.union(&owned.fields))
    }

    /// Everyone but one.
    pub(super) fn others<'a>(&'a self, me: &'a Id) -> impl Iterator<Item = (&'a Id, &'a Owned)> {
        self.0.iter().filter(move |(id, _)| *id != me)
    }

    /// Takes fields from everyone but one.
    pub(super) fn take_from_others(&mut self, me: Option<&Id>, fields: &FieldSet) {
        for (id, owned) in &mut self.0 {
            if Some(id) != me {
                owned.fields = owned.fields.difference(fields);
            }
        }
        self.0.retain(|_, owned| !owned.fields.is_empty());
    }

    /// Writes them into the object.
    pub(super) fn write(&self, object: &mut Value) {
        let mut entries: Vec<(&Id, &Owned)> = self.0.iter().collect();
        entries.sort_by_key(|(id, owned)| {
            (
                id.operation,
                owned.time.as_deref(),
                &id.manager,
                &owned.api_version,
                &id.subresource,
            )
        });
        let entries: Vec<Value> = entries.into_iter().map(written).collect();
        let Some(fields) = object.as_object_mut() else {
            return;
        };
        let metadata = fields.entry("metadata").or_insert_with(|| json!({}));
        if let Some(metadata) = metadata.as_object_mut() {
            if entries.is_empty() {
                metadata.remove("managedFields");
            } else {
                metadata.insert("managedFields".to_owned(), Value::Array(entries));
            }
        }
    }
}

/// Does the object ask for its managedFields to be forgotten: an empty list, or one empty entry?
pub(super) fn is_reset(object: &Value) -> bool {
    let entries = object.pointer("/metadata/managedFields");
    match entries.and_then(Value::as_array).map(Vec::as_slice) {
        Some([]) => true,
        Some([only]) => only.as_object().is_some_and(Map::is_empty),
        _ => false,
    }
}

fn read(entry: &Value) -> Option<(Id, Owned)> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    let api_version = text("apiVersion")?.to_owned();
    let operation = match text("operation")? {
        "Apply" => Operation::Apply,
        "Update" => Operation::Update,
        _ => return None,
    };
    if text("fieldsType")? != "FieldsV1" {
        return None;
    }
    let id = Id {
        operation,
        manager: text("manager").unwrap_or_default().to_owned(),
        api_version: (operation == Operation::Update).then(|| api_version.clone()),
        subresource: text("subresource").unwrap_or_default().to_owned(),
    };
    let owned = Owned {
        fields: FieldSet::from_fields_v1(entry.get("fieldsV1").unwrap_or(&Value::Null)),
        api_version,
        time: text("time").map(str::to_owned),
    };
    Some((id, owned))
}

fn written((id, owned): (&Id, &Owned)) -> Value {
    let mut entry = json!({
        "apiVersion": owned.api_version,
        "fieldsType": "FieldsV1",
        "fieldsV1": owned.fields.to_fields_v1(),
        "manager": id.manager,
        "operation": match id.operation {
            Operation::Apply => "Apply",
            Operation::Update => "Update",
        },
    });
    if let Some(entry) = entry.as_object_mut() {
        if let Some(time) = &owned.time {
            entry.insert("time".to_owned(), json!(time));
        }
        if !id.subresource.is_empty() {
            entry.insert("subresource".to_owned(), json!(id.subresource));
        }
    }
    entry
}

/// Fields that others own and this apply would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) struct Conflicts(Vec<(String, Vec<Vec<Step>>)>);

impl Conflicts {
    /// The managers with their fields; none if nobody has any.
    pub(super) fn new<'a>(conflicts: impl Iterator<Item = (&'a Id, FieldSet)>) -> Option<Self> {
        let mut all: Vec<(&Id, FieldSet)> =
            conflicts.filter(|(_, fields)| !fields.is_empty()).collect();
        all.sort_by_key(|(id, _)| (&id.manager, &id.api_version, &id.subresource));
        let told = all
            .iter()
            .map(|(id, fields)| (id.to_string(), fields.paths()));
        (!all.is_empty()).then(|| Self(told.collect()))
    }

    /// Message and field of each, for the causes of a Status with the reason
    /// `FieldManagerConflict`.
    pub(in crate::sandbox) fn causes(&self) -> Vec<(String, String)> {
        let each = self.0.iter().flat_map(|(manager, paths)| {
            let message = format!("conflict with {manager}");
            paths
                .iter()
                .map(move |path| (message.clone(), text_of(path)))
        });
        each.collect()
    }
}

/// As the server words it.
impl fmt::Display for Conflicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let causes = self.causes();
        if let [(message, field)] = causes.as_slice() {
            return write!(f, "Apply failed with 1 conflict: {message}: {field}");
        }
        write!(f, "Apply failed with {} conflicts: ", causes.len())?;
        for (index, (manager, paths)) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "conflicts with {manager}:")?;
            for path in paths {
                write!(f, "\n- {}", text_of(path))?;
            }
        }
        Ok(())
    }
}
