//! Reads the frame of the declared steps of a chart (`pre`, `post`, `validate`, `on_failure`):
//! everything but what a verb says, which `validate` reads.

use std::time::Duration;

use crate::{
    name::Action,
    stack::{
        findings::{Finding, Findings, list},
        grammar::{self, ACTIONS},
        layers::{
            node::{Node, Value},
            origin::{Origin, Text},
        },
        model::{OnError, Verb},
        raw::{
            RawRetry, read_retry,
            reader::{self, Reader, table, wrong},
        },
    },
};

/// The steps a file declares for one chart.
#[derive(Debug, Default)]
pub(crate) struct RawSteps<'a> {
    pub(crate) pre: Vec<RawStep<'a>>,
    pub(crate) post: Vec<RawStep<'a>>,
    pub(crate) validate: Vec<RawStep<'a>>,
    pub(crate) on_failure: Vec<RawStep<'a>>,
    /// All of them, as they are written, by phase.
    pub(crate) said: serde_json::Value,
}

/// One step.
#[derive(Debug)]
pub(crate) struct RawStep<'a> {
    pub(crate) name: Option<Text<'a>>,
    pub(crate) verb: RawVerb<'a>,
    pub(crate) when: RawWhen<'a>,
    pub(crate) on_error: OnError,
    pub(crate) timeout: Option<Duration>,
    pub(crate) retry: RawRetry,
    pub(crate) origin: Origin,
}

/// What a step does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawVerb<'a> {
    /// One of [`Verb::WORDS`].
    pub(crate) word: &'static str,
    /// Of the word.
    pub(crate) origin: Origin,
    /// What it says.
    pub(crate) said: &'a Node,
}

/// `when`.
#[derive(Debug, Default)]
pub(crate) struct RawWhen<'a> {
    pub(crate) actions: Option<Vec<Action>>,
    pub(crate) changed: Option<Text<'a>>,
    pub(crate) installed: Option<bool>,
    pub(crate) inputs: Vec<(Text<'a>, serde_json::Value)>,
}

/// Without `when`: everything but the way down.
pub(crate) fn default_actions() -> Vec<Action> {
    ACTIONS
        .iter()
        .map(|(_, action)| *action)
        .filter(|action| *action != Action::Uninstall)
        .collect()
}

pub(crate) fn read_steps<'a>(chart: &mut Reader<'a>, f: &mut Findings) -> RawSteps<'a> {
    let mut said = serde_json::Map::new();
    let mut phase = |phase: &'static str| {
        let node = chart.node(phase);
        said.extend(node.map(|node| (phase.to_owned(), node.to_json())));
        node.map_or_else(Vec::new, |node| read_phase(node, phase, f))
    };
    RawSteps {
        pre: phase("pre"),
        post: phase("post"),
        validate: phase("validate"),
        on_failure: phase("on_failure"),
        said: said.into(),
    }
}

fn read_phase<'a>(node: &'a Node, phase: &'static str, f: &mut Findings) -> Vec<RawStep<'a>> {
    let Value::List(items) = &node.value else {
        let found = node.value.kind();
        f.add(
            Finding::error(format!(
                "`{phase}`: expected an array of tables, found {found}"
            ))
            .at(node.origin, "")
            .help(format!("begin each step with `[[charts.NAME.{phase}]]`")),
        );
        return Vec::new();
    };
    items
        .iter()
        .filter_map(|item| read_step(item, phase, f))
        .collect()
}

fn read_step<'a>(node: &'a Node, phase: &'static str, f: &mut Findings) -> Option<RawStep<'a>> {
    let mut step = Reader::new(&grammar::STEP, table(node, phase, f)?);
    let verb = read_verb(&mut step, node, f);
    // Whatever else is wrong with the step is worth saying, too.
    let name = step.text("name", f);
    let when = step.node("when").and_then(|node| read_when(node, f));
    let on_error = step.word("on_error", &grammar::ON_ERRORS, f);
    let timeout = step.duration("timeout", f);
    let retry = step.node("retry").and_then(|node| read_retry(node, f));
    step.finish(f);
    Some(RawStep {
        name,
        when: when.unwrap_or_default(),
        on_error: on_error.unwrap_or_default(),
        timeout,
        retry: retry.unwrap_or_default(),
        origin: node.origin,
        verb: verb?,
    })
}

fn read_verb<'a>(step: &mut Reader<'a>, node: &'a Node, f: &mut Findings) -> Option<RawVerb<'a>> {
    let all = Verb::WORDS.into_iter();
    let said: Vec<RawVerb<'a>> = all
        .filter_map(|word| {
            let said = step.node(word)?;
            let origin = step.key_origin(word).unwrap_or(said.origin);
            Some(RawVerb { word, origin, said })
        })
        .collect();
    match said.as_slice() {
        [verb] => return Some(*verb),
        [] => {
            let known = list(Verb::WORDS);
            let help = format!("a step has one of {known}");
            f.add(
                Finding::error("this step does nothing")
                    .at(node.origin, "")
                    .help(help),
            );
        }
        several => {
            let words = list(several.iter().map(|verb| verb.word));
            let message = format!("a step does one thing, this one has {words}");
            f.add(
                Finding::error(message)
                    .at(node.origin, "")
                    .help("write one step for each"),
            );
        }
    }
    None
}

fn read_when<'a>(node: &'a Node, f: &mut Findings) -> Option<RawWhen<'a>> {
    let mut when = Reader::new(&grammar::WHEN, table(node, "when", f)?);
    let actions = when.texts("action", f).map(|said| {
        if said.is_empty() {
            f.add(
                Finding::error("`action` is empty: the step would never run").at(node.origin, ""),
            );
        }
        said.iter()
            .filter_map(|one| reader::word(*one, "action", &ACTIONS, f))
            .collect()
    });
    let raw = RawWhen {
        actions,
        changed: when.text("changed", f),
        installed: when.flag("installed", f),
        inputs: when
            .node("input")
            .map(|node| read_inputs(node, f))
            .unwrap_or_default(),
    };
    when.finish(f);
    Some(raw)
}

/// `input = { NAME = value }`.
fn read_inputs<'a>(node: &'a Node, f: &mut Findings) -> Vec<(Text<'a>, serde_json::Value)> {
    let Some(table) = table(node, "input", f) else {
        return Vec::new();
    };
    let mut inputs = Vec::with_capacity(table.len());
    for (value, origin, node) in table.iter() {
        let wanted = match &node.value {
            Value::Text(text) => text.as_str().into(),
            Value::Flag(flag) => (*flag).into(),
            Value::Integer(Some(integer)) => (*integer).into(),
            Value::Float(float) => (*float).into(),
            _ => {
                wrong::<()>(f, value, "a string, a boolean or a number", node);
                continue;
            }
        };
        inputs.push((Text { value, origin }, wanted));
    }
    inputs
}

/// A text is a shell's command line; an array is a program and its arguments.
pub(crate) fn command<'a>(
    node: &'a Node,
    key: &'static str,
    f: &mut Findings,
) -> Option<Vec<Text<'a>>> {
    let command = match &node.value {
        Value::Text(_) => {
            let line = reader::text(node, key, f)?;
            let word = |value: &'static str| Text {
                value,
                origin: node.origin,
            };
            if line.value.trim().is_empty() {
                Vec::new()
            } else {
                vec![word("sh"), word("-c"), line]
            }
        }
        Value::List(_) => reader::texts(node, key, f)?,
        _ if key == "run" => {
            return wrong(f, key, "a string, an array of strings or a table", node);
        }
        _ => return wrong(f, key, "a string or an array of strings", node),
    };
    if command
        .first()
        .is_none_or(|program| program.value.is_empty())
    {
        f.add(Finding::error(format!("`{key}` names no command")).at(node.origin, ""));
        return None;
    }
    Some(command)
}
