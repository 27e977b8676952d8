//! Computes what Helm gets as values.

use std::path::PathBuf;

use super::{
    model::Values,
    template::{ExpandError, Scope},
};
use crate::secret::Secret;

/// A chart's values, ready for Helm.
#[derive(Debug, Clone)]
pub struct Composed {
    /// `-f`, in order.
    pub files: Vec<PathBuf>,
    /// The computed document, after the files. Always an object.
    pub document: serde_json::Value,
    /// Secret texts that went into the document.
    pub secrets: Vec<Secret>,
}

/// Values could not be computed.
#[derive(Debug, thiserror::Error)]
pub enum ValuesError {
    /// A `${…}` has no value.
    #[error(transparent)]
    Expand(#[from] ExpandError),
}

impl Values {
    /// Expands and merges all layers. Reads values files only if an edit by index needs a list
    /// that only they have.
    ///
    /// # Errors
    /// A `${…}` without a value, or an edit that fits neither the document nor the files.
    pub fn compose(&self, scope: &Scope) -> Result<Composed, ValuesError> {
        let _ = scope;
        todo!()
    }
}
