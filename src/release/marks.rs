//! Our labels on release records.

use std::collections::BTreeMap;

use crate::name::{RunId, StackName};

/// A value that cannot be a label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` cannot be the value of label {key}")]
pub struct LabelError {
    /// The label.
    pub key: &'static str,
    /// The value.
    pub value: String,
}

/// What stackctl writes on a release record through `helm --labels`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// `stackctl.io/stack`.
    pub stack: Option<StackName>,
    /// `stackctl.io/run`.
    pub run: Option<RunId>,
    /// `stackctl.io/rev`: the revision the writer expected to make.
    pub revision: Option<u32>,
    /// `stackctl.io/digest`: of what was executed.
    pub digest: Option<String>,
    /// `stackctl.io/done`: `REVISION-DIGEST`, written after validation.
    pub done: Option<String>,
    /// `stackctl.io/chart-version`, `+` kept as `_` in the label.
    pub chart_version: Option<String>,
}

impl Marks {
    /// The labels to give to Helm.
    pub fn labels(&self) -> Result<BTreeMap<String, String>, LabelError> {
        todo!()
    }

    /// Reads them back; a mark that is not understood counts as absent.
    pub fn parse(labels: &BTreeMap<String, String>) -> Self {
        let _ = labels;
        todo!()
    }
}
