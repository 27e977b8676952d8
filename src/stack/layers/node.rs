//! TOML values that know where they were said, and how layers of them merge.

use std::{collections::HashMap, sync::OnceLock};

use toml::de::{DeTable, DeValue};

use crate::stack::layers::origin::{Origin, SourceIx};

/// A value and its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

/// A TOML value.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(String),
    /// `None`: beyond 64 bits.
    Integer(Option<i64>),
    Float(f64),
    Flag(bool),
    Datetime,
    List(Vec<Node>),
    Table(Table),
}

/// A table, in the order of the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    entries: Vec<Entry>,
    /// Positions by key, made when a key is looked up among so many that looking at each is
    /// slower. Most tables of a stack hold a handful of keys, and the large ones are mostly read
    /// from end to end. Boxed, since every chart has a few tables.
    #[expect(
        clippy::box_collection,
        reason = "most tables never have one, and there are many tables"
    )]
    index: OnceLock<Box<HashMap<String, usize>>>,
}

#[derive(Debug, Clone)]
struct Entry {
    name: String,
    key: Origin,
    node: Node,
}

/// Tables with more entries have an index.
const FEW: usize = 16;

impl Value {
    /// With its article, for `found …`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Flag(_) => "a boolean",
            Self::Datetime => "a date or time",
            Self::List(_) => "an array",
            Self::Table(_) => "a table",
        }
    }
}

impl Node {
    pub(crate) fn as_table_mut(&mut self) -> Option<&mut Table> {
        match &mut self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(crate) fn as_table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// Puts `over` on top: tables merge deep, everything else is replaced.
    pub(crate) fn merge(&mut self, over: Self) {
        match (&mut self.value, over.value) {
            (Value::Table(under), Value::Table(over)) => under.merge(over),
            (_, value) => {
                *self = Self {
                    value,
                    origin: over.origin,
                }
            }
        }
    }

    /// The tree without its places, tables sorted by key: the same however it is written.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Text(text) => text.as_str().into(),
            Value::Integer(integer) => (*integer).into(),
            Value::Float(float) => (*float).into(),
            Value::Flag(flag) => (*flag).into(),
            Value::Datetime => serde_json::Value::Null,
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Table(table) => table
                .iter()
                .map(|(key, _, node)| (key.to_owned(), node.to_json()))
                .collect(),
        }
    }

    fn read(value: toml::Spanned<DeValue<'_>>, source: SourceIx) -> Self {
        let origin = source.origin(value.span());
        let value = match value.into_inner() {
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Integer(integer) => {
                Value::Integer(i64::from_str_radix(integer.as_str(), integer.radix()).ok())
            }
            DeValue::Float(float) => Value::Float(float.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(flag) => Value::Flag(flag),
            DeValue::Datetime(_) => Value::Datetime,
            DeValue::Array(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| Self::read(item, source))
                    .collect(),
            ),
            DeValue::Table(table) => Value::Table(Table::read(table, source)),
        };
        Self { value, origin }
    }
}

impl Table {
    /// Takes over what the TOML parser read. It has a table that is opened twice at its first
    /// place; people read by line.
    pub(crate) fn read(table: DeTable<'_>, source: SourceIx) -> Self {
        let mut entries: Vec<Entry> = table
            .into_iter()
            .map(|(key, value)| {
                let source = source.under(key.get_ref());
                Entry {
                    key: source.origin(key.span()),
                    name: key.into_inner().into_owned(),
                    node: Node::read(value, source),
                }
            })
            .collect();
        entries.sort_unstable_by_key(|entry| entry.key);
        Self {
            entries,
            index: OnceLock::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    pub(crate) fn key_origin(&self, key: &str) -> Option<Origin> {
        self.entry(key).map(|entry| entry.key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Origin, &Node)> {
        self.entries
            .iter()
            .map(|entry| (entry.name.as_str(), entry.key, &entry.node))
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        let at = self.position(key)?;
        self.entries.get_mut(at).map(|entry| &mut entry.node)
    }

    /// Takes a key out.
    pub(crate) fn remove(&mut self, key: &str) -> Option<Node> {
        let at = self.position(key)?;
        let entry = self.entries.remove(at);
        self.index.take();
        Some(entry.node)
    }

    /// Adds a key that is not there yet.
    pub(crate) fn insert(&mut self, name: &str, key: Origin, node: Node) {
        let name = name.to_owned();
        self.entries.push(Entry { name, key, node });
        self.index.take();
    }

    pub(crate) fn merge(&mut self, over: Self) {
        let known = self.entries.len();
        for entry in over.entries {
            let Some(at) = self.position(&entry.name) else {
                self.entries.push(entry);
                continue;
            };
            let under = &mut self.entries[at];
            if under.node.as_table().is_none() || entry.node.as_table().is_none() {
                under.key = entry.key;
            }
            under.node.merge(entry.node);
        }
        if self.entries.len() > known {
            self.index.take();
        }
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.position(name).map(|at| &self.entries[at])
    }

    fn position(&self, name: &str) -> Option<usize> {
        if self.entries.len() <= FEW {
            return self.entries.iter().position(|entry| entry.name == name);
        }
        let names = || self.entries.iter().map(|entry| entry.name.clone());
        let index = self
            .index
            .get_or_init(|| Box::new(names().zip(0..).collect()));
        index.get(name).copied()
    }
}
