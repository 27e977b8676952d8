//! Trees of values in which every node knows who said it: what composing works on, so that what
//! is shown is what Helm gets.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    model::Layer,
    yaml::{self, Yaml, YamlError},
};
use crate::stack::layers::origin::Origin;

/// A value and who said it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Said {
    pub(crate) content: Content,
    pub(crate) by: By,
    /// Nobody may see it.
    pub(crate) secret: bool,
}

/// What a [`Said`] holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    /// Neither a list nor a table.
    Scalar(Value),
    List(Vec<Said>),
    Table(Table),
    /// A key that was taken away: not there, but someone may want to know.
    Removed,
}

pub(crate) type Table = BTreeMap<String, Said>;

/// Who said a value, in few bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// A text of the stack, or the command line.
    Stack(Layer, Origin),
    /// A line of one of the [`Files`].
    Line {
        file: usize,
        line: usize,
        /// One of the [`Files::notes`].
        note: Option<usize>,
    },
    /// The command of one of the layers.
    Command(usize),
    /// Helm itself: a table that every chart has.
    Helm,
}

/// The YAML files that values come from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files {
    pub(crate) names: Vec<(Layer, String)>,
    /// Why some of their values may be read otherwise by others than Helm.
    pub(crate) notes: Vec<String>,
}

impl By {
    /// Whether two values were said in the same place, but for the line.
    pub(crate) fn is_with(self, other: Self) -> bool {
        match (self, other) {
            (Self::Stack(one, at), Self::Stack(other, there)) => {
                one == other && at.section() == there.section()
            }
            (Self::Line { file: one, .. }, Self::Line { file: other, .. }) => one == other,
            (one, other) => one == other,
        }
    }
}

impl Said {
    /// A table of nothing.
    pub(crate) fn nothing() -> Self {
        Self {
            content: Content::Table(Table::new()),
            by: By::Helm,
            secret: false,
        }
    }

    /// A tree that one place says as a whole.
    pub(crate) fn of_json(value: &Value, by: By, secret: bool) -> Self {
        let inner = |value: &Value| Self::of_json(value, by, secret);
        let content = match value {
            Value::Array(items) => Content::List(items.iter().map(inner).collect()),
            Value::Object(map) => {
                let entries = map.iter().map(|(key, value)| (key.clone(), inner(value)));
                Content::Table(entries.collect())
            }
            scalar => Content::Scalar(scalar.clone()),
        };
        Self {
            content,
            by,
            secret,
        }
    }

    /// A YAML tree as Helm reads it. What is ambiguous bears a note.
    ///
    /// # Errors
    /// Helm cannot read a value of it.
    pub(crate) fn of_yaml(yaml: &Yaml, file: usize, files: &mut Files) -> Result<Self, YamlError> {
        let content = match &yaml.content {
            yaml::Content::Refused => {
                let note = yaml.note.as_deref().cloned();
                return Err(note.unwrap_or_default());
            }
            yaml::Content::Null => Content::Scalar(Value::Null),
            yaml::Content::Bool(flag) => Content::Scalar((*flag).into()),
            yaml::Content::Number(number) => Content::Scalar(Value::Number(number.clone())),
            yaml::Content::Text(text) => Content::Scalar(text.as_str().into()),
            yaml::Content::List(items) => {
                let items = items.iter();
                let items = items.map(|item| Self::of_yaml(item, file, files));
                Content::List(items.collect::<Result<_, _>>()?)
            }
            yaml::Content::Table(entries) => {
                let mut table = Table::new();
                for (key, value) in entries {
                    let value = Self::of_yaml(value, file, files)?;
                    table.insert(key.clone(), value);
                }
                Content::Table(table)
            }
        };
        let note = yaml.note.as_ref().map(|note| {
            let name = files.names.get(file).map_or("", |(_, name)| name);
            files.notes.push(format!("{name}, {note}"));
            files.notes.len() - 1
        });
        let line = yaml.line;
        Ok(Self {
            content,
            by: By::Line { file, line, note },
            secret: false,
        })
    }

    /// Puts `over` on top as Helm does with values files: tables deep, everything else replaced.
    pub(crate) fn merge(&mut self, over: Self) {
        match (&mut self.content, over.content) {
            (Content::Table(under), Content::Table(over)) => {
                for (key, value) in over {
                    match under.get_mut(&key) {
                        Some(slot) => slot.merge(value),
                        None => {
                            under.insert(key, value);
                        }
                    }
                }
            }
            (_, content) => *self = Self { content, ..over },
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.content == Content::Scalar(Value::Null)
    }

    pub(crate) fn as_table(&self) -> Option<&Table> {
        match &self.content {
            Content::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(crate) fn as_table_mut(&mut self) -> Option<&mut Table> {
        match &mut self.content {
            Content::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The bare value.
    pub(crate) fn to_json(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::Removed => Value::Null,
            Content::List(items) => items.iter().map(Self::to_json).collect(),
            Content::Table(table) => {
                let there = table.iter().filter(|(_, said)| !said.is_removed());
                let entries = there.map(|(key, said)| (key.clone(), said.to_json()));
                Value::Object(entries.collect())
            }
        }
    }

    pub(crate) fn is_removed(&self) -> bool {
        self.content == Content::Removed
    }
}
