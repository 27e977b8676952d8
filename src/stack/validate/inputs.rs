//! Declared inputs, and the values they have while loading.

use std::collections::{BTreeMap, HashMap};

use super::{
    known::{Known, undefined_input},
    tree,
};
use crate::stack::{
    findings::{Finding, Findings},
    layers::origin::{Located, Origin},
    model::Input,
    raw::RawInput,
    scope::Resolved,
    template::is_name,
};

/// The declarations.
pub(crate) fn declared(raw: &[RawInput<'_>], f: &mut Findings) -> BTreeMap<String, Input> {
    let mut inputs = BTreeMap::new();
    for input in raw {
        let name = &input.name;
        if !is_name(name.value) {
            f.add(
                Finding::error(format!("input name `{}` is not valid", name.value))
                    .at(name.origin, "use letters, digits, `_` and `-`"),
            );
        }
        if let Some(env) = &input.env
            && !is_name(env.value)
        {
            f.add(
                Finding::error(format!("`{}` cannot be an environment variable", env.value))
                    .at(env.origin, "use letters, digits and `_`"),
            );
        }
        let model = Input {
            default: input.default.as_ref().map(|node| tree::json(node, f)),
            env: input.env.map(|env| env.value.to_owned()),
            // What its words refer to is not known yet.
            command: None,
            parse: input.parse,
            secret: input.secret,
            place: f.sources.place(name.origin),
        };
        inputs.insert(name.value.to_owned(), model);
    }
    inputs
}

/// Gives every input the value it has now, if any.
pub(crate) fn give_values(
    raw: &[RawInput<'_>],
    inputs: &BTreeMap<String, Input>,
    given: &[(Located<String>, String)],
    env: &BTreeMap<String, String>,
    known: &mut Known<'_>,
    f: &mut Findings,
) {
    let mut by_name: HashMap<&str, (&str, Origin)> = HashMap::new();
    for (name, value) in given {
        if !inputs.contains_key(&name.value) {
            f.add(undefined_input(&name.value, &known.inputs).at(name.origin, ""));
        }
        by_name.insert(&name.value, (value, name.origin));
    }
    for declared in raw {
        let name = declared.name.value;
        let Some(input) = inputs.get(name) else {
            continue;
        };
        let said = by_name.get(name);
        match input.value(said.map(|(text, _)| *text), env) {
            Ok(Some(value)) => {
                let secret = input.secret;
                known
                    .scope
                    .inputs
                    .insert(name.to_owned(), Resolved { value, secret });
            }
            Ok(None) => {}
            Err(reason) => {
                let origin = said.map_or(declared.name.origin, |(_, origin)| *origin);
                let from = match (said, &input.env) {
                    (None, Some(env)) => format!(" in `{env}`"),
                    _ => String::new(),
                };
                let message = format!("the value of input `{name}`{from} is not valid");
                f.add(Finding::error(message).at(origin, reason));
            }
        }
    }
}

/// The commands of inputs: their words may refer to inputs that have a value now.
pub(crate) fn commands(
    raw: &[RawInput<'_>],
    inputs: &mut BTreeMap<String, Input>,
    known: &Known<'_>,
    f: &mut Findings,
) {
    for declared in raw {
        let Some(said) = &declared.command else {
            continue;
        };
        let command = known.command(said, f);
        if let Some(input) = inputs.get_mut(declared.name.value) {
            input.command = command;
        }
    }
}
