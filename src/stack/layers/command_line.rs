//! The command line as a layer: a text findings can point into, and what it says.
//!
//! Values given there may be secrets, so the text shows names and paths only.

use std::{ops::Range, path::PathBuf};

use crate::name::EnvironmentName;
use crate::stack::{
    findings::Finding,
    layers::{
        Layers, environment,
        node::{Node, Table, Value},
        origin::{Located, SourceIx, Text},
    },
    load::LoadOptions,
    values::{Edit, Layer, Templated, TemplatedValue, edit},
};

/// What the command line says beyond settings.
#[derive(Debug, Default)]
pub(crate) struct CommandLine {
    /// `--environment`, if there is such a one. Its overlay is in the layers.
    pub(crate) environment: Option<EnvironmentName>,
    /// `--input`: name and value.
    pub(crate) inputs: Vec<(Located<String>, String)>,
    /// `--values`: chart and file.
    pub(crate) values: Vec<(Located<String>, PathBuf)>,
    /// `--set`: chart and change.
    pub(crate) edits: Vec<(Located<String>, Edit)>,
    /// What cannot be read.
    pub(crate) wrong: Vec<Finding>,
}

/// Reads the command line; puts the environment it chooses and its settings on top of the layers.
pub(crate) fn read(options: &LoadOptions, layers: &mut Layers) -> CommandLine {
    let mut shown = Shown::default();
    let chosen = options.environment.as_ref();
    let chosen = chosen.map(|name| (shown.say("--environment", name), name));
    let settings = settings(options, &mut shown);
    let inputs: Vec<_> = options
        .inputs
        .iter()
        .map(|(name, value)| (shown.say("--input", name), name, value))
        .collect();
    let values: Vec<_> = options
        .values
        .iter()
        .map(|(chart, file)| {
            let all = shown.say("--values", &format!("{chart}={}", file.display()));
            (all.start..all.start + chart.len(), chart, file)
        })
        .collect();
    let sets: Vec<_> = options
        .set
        .iter()
        .map(|text| {
            let (path, rest) = text.split_at(text.find('=').unwrap_or(text.len()));
            let hidden = if rest.is_empty() { "" } else { "=…" };
            (shown.say("--set", &format!("{path}{hidden}")), text)
        })
        .collect();

    let source = layers.add_source("command line", shown.0);
    let located = |span: Range<usize>, value: &str| Located {
        value: value.to_owned(),
        origin: source.origin(span),
    };
    let mut command_line = CommandLine::default();
    let chosen = chosen.map(|(span, name)| located(span, name));
    command_line.environment = environment::apply(layers, chosen.as_ref(), &mut command_line.wrong);
    if !settings.is_empty() {
        layers.push(settings_layer(settings, source));
    }
    for (span, name, value) in inputs {
        command_line
            .inputs
            .push((located(span, name), value.clone()));
    }
    for (span, chart, file) in values {
        command_line
            .values
            .push((located(span, chart), file.clone()));
    }
    for (span, text) in sets {
        read_set(located(span, text).text(), &mut command_line);
    }
    command_line
}

/// `CHART:path=value`.
fn read_set(said: Text<'_>, command_line: &mut CommandLine) {
    let pairs = match said.value.split_once(':') {
        Some((chart, assignment)) if !chart.contains('=') => {
            edit::parse_set(assignment).map(|pairs| (chart, pairs))
        }
        _ => Err("expected `CHART:path=value`".to_owned()),
    };
    match pairs {
        Err(reason) => command_line
            .wrong
            .push(Finding::error("`--set` is not valid").at(said.origin, reason)),
        Ok((chart, pairs)) => {
            for (path, value) in pairs {
                let value = TemplatedValue {
                    content: Templated::Plain(value),
                    origin: said.origin,
                };
                let chart = Located {
                    value: chart.to_owned(),
                    origin: said.origin,
                };
                let layer = Layer::CommandLineSet;
                command_line
                    .edits
                    .push((chart, Edit { layer, path, value }));
            }
        }
    }
}

/// The command line as it is shown.
#[derive(Default)]
struct Shown(String);

impl Shown {
    fn say(&mut self, flag: &str, argument: &str) -> Range<usize> {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0.push_str(flag);
        self.0.push(' ');
        let start = self.0.len();
        self.0.push_str(argument);
        start..self.0.len()
    }
}

fn settings(options: &LoadOptions, shown: &mut Shown) -> Vec<(&'static str, Range<usize>, Value)> {
    let overrides = &options.overrides;
    let mut settings = Vec::new();
    if let Some(number) = overrides.concurrency {
        let span = shown.say("--concurrency", &number.to_string());
        let value = Value::Integer(i64::try_from(number).ok());
        settings.push(("concurrency", span, value));
    }
    for (key, flag, said) in [
        (
            "failure_policy",
            "--failure-policy",
            &overrides.failure_policy,
        ),
        ("schedule", "--schedule", &overrides.schedule),
    ] {
        if let Some(word) = said {
            let span = shown.say(flag, word);
            settings.push((key, span, Value::Text(word.clone())));
        }
    }
    settings
}

fn settings_layer(settings: Vec<(&'static str, Range<usize>, Value)>, source: SourceIx) -> Table {
    let mut table = Table::default();
    for (key, span, value) in settings {
        let origin = source.origin(span);
        table.insert(key, origin, Node { value, origin });
    }
    let origin = source.origin(0..0);
    let value = Value::Table(table);
    let mut layer = Table::default();
    layer.insert("settings", origin, Node { value, origin });
    layer
}
