//! What a stack file says: every key read and of the right type, nothing looked up or compared
//! yet. [`super::validate`] makes a [`super::Stack`] of it.

pub(crate) mod chart;
pub(crate) mod data;
mod duration;
pub(crate) mod reader;
pub(crate) mod repositories;
pub(crate) mod steps;

use std::time::Duration;

use self::chart::RawChart;
use self::data::RawCommand;
use self::reader::{Reader, table, texts, wrong};
use self::repositories::RawRepository;
use crate::stack::{
    findings::{Finding, Findings},
    grammar,
    layers::{
        Defaults, Layers,
        node::{Node, Table, Value},
        origin::{Located, Text},
    },
    model::{ErrorClass, FailurePolicy, Parse, Schedule},
};

/// The whole file.
#[derive(Debug, Default)]
pub(crate) struct RawStack<'a> {
    pub(crate) name: Option<Text<'a>>,
    pub(crate) requires: Option<Text<'a>>,
    pub(crate) helm: Option<Text<'a>>,
    pub(crate) state_namespace: Option<Text<'a>>,
    pub(crate) context: Option<Text<'a>>,
    pub(crate) allow: Vec<Text<'a>>,
    pub(crate) settings: RawSettings,
    pub(crate) inputs: Vec<RawInput<'a>>,
    pub(crate) namespaces: Vec<RawNamespace<'a>>,
    pub(crate) repositories: Vec<RawRepository<'a>>,
    pub(crate) charts: Vec<RawChart<'a>>,
}

/// `[settings]`.
#[derive(Debug, Default)]
pub(crate) struct RawSettings {
    pub(crate) concurrency: Option<usize>,
    pub(crate) failure_policy: FailurePolicy,
    pub(crate) schedule: Schedule,
    pub(crate) history_max: Option<u32>,
}

/// One `[inputs]` entry.
#[derive(Debug)]
pub(crate) struct RawInput<'a> {
    pub(crate) name: Text<'a>,
    pub(crate) default: Option<&'a Node>,
    pub(crate) env: Option<Text<'a>>,
    pub(crate) command: Option<RawCommand<'a>>,
    pub(crate) parse: Parse,
    pub(crate) secret: bool,
}

/// `[namespaces.NAME]`.
#[derive(Debug)]
pub(crate) struct RawNamespace<'a> {
    pub(crate) name: Text<'a>,
    pub(crate) labels: Vec<(Text<'a>, Text<'a>)>,
    pub(crate) annotations: Vec<(Text<'a>, Text<'a>)>,
}

/// `retry`.
#[derive(Debug, Clone, Default)]
pub(crate) struct RawRetry {
    pub(crate) attempts: Option<u32>,
    pub(crate) delay: Option<Duration>,
    pub(crate) backoff: Option<f64>,
    pub(crate) on: Option<Vec<ErrorClass>>,
}

/// What a file must hold at least.
pub(crate) const MINIMAL: &str = "a minimal stack file is\n\n[stack]\nname = \"demo\"\n\n\
                                  [charts.web]\nchart = \"./charts/web\"";

/// Reads everything, noting what is wrong on the way. `merged` are the layers' tables
/// [`Layers::merged_with_defaults`].
pub(crate) fn read<'a>(layers: &'a Layers, merged: &'a [Table], f: &mut Findings) -> RawStack<'a> {
    let mut raw = RawStack::default();
    let mut root = Reader::new(&grammar::FILE, &layers.root);
    // Read while the layers were made.
    root.node("environments");
    match root.node("stack") {
        Some(node) => read_stack(node, &mut raw, f),
        None => f.add(Finding::error("there is no `[stack]` table with a `name`").help(MINIMAL)),
    }
    if let Some(node) = root.node("settings") {
        read_settings(node, &mut raw.settings, f);
    }
    if let Some(node) = root.node("inputs") {
        raw.inputs = each(node, "inputs", f, read_input);
    }
    if let Some(node) = root.node("namespaces") {
        raw.namespaces = each(node, "namespaces", f, read_namespace);
    }
    if let Some(node) = root.node("repositories") {
        raw.repositories = each(node, "repositories", f, repositories::read);
    }
    let defaults = root.node("defaults");
    let defaults = defaults.and_then(|node| table(node, "defaults", f));
    if let Some(table) = defaults {
        chart::check_defaults(table, f);
    }
    if let Some(node) = root.node("charts") {
        let mut merged = merged.iter();
        raw.charts = each(node, "charts", f, |name, node, f| {
            let both = merged.next();
            let defaults = defaults.zip(both);
            let defaults = defaults.map(|(table, both)| Defaults { table, both });
            Some(chart::read(name, table(node, "charts", f)?, defaults, f))
        });
    }
    root.finish(f);
    raw
}

fn each<'a, T>(
    node: &'a Node,
    key: &str,
    f: &mut Findings,
    mut read: impl FnMut(Text<'a>, &'a Node, &mut Findings) -> Option<T>,
) -> Vec<T> {
    let Some(table) = table(node, key, f) else {
        return Vec::new();
    };
    let read = table
        .iter()
        .filter_map(|(value, origin, node)| read(Located { value, origin }, node, f));
    // Charts are large: growing step by step would move all of them several times.
    let mut all = Vec::with_capacity(table.len());
    all.extend(read);
    all
}

fn read_stack<'a>(node: &'a Node, raw: &mut RawStack<'a>, f: &mut Findings) {
    let Some(table) = table(node, "stack", f) else {
        return;
    };
    let mut stack = Reader::new(&grammar::STACK, table);
    // Taken out while the files were read.
    stack.node("include");
    let present = stack.has("name");
    let name = stack.text("name", f);
    raw.name = reader::required(name, "`[stack]`", "name", present, node.origin, f);
    raw.requires = stack.text("requires", f);
    raw.helm = stack.text("helm", f);
    raw.state_namespace = stack.text("state_namespace", f);
    if let Some(node) = stack.node("cluster") {
        read_cluster(node, raw, f);
    }
    stack.finish(f);
}

fn read_cluster<'a>(node: &'a Node, raw: &mut RawStack<'a>, f: &mut Findings) {
    let Some(table) = table(node, "cluster", f) else {
        return;
    };
    let mut cluster = Reader::new(&grammar::CLUSTER, table);
    raw.context = cluster.text("context", f);
    raw.allow = cluster.texts("allow", f).unwrap_or_default();
    cluster.finish(f);
}

fn read_settings(node: &Node, raw: &mut RawSettings, f: &mut Findings) {
    let Some(table) = table(node, "settings", f) else {
        return;
    };
    let mut settings = Reader::new(&grammar::SETTINGS, table);
    raw.concurrency = settings.number(
        "concurrency",
        "a whole number of Helm processes, 0 for no limit",
        f,
    );
    raw.failure_policy = settings
        .word("failure_policy", &grammar::FAILURE_POLICIES, f)
        .unwrap_or_default();
    raw.schedule = settings
        .word("schedule", &grammar::SCHEDULES, f)
        .unwrap_or_default();
    raw.history_max = history_max(&mut settings, f);
    settings.finish(f);
}

fn read_input<'a>(name: Text<'a>, node: &'a Node, f: &mut Findings) -> Option<RawInput<'a>> {
    let Some(table) = node.as_table() else {
        let found = node.value.kind();
        f.add(
            Finding::error(format!(
                "input `{}`: expected a table, found {found}",
                name.value
            ))
            .at(node.origin, "")
            .help(format!("write `{} = {{ default = … }}`", name.value)),
        );
        return None;
    };
    let mut input = Reader::new(&grammar::INPUT, table);
    data::only_with_command(&input, node.origin, f);
    let raw = RawInput {
        default: input.node("default"),
        env: input.text("env", f),
        command: data::read_command(&mut input, f),
        parse: input.word("parse", &grammar::FORMS, f).unwrap_or_default(),
        secret: input.flag("secret", f).unwrap_or_default(),
        name,
    };
    input.finish(f);
    if let (Some(command), Some(default)) = (&raw.command, raw.default) {
        f.add(
            Finding::error(format!(
                "input `{}` has a `default` and a `command`",
                name.value
            ))
            .at(
                command.origin,
                "this gives it a value whenever a run needs one",
            )
            .at(default.origin, "so this would never be used"),
        );
    }
    Some(raw)
}

fn read_namespace<'a>(
    name: Text<'a>,
    node: &'a Node,
    f: &mut Findings,
) -> Option<RawNamespace<'a>> {
    let mut namespace = Reader::new(&grammar::NAMESPACE, table(node, "namespaces", f)?);
    let raw = RawNamespace {
        labels: namespace.text_table("labels", f).unwrap_or_default(),
        annotations: namespace.text_table("annotations", f).unwrap_or_default(),
        name,
    };
    namespace.finish(f);
    Some(raw)
}

/// `retry = { attempts, delay, backoff, on }`.
pub(crate) fn read_retry(node: &Node, f: &mut Findings) -> Option<RawRetry> {
    let mut retry = Reader::new(&grammar::RETRY, table(node, "retry", f)?);
    let attempts = retry.number("attempts", "a whole number, at least 1", f);
    if attempts == Some(0) {
        let origin = retry.origin_or("attempts", node.origin);
        f.add(Finding::error("`attempts` must be at least 1").at(origin, ""));
    }
    let on = retry.texts("on", f);
    if on.as_ref().is_some_and(Vec::is_empty) {
        let origin = retry.origin_or("on", node.origin);
        f.add(Finding::error("`on` is empty").at(origin, "nothing would be tried again"));
    }
    let raw = RawRetry {
        attempts,
        delay: retry.duration("delay", f),
        backoff: retry.factor("backoff", f),
        on: on.map(|said| read_classes(&said, f)),
    };
    retry.finish(f);
    Some(raw)
}

/// `on`: what is worth another attempt.
fn read_classes(said: &[Text<'_>], f: &mut Findings) -> Vec<ErrorClass> {
    let words = grammar::classes();
    let mut classes = Vec::with_capacity(said.len());
    for &one in said {
        let mut all = ErrorClass::ALL.into_iter();
        let class = all.find(|class| class.as_str() == one.value);
        if class.is_some_and(|class| !class.can_pass()) {
            let message = format!("`{}` errors are never worth another attempt", one.value);
            f.add(Finding::error(message).at(one.origin, "the same would happen again"));
        } else if let Some(class) = reader::word(one, "on", &words, f) {
            classes.push(class);
        }
    }
    classes
}

/// A string, or an array of strings.
pub(crate) fn one_or_more<'a>(
    node: &'a Node,
    key: &str,
    f: &mut Findings,
) -> Option<Vec<Text<'a>>> {
    match &node.value {
        Value::Text(_) => reader::text(node, key, f).map(|text| vec![text]),
        Value::List(_) => texts(node, key, f),
        _ => wrong(f, key, "a string or an array of strings", node),
    }
}

/// `history_max`, of a chart or the settings.
pub(crate) fn history_max(reader: &mut Reader<'_>, f: &mut Findings) -> Option<u32> {
    reader.number(
        "history_max",
        "a whole number of revisions, 0 for all of them",
        f,
    )
}
