//! Finds what is wrong with an object: unknown fields, wrong types, what is missing, and the
//! simple bounds of a CRD. Words them as the API server does.

use std::fmt;

use serde_json::{Map, Value};

use super::{ListRelation, Place, Schema, node::Type};

/// One thing that is wrong with an object.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) struct FieldError {
    /// `spec.parts[0].name`.
    pub(in crate::sandbox) path: String,
    /// What is wrong with it.
    pub(in crate::sandbox) problem: Problem,
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) enum Problem {
    /// The kind has no such field.
    Unknown,
    /// It must be there.
    Required,
    /// It has another type.
    Type {
        /// `integer`; several with commas.
        expected: String,
        /// `string`.
        got: &'static str,
    },
    /// It is not one of the values that there are.
    Unsupported {
        /// What it says.
        value: Value,
        /// What it may say.
        supported: Vec<Value>,
    },
    /// It is out of bounds.
    Invalid {
        /// What it says.
        value: Value,
        /// The bound, in the server's words.
        rule: String,
    },
    /// It has too many elements.
    TooMany {
        /// How many it has.
        count: usize,
        /// How many it may have.
        most: usize,
    },
    /// It is there twice.
    Duplicate(Value),
}

impl FieldError {
    /// The server's word for the class of the error, for a Status' cause.
    pub(in crate::sandbox) fn reason(&self) -> &'static str {
        match self.problem {
            Problem::Unknown => "FieldValueForbidden",
            Problem::Required => "FieldValueRequired",
            Problem::Type { .. } => "FieldValueTypeInvalid",
            Problem::Invalid { .. } => "FieldValueInvalid",
            Problem::Unsupported { .. } => "FieldValueNotSupported",
            Problem::TooMany { .. } => "FieldValueTooMany",
            Problem::Duplicate(_) => "FieldValueDuplicate",
        }
    }

    /// What is wrong, without the path: a Status' cause says them apart.
    pub(in crate::sandbox) fn message(&self) -> String {
        let path = &self.path;
        match &self.problem {
            Problem::Unknown => format!("unknown field \"{path}\""),
            Problem::Required => "Required value".to_owned(),
            Problem::Type { expected, got } => format!(
                "Invalid value: \"{got}\": {path} in body must be of type {expected}: \"{got}\""
            ),
            Problem::Unsupported { value, supported } => {
                let supported: Vec<String> = supported.iter().map(Value::to_string).collect();
                format!(
                    "Unsupported value: {value}: supported values: {}",
                    supported.join(", ")
                )
            }
            Problem::Invalid { value, rule } => {
                format!("Invalid value: {value}: {path} in body {rule}")
            }
            Problem::TooMany { count, most } => {
                format!("Too many: {count}: must have at most {most} items")
            }
            Problem::Duplicate(value) => format!("Duplicate value: {value}"),
        }
    }

    /// As decoding a built-in kind words a wrong type; none for other problems.
    pub(in crate::sandbox) fn decoding(&self, kind: &str) -> Option<String> {
        let Problem::Type { expected, got } = &self.problem else {
            return None;
        };
        let got = match *got {
            "boolean" => "bool",
            "integer" => "number",
            other => other,
        };
        Some(format!(
            "json: cannot unmarshal {got} into Go struct field {kind}.{} of type {expected}",
            self.path
        ))
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.problem == Problem::Unknown {
            return f.write_str(&self.message());
        }
        write!(f, "{}: {}", self.path, self.message())
    }
}

impl Schema {
    /// Everything that is wrong with the object, in the order of its fields.
    pub(in crate::sandbox) fn check(&self, object: &Value) -> Vec<FieldError> {
        let mut check = Check {
            built_in: self.built_in,
            types_only: false,
            path: String::new(),
            errors: Vec::new(),
        };
        check.value(self.root(), object);
        check.errors
    }
}

struct Check {
    built_in: bool,
    /// The real server checks no more of a built-in kind's status.
    types_only: bool,
    path: String,
    errors: Vec<FieldError>,
}

impl Check {
    fn problem(&mut self, problem: Problem) {
        self.errors.push(FieldError {
            path: self.path.clone(),
            problem,
        });
    }

    fn below(&mut self, step: &str, look: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(step);
        look(self);
        self.path.truncate(length);
    }

    fn field(&mut self, name: &str, look: impl FnOnce(&mut Self)) {
        if self.path.is_empty() {
            self.below(name, look);
        } else {
            self.below(&format!(".{name}"), look);
        }
    }

    fn value(&mut self, place: Place<'_>, value: &Value) {
        if value.is_null() && (self.built_in || place.node.nullable) {
            return;
        }
        if let Some((expected, got)) = wrong_type(place, value, self.built_in) {
            self.problem(Problem::Type { expected, got });
            return;
        }
        if !self.types_only {
            self.bounds(place, value);
        }
        match value {
            Value::Object(fields) if !place.is_scalar() => self.fields(place, fields),
            Value::Array(items) => self.items(place, items),
            _ => {}
        }
    }

    fn fields(&mut self, place: Place<'_>, fields: &Map<String, Value>) {
        for (name, value) in fields {
            match place.field(name) {
                Some(below) => {
                    let status = self.built_in && self.path.is_empty() && name == "status";
                    let before = self.types_only;
                    self.types_only = before || status;
                    self.field(name, |check| check.value(below, value));
                    self.types_only = before;
                }
                None if place.is_open() => {}
                None => self.field(name, |check| check.problem(Problem::Unknown)),
            }
        }
        if self.types_only {
            return;
        }
        for name in &place.node.required {
            let given = fields.get(name).is_some_and(|value| !value.is_null());
            // In Go what is left out is empty: false is a value, an empty struct is looked into.
            let missing = match place.property(name) {
                Some(below) if self.built_in && !given => {
                    if below.is_always_there() {
                        let nothing = Value::Object(Map::new());
                        self.field(name, |check| check.value(below, &nothing));
                    }
                    !below.is_boolean() && !below.is_always_there()
                }
                _ => !given,
            };
            if missing {
                self.field(name, |check| check.problem(Problem::Required));
            }
        }
    }

    fn items(&mut self, place: Place<'_>, items: &[Value]) {
        if let Some(below) = place.items() {
            for (index, item) in items.iter().enumerate() {
                self.below(&format!("[{index}]"), |check| check.value(below, item));
            }
        }
        // Built-in lists may have duplicates where merging says otherwise.
        if self.built_in {
            return;
        }
        let keys: Vec<Value> = match place.list_relation() {
            ListRelation::Atomic => return,
            ListRelation::Set => items.to_vec(),
            ListRelation::Map(names) => items.iter().map(|item| key(&names, item)).collect(),
        };
        for (index, key) in keys.iter().enumerate() {
            if keys[..index].contains(key) {
                let duplicate = Problem::Duplicate(key.clone());
                self.below(&format!("[{index}]"), |check| check.problem(duplicate));
            }
        }
    }

    fn bounds(&mut self, place: Place<'_>, value: &Value) {
        let node = place.node;
        let allowed = if node.allowed.is_empty() {
            &place.site.allowed
        } else {
            &node.allowed
        };
        let left_out = self.built_in && value.as_str().is_some_and(str::is_empty);
        if !allowed.is_empty() && !allowed.contains(value) && !left_out {
            self.problem(Problem::Unsupported {
                value: value.clone(),
                supported: allowed.clone(),
            });
        }
        let mut rules = Vec::new();
        if let Some(number) = value.as_f64() {
            if node.minimum.is_some_and(|least| number < least) {
                let least = node.minimum.unwrap_or_default();
                rules.push(format!("should be greater than or equal to {least}"));
            }
            if node.maximum.is_some_and(|most| number > most) {
                let most = node.maximum.unwrap_or_default();
                rules.push(format!("should be less than or equal to {most}"));
            }
        }
        if let Some(length) = value.as_str().map(|text| text.chars().count()) {
            if node.min_length.is_some_and(|least| length < least) {
                let least = node.min_length.unwrap_or_default();
                rules.push(format!("should be at least {least} chars long"));
            }
            if node.max_length.is_some_and(|most| length > most) {
                let most = node.max_length.unwrap_or_default();
                rules.push(format!("should be at most {most} chars long"));
            }
        }
        if let Some(count) = value.as_array().map(Vec::len) {
            if node.min_items.is_some_and(|least| count < least) {
                let least = node.min_items.unwrap_or_default();
                rules.push(format!("should have at least {least} items"));
            }
            if let Some(most) = node.max_items.filter(|most| count > *most) {
                self.problem(Problem::TooMany { count, most });
            }
        }
        for rule in rules {
            self.problem(Problem::Invalid {
                value: value.clone(),
                rule,
            });
        }
    }
}

/// The fields that tell a list's element apart from others.
fn key(names: &[&str], item: &Value) -> Value {
    let fields = names.iter().filter_map(|name| {
        let value = item.get(name)?;
        Some(((*name).to_owned(), value.clone()))
    });
    Value::Object(fields.collect())
}

fn wrong_type(place: Place<'_>, value: &Value, built_in: bool) -> Option<(String, &'static str)> {
    let whole = value.is_i64() || value.is_u64();
    if place.node.int_or_string {
        let fits = value.is_string() || value.is_number();
        return (!fits).then(|| ("integer,string".to_owned(), name_of(value)));
    }
    let expected = place.kind()?;
    let fits = match expected {
        Type::Object => value.is_object(),
        Type::Array => value.is_array(),
        Type::String => value.is_string(),
        Type::Boolean => value.is_boolean(),
        Type::Number => value.is_number(),
        // JSON knows no integers: 3.0 is one to a CRD, but not to Go.
        Type::Integer => {
            whole || (!built_in && value.as_f64().is_some_and(|number| number.fract() == 0.0))
        }
    };
    (!fits).then(|| (expected.name().to_owned(), name_of(value)))
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Schema, Schemas};
    use super::*;

    fn told(errors: &[FieldError]) -> Vec<String> {
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_built_in_object_is_checked_as_its_type_is_decoded() {
        let schema = Schemas::builtin().get("apps", "v1", "Deployment").unwrap();
        let errors = schema.check(&json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "labels": null},
            "spec": {"replicas": "3", "bogus": 1, "template": {"spec": {"containers": [
                {"imagex": "x", "resources": {"limits": {"cpu": 1}}, "ports": [{"protocol": "X"}],
                 "livenessProbe": {"httpGet": {"port": "http"}}, "volumeDevices": null}]}}},
            "status": {"conditions": [{"reason": "half a condition"}]},
        }));
        let mut told = told(&errors);
        told.sort();
        assert_eq!(
            told,
            [
                "spec.replicas: Invalid value: \"string\": spec.replicas in body must be of type integer: \"string\"",
                "spec.selector: Required value",
                "spec.template.spec.containers[0].name: Required value",
                "spec.template.spec.containers[0].ports[0].containerPort: Required value",
                "spec.template.spec.containers[0].ports[0].protocol: Unsupported value: \"X\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
                "unknown field \"spec.bogus\"",
                "unknown field \"spec.template.spec.containers[0].imagex\"",
            ]
        );
        let decoding: Vec<String> = errors
            .iter()
            .filter_map(|error| error.decoding("Deployment"))
            .collect();
        assert_eq!(
            decoding,
            [
                "json: cannot unmarshal string into Go struct field Deployment.spec.replicas of type integer"
            ]
        );
    }

    #[test]
    fn what_go_reads_as_empty_is_not_missing() {
        let schemas = Schemas::builtin();
        let crd = schemas
            .get("apiextensions.k8s.io", "v1", "CustomResourceDefinition")
            .unwrap();
        let object = json!({
            "metadata": {"name": "widgets.example.com"},
            "spec": {"group": "example.com", "scope": "Namespaced",
                "names": {"kind": "Widget", "plural": "widgets"},
                "versions": [{"name": "v1", "served": true, "schema": {"openAPIV3Schema": {
                    "type": "object", "properties": {"a": {"type": "object", "default": {"x": [1]},
                        "properties": {"b": {"items": {"type": "string"}, "type": "array"}}}}}}}]},
        });
        assert_eq!(told(&crd.check(&object)), Vec::<String>::new());
        let service = schemas.get("", "v1", "Service").unwrap();
        let object =
            json!({"metadata": {"name": "a"}, "spec": {"ports": [{"targetPort": "http"}]}});
        assert_eq!(
            told(&service.check(&object)),
            ["spec.ports[0].port: Required value"]
        );
    }

    /// The server's words, taken from a real one.
    #[test]
    fn a_custom_object_is_checked_against_its_schema() {
        let schema = Schema::from_crd(&json!({"schema": {"openAPIV3Schema": {
            "type": "object", "required": ["spec"],
            "properties": {"spec": {"type": "object", "required": ["size"], "properties": {
                "size": {"type": "integer", "minimum": 1, "maximum": 10},
                "color": {"type": "string", "enum": ["red", "green"]},
                "name": {"type": "string", "minLength": 2},
                "port": {"x-kubernetes-int-or-string": true},
                "plain": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
                "tags": {"type": "array", "items": {"type": "string"},
                    "x-kubernetes-list-type": "set"},
                "parts": {"type": "array", "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"], "items": {"type": "object",
                        "required": ["name"], "properties": {"name": {"type": "string"},
                            "count": {"type": "integer"}}}},
            }}},
        }}}))
        .unwrap();
        let check = |spec: Value| {
            let object = json!({"kind": "Widget", "metadata": {"name": "a"}, "spec": spec});
            let mut told = told(&schema.check(&object));
            told.sort();
            told
        };
        assert_eq!(told(&schema.check(&json!({}))), ["spec: Required value"]);
        assert_eq!(check(json!({})), ["spec.size: Required value"]);
        assert_eq!(
            check(
                json!({"size": 100, "color": "blue", "name": "X", "port": true,
                "plain": ["a", "b", "c"]})
            ),
            [
                "spec.color: Unsupported value: \"blue\": supported values: \"red\", \"green\"",
                "spec.name: Invalid value: \"X\": spec.name in body should be at least 2 chars long",
                "spec.plain: Too many: 3: must have at most 2 items",
                "spec.port: Invalid value: \"boolean\": spec.port in body must be of type integer,string: \"boolean\"",
                "spec.size: Invalid value: 100: spec.size in body should be less than or equal to 10",
            ]
        );
        assert_eq!(
            check(json!({"size": 3.0, "bogus": 1, "parts": [{"count": 1}]})),
            [
                "spec.parts[0].name: Required value",
                "unknown field \"spec.bogus\""
            ]
        );
        assert_eq!(
            check(json!({"size": 3, "tags": ["a", "a"], "parts": [{"name": "a"}, {"name": "a"}]})),
            [
                "spec.parts[1]: Duplicate value: {\"name\":\"a\"}",
                "spec.tags[1]: Duplicate value: \"a\""
            ]
        );
    }
}
