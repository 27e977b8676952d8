//! A set of fields: what a manager owns.
//!
//! A field and the fields below it are members each on its own: `spec` in the set does not mean
//! that `spec.replicas` is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::path::Step;
use crate::sandbox::schema::Place;

/// A set of fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FieldSet {
    members: BTreeSet<Step>,
    /// Never an empty set.
    children: BTreeMap<Step, Self>,
}

impl FieldSet {
    /// Adds a field, but not those above it. The whole object is not a field.
    pub(super) fn insert(&mut self, path: &[Step]) {
        match path {
            [] => {}
            [last] => {
                self.members.insert(last.clone());
            }
            [first, rest @ ..] => self.children.entry(first.clone()).or_default().insert(rest),
        }
    }

    /// Adds the field made of these names.
    pub(super) fn insert_names(&mut self, names: &[&str]) {
        let path: Vec<Step> = names.iter().map(|name| Step::field(name)).collect();
        self.insert(&path);
    }

    /// Has it no field?
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.children.is_empty()
    }

    /// Is the field directly below in it?
    pub(super) fn has(&self, step: &Step) -> bool {
        self.members.contains(step)
    }

    /// Its fields below a step.
    pub(super) fn below(&self, step: &Step) -> Option<&Self> {
        self.children.get(step)
    }

    /// What is in either.
    pub(super) fn union(&self, other: &Self) -> Self {
        let mut children = self.children.clone();
        for (step, set) in &other.children {
            let both = children.get(step).map(|mine| mine.union(set));
            children.insert(step.clone(), both.unwrap_or_else(|| set.clone()));
        }
        Self {
            members: self.members.union(&other.members).cloned().collect(),
            children,
        }
    }

    /// What is in both.
    pub(super) fn intersection(&self, other: &Self) -> Self {
        let members = self.members.intersection(&other.members).cloned().collect();
        let children = self.children.iter().filter_map(|(step, set)| {
            let both = set.intersection(other.children.get(step)?);
            (!both.is_empty()).then(|| (step.clone(), both))
        });
        Self {
            members,
            children: children.collect(),
        }
    }

    /// What is in this one only; what is below a field of `other` stays.
    pub(super) fn difference(&self, other: &Self) -> Self {
        let members = self.members.difference(&other.members).cloned().collect();
        let children = self.children.iter().filter_map(|(step, set)| {
            let rest = match other.children.get(step) {
                Some(theirs) => set.difference(theirs),
                None => set.clone(),
            };
            (!rest.is_empty()).then(|| (step.clone(), rest))
        });
        Self {
            members,
            children: children.collect(),
        }
    }

    /// Only what is at or below the field of that name, or everything but that.
    pub(super) fn split_at(mut self, name: &str, keep: bool) -> Self {
        let step = Step::field(name);
        self.members.retain(|member| (*member == step) == keep);
        self.children.retain(|child, _| (*child == step) == keep);
        self
    }

    /// With those declared fields that have fields of theirs in the set: these are usually not
    /// members themselves.
    pub(super) fn with_declared_parents(&self, place: Option<Place<'_>>) -> Self {
        let mut members = self.members.clone();
        let mut children = BTreeMap::new();
        for (step, set) in &self.children {
            let below = match step {
                Step::Field(name) => {
                    if place.is_some_and(|place| place.property(name).is_some()) {
                        members.insert(step.clone());
                    }
                    place.and_then(|place| place.field(name))
                }
                _ => place.and_then(Place::items),
            };
            children.insert(step.clone(), set.with_declared_parents(below));
        }
        Self { members, children }
    }

    /// Every member, those at the top first.
    pub(super) fn paths(&self) -> Vec<Vec<Step>> {
        let mut paths = Vec::new();
        self.collect(&mut Vec::new(), &mut paths);
        paths
    }

    fn collect(&self, prefix: &mut Vec<Step>, paths: &mut Vec<Vec<Step>>) {
        for member in &self.members {
            let path = prefix.iter().chain([member]);
            paths.push(path.cloned().collect());
        }
        for (step, set) in &self.children {
            prefix.push(step.clone());
            set.collect(prefix, paths);
            prefix.pop();
        }
    }

    /// As `fieldsV1` writes it.
    pub(super) fn to_fields_v1(&self) -> Value {
        let mut fields = Map::new();
        for member in &self.members {
            fields.insert(member.to_text(), Value::Object(Map::new()));
        }
        for (step, set) in &self.children {
            let mut below = set.to_fields_v1();
            if let (true, Some(below)) = (self.has(step), below.as_object_mut()) {
                below.insert(".".to_owned(), Value::Object(Map::new()));
            }
            fields.insert(step.to_text(), below);
        }
        Value::Object(fields)
    }

    /// Reads `fieldsV1`; what is not understood is left out.
    pub(super) fn from_fields_v1(fields: &Value) -> Self {
        let mut set = Self::default();
        for (text, below) in fields.as_object().into_iter().flatten() {
            let Some(step) = Step::from_text(text) else {
                continue;
            };
            let inner = Self::from_fields_v1(below);
            if inner.is_empty() || below.get(".").is_some() {
                set.members.insert(step.clone());
            }
            if !inner.is_empty() {
                set.children.insert(step, inner);
            }
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(fields: &Value) -> FieldSet {
        FieldSet::from_fields_v1(fields)
    }

    #[test]
    fn a_set_is_read_as_it_was_written() {
        let fields = json!({
            "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
            "f:spec": {"f:replicas": {}, "f:ports": {"k:{\"port\":80}": {".": {}, "f:port": {}}}},
        });
        assert_eq!(set(&fields).to_fields_v1(), fields);
    }

    #[test]
    fn parents_and_children_are_told_apart() {
        let one = set(&json!({"f:a": {".": {}, "f:b": {}}, "f:c": {}}));
        let two = set(&json!({"f:a": {}, "f:d": {}}));
        assert_eq!(
            one.difference(&two).to_fields_v1(),
            json!({"f:a": {"f:b": {}}, "f:c": {}})
        );
        assert_eq!(one.intersection(&two).to_fields_v1(), json!({"f:a": {}}));
        assert_eq!(
            one.union(&two).to_fields_v1(),
            json!({"f:a": {".": {}, "f:b": {}}, "f:c": {}, "f:d": {}})
        );
        assert!(one.difference(&one).is_empty());
    }

    #[test]
    fn a_part_is_split_off_with_all_below_it() {
        let all = set(&json!({"f:spec": {"f:a": {}}, "f:status": {".": {}, "f:b": {}}}));
        assert_eq!(
            all.clone().split_at("status", true).to_fields_v1(),
            json!({"f:status": {".": {}, "f:b": {}}})
        );
        assert_eq!(
            all.split_at("status", false).to_fields_v1(),
            json!({"f:spec": {"f:a": {}}})
        );
    }
}
