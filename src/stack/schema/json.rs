//! The JSON Schema of a stack file.
//!
//! Draft 7, with `definitions`: the TOML language servers (taplo, which Even Better TOML embeds)
//! know it best. It never refuses what `stackctl check` accepts. It does not see everything that
//! `check` does: what depends on other keys, files, or names.

use serde_json::{Map, Value, json};

use crate::stack::grammar::{FILE, Holds, Key, Rule, Shape};

/// As Go's `time.ParseDuration` has them, without signs; or digits alone: seconds.
const DURATION: &str = "^([0-9]+|(([0-9]+\\.?[0-9]*|\\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$";

/// A year.
const LONGEST_SECONDS: u32 = 31_536_000;

/// The schema.
pub fn json() -> Value {
    let mut definitions = Definitions::default();
    let mut whole = definitions.table(&FILE, false);
    let about = [
        ("$schema", "http://json-schema.org/draft-07/schema#"),
        ("title", "stackctl stack file"),
        (
            "description",
            "Charts, what each needs, and what is done around Helm. `[stack]` with a `name` may be \
             missing in files that others include.",
        ),
    ];
    for (key, text) in about {
        whole.insert(key.to_owned(), text.into());
    }
    whole.insert("definitions".to_owned(), definitions.0.into());
    whole.into()
}

/// Schemas of the tables, by name.
#[derive(Default)]
struct Definitions(Map<String, Value>);

impl Definitions {
    /// A reference to the schema of a table, which is added if it is not there yet.
    fn reference(&mut self, shape: &'static Shape, whole: bool) -> Value {
        if !self.0.contains_key(shape.name) {
            self.0.insert(shape.name.to_owned(), Value::Null);
            let table = self.table(shape, whole);
            self.0.insert(shape.name.to_owned(), table.into());
        }
        json!({ "$ref": format!("#/definitions/{}", shape.name) })
    }

    /// `whole`: nothing else is merged with it, so that what it needs must be in it.
    fn table(&mut self, shape: &'static Shape, whole: bool) -> Map<String, Value> {
        let properties: Map<_, _> = shape
            .keys()
            .map(|key| (key.name.to_owned(), self.key(key, whole)))
            .collect();
        let mut table = Map::new();
        table.insert("type".to_owned(), "object".into());
        if !shape.doc.is_empty() {
            table.insert("description".to_owned(), shape.doc.into());
        }
        table.insert("properties".to_owned(), properties.into());
        table.insert("additionalProperties".to_owned(), false.into());
        if whole {
            let required = shape.keys().filter(|key| key.required);
            let required: Vec<&str> = required.map(|key| key.name).collect();
            if !required.is_empty() {
                table.insert("required".to_owned(), required.into());
            }
        }
        let mut all: Vec<Value> = Vec::new();
        let mut dependencies = Map::new();
        for rule in shape.rules {
            let each = |keys: &[&str]| {
                keys.iter()
                    .map(|key| json!({ "required": [key] }))
                    .collect()
            };
            match rule {
                Rule::One(keys) => {
                    let each: Vec<Value> = each(keys);
                    all.push(json!({ "oneOf": each }));
                }
                Rule::Some(keys) => {
                    let each: Vec<Value> = each(keys);
                    all.push(json!({ "anyOf": each }));
                }
                Rule::With(key, other) => {
                    dependencies.insert((*key).to_owned(), json!([other]));
                }
            }
        }
        if !all.is_empty() {
            table.insert("allOf".to_owned(), all.into());
        }
        if !dependencies.is_empty() {
            table.insert("dependencies".to_owned(), dependencies.into());
        }
        table
    }

    fn key(&mut self, key: &'static Key, whole: bool) -> Value {
        let mut schema = match self.holds(&key.holds, whole) {
            // Draft 7 ignores what stands beside a reference.
            Value::Object(map) if map.contains_key("$ref") => {
                Map::from_iter([("allOf".to_owned(), json!([map]))])
            }
            Value::Object(map) => map,
            _ => Map::new(),
        };
        schema.insert("description".to_owned(), key.doc.into());
        if let Some(default) = key.default {
            schema.insert("default".to_owned(), default_of(default));
        }
        schema.into()
    }

    fn holds(&mut self, holds: &'static Holds, whole: bool) -> Value {
        match holds {
            Holds::Flag => json!({ "type": "boolean" }),
            Holds::True => json!({ "type": "boolean", "enum": [true] }),
            Holds::Text => json!({ "type": "string" }),
            Holds::TextLike(pattern) => json!({ "type": "string", "pattern": pattern }),
            Holds::Word(words) => json!({ "type": "string", "enum": words() }),
            Holds::Whole(min, None) => json!({ "type": "integer", "minimum": min }),
            Holds::Whole(min, Some(max)) => {
                json!({ "type": "integer", "minimum": min, "maximum": max })
            }
            Holds::Number(f64::MIN, _) => json!({ "type": "number" }),
            Holds::Number(min, max) => json!({ "type": "number", "minimum": min, "maximum": max }),
            Holds::Duration => json!({ "anyOf": [
                { "type": "string", "pattern": DURATION },
                { "type": "integer", "minimum": 1, "maximum": LONGEST_SECONDS },
            ] }),
            Holds::Tree => json!({ "type": "object" }),
            Holds::Anything => json!({}),
            Holds::List(item) => {
                // Arrays are replaced, not merged.
                let item = self.holds(item, true);
                json!({ "type": "array", "items": item })
            }
            Holds::Names(_, pattern, item) => {
                let item = self.holds(item, whole);
                match pattern {
                    None => json!({ "type": "object", "additionalProperties": item }),
                    Some(pattern) => json!({
                        "type": "object",
                        "propertyNames": { "pattern": pattern },
                        "additionalProperties": item,
                    }),
                }
            }
            Holds::Table(shape) => self.reference(shape, whole),
            Holds::Or(ways) => {
                let ways: Vec<Value> = ways.iter().map(|way| self.holds(way, whole)).collect();
                json!({ "anyOf": ways })
            }
        }
    }
}

/// A default as the grammar writes it. Those that are no JSON fail a test.
fn default_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}
