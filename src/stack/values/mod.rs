//! Computes what Helm gets as values.
//!
//! Users' values files go to Helm untouched; everything computed goes after them as one JSON
//! document on Helm's standard input, which Helm reads last. So a command among the
//! `values_files` makes everything behind it part of the document, too: files there are read by us,
//! and refused if Helm could read them otherwise. Files before it stay files. Merging is Helm's: tables deep, everything else replaced, and a null stays in the
//! document, where it makes Helm drop the key from the chart's own values.

mod coalesce;
mod compose;
pub(crate) mod edit;
mod explain;
mod model;
mod resolve;
pub(crate) mod said;
mod scalar;
mod subcharts;
pub(crate) mod yaml;
mod yaml_text;

use std::path::PathBuf;

use serde_json::Value;

pub use self::explain::{Explained, Leaf, SaidBy};
pub use self::model::{
    ChartDependency, ChartValues, Edit, Layer, PathPart, Templated, TemplatedValue, ValuePath,
    Values, ValuesCommand, ValuesLayer,
};
pub use self::subcharts::subcharts_in_use;
use crate::{
    secret::Secret,
    stack::{
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
    /// A subchart's name is not that of a table.
    #[error("`{subchart}` must be a table: it holds the values of a subchart")]
    NoTable {
        /// Its name.
        subchart: String,
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
        let mut composer = compose::Composer::new(self, scope);
        let document = composer.document()?;
        Ok(Composed {
            files: self.files.clone(),
            document: document.to_json(),
            secrets: composer.secrets,
        })
    }

    /// What Helm makes of the files and the document: all that a chart gets of its user.
    ///
    /// # Errors
    /// As [`Self::compose`], and a file that cannot be read or understood.
    pub fn merged(&self, scope: &Scope) -> Result<Value, ValuesError> {
        let mut composer = compose::Composer::new(self, scope);
        let mut merged = composer.before_document()?;
        merged.merge(composer.document()?);
        Ok(merged.to_json())
    }

    /// What is known of the values, files included: what has no value in this scope, or cannot be
    /// read, is left out.
    pub fn known(&self, scope: &Scope) -> Value {
        compose::Composer::new(self, scope).known().to_json()
    }

    /// Every command whose output is part of the values.
    pub(crate) fn commands(&self) -> impl Iterator<Item = &ValuesCommand> {
        self.layers.iter().filter_map(|layer| match layer {
            ValuesLayer::Command(said) => Some(said),
            _ => None,
        })
    }

    /// Whether they depend on [`Scope::installed`].
    pub fn are_conditional(&self) -> bool {
        let mut layers = self.layers.iter();
        layers.any(|layer| matches!(layer, ValuesLayer::If(..)))
    }

    /// Every text that may refer to something.
    pub(crate) fn templates(&self) -> impl Iterator<Item = &Template> {
        self.layers.iter().flat_map(|layer| {
            let mut found = Vec::new();
            match layer {
                ValuesLayer::Command(_) | ValuesLayer::File(_) => {}
                ValuesLayer::Merge(_, tree) | ValuesLayer::If(_, tree) => {
                    tree.templates(&mut found);
                }
                ValuesLayer::Edit(edit) => edit.value.templates(&mut found),
            }
            found
        })
    }
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
