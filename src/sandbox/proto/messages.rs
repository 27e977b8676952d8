//! The messages, and how they read as JSON.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use prost::Message;
use serde_json::{Map, Value, json};

/// `k8s.io/apimachinery/pkg/runtime.Unknown`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Unknown {
    #[prost(message, optional, tag = "1")]
    pub(super) type_meta: Option<TypeMeta>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) raw: Vec<u8>,
}

/// `k8s.io/apimachinery/pkg/runtime.TypeMeta`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct TypeMeta {
    #[prost(string, tag = "1")]
    pub(super) api_version: String,
    #[prost(string, tag = "2")]
    pub(super) kind: String,
}

/// `k8s.io/apimachinery/pkg/apis/meta/v1.Time`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Time {
    #[prost(int64, tag = "1")]
    seconds: i64,
}

/// `k8s.io/apimachinery/pkg/apis/meta/v1.ObjectMeta`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ObjectMeta {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    generate_name: String,
    #[prost(string, tag = "3")]
    namespace: String,
    #[prost(string, tag = "5")]
    uid: String,
    #[prost(string, tag = "6")]
    resource_version: String,
    #[prost(int64, tag = "7")]
    generation: i64,
    #[prost(message, optional, tag = "8")]
    creation_timestamp: Option<Time>,
    #[prost(message, optional, tag = "9")]
    deletion_timestamp: Option<Time>,
    #[prost(int64, optional, tag = "10")]
    deletion_grace_period_seconds: Option<i64>,
    #[prost(btree_map = "string, string", tag = "11")]
    labels: BTreeMap<String, String>,
    #[prost(btree_map = "string, string", tag = "12")]
    annotations: BTreeMap<String, String>,
    #[prost(message, repeated, tag = "13")]
    owner_references: Vec<OwnerReference>,
    #[prost(string, repeated, tag = "14")]
    finalizers: Vec<String>,
    #[prost(message, repeated, tag = "17")]
    managed_fields: Vec<ManagedFieldsEntry>,
}

/// `k8s.io/apimachinery/pkg/apis/meta/v1.OwnerReference`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct OwnerReference {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(string, tag = "4")]
    uid: String,
    #[prost(string, tag = "5")]
    api_version: String,
    #[prost(bool, optional, tag = "6")]
    controller: Option<bool>,
    #[prost(bool, optional, tag = "7")]
    block_owner_deletion: Option<bool>,
}

/// `k8s.io/apimachinery/pkg/apis/meta/v1.ManagedFieldsEntry`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ManagedFieldsEntry {
    #[prost(string, tag = "1")]
    manager: String,
    #[prost(string, tag = "2")]
    operation: String,
    #[prost(string, tag = "3")]
    api_version: String,
    #[prost(message, optional, tag = "4")]
    time: Option<Time>,
    #[prost(string, tag = "6")]
    fields_type: String,
    #[prost(message, optional, tag = "7")]
    fields_v1: Option<FieldsV1>,
    #[prost(string, tag = "8")]
    subresource: String,
}

/// `k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FieldsV1 {
    #[prost(bytes = "vec", tag = "1")]
    raw: Vec<u8>,
}

/// `k8s.io/api/core/v1.Secret`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Secret {
    #[prost(message, optional, tag = "1")]
    metadata: Option<ObjectMeta>,
    #[prost(btree_map = "string, bytes", tag = "2")]
    data: BTreeMap<String, Vec<u8>>,
    #[prost(string, tag = "3")]
    kind: String,
    #[prost(btree_map = "string, string", tag = "4")]
    string_data: BTreeMap<String, String>,
    #[prost(bool, optional, tag = "5")]
    immutable: Option<bool>,
}

/// `k8s.io/api/core/v1.ConfigMap`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ConfigMap {
    #[prost(message, optional, tag = "1")]
    metadata: Option<ObjectMeta>,
    #[prost(btree_map = "string, string", tag = "2")]
    data: BTreeMap<String, String>,
    #[prost(btree_map = "string, bytes", tag = "3")]
    binary_data: BTreeMap<String, Vec<u8>>,
    #[prost(bool, optional, tag = "4")]
    immutable: Option<bool>,
}

/// `k8s.io/api/core/v1.Namespace`, of which the server ignores the rest.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Namespace {
    #[prost(message, optional, tag = "1")]
    metadata: Option<ObjectMeta>,
}

/// `k8s.io/apimachinery/pkg/apis/meta/v1.DeleteOptions`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct DeleteOptions {
    #[prost(int64, optional, tag = "1")]
    grace_period_seconds: Option<i64>,
    #[prost(message, optional, tag = "2")]
    preconditions: Option<Preconditions>,
    #[prost(bool, optional, tag = "3")]
    orphan_dependents: Option<bool>,
    #[prost(string, optional, tag = "4")]
    propagation_policy: Option<String>,
    #[prost(string, repeated, tag = "5")]
    dry_run: Vec<String>,
}

/// `k8s.io/apimachinery/pkg/apis/meta/v1.Preconditions`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Preconditions {
    #[prost(string, optional, tag = "1")]
    uid: Option<String>,
    #[prost(string, optional, tag = "2")]
    resource_version: Option<String>,
}

/// Leaves out what is empty, as Kubernetes' JSON does.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        let empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::Number(number) => number.as_i64() == Some(0),
            Value::Bool(_) => false,
        };
        if !empty {
            self.0.insert(name.to_owned(), value);
        }
    }

    fn done(self) -> Value {
        Value::Object(self.0)
    }
}

fn texts(map: BTreeMap<String, String>) -> Value {
    let entries = map.into_iter().map(|(key, value)| (key, value.into()));
    Value::Object(entries.collect())
}

fn encoded(map: BTreeMap<String, Vec<u8>>) -> Value {
    let entries = map
        .into_iter()
        .map(|(key, value)| (key, STANDARD.encode(value).into()));
    Value::Object(entries.collect())
}

impl Time {
    fn into_json(self) -> Value {
        let time = jiff::Timestamp::from_second(self.seconds);
        // Year 1 is Go's way to say "no time".
        let time = time.ok().filter(|time| time.as_second() > 0);
        time.map(|time| time.to_string()).into()
    }
}

impl ObjectMeta {
    fn into_json(self) -> Value {
        let mut fields = Fields::default();
        fields.put("name", self.name);
        fields.put("generateName", self.generate_name);
        fields.put("namespace", self.namespace);
        fields.put("uid", self.uid);
        fields.put("resourceVersion", self.resource_version);
        fields.put("generation", self.generation);
        fields.put(
            "creationTimestamp",
            self.creation_timestamp.map(Time::into_json),
        );
        fields.put(
            "deletionTimestamp",
            self.deletion_timestamp.map(Time::into_json),
        );
        fields.put(
            "deletionGracePeriodSeconds",
            self.deletion_grace_period_seconds,
        );
        fields.put("labels", texts(self.labels));
        fields.put("annotations", texts(self.annotations));
        let owners = self.owner_references.into_iter();
        let owners: Vec<Value> = owners.map(OwnerReference::into_json).collect();
        fields.put("ownerReferences", owners);
        fields.put("finalizers", json!(self.finalizers));
        let entries = self.managed_fields.into_iter();
        let entries: Vec<Value> = entries.map(ManagedFieldsEntry::into_json).collect();
        fields.put("managedFields", entries);
        fields.done()
    }
}

impl OwnerReference {
    fn into_json(self) -> Value {
        let mut fields = Fields::default();
        fields.put("apiVersion", self.api_version);
        fields.put("kind", self.kind);
        fields.put("name", self.name);
        fields.put("uid", self.uid);
        fields.put("controller", self.controller);
        fields.put("blockOwnerDeletion", self.block_owner_deletion);
        fields.done()
    }
}

impl ManagedFieldsEntry {
    fn into_json(self) -> Value {
        let mut fields = Fields::default();
        fields.put("manager", self.manager);
        fields.put("operation", self.operation);
        fields.put("apiVersion", self.api_version);
        fields.put("time", self.time.map(Time::into_json));
        fields.put("fieldsType", self.fields_type);
        let owned = self
            .fields_v1
            .and_then(|owned| serde_json::from_slice(&owned.raw).ok());
        fields.put("fieldsV1", owned.unwrap_or(Value::Null));
        fields.put("subresource", self.subresource);
        fields.done()
    }
}

fn metadata(metadata: Option<ObjectMeta>) -> Value {
    metadata.unwrap_or_default().into_json()
}

impl Secret {
    pub(super) fn into_json(self) -> Value {
        let mut fields = Fields::default();
        fields.put("metadata", metadata(self.metadata));
        fields.put("data", encoded(self.data));
        fields.put("stringData", texts(self.string_data));
        fields.put("type", self.kind);
        fields.put("immutable", self.immutable);
        fields.done()
    }
}

impl ConfigMap {
    pub(super) fn into_json(self) -> Value {
        let mut fields = Fields::default();
        fields.put("metadata", metadata(self.metadata));
        fields.put("data", texts(self.data));
        fields.put("binaryData", encoded(self.binary_data));
        fields.put("immutable", self.immutable);
        fields.done()
    }
}

impl Namespace {
    pub(super) fn into_json(self) -> Value {
        json!({ "metadata": metadata(self.metadata) })
    }
}

impl DeleteOptions {
    pub(super) fn into_json(self) -> Value {
        let mut fields = Fields::default();
        // Zero seconds is not the same as nothing said.
        if let Some(seconds) = self.grace_period_seconds {
            fields
                .0
                .insert("gracePeriodSeconds".to_owned(), seconds.into());
        }
        if let Some(preconditions) = self.preconditions {
            let mut wanted = Fields::default();
            wanted.put("uid", preconditions.uid);
            wanted.put("resourceVersion", preconditions.resource_version);
            fields.put("preconditions", wanted.done());
        }
        fields.put("orphanDependents", self.orphan_dependents);
        fields.put("propagationPolicy", self.propagation_policy);
        fields.put("dryRun", json!(self.dry_run));
        fields.done()
    }
}
