//! What the steps of one chart hand to each other.

use serde_json::{Map, Value};

/// A JSON object. Empty at the start; each step's result replaces it; `run` steps get it on
/// standard input. The failure hook sees it as it was after `pre_exec` (seed, B21).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Payload(pub Map<String, Value>);

impl Payload {
    /// The payload a command printed: its standard output, if that is one JSON object.
    pub fn from_output(stdout: &[u8]) -> Option<Self> {
        match serde_json::from_slice(stdout) {
            Ok(Value::Object(map)) => Some(Self(map)),
            _ => None,
        }
    }

    /// As JSON text.
    pub fn to_json(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// Sets a key.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Value>) {
        self.0.insert(key.into(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_json_object_is_a_payload() {
        for (text, expected) in [
            ("{\"a\": 1}\n", Some("{\"a\":1}")),
            ("[1]", None),
            ("done\n{\"a\":1}", None),
            ("", None),
        ] {
            let payload = Payload::from_output(text.as_bytes());
            assert_eq!(payload.map(|p| p.to_json()).as_deref(), expected, "{text}");
        }
    }
}
