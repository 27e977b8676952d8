//! Resolves a stack's inputs once, before a run; never for `check`.

use std::collections::BTreeMap;

use crate::{
    diagnostic::Diagnostic,
    secret::Redactor,
    stack::{Scope, Stack},
};

/// Inputs or environment variables the stack uses have no value.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct InputsError(pub Vec<Diagnostic>);

/// Gives every input its value: `--input`, else its environment variable, else its default.
///
/// # Errors
/// Something a template uses has no value.
pub fn resolve(
    stack: &Stack,
    env: &BTreeMap<String, String>,
    given: &[(String, String)],
    redactor: &Redactor,
) -> Result<Scope, InputsError> {
    let _ = (stack, env, given, redactor);
    todo!()
}
