//! Resolves a stack's inputs once, before a run; never for `check`.
//!
//! Uses `stack`, which has checked what can be checked without values; its product is the
//! [`Scope`] every template of the run is expanded with.

use std::collections::{BTreeMap, BTreeSet};

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
    let mut invalid = BTreeSet::new();
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
            Err(reason) => {
                invalid.insert(name);
                let message = format!("the value of input `{name}` is not valid: {reason}");
                problems.push(Diagnostic::error(message).at(input.place.clone(), "declared here"));
            }
        }
    }
    for reference in stack.references() {
        match reference {
            Reference::Input(name) => {
                if !scope.inputs.contains_key(name) && !invalid.contains(name) {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        diagnostic::render,
        stack::{FileSource, LoadOptions, load},
    };

    const STACK: &str = r#"
[stack]
name = "demo"
[inputs]
region = { default = "eu", env = "REGION" }
replicas = { default = 2 }
token = { env = "GRAFANA_TOKEN", secret = true }
unused = {}
[charts.web]
chart = "./Chart"
values = { a = "${inputs.region}", b = "${inputs.token}", c = "${env.DB_PASSWORD}", d = "${inputs.replicas}" }
"#;

    fn stack() -> Stack {
        let root = tempfile::TempDir::new().unwrap();
        std::fs::create_dir(root.path().join("Chart")).unwrap();
        std::fs::write(root.path().join("Chart/Chart.yaml"), "").unwrap();
        let options = LoadOptions::new(FileSource::Text {
            name: "stack.toml".into(),
            text: STACK.into(),
            root: root.path().into(),
        });
        load(options).unwrap().stack
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn values_come_from_where_they_are_given_and_secrets_are_hidden() {
        let env = pairs(&[
            ("GRAFANA_TOKEN", "from-env"),
            ("DB_PASSWORD", "hunter2"),
            ("REGION", "us"),
        ]);
        let given = pairs(&[("region", "first"), ("region", "asia"), ("replicas", "3")]);
        let redactor = Redactor::default();
        let scope = resolve(&stack(), &env.into_iter().collect(), &given, &redactor).unwrap();
        assert_eq!(scope.inputs["region"].value, json!("asia"));
        assert_eq!(scope.inputs["replicas"].value, json!(3));
        assert_eq!(scope.inputs["token"].value, json!("from-env"));
        assert!(!scope.inputs.contains_key("unused"));
        let shown = redactor.redact("from-env hunter2 asia");
        assert_eq!(shown.as_str(), "*** *** asia");
    }

    #[test]
    fn what_has_no_value_is_named_with_its_declaration() {
        let given = pairs(&[("regoin", "x"), ("replicas", "many")]);
        let error = resolve(&stack(), &BTreeMap::new(), &given, &Redactor::default()).unwrap_err();
        insta::assert_snapshot!(render(&error.0, false), @r#"
    error: undefined input `regoin`
     |
     = help: did you mean `region`?
     = help: defined inputs: `region`, `replicas`, `token` and `unused`

    error: the value of input `replicas` is not valid: expected a number, as its default is
     --> stack.toml:6:1
      |
    6 | replicas = { default = 2 }
      | ^^^^^^^^ declared here

    error: input `token` has no value
     --> stack.toml:7:1
      |
    7 | token = { env = "GRAFANA_TOKEN", secret = true }
      | ^^^^^ declared here
      |
      = help: give it with `--input token=…`, or set `GRAFANA_TOKEN`

    error: environment variable `DB_PASSWORD` is not set
     |
     = help: the stack refers to it as `${env.DB_PASSWORD}`
    "#);
    }
}
