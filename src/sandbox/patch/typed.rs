//! An object seen through its schema: which values are whole, which are maps and lists with
//! fields of their own. Merging, comparing and removing along it, as server-side apply does.
//!
//! Where a schema says nothing, objects are maps and lists are whole.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    path::{Scalar, Step},
    set::FieldSet,
};
use crate::sandbox::schema::{ListRelation, Place};

/// How a value is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// One value.
    Leaf,
    /// An object whose fields count one by one.
    Map,
    /// A list whose elements are told apart.
    List,
}

/// The shape of a value at a place; null goes with whatever the place says first.
fn shape(place: Option<Place<'_>>, value: &Value) -> Shape {
    let Some(place) = place else {
        return match value {
            Value::Object(_) | Value::Null => Shape::Map,
            _ => Shape::Leaf,
        };
    };
    let map = if place.is_atomic_map() {
        Shape::Leaf
    } else {
        Shape::Map
    };
    let list = if place.list_relation() == ListRelation::Atomic {
        Shape::Leaf
    } else {
        Shape::List
    };
    if place.is_scalar() {
        Shape::Leaf
    } else if place.is_object() {
        map
    } else if place.is_list() {
        list
    } else {
        match value {
            Value::Object(_) | Value::Null => map,
            Value::Array(_) => list,
            _ => Shape::Leaf,
        }
    }
}

/// The place of a field below.
fn field<'a>(place: Option<Place<'a>>, name: &str) -> Option<Place<'a>> {
    place.and_then(|place| place.field(name))
}

/// The place of a list's elements.
fn items(place: Option<Place<'_>>) -> Option<Place<'_>> {
    place.and_then(Place::items)
}

/// What tells an element of the list from others. `Err` says why nothing does.
pub(super) fn step_of(place: Place<'_>, item: &Value) -> Result<Step, String> {
    match place.list_relation() {
        ListRelation::Map(names) => {
            let Some(fields) = item.as_object() else {
                return Err("associative list with keys may not have non-map elements".to_owned());
            };
            let mut key: Vec<(String, Scalar)> = Vec::new();
            for name in &names {
                let default = || place.items()?.property(name)?.default();
                if let Some(value) = fields.get(*name).or_else(default) {
                    key.push(((*name).to_owned(), Scalar(value.clone())));
                }
            }
            if key.is_empty() {
                let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
                return Err(format!(
                    "associative list with keys has an element that omits all key fields [{}] (and doesn't have default values for any key fields)",
                    names.join(" ")
                ));
            }
            key.sort();
            Ok(Step::Key(key))
        }
        ListRelation::Set => match item {
            Value::Object(_) => {
                Err("associative list without keys has an element that's a map type".to_owned())
            }
            Value::Array(_) => {
                Err("not supported: associative list with lists as elements".to_owned())
            }
            Value::Null => Err(
                "associative list without keys has an element that's an explicit null".to_owned(),
            ),
            value => Ok(Step::Value(Scalar(value.clone()))),
        },
        ListRelation::Atomic => Err("it is one value".to_owned()),
    }
}

/// A list's elements with what tells them apart.
fn all_elements<'v>(place: Option<Place<'_>>, list: &'v [Value]) -> Vec<(Step, &'v Value)> {
    let named = list.iter().filter_map(|item| {
        let step = step_of(place?, item).ok()?;
        Some((step, item))
    });
    named.collect()
}

/// As [`all_elements`], but of several alike only the first.
fn elements<'v>(place: Option<Place<'_>>, list: &'v [Value]) -> Vec<(Step, &'v Value)> {
    let mut seen = BTreeSet::new();
    let mut elements = all_elements(place, list);
    elements.retain(|(step, _)| seen.insert(step.clone()));
    elements
}

fn find<'v>(elements: &[(Step, &'v Value)], step: &Step) -> Option<&'v Value> {
    let found = elements.iter().find(|(other, _)| other == step);
    found.map(|(_, value)| *value)
}

fn map_of(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value?.as_object().filter(|fields| !fields.is_empty())
}

fn list_of(value: Option<&Value>) -> Option<&[Value]> {
    let list = value?.as_array()?;
    (!list.is_empty()).then_some(list.as_slice())
}

/// `right` merged into `left`: right wins, what only left has stays.
pub(super) fn merge(
    place: Option<Place<'_>>,
    left: Option<&Value>,
    right: Option<&Value>,
) -> Option<Value> {
    let winner = right.or(left)?;
    match shape(place, winner) {
        Shape::Leaf => Some(winner.clone()),
        Shape::Map => {
            let (lefts, rights) = (map_of(left), map_of(right));
            if lefts.is_none() && rights.is_none() {
                return Some(winner.clone());
            }
            let names: BTreeSet<&String> = [lefts, rights]
                .into_iter()
                .flatten()
                .flat_map(Map::keys)
                .collect();
            let merged: Map<String, Value> = names
                .into_iter()
                .filter_map(|name| {
                    let left = lefts.and_then(|fields| fields.get(name));
                    let right = rights.and_then(|fields| fields.get(name));
                    Some((name.clone(), merge(field(place, name), left, right)?))
                })
                .collect();
            (!merged.is_empty()).then_some(Value::Object(merged))
        }
        Shape::List => {
            let (lefts, rights) = (list_of(left), list_of(right));
            if lefts.is_none() && rights.is_none() {
                return Some(winner.clone());
            }
            let merged = merge_lists(place, lefts.unwrap_or(&[]), rights.unwrap_or(&[]));
            (!merged.is_empty()).then_some(Value::Array(merged))
        }
    }
}

/// The elements of both lists. Those of `right` are in its order, those of `left` alone stay
/// where they were between them.
fn merge_lists(place: Option<Place<'_>>, left: &[Value], right: &[Value]) -> Vec<Value> {
    // Built-in lists may hold several alike; they stay as long as nobody applies one of them.
    let (lefts, rights) = (all_elements(place, left), elements(place, right));
    let below = items(place);
    let mut shared = rights
        .iter()
        .map(|(step, _)| step)
        .filter(|step| find(&lefts, step).is_some())
        .peekable();
    let mut merged = Vec::new();
    let (mut from_left, mut from_right) = (lefts.iter().peekable(), rights.iter().peekable());
    loop {
        if let Some((step, value)) = from_left.peek() {
            match find(&rights, step) {
                None => {
                    merged.extend(merge(below, Some(value), None));
                    from_left.next();
                    continue;
                }
                // Its turn comes with another one of `right`, or has been.
                Some(_) if from_right.peek().is_none() || shared.peek() != Some(&step) => {
                    from_left.next();
                    continue;
                }
                Some(_) => {}
            }
        }
        let Some((step, value)) = from_right.next() else {
            return merged;
        };
        merged.extend(merge(below, find(&lefts, step), Some(value)));
        if shared.peek() == Some(&step) {
            shared.next();
            from_left.next_if(|(other, _)| other == step);
        }
    }
}

/// How two objects differ.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// Only the second one has these.
    pub(super) added: FieldSet,
    /// Both have these, with other values.
    pub(super) modified: FieldSet,
    /// Only the first one has these.
    pub(super) removed: FieldSet,
}

/// Compares two objects field by field.
pub(super) fn compare(place: Option<Place<'_>>, before: &Value, after: &Value) -> Comparison {
    let mut comparing = Comparing {
        path: Vec::new(),
        found: Comparison::default(),
    };
    comparing.value(place, Some(before), Some(after));
    comparing.found
}

struct Comparing {
    path: Vec<Step>,
    found: Comparison,
}

impl Comparing {
    fn value(&mut self, place: Option<Place<'_>>, before: Option<&Value>, after: Option<&Value>) {
        let mut shapes: Vec<Shape> = [before, after]
            .into_iter()
            .flatten()
            .map(|value| shape(place, value))
            .collect();
        shapes.dedup();
        let mut was_leaf = false;
        for shape in shapes {
            was_leaf = self.shaped(shape, place, before, after);
        }
        if !was_leaf {
            match (before, after) {
                (None, _) => self.found.added.insert(&self.path),
                (_, None) => self.found.removed.insert(&self.path),
                _ => {}
            }
        }
    }

    /// Whether it was looked at as one value.
    fn shaped(
        &mut self,
        shape: Shape,
        place: Option<Place<'_>>,
        before: Option<&Value>,
        after: Option<&Value>,
    ) -> bool {
        match shape {
            Shape::Map if map_of(before).is_some() || map_of(after).is_some() => {
                let sides = [map_of(before), map_of(after)];
                let names: BTreeSet<&String> =
                    sides.into_iter().flatten().flat_map(Map::keys).collect();
                for name in names {
                    let [before, after] = sides.map(|side| side.and_then(|side| side.get(name)));
                    self.below(Step::field(name), field(place, name), before, after);
                }
                false
            }
            Shape::List if list_of(before).is_some() || list_of(after).is_some() => {
                let sides = [before, after].map(|side| list_of(side).unwrap_or(&[]));
                let sides = sides.map(|side| elements(place, side));
                let all = sides.iter().flatten().map(|(step, _)| step);
                let steps: BTreeSet<&Step> = all.collect();
                for step in steps {
                    let [before, after] = [&sides[0], &sides[1]].map(|side| find(side, step));
                    self.below(step.clone(), items(place), before, after);
                }
                false
            }
            _ => {
                self.leaf(before, after);
                true
            }
        }
    }

    fn below(
        &mut self,
        step: Step,
        place: Option<Place<'_>>,
        before: Option<&Value>,
        after: Option<&Value>,
    ) {
        self.path.push(step);
        self.value(place, before, after);
        self.path.pop();
    }

    fn leaf(&mut self, before: Option<&Value>, after: Option<&Value>) {
        match (before, after) {
            (None, _) => self.found.added.insert(&self.path),
            (_, None) => self.found.removed.insert(&self.path),
            (Some(before), Some(after)) if before != after => {
                self.found.modified.insert(&self.path);
            }
            _ => {}
        }
    }
}

/// The fields that an object sets.
pub(super) fn fields_of(place: Option<Place<'_>>, object: &Value) -> FieldSet {
    let mut set = FieldSet::default();
    collect(place, object, &mut Vec::new(), &mut set);
    set
}

fn collect(place: Option<Place<'_>>, value: &Value, path: &mut Vec<Step>, set: &mut FieldSet) {
    match (shape(place, value), value) {
        (Shape::Map, Value::Object(fields)) => {
            for (name, value) in fields {
                path.push(Step::field(name));
                collect(field(place, name), value, path, set);
                let declared = place.is_some_and(|place| place.property(name).is_some());
                let empty = value.is_null() || value.as_object().is_some_and(Map::is_empty);
                if empty || !declared {
                    set.insert(path);
                }
                path.pop();
            }
        }
        (Shape::List, Value::Array(list)) => {
            for (step, item) in elements(place, list) {
                path.push(step);
                collect(items(place), item, path, set);
                set.insert(path);
                path.pop();
            }
        }
        (Shape::Map | Shape::List, _) => {}
        (Shape::Leaf, _) => set.insert(path),
    }
}

/// The object without these fields; null where nothing is left.
pub(super) fn remove(place: Option<Place<'_>>, value: &Value, fields: &FieldSet) -> Value {
    match (shape(place, value), value) {
        (Shape::Map, Value::Object(map)) => {
            let mut left = Map::new();
            for (name, value) in map {
                let step = Step::field(name);
                if fields.has(&step) {
                    continue;
                }
                let value = match fields.below(&step) {
                    Some(fields) => remove(field(place, name), value, fields),
                    None => value.clone(),
                };
                left.insert(name.clone(), value);
            }
            if left.is_empty() {
                Value::Null
            } else {
                Value::Object(left)
            }
        }
        (Shape::List, Value::Array(list)) => {
            let mut left = Vec::new();
            for item in list {
                let step = place.and_then(|place| step_of(place, item).ok());
                let Some(step) = step else {
                    left.push(item.clone());
                    continue;
                };
                if fields.has(&step) {
                    continue;
                }
                left.push(match fields.below(&step) {
                    Some(fields) => remove(items(place), item, fields),
                    None => item.clone(),
                });
            }
            if left.is_empty() {
                Value::Null
            } else {
                Value::Array(left)
            }
        }
        _ => value.clone(),
    }
}
