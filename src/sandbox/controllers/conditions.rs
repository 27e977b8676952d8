//! A status' conditions and counts, written as Kubernetes writes them.

use serde_json::{Map, Value, json};

use super::text;
use crate::sandbox::objects::now;

/// The conditions of a status, changed one by one.
#[derive(Debug)]
pub(super) struct Conditions {
    all: Vec<Value>,
    /// Another time that they have, empty if none.
    also: &'static str,
}

impl Conditions {
    /// Those of the object. `also`: Deployments' have a `lastUpdateTime`, Jobs' a `lastProbeTime`.
    pub(super) fn of(object: &Value, also: &'static str) -> Self {
        let all = object.pointer("/status/conditions");
        let all = all.and_then(Value::as_array).cloned();
        Self {
            all: all.unwrap_or_default(),
            also,
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.all.iter().find(|it| it["type"] == name)
    }

    /// Sets a condition. Its times change with it only.
    pub(super) fn set(&mut self, name: &str, on: bool, reason: &str, message: &str) {
        self.set_at(name, on, reason, message, false);
    }

    /// As [`Self::set`]; `confirm` writes its other time anew even if it says the same.
    pub(super) fn set_at(
        &mut self,
        name: &str,
        on: bool,
        reason: &str,
        message: &str,
        confirm: bool,
    ) {
        let status = if on { "True" } else { "False" };
        let before = self.get(name).cloned().unwrap_or_default();
        let turned = before["status"] != status;
        let same = !turned && before["reason"] == reason && before["message"] == message;
        let time = |field: &str, keep: bool| match before.get(field) {
            Some(time) if keep => time.clone(),
            _ => json!(now()),
        };
        let mut condition = json!({
            "type": name,
            "status": status,
            "lastTransitionTime": time("lastTransitionTime", !turned),
        });
        for (field, value) in [("reason", reason), ("message", message)] {
            if !value.is_empty() {
                condition[field] = value.into();
            }
        }
        if !self.also.is_empty() {
            condition[self.also] = time(self.also, same && !confirm);
        }
        match self.all.iter_mut().find(|it| it["type"] == name) {
            Some(there) => *there = condition,
            None => self.all.push(condition),
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.all.retain(|it| it["type"] != name);
    }

    /// Writes them into the status; none leave no field.
    pub(super) fn write(self, status: &mut Value) {
        if !self.all.is_empty() {
            status["conditions"] = self.all.into();
        }
    }
}

/// Is the condition of the object true?
pub(super) fn is_true(object: &Value, name: &str) -> bool {
    let conditions = object.pointer("/status/conditions");
    let conditions = conditions.and_then(Value::as_array).into_iter().flatten();
    let mut conditions = conditions.filter(|it| it["type"] == name);
    conditions.any(|it| it["status"] == "True")
}

/// When the condition became what it is; empty if it is not there.
pub(super) fn since<'a>(object: &'a Value, name: &str) -> &'a str {
    let conditions = object.pointer("/status/conditions");
    let conditions = conditions.and_then(Value::as_array).into_iter().flatten();
    let mut conditions = conditions.filter(|it| it["type"] == name);
    let found = conditions.next();
    found.map_or("", |it| text(it, "/lastTransitionTime"))
}

/// A status with these counts; those that are 0 are left out.
pub(super) fn counts<const N: usize>(counts: [(&str, i64); N]) -> Value {
    let counts = counts.into_iter().filter(|(_, count)| *count != 0);
    let counts = counts.map(|(name, count)| (name.to_owned(), json!(count)));
    Value::Object(counts.collect::<Map<_, _>>())
}
