//! What server-side apply demands of an applied object before it merges it: declared fields,
//! fitting types, elements that can be told apart. Worded as the server does.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    path::{Step, text_of},
    typed::step_of,
};
use crate::sandbox::schema::{ListRelation, Place};

/// Everything that is wrong with the object: where, and what.
pub(super) fn problems(place: Place<'_>, object: &Value) -> Vec<String> {
    let mut check = Check {
        path: Vec::new(),
        problems: Vec::new(),
    };
    check.value(place, object);
    check.problems
}

struct Check {
    path: Vec<Step>,
    problems: Vec<String>,
}

impl Check {
    fn problem(&mut self, what: &str) {
        let path = text_of(&self.path);
        self.problems.push(format!("{path}: {what}"));
    }

    fn below(&mut self, step: Step, place: Place<'_>, value: &Value) {
        self.path.push(step);
        self.value(place, value);
        self.path.pop();
    }

    fn value(&mut self, place: Place<'_>, value: &Value) {
        if value.is_null() {
            return;
        }
        if place.is_scalar() {
            if let Some(expected) = place.unfit_scalar(value) {
                self.problem(&format!("expected {expected}, got {value}"));
            }
            return;
        }
        match value {
            Value::Object(fields) if !place.is_list() => {
                for (name, value) in fields {
                    match place.field(name) {
                        Some(below) => self.below(Step::field(name), below, value),
                        None if place.is_open() => {}
                        None => {
                            self.path.push(Step::field(name));
                            self.problem("field not declared in schema");
                            self.path.pop();
                        }
                    }
                }
            }
            Value::Array(items) if !place.is_object() => self.items(place, items),
            _ if place.is_list() => self.problem(&format!("expected list, got {value}")),
            _ if place.is_object() => self.problem(&format!("expected map, got {value}")),
            _ => {}
        }
    }

    fn items(&mut self, place: Place<'_>, items: &[Value]) {
        let told_apart = place.list_relation() != ListRelation::Atomic;
        let mut seen = BTreeSet::new();
        for (index, item) in items.iter().enumerate() {
            let step = if told_apart {
                match step_of(place, item) {
                    Ok(step) => step,
                    Err(why) => {
                        self.problem(&format!("element {index}: {why}"));
                        continue;
                    }
                }
            } else {
                Step::Index(i64::try_from(index).unwrap_or(i64::MAX))
            };
            if !seen.insert(step.clone()) {
                self.problem(&format!("duplicate entries for key {step}"));
            }
            if let Some(below) = place.items() {
                self.below(step, below, item);
            }
        }
    }
}
