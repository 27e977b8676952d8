//! One node of a schema, as it is written down in OpenAPI and in a CRD, and a place in a schema
//! with its references followed.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// Named schemas that others refer to.
pub(super) type Definitions = BTreeMap<String, Node>;

/// The name of the schema that every object's `metadata` has.
const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// Holds any object whole, so nothing inside of it has owners of its own.
const RAW_EXTENSION: &str = "io.k8s.apimachinery.pkg.runtime.RawExtension";

/// A part of a schema. Only what changes how objects are merged and checked.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are the extensions that OpenAPI has"
)]
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Node {
    #[serde(rename = "$ref")]
    pub(super) reference: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<Type>,
    pub(super) properties: BTreeMap<String, Self>,
    pub(super) additional_properties: Option<Additional>,
    pub(super) items: Option<Box<Self>>,
    pub(super) required: Vec<String>,
    pub(super) default: Option<Value>,
    #[serde(rename = "enum")]
    pub(super) allowed: Vec<Value>,
    pub(super) nullable: bool,
    pub(super) minimum: Option<f64>,
    pub(super) maximum: Option<f64>,
    pub(super) min_length: Option<usize>,
    pub(super) max_length: Option<usize>,
    pub(super) min_items: Option<usize>,
    pub(super) max_items: Option<usize>,
    #[serde(rename = "x-kubernetes-list-type")]
    list_type: Option<ListType>,
    #[serde(rename = "x-kubernetes-list-map-keys")]
    list_map_keys: Vec<String>,
    #[serde(rename = "x-kubernetes-map-type")]
    map_type: Option<MapType>,
    #[serde(rename = "x-kubernetes-patch-strategy")]
    patch_strategy: String,
    #[serde(rename = "x-kubernetes-patch-merge-key")]
    patch_merge_key: Option<String>,
    #[serde(rename = "x-kubernetes-preserve-unknown-fields")]
    pub(super) preserve_unknown_fields: bool,
    #[serde(rename = "x-kubernetes-int-or-string")]
    pub(super) int_or_string: bool,
    #[serde(rename = "x-kubernetes-embedded-resource")]
    embedded_resource: bool,
    #[serde(rename = "x-kubernetes-group-version-kind")]
    pub(super) kinds: Vec<GroupVersionKind>,
}

/// What a node may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Type {
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
}

impl Type {
    /// As OpenAPI writes it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }
}

/// What fields an object may have beside its properties.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Additional {
    Allowed(bool),
    Typed(Box<Node>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ListType {
    Atomic,
    Set,
    Map,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum MapType {
    Atomic,
    Granular,
}

/// Which kind a schema is the root of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
pub(super) struct GroupVersionKind {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
}

impl Node {
    /// Nothing but a reference to a named schema.
    pub(super) fn referring(name: &str) -> Self {
        Self {
            reference: Some(name.to_owned()),
            ..Self::default()
        }
    }

    /// The root of a custom object: its metadata is what every object's is.
    pub(super) fn complete_root(&mut self) {
        let metadata = Self::referring(OBJECT_META);
        let text = Self {
            kind: Some(Type::String),
            ..Self::default()
        };
        self.kind = Some(Type::Object);
        self.properties.insert("metadata".to_owned(), metadata);
        self.properties
            .insert("apiVersion".to_owned(), text.clone());
        self.properties.insert("kind".to_owned(), text);
    }

    /// Gives every embedded object below what a whole object has.
    pub(super) fn complete_embedded(&mut self) {
        if self.embedded_resource {
            self.complete_root();
        }
        self.properties
            .values_mut()
            .for_each(Self::complete_embedded);
        if let Some(items) = &mut self.items {
            items.complete_embedded();
        }
        if let Some(Additional::Typed(values)) = &mut self.additional_properties {
            values.complete_embedded();
        }
    }
}

/// How the elements of a list are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sandbox) enum ListRelation<'a> {
    /// They are not: the list is one value.
    Atomic,
    /// By themselves.
    Set,
    /// By the values of these fields.
    Map(Vec<&'a str>),
}

/// How a strategic merge patch changes a list or an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) struct PatchStrategy<'a> {
    /// A list is merged, not replaced; an object is replaced, not merged.
    pub(in crate::sandbox) merge: bool,
    /// Replaced as a whole, though an object.
    pub(in crate::sandbox) replace: bool,
    /// The field that tells a list's elements apart.
    pub(in crate::sandbox) key: Option<&'a str>,
}

/// A place in a schema: what may be said of the value there.
#[derive(Debug, Clone, Copy)]
pub(in crate::sandbox) struct Place<'a> {
    definitions: &'a Definitions,
    /// Where it is used: may say more than what it refers to.
    pub(super) site: &'a Node,
    /// What it is, references followed.
    pub(super) node: &'a Node,
}

impl<'a> Place<'a> {
    pub(super) fn new(definitions: &'a Definitions, site: &'a Node) -> Self {
        let referred = site.reference.as_ref();
        let node = referred.and_then(|name| definitions.get(name));
        Self {
            definitions,
            site,
            node: node.unwrap_or(site),
        }
    }

    /// The name of the definition that describes it.
    pub(super) fn definition(self) -> Option<&'a str> {
        self.site.reference.as_deref()
    }

    /// The place of a declared field.
    pub(in crate::sandbox) fn property(self, name: &str) -> Option<Self> {
        let site = self.node.properties.get(name)?;
        Some(Self::new(self.definitions, site))
    }

    /// The declared fields.
    pub(in crate::sandbox) fn properties(self) -> impl Iterator<Item = (&'a str, Self)> {
        let fields = self.node.properties.iter();
        fields.map(move |(name, site)| (name.as_str(), Self::new(self.definitions, site)))
    }

    /// The place of the values of an object that is used as a map.
    pub(in crate::sandbox) fn values(self) -> Option<Self> {
        match &self.node.additional_properties {
            Some(Additional::Typed(site)) => Some(Self::new(self.definitions, site)),
            _ => None,
        }
    }

    /// The place of a field, declared or not; none where anything may be.
    pub(in crate::sandbox) fn field(self, name: &str) -> Option<Self> {
        self.property(name).or_else(|| self.values())
    }

    /// May an object have fields that are not declared, of any type?
    pub(in crate::sandbox) fn is_open(self) -> bool {
        let free = self.node.properties.is_empty() && self.node.additional_properties.is_none();
        self.node.preserve_unknown_fields
            || matches!(
                self.node.additional_properties,
                Some(Additional::Allowed(true))
            )
            || (free && self.is_free_form())
    }

    /// Kubernetes' own schemas say "anything" by not saying more; a CRD must say so.
    fn is_free_form(self) -> bool {
        self.definition().is_some() || self.node.kind.is_none()
    }

    /// The place of a list's elements.
    pub(in crate::sandbox) fn items(self) -> Option<Self> {
        let site = self.node.items.as_deref()?;
        Some(Self::new(self.definitions, site))
    }

    /// What it may hold; none for anything.
    pub(super) fn kind(self) -> Option<Type> {
        self.node.kind
    }

    /// Is the value one value, whatever its JSON looks like?
    pub(in crate::sandbox) fn is_scalar(self) -> bool {
        let opaque = self.definition() == Some(RAW_EXTENSION);
        let simple = matches!(
            self.node.kind,
            Some(Type::String | Type::Integer | Type::Number | Type::Boolean)
        );
        opaque || simple || self.node.int_or_string
    }

    /// What a scalar should be, if the value is something else; numbers of all kinds are alike.
    pub(in crate::sandbox) fn unfit_scalar(self, value: &Value) -> Option<&'static str> {
        match self.node.kind? {
            _ if self.node.int_or_string => None,
            Type::String => (!value.is_string()).then_some("string"),
            Type::Boolean => (!value.is_boolean()).then_some("boolean"),
            Type::Integer | Type::Number => {
                (!value.is_number()).then_some("numeric (int or float)")
            }
            Type::Object | Type::Array => None,
        }
    }

    /// Must it be an object?
    pub(in crate::sandbox) fn is_object(self) -> bool {
        self.node.kind == Some(Type::Object) && !self.is_scalar()
    }

    /// Must it be a list?
    pub(in crate::sandbox) fn is_list(self) -> bool {
        self.node.kind == Some(Type::Array)
    }

    /// Is it an object's metadata, of which every kind has the same?
    pub(super) fn is_metadata(self) -> bool {
        self.definition() == Some(OBJECT_META)
    }

    /// Must it be a text?
    pub(super) fn is_text(self) -> bool {
        self.node.kind == Some(Type::String)
    }

    /// Must it be true or false?
    pub(super) fn is_boolean(self) -> bool {
        self.node.kind == Some(Type::Boolean)
    }

    /// Is an object one value, owned as a whole?
    pub(in crate::sandbox) fn is_atomic_map(self) -> bool {
        let relation = self.site.map_type.or(self.node.map_type);
        relation == Some(MapType::Atomic)
    }

    /// How a list's elements are told apart.
    pub(in crate::sandbox) fn list_relation(self) -> ListRelation<'a> {
        match self.node.list_type {
            Some(ListType::Atomic) => ListRelation::Atomic,
            Some(ListType::Set) => ListRelation::Set,
            Some(ListType::Map) => {
                ListRelation::Map(self.node.list_map_keys.iter().map(String::as_str).collect())
            }
            // Older types say it only for strategic merge patches.
            None => match (self.patch_strategy(), self.is_list()) {
                (strategy, true) if strategy.merge => strategy
                    .key
                    .map_or(ListRelation::Set, |key| ListRelation::Map(vec![key])),
                _ => ListRelation::Atomic,
            },
        }
    }

    /// How a strategic merge patch changes it.
    pub(in crate::sandbox) fn patch_strategy(self) -> PatchStrategy<'a> {
        let mut strategies = self.site.patch_strategy.split(',');
        PatchStrategy {
            merge: strategies.clone().any(|strategy| strategy == "merge"),
            replace: strategies.any(|strategy| strategy == "replace"),
            key: self.site.patch_merge_key.as_deref(),
        }
    }

    /// The value it has when nobody gives one.
    pub(in crate::sandbox) fn default(self) -> Option<&'a Value> {
        self.site.default.as_ref()
    }

    /// Is it a part of its parent that is always there, if empty? Kubernetes' own types have such
    /// parts: nobody adds or owns them.
    pub(in crate::sandbox) fn is_always_there(self) -> bool {
        self.definition().is_some() && self.default().is_some_and(is_empty_object)
    }
}

fn is_empty_object(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}
