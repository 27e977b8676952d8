//! `${…}` in texts of a stack file.
//!
//! Parsed once, with the place of each reference, so that an unknown one is found by `check`;
//! expanded when inputs are resolved. `$${` is a literal `${`.

use std::collections::BTreeMap;

/// A text with references.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Literal text and references, in order.
    pub parts: Vec<Part>,
}

/// A piece of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text as it stands.
    Text(String),
    /// `${…}`.
    Reference(Reference),
}

/// What a `${…}` refers to. `${charts.NAME.namespace}` and `${charts.NAME.release}` are known
/// while loading and become text at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// `${inputs.NAME}`.
    Input(String),
    /// `${env.NAME}`.
    Env(String),
}

/// What references expand to: resolved inputs and the environment.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Inputs by name.
    pub inputs: BTreeMap<String, Resolved>,
    /// The process's environment.
    pub env: BTreeMap<String, String>,
}

/// The value of one input.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// Any JSON value.
    pub value: serde_json::Value,
    /// Never shown.
    pub secret: bool,
}

/// An expanded template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expanded {
    /// The text.
    pub text: String,
    /// Something secret is in it.
    pub secret: bool,
}

/// A `${…}` that has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// Neither `--input`, nor its `env`, nor a default gives it.
    #[error("input `{0}` has no value")]
    Input(String),
    /// Not in the environment.
    #[error("environment variable `{0}` is not set")]
    Env(String),
}

/// A text that is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// What is wrong.
    pub message: String,
    /// Where in the text, in bytes.
    pub span: std::ops::Range<usize>,
}

impl Template {
    /// Finds the references of a text.
    ///
    /// # Errors
    /// An unclosed or unknown `${…}`.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let _ = text;
        todo!()
    }

    /// Puts values in.
    ///
    /// # Errors
    /// A reference has no value.
    pub fn expand(&self, scope: &Scope) -> Result<Expanded, ExpandError> {
        let _ = scope;
        todo!()
    }
}
