//! Environment variables as defaults of flags: `--kube-context` is `STACKCTL_KUBE_CONTEXT`.
//!
//! Every flag has its variable by construction. (clap's own `env` would have each spelled out at
//! the flag, and reads the process's environment itself, out of reach of tests.)

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

use clap::{
    Arg, ArgAction, Command,
    builder::BoolishValueParser,
    error::{ContextKind, ContextValue},
};

/// All variables of the process.
pub(super) type Environment = BTreeMap<OsString, OsString>;

/// The one place that asks the process for its environment.
pub(super) fn collect() -> Environment {
    std::env::vars_os().collect()
}

/// A variable's value; an empty one counts as not set.
pub(super) fn get<'a>(environment: &'a Environment, name: &str) -> Option<&'a OsStr> {
    environment
        .get(OsStr::new(name))
        .map(OsString::as_os_str)
        .filter(|value| !value.is_empty())
}

/// Makes the variables the defaults of the flags of the command and its subcommands.
pub(super) fn defaults(command: Command, environment: &Environment) -> Command {
    command
        .mut_args(|arg| with_default(arg, environment))
        .mut_subcommands(|subcommand| defaults(subcommand, environment))
}

fn with_default(arg: Arg, environment: &Environment) -> Arg {
    let Some((_, value)) = arg
        .get_long()
        .and_then(|flag| variable_of(flag, environment))
    else {
        return arg;
    };
    // What the environment holds is not for help texts: `hide_default_value`.
    match arg.get_action() {
        ArgAction::SetTrue => arg
            .value_parser(BoolishValueParser::new())
            .default_value(value.to_owned()),
        ArgAction::Append => {
            let arg = arg.hide_default_value(true);
            match value.to_str() {
                Some(text) => arg.default_values(lines(text)),
                None => arg.default_value(value.to_owned()),
            }
        }
        _ => arg.hide_default_value(true).default_value(value.to_owned()),
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The variable that sets a flag, and its value. `HELM_BINARY` is what Helm's own plugins use.
fn variable_of<'a>(flag: &str, environment: &'a Environment) -> Option<(String, &'a OsStr)> {
    let ours = format!("STACKCTL_{}", flag.to_uppercase().replace('-', "_"));
    let theirs = (flag == "helm-binary").then(|| "HELM_BINARY".to_owned());
    [Some(ours), theirs]
        .into_iter()
        .flatten()
        .find_map(|name| get(environment, &name).map(|value| (name, value)))
}

/// Says which variable a rejected value came from, if it came from one.
pub(super) fn blame(error: &clap::Error, environment: &Environment) -> Option<String> {
    let Some(ContextValue::String(arg)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let Some(ContextValue::String(rejected)) = error.get(ContextKind::InvalidValue) else {
        return None;
    };
    let flag = arg.strip_prefix("--")?.split([' ', '=']).next()?;
    let (name, value) = variable_of(flag, environment)?;
    let value = value.to_string_lossy();
    (*value == **rejected || value.lines().any(|line| line == rejected))
        .then(|| format!("note: the value comes from the environment variable {name}"))
}
