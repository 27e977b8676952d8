//! Resolves a stack's inputs once, before a run; never for `check`.
//!
//! Uses `stack`, which has checked what can be checked without values; its product is the
//! [`Scope`] every template of the run is expanded with.

use std::collections::BTreeMap;

use crate::{
    diagnostic::Diagnostic,
    secret::{Redactor, Secret},
    stack::{Input, Reference, Resolved, Scope, Stack, is_secret_env, secrets_of},
};

/// Inputs or environment variables that the stack uses have no value, or not a good one.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct InputsError(pub Vec<Diagnostic>);

/// Gives every input its value: `--input` (the last one of a name), else its environment variable,
/// else its default. Inputs without a value that nothing refers to are left out. Secret values
/// become known to the redactor: those of secret inputs, and of the environment variables the
/// stack refers to whose names say so.
///
/// # Errors
/// Everything at once: a value for an input that is not declared, a value of a wrong type,
/// something a template refers to that has no value.
pub fn resolve(
    stack: &Stack,
    env: &BTreeMap<String, String>,
    given: &[(String, String)],
    redactor: &Redactor,
) -> Result<Scope, InputsError> {
    let mut problems = Vec::new();
    for (name, _) in given {
        if !stack.inputs.contains_key(name) {
            problems.push(stack.undefined_input(name));
        }
    }
    let given: BTreeMap<&str, &str> = given
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let mut scope = Scope {
        inputs: BTreeMap::new(),
        env: env.clone(),
    };
    for (name, input) in &stack.inputs {
        match input.value(given.get(name.as_str()).copied(), env) {
            Ok(Some(value)) => {
                let secret = input.secret;
                if secret {
                    hide(&value, redactor);
                }
                scope
                    .inputs
                    .insert(name.clone(), Resolved { value, secret });
            }
            Ok(None) => {}
            Err(reason) => problems.push(
                Diagnostic::error(format!(
                    "the value of input `{name}` is not valid: {reason}"
                ))
                .at(input.place.clone(), "declared here"),
            ),
        }
    }
    for reference in stack.references() {
        match reference {
            Reference::Input(name) => {
                let invalid = || {
                    problems
                        .iter()
                        .any(|one| one.message.contains(&format!("`{name}`")))
                };
                if !scope.inputs.contains_key(name) && !invalid() {
                    problems.push(missing(name, stack.inputs.get(name)));
                }
            }
            Reference::Env(name) => match env.get(name) {
                None => problems.push(
                    Diagnostic::error(format!("environment variable `{name}` is not set"))
                        .help(format!("the stack refers to it as `${{env.{name}}}`")),
                ),
                Some(value) if is_secret_env(name) => redactor.add(&Secret::new(value.as_str())),
                Some(_) => {}
            },
        }
    }
    if problems.is_empty() {
        Ok(scope)
    } else {
        Err(InputsError(problems))
    }
}

fn hide(value: &serde_json::Value, redactor: &Redactor) {
    let mut secrets = Vec::new();
    secrets_of(value, &mut secrets);
    for secret in &secrets {
        redactor.add(secret);
    }
}

fn missing(name: &str, declared: Option<&Input>) -> Diagnostic {
    let env = declared.and_then(|input| input.env.as_ref());
    let also = env.map_or(String::new(), |env| format!(", or set `{env}`"));
    Diagnostic::error(format!("input `{name}` has no value"))
        .at(
            declared.and_then(|input| input.place.clone()),
            "declared here",
        )
        .help(format!("give it with `--input {name}=…`{also}"))
}
