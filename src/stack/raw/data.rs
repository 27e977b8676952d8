//! Reads commands whose output is data: of inputs, and among `values_files`.

use std::time::Duration;

use crate::stack::{
    findings::{Finding, Findings},
    grammar,
    layers::{
        node::{Node, Value},
        origin::{Origin, Text},
    },
    raw::{
        reader::{self, Reader, wrong},
        steps::command,
    },
};

/// `command`, with its deadline.
#[derive(Debug)]
pub(crate) struct RawCommand<'a> {
    /// Program and arguments; at least one.
    pub(crate) words: Vec<Text<'a>>,
    pub(crate) timeout: Option<Duration>,
    /// Of `command`.
    pub(crate) origin: Origin,
}

/// One item of `values_files`.
#[derive(Debug)]
pub(crate) enum RawValuesFile<'a> {
    Path(Text<'a>),
    Command {
        command: RawCommand<'a>,
        secret: bool,
    },
}

/// `command` and `timeout` of a table; `None` if there is no command, or a wrong one.
pub(crate) fn read_command<'a>(
    reader: &mut Reader<'a>,
    f: &mut Findings,
) -> Option<RawCommand<'a>> {
    let node = reader.node("command");
    let timeout = reader.duration("timeout", f);
    let node = node?;
    Some(RawCommand {
        words: command(node, "command", f)?,
        timeout,
        origin: node.origin,
    })
}

/// `values_files`, in order.
pub(crate) fn read_values_files<'a>(
    chart: &mut Reader<'a>,
    f: &mut Findings,
) -> Vec<RawValuesFile<'a>> {
    let Some(node) = chart.node("values_files") else {
        return Vec::new();
    };
    let Value::List(items) = &node.value else {
        wrong::<()>(f, "values_files", "an array of paths", node);
        return Vec::new();
    };
    let read = |item: &'a Node| match &item.value {
        Value::Text(_) => reader::text(item, "values_files", f).map(RawValuesFile::Path),
        Value::Table(table) => {
            let mut entry = Reader::new(&grammar::VALUES_COMMAND, table);
            let present = entry.has("command");
            let command = read_command(&mut entry, f);
            let secret = entry.flag("secret", f).unwrap_or_default();
            entry.finish(f);
            let what = "an entry of `values_files`";
            let command = reader::required(command, what, "command", present, item.origin, f)?;
            Some(RawValuesFile::Command { command, secret })
        }
        _ => wrong(
            f,
            "values_files",
            "a path or a table with a `command`",
            item,
        ),
    };
    items.iter().filter_map(read).collect()
}

/// `parse` without `command` says nothing.
pub(crate) fn only_with_command(input: &Reader<'_>, whole: Origin, f: &mut Findings) {
    for key in ["parse", "timeout"] {
        if input.has(key) && !input.has("command") {
            let message = format!("`{key}` is about the output of a `command`");
            f.add(Finding::error(message).at(input.origin_or(key, whole), "this input has none"));
        }
    }
}
