//! TOML values that know where they were said, and how layers of them merge.

use indexmap::IndexMap;
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
    entries: IndexMap<String, Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    key: Origin,
    node: Node,
}

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
    /// Takes over what the TOML parser read. It sorts by key; people read by line.
    pub(crate) fn read(table: DeTable<'_>, source: SourceIx) -> Self {
        let mut entries: Vec<(String, Entry)> = table
            .into_iter()
            .map(|(key, value)| {
                let entry = Entry {
                    key: source.origin(key.span()),
                    node: Node::read(value, source),
                };
                (key.into_inner().into_owned(), entry)
            })
            .collect();
        entries.sort_by_key(|(_, entry)| entry.key);
        Self {
            entries: entries.into_iter().collect(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries.get(key).map(|entry| &entry.node)
    }

    pub(crate) fn key_origin(&self, key: &str) -> Option<Origin> {
        self.entries.get(key).map(|entry| entry.key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Origin, &Node)> {
        self.entries
            .iter()
            .map(|(key, entry)| (key.as_str(), entry.key, &entry.node))
    }

    pub(crate) fn insert(&mut self, key: &str, origin: Origin, node: Node) {
        let entry = Entry { key: origin, node };
        self.entries.insert(key.to_owned(), entry);
    }

    pub(crate) fn merge(&mut self, over: Self) {
        for (key, entry) in over.entries {
            match self.entries.get_mut(&key) {
                Some(under) => {
                    if !matches!(
                        (&under.node.value, &entry.node.value),
                        (Value::Table(_), Value::Table(_))
                    ) {
                        under.key = entry.key;
                    }
                    under.node.merge(entry.node);
                }
                None => {
                    self.entries.insert(key, entry);
                }
            }
        }
    }
}
