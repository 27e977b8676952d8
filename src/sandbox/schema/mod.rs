//! What objects of a kind look like: the built-in kinds' schemas, as the real server publishes
//! them, and those of CRDs.
//!
//! Pure. `node` is a schema as it is written; `check` finds what is wrong with an object, `prune`
//! drops what its kind does not have, `defaults` fills in what was left out, `quantity` writes
//! amounts. `patch` asks a
//! [`Place`] how lists and maps are merged.
//!
//! `builtin.json.gz` holds what a Kubernetes 1.37 server answers under `/openapi/v3`, without
//! descriptions. The cluster test `the_built_in_schemas_are_those_of_a_real_server` compares them,
//! and writes the file anew with `STACKCTL_WRITE_SCHEMAS=true`.
//!
//! Not looked at, so never a reason for a refusal: patterns, formats, `allOf`, `anyOf`, `not` and
//! CEL rules of CRDs, and what the real server checks of built-in kinds beyond their types.

mod check;
mod defaults;
mod node;
mod prune;
mod quantity;

use std::{
    collections::HashMap,
    io::Read,
    sync::{Arc, LazyLock},
};

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::Value;

pub(super) use self::{
    check::Problem,
    node::{ListRelation, Place},
};

use self::node::{Definitions, GroupVersionKind, Node};

/// The schemas of the built-in kinds, compressed.
const BUILTIN: &[u8] = include_bytes!("builtin.json.gz");

/// The schemas of the built-in kinds.
#[derive(Debug)]
pub(super) struct Schemas {
    kinds: HashMap<GroupVersionKind, Arc<Schema>>,
    definitions: Arc<Definitions>,
}

impl Schemas {
    /// Read with the first call, which takes some milliseconds.
    pub(super) fn builtin() -> &'static Self {
        static BUILTIN_SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| {
            Schemas::read(BUILTIN).expect("the file is ours, and a test reads it whole")
        });
        &BUILTIN_SCHEMAS
    }

    /// The schema of a kind; the core group is empty.
    pub(super) fn get(&self, group: &str, version: &str, kind: &str) -> Option<Arc<Schema>> {
        let kind = GroupVersionKind {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
        };
        self.kinds.get(&kind).cloned()
    }

    fn read(compressed: &[u8]) -> std::io::Result<Self> {
        let mut text = Vec::new();
        GzDecoder::new(compressed).read_to_end(&mut text)?;
        let definitions: Arc<Definitions> = Arc::new(serde_json::from_slice(&text)?);
        let mut kinds = HashMap::new();
        for (name, node) in definitions.iter() {
            for kind in &node.kinds {
                let schema = Schema {
                    definitions: Arc::clone(&definitions),
                    root: Node::referring(name),
                    built_in: true,
                    status: node.properties.contains_key("status"),
                };
                kinds.insert(kind.clone(), Arc::new(schema));
            }
        }
        Ok(Self { kinds, definitions })
    }
}

/// Why a CRD's schema cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("its schema cannot be read: {0}")]
pub(super) struct SchemaError(#[from] serde_json::Error);

/// The schema of one version of one kind.
#[derive(Debug)]
pub(super) struct Schema {
    definitions: Arc<Definitions>,
    root: Node,
    /// Kubernetes' own kinds are decoded into Go types, with all that follows from that.
    built_in: bool,
    status: bool,
}

impl Schema {
    /// The schema of one entry of a CRD's `spec.versions`.
    pub(super) fn from_crd(version: &Value) -> Result<Self, SchemaError> {
        let written = version.pointer("/schema/openAPIV3Schema");
        let mut root =
            Node::deserialize(written.unwrap_or(&Value::Object(serde_json::Map::new())))?;
        root.complete_root();
        root.complete_embedded();
        Ok(Self {
            definitions: Arc::clone(&Schemas::builtin().definitions),
            root,
            built_in: false,
            status: version.pointer("/subresources/status").is_some(),
        })
    }

    /// Has the kind a status that is written apart from the rest?
    pub(super) fn has_status(&self) -> bool {
        self.status
    }

    /// The place of the whole object.
    pub(super) fn root(&self) -> Place<'_> {
        Place::new(&self.definitions, &self.root)
    }
}
