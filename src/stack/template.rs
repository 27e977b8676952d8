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
