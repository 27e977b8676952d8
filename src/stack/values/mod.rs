//! Computes what Helm gets as values.
//!
//! Users' values files go to Helm untouched; everything computed goes after them as one JSON
//! document on Helm's standard input, which Helm reads last. So a command among the
//! `values_files` makes everything behind it part of the document, too: files there are read by us,
//! and refused if Helm could read them otherwise. Files before it stay files. Merging is Helm's: tables deep, everything else replaced, and a null stays in the
//! document, where it makes Helm drop the key from the chart's own values.

pub(crate) mod edit;
mod resolve;
mod scalar;
pub(crate) mod yaml;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use self::yaml::{Yaml, YamlError};
use crate::{
    secret::Secret,
    stack::{
        model::{Edit, PathPart, TemplatedValue, ValuePath, Values, ValuesCommand, ValuesLayer},
        scope::{ExpandError, Scope},
        template::Template,
    },
};

/// A chart's values, ready for Helm.
#[derive(Debug, Clone)]
pub struct Composed {
    /// `-f`, in order.
    pub files: Vec<PathBuf>,
    /// The computed document, after the files. Always an object.
    pub document: Value,
    /// Secret texts that went into the document.
    pub secrets: Vec<Secret>,
}

/// Values could not be computed.
#[derive(Debug, thiserror::Error)]
pub enum ValuesError {
    /// A `${…}` has no value.
    #[error(transparent)]
    Expand(#[from] ExpandError),
    /// An edit does not fit what is there.
    #[error("`{path}` cannot be set: {reason}")]
    Edit {
        /// Its path.
        path: ValuePath,
        /// Why.
        reason: String,
    },
    /// A command whose output is part of the values was not run.
    #[error("what `{program}` prints is not known")]
    NotRun {
        /// The command's program.
        program: String,
    },
    /// A values file that is part of the document, or holds an edited list, cannot be read.
    #[error("failed to read {}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Such a values file cannot be understood.
    #[error("{}, {reason}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Line and reason.
        reason: String,
    },
}

impl Values {
    /// Expands and merges all layers. Reads values files only if they stand behind a command, or
    /// an edit by index needs a list that only they have.
    ///
    /// # Errors
    /// A `${…}` without a value, or an edit that fits neither the document nor the files.
    pub fn compose(&self, scope: &Scope) -> Result<Composed, ValuesError> {
        let mut document = Value::Object(Map::new());
        let mut secrets = Vec::new();
        let mut lists = Lists {
            files: &self.files,
            read: HashMap::new(),
        };
        for layer in &self.layers {
            match layer {
                ValuesLayer::Command(said) => {
                    let output = scope.documents.get(&said.command);
                    let output = output.ok_or_else(|| ValuesError::NotRun {
                        program: said.command.words.first().cloned().unwrap_or_default(),
                    })?;
                    if said.secret {
                        secrets_of(output, &mut secrets);
                    }
                    merge(&mut document, output.clone());
                }
                ValuesLayer::File(file) => {
                    let tree = read(file)?.to_json();
                    let tree = tree.map_err(|error| unclear(file, &error))?;
                    merge(&mut document, tree);
                }
                ValuesLayer::Merge(tree) => {
                    merge(&mut document, expand(tree, scope, &mut secrets)?);
                }
                ValuesLayer::Edit(Edit { path, value }) => {
                    let value = match value {
                        Some(value) => expand(value, scope, &mut secrets)?,
                        None => Value::Null,
                    };
                    apply(&mut document, path, value, &mut lists)?;
                }
            }
        }
        Ok(Composed {
            files: self.files.clone(),
            document,
            secrets,
        })
    }

    /// Every command whose output is part of the values.
    pub(crate) fn commands(&self) -> impl Iterator<Item = &ValuesCommand> {
        self.layers.iter().filter_map(|layer| match layer {
            ValuesLayer::Command(said) => Some(said),
            _ => None,
        })
    }

    /// Every text that may refer to something.
    pub(crate) fn templates(&self) -> impl Iterator<Item = &Template> {
        self.layers.iter().flat_map(|layer| {
            let mut found = Vec::new();
            match layer {
                ValuesLayer::Command(_) | ValuesLayer::File(_) => {}
                ValuesLayer::Merge(tree) => tree.templates(&mut found),
                ValuesLayer::Edit(edit) => {
                    edit.value
                        .iter()
                        .for_each(|tree| tree.templates(&mut found));
                }
            }
            found
        })
    }
}

/// Puts `over` on top as Helm does with values files: tables deep, everything else replaced.
pub(crate) fn merge(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                match under.get_mut(&key) {
                    Some(slot) => merge(slot, value),
                    None => {
                        under.insert(key, value);
                    }
                }
            }
        }
        (under, over) => *under = over,
    }
}

fn expand(
    tree: &TemplatedValue,
    scope: &Scope,
    secrets: &mut Vec<Secret>,
) -> Result<Value, ExpandError> {
    Ok(match tree {
        TemplatedValue::Plain(value) => value.clone(),
        TemplatedValue::Text(template) => {
            let resolved = template.resolve(scope)?;
            if resolved.secret {
                secrets_of(&resolved.value, secrets);
            }
            resolved.value
        }
        TemplatedValue::List(items) => {
            let items = items.iter().map(|item| expand(item, scope, secrets));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        TemplatedValue::Table(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                map.insert(key.clone(), expand(value, scope, secrets)?);
            }
            Value::Object(map)
        }
    })
}

/// Every text and number of a secret value: any of them may show up alone.
pub(crate) fn secrets_of(value: &Value, secrets: &mut Vec<Secret>) {
    match value {
        Value::String(text) => secrets.push(Secret::new(text.as_str())),
        Value::Number(number) => secrets.push(Secret::new(number.to_string())),
        Value::Array(items) => items.iter().for_each(|item| secrets_of(item, secrets)),
        Value::Object(map) => map.values().for_each(|item| secrets_of(item, secrets)),
        Value::Null | Value::Bool(_) => {}
    }
}

/// Sets one path. A table is merged into what is there, so that it does not matter whether that
/// came from our document or from a file Helm reads before it.
fn apply(
    document: &mut Value,
    path: &ValuePath,
    value: Value,
    lists: &mut Lists<'_>,
) -> Result<(), ValuesError> {
    let misfit = |reason: &str| ValuesError::Edit {
        path: path.clone(),
        reason: reason.to_owned(),
    };
    let mut slot = document;
    for (depth, part) in path.0.iter().enumerate() {
        slot = match part {
            PathPart::Key(key) => {
                if slot.is_null() {
                    *slot = Value::Object(Map::new());
                }
                let table = slot
                    .as_object_mut()
                    .ok_or_else(|| misfit(&format!("`{key}` is not inside a table")))?;
                if !table.contains_key(key) {
                    let list = matches!(path.0.get(depth + 1), Some(PathPart::Index(_)));
                    let start = list.then(|| lists.find(&path.0[..=depth])).transpose()?;
                    table.insert(key.clone(), start.flatten().unwrap_or(Value::Null));
                }
                table.get_mut(key)
            }
            PathPart::Index(index) => {
                if slot.is_null() {
                    *slot = Value::Array(Vec::new());
                }
                let list = slot
                    .as_array_mut()
                    .ok_or_else(|| misfit(&format!("`[{index}]` is not inside a list")))?;
                if list.len() <= *index {
                    list.resize(index + 1, Value::Null);
                }
                list.get_mut(*index)
            }
        }
        .ok_or_else(|| misfit("there is nothing at its place"))?;
    }
    merge(slot, value);
    Ok(())
}

/// Lists of the values files, which an edit by index must see: Helm replaces lists as a whole.
struct Lists<'a> {
    files: &'a [PathBuf],
    read: HashMap<&'a Path, Yaml>,
}

impl Lists<'_> {
    /// The list at a path in the last file that has it.
    fn find(&mut self, path: &[PathPart]) -> Result<Option<Value>, ValuesError> {
        for file in self.files.iter().rev() {
            if !self.read.contains_key(file.as_path()) {
                self.read.insert(file, read(file)?);
            }
            let found = self
                .read
                .get(file.as_path())
                .and_then(|tree| at(tree, path));
            if let Some(Yaml::List(_)) = found {
                let json = found.map(Yaml::to_json).transpose();
                return json.map_err(|error| unclear(file, &error));
            }
        }
        Ok(None)
    }
}

fn read(file: &Path) -> Result<Yaml, ValuesError> {
    let text = std::fs::read_to_string(file).map_err(|source| ValuesError::Read {
        file: file.to_owned(),
        source,
    })?;
    match yaml::parse(&text) {
        Ok(entries) => Ok(Yaml::Table(entries)),
        Err(error) => Err(unclear(file, &error)),
    }
}

fn unclear(file: &Path, error: &YamlError) -> ValuesError {
    ValuesError::File {
        file: file.to_owned(),
        reason: error.to_string(),
    }
}

fn at<'a>(tree: &'a Yaml, path: &[PathPart]) -> Option<&'a Yaml> {
    path.iter().try_fold(tree, |tree, part| match (tree, part) {
        (Yaml::Table(entries), PathPart::Key(key)) => {
            let entry = entries.iter().find(|(name, _)| name == key);
            entry.map(|(_, value)| value)
        }
        (Yaml::List(items), PathPart::Index(index)) => items.get(*index),
        _ => None,
    })
}
