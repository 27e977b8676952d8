//! Resolves a stack's inputs once, before a run, and runs the commands whose output a run needs:
//! of inputs, and among `values_files`. Never for `check`, never for a plan without a cluster.
//!
//! Uses `stack`, which has checked what can be checked without values and knows what a run refers
//! to ([`Uses`]); its product is the [`Scope`] every template of the run is expanded with.

mod command;

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
};

use futures::{StreamExt as _, stream};

use crate::{
    diagnostic::{Diagnostic, Problems},
    secret::{Redactor, Secret},
    shutdown::Shutdown,
    stack::{
        Input, Reference, Resolved, Scope, Stack, Uses, is_secret_env, secrets_of, values_document,
    },
};

/// Commands at once: they wait for the network more than they compute.
const AT_ONCE: usize = 8;

/// Why there is no [`Scope`]. Everything at once.
#[derive(Debug, Clone, thiserror::Error)]
pub enum InputsError {
    /// A value for an input that is not declared, a value that is not valid, something a template
    /// refers to that has no value. No command was run.
    #[error(transparent)]
    Wrong(Problems),
    /// Commands failed, or printed what they should not.
    #[error(transparent)]
    Commands(Problems),
}

/// What inputs are resolved with.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// The process's environment; commands get all of it.
    pub env: &'a BTreeMap<OsString, OsString>,
    /// `--input`, in order; the last one of a name wins.
    pub inputs: &'a [(String, String)],
    /// Gets to know every secret value.
    pub redactor: &'a Redactor,
    /// Ends commands.
    pub shutdown: &'a Shutdown,
}

/// Gives every input its value: `--input`, else its environment variable, else its command, else
/// its default. Commands are run, each once, if the run uses what they print; inputs without a
/// value that it does not use are left out. Secret values become known to the redactor: those of
/// secret inputs and commands, and of the environment variables in use whose names say so.
pub async fn resolve(
    stack: &Stack,
    uses: &Uses<'_>,
    given: Given<'_>,
) -> Result<Scope, InputsError> {
    let mut scope = known(stack, uses, given).map_err(InputsError::Wrong)?;
    let mut problems = Vec::new();
    let missing = uses
        .references
        .iter()
        .filter_map(|reference| match reference {
            Reference::Input(name) if !scope.inputs.contains_key(name) => Some(name),
            _ => None,
        });
    let inputs: Vec<_> = missing
        .filter_map(|name| stack.inputs.get_key_value(name))
        .filter_map(|(name, input)| Some((name, input, input.command.as_ref()?)))
        .collect();
    let outputs = inputs.into_iter().map(|(name, input, command)| async move {
        let run = command::run(command, given).await;
        let value = run.and_then(|output| {
            let value = input.parse.read(&output, input.secret);
            value.map_err(|reason| command::unreadable(command, &reason))
        });
        (name, input, value)
    });
    let mut outputs = stream::iter(outputs).buffered(AT_ONCE);
    while let Some((name, input, value)) = outputs.next().await {
        match value {
            Ok(value) => {
                let secret = input.secret;
                if secret {
                    hide(&value, given.redactor);
                }
                let resolved = Resolved { value, secret };
                scope.inputs.insert(name.clone(), resolved);
            }
            Err(wrong) => {
                let what = format!("input `{name}` has no value");
                problems.push(wrong.into_diagnostic(&what, input.place.clone()));
            }
        }
    }
    drop(outputs);
    let documents = uses.commands.values().map(|said| async move {
        let run = command::run(&said.command, given).await;
        let value = run.and_then(|output| {
            let value = values_document(&output, said.secret);
            value.map_err(|reason| command::unreadable(&said.command, &reason))
        });
        (said, value)
    });
    let mut documents = stream::iter(documents).buffered(AT_ONCE);
    while let Some((said, value)) = documents.next().await {
        match value {
            Ok(value) => {
                if said.secret {
                    hide(&value, given.redactor);
                }
                scope.documents.insert(said.command.clone(), value);
            }
            Err(wrong) => {
                let what = "values from a command are missing";
                problems.push(wrong.into_diagnostic(what, said.place.clone()));
            }
        }
    }
    if problems.is_empty() {
        Ok(scope)
    } else {
        for problem in &mut problems {
            for text in std::iter::once(&mut problem.message).chain(&mut problem.help) {
                *text = given.redactor.redact(text).into_string();
            }
        }
        Err(InputsError::Commands(Problems(problems)))
    }
}

/// What is known without running anything. What is wrong is left to [`resolve`] to tell.
pub fn at_hand(stack: &Stack, given: Given<'_>) -> Scope {
    known(stack, &Uses::default(), given).unwrap_or_default()
}

/// What is known without running anything; everything in use but not known must come from a
/// command.
fn known(stack: &Stack, uses: &Uses<'_>, given: Given<'_>) -> Result<Scope, Problems> {
    let redactor = given.redactor;
    let env: BTreeMap<String, String> = given
        .env
        .iter()
        .filter_map(|(name, value)| Some((name.to_str()?.to_owned(), value.to_str()?.to_owned())))
        .collect();
    let mut problems = Vec::new();
    let mut invalid = BTreeSet::new();
    for (name, _) in given.inputs {
        if !stack.inputs.contains_key(name) {
            problems.push(stack.undefined_input(name));
        }
    }
    let said: BTreeMap<&str, &str> = given
        .inputs
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let mut scope = Scope::default();
    for (name, input) in &stack.inputs {
        match input.value(said.get(name.as_str()).copied(), &env) {
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
            Err(reason) => {
                invalid.insert(name);
                let message = format!("the value of input `{name}` is not valid: {reason}");
                problems.push(Diagnostic::error(message).at(input.place.clone(), "declared here"));
            }
        }
    }
    for reference in &uses.references {
        match reference {
            Reference::Input(name) => {
                let input = stack.inputs.get(name);
                let comes = input.is_some_and(|input| input.command.is_some());
                if !scope.inputs.contains_key(name) && !invalid.contains(name) && !comes {
                    problems.push(missing(name, input));
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
            // Read while the chart that refers to it is at work.
            Reference::Late(_) => {}
        }
    }
    scope.env = env;
    if problems.is_empty() {
        Ok(scope)
    } else {
        Err(Problems(problems))
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

#[cfg(test)]
mod tests;
