//! Drops what the object's kind does not have, as decoding it into the kind's type would.

use serde_json::{Map, Value};

use super::{Place, Schema};

impl Schema {
    /// Removes unknown fields, and values that say nothing: nulls, and in built-in kinds empty
    /// lists and maps.
    pub(in crate::sandbox) fn prune(&self, object: &mut Value) {
        let pruning = Pruning {
            go: self.built_in,
            nulls: true,
        };
        pruning.value(self.root(), object);
    }

    /// As [`Self::prune`], but for objects that were not sent but merged: nulls in custom objects
    /// stay.
    pub(in crate::sandbox) fn prune_applied(&self, object: &mut Value) {
        let pruning = Pruning {
            go: self.built_in,
            nulls: false,
        };
        pruning.value(self.root(), object);
    }
}

/// How a part of an object is pruned.
#[derive(Clone, Copy)]
struct Pruning {
    /// It goes through a Go type.
    go: bool,
    /// Elsewhere nulls go too.
    nulls: bool,
}

impl Pruning {
    fn value(mut self, place: Place<'_>, value: &mut Value) {
        self.go |= place.is_metadata();
        match value {
            Value::Object(fields) if !place.is_scalar() => self.fields(place, fields),
            Value::Array(items) => {
                if let Some(place) = place.items() {
                    for item in items {
                        self.value(place, item);
                    }
                }
            }
            _ => {}
        }
    }

    fn fields(self, place: Place<'_>, fields: &mut Map<String, Value>) {
        fields.retain(|name, value| {
            let Some(below) = place.field(name) else {
                return place.is_open();
            };
            if value.is_null() {
                return self.null(place, name, below, value);
            }
            self.value(below, value);
            let required = place.node.required.iter().any(|required| required == name);
            !self.go || required || !says_nothing(below, value)
        });
    }

    /// Whether a null stays.
    fn null(self, place: Place<'_>, name: &str, below: Place<'_>, value: &mut Value) -> bool {
        // Go reads it as an empty text where it must be a text.
        if self.go && place.property(name).is_none() && below.is_text() {
            *value = Value::from("");
            return true;
        }
        // What a CRD says about null is kept for its defaults.
        !self.go && (!self.nulls || below.node.nullable || below.default().is_some())
    }
}

/// Go leaves out empty lists and maps, but not empty structs.
fn says_nothing(place: Place<'_>, value: &Value) -> bool {
    match value {
        Value::Array(items) => place.is_list() && items.is_empty(),
        Value::Object(fields) => place.values().is_some() && fields.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Schema, Schemas};

    #[test]
    fn a_built_in_object_keeps_what_its_type_has() {
        let schema = Schemas::builtin().get("apps", "v1", "Deployment").unwrap();
        let mut object = json!({
            "metadata": {"name": "web", "labels": {}, "annotations": null, "nonsense": 1},
            "spec": {"selector": {}, "template": {"spec": {
                "containers": [{"name": "a", "args": [], "imagex": "typo"}],
                "volumes": [{"name": "v", "emptyDir": {}}],
            }}},
        });
        schema.prune(&mut object);
        assert_eq!(
            object,
            json!({
                "metadata": {"name": "web"},
                "spec": {"selector": {}, "template": {"spec": {
                    "containers": [{"name": "a"}],
                    "volumes": [{"name": "v", "emptyDir": {}}],
                }}},
            })
        );
    }

    #[test]
    fn a_custom_object_keeps_what_its_schema_has_or_preserves() {
        let schema = Schema::from_crd(&json!({"schema": {"openAPIV3Schema": {
            "type": "object",
            "properties": {"spec": {"type": "object", "properties": {
                "size": {"type": "integer"},
                "maybe": {"type": "string", "nullable": true},
                "empty": {"type": "object"},
                "list": {"type": "array", "items": {"type": "string"}},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                "whole": {"type": "object", "x-kubernetes-embedded-resource": true,
                    "x-kubernetes-preserve-unknown-fields": true},
            }}},
        }}}))
        .unwrap();
        let mut object = json!({
            "metadata": {"name": "a", "nonsense": 1, "labels": {}},
            "spec": {"size": null, "maybe": null, "empty": {"x": 1}, "list": [], "bogus": 1,
                "free": {"x": {"y": null}},
                "whole": {"kind": "Pod", "metadata": {"name": "a", "bogus": 1}, "spec": {}}},
        });
        schema.prune(&mut object);
        assert_eq!(
            object,
            json!({
                "metadata": {"name": "a"},
                "spec": {"maybe": null, "empty": {}, "list": [], "free": {"x": {"y": null}},
                    "whole": {"kind": "Pod", "metadata": {"name": "a"}, "spec": {}}},
            })
        );
    }
}
