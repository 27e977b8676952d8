//! Reading fields and conditions of an object's JSON.

use serde_json::Value;

/// The text at a JSON pointer, empty if there is none.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The integer at a JSON pointer.
pub(super) fn integer(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Value::as_i64)
}

/// The integer at a JSON pointer, 0 if there is none: how the API writes zero counts.
pub(super) fn count(object: &Value, pointer: &str) -> i64 {
    integer(object, pointer).unwrap_or_default()
}

/// One entry of `status.conditions`.
pub(super) struct Condition<'a>(&'a Value);

impl<'a> Condition<'a> {
    pub(super) fn status(&self) -> &'a str {
        text(self.0, "/status")
    }

    pub(super) fn is_true(&self) -> bool {
        self.status() == "True"
    }

    pub(super) fn reason(&self) -> &'a str {
        text(self.0, "/reason")
    }

    pub(super) fn observed_generation(&self) -> Option<i64> {
        integer(self.0, "/observedGeneration")
    }

    /// Its message, else its reason, else `otherwise`.
    pub(super) fn words(&self, otherwise: &str) -> String {
        let message = text(self.0, "/message").trim();
        let words = [message, self.reason(), otherwise];
        words
            .into_iter()
            .find(|words| !words.is_empty())
            .unwrap_or_default()
            .to_owned()
    }
}

/// `status.conditions`.
pub(super) struct Conditions<'a>(&'a [Value]);

impl<'a> Conditions<'a> {
    pub(super) fn of(object: &'a Value) -> Self {
        let list = object
            .pointer("/status/conditions")
            .and_then(Value::as_array);
        Self(list.map(Vec::as_slice).unwrap_or_default())
    }

    pub(super) fn get(&self, kind: &str) -> Option<Condition<'a>> {
        self.0
            .iter()
            .find(|condition| condition["type"] == kind)
            .map(Condition)
    }

    /// The condition, if its status is `True`.
    pub(super) fn when_true(&self, kind: &str) -> Option<Condition<'a>> {
        self.get(kind).filter(Condition::is_true)
    }
}
