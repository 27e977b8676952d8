//! Reads one table key by key, as its shape says, notes what is wrong with each, and at the end
//! what is no key of it.

use std::time::Duration;

use crate::stack::{
    findings::{Finding, Findings, list},
    grammar::{Shape, Words},
    layers::{
        Defaults,
        node::{Node, Table, Value},
        origin::{Located, Origin, Text},
    },
    raw::duration,
};

/// A table being read.
pub(crate) struct Reader<'a> {
    shape: &'static Shape,
    table: &'a Table,
    /// For charts.
    defaults: Option<Defaults<'a>>,
    asked: Vec<&'static str>,
    /// How many of the asked keys are in `table` itself.
    found: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(shape: &'static Shape, table: &'a Table) -> Self {
        Self {
            shape,
            table,
            defaults: None,
            // As many as a chart has keys.
            asked: Vec::with_capacity(32),
            found: 0,
        }
    }

    /// Falls back to `[defaults]`, key by key.
    pub(crate) fn over(mut self, defaults: Option<Defaults<'a>>) -> Self {
        self.defaults = defaults;
        self
    }

    /// Whether one of the layers has the key.
    pub(crate) fn has(&self, key: &str) -> bool {
        let default = || self.defaults.and_then(|defaults| defaults.table.get(key));
        self.table.get(key).or_else(default).is_some()
    }

    /// Where the table's own value of a key stands, else `whole`.
    pub(crate) fn origin_or(&self, key: &str, whole: Origin) -> Origin {
        self.table.get(key).map_or(whole, |node| node.origin)
    }

    /// Where a key of the table itself stands.
    pub(crate) fn key_origin(&self, key: &str) -> Option<Origin> {
        self.table.key_origin(key)
    }

    /// The value of a key, as the layers together say it.
    pub(crate) fn node(&mut self, key: &'static str) -> Option<&'a Node> {
        debug_assert!(!self.asked.contains(&key), "`{key}` is read twice");
        debug_assert!(
            self.shape.has(key),
            "`{key}` is read, but the grammar has no such key of {}",
            self.shape.what
        );
        self.asked.push(key);
        let own = self.table.get(key);
        self.found += usize::from(own.is_some());
        let Some(defaults) = self.defaults else {
            return own;
        };
        match own {
            Some(own) => defaults.both.get(key).or(Some(own)),
            None => defaults.table.get(key),
        }
    }

    pub(crate) fn text(&mut self, key: &'static str, f: &mut Findings) -> Option<Text<'a>> {
        let node = self.node(key)?;
        text(node, key, f)
    }

    pub(crate) fn flag(&mut self, key: &'static str, f: &mut Findings) -> Option<bool> {
        let node = self.node(key)?;
        match node.value {
            Value::Flag(flag) => Some(flag),
            _ => wrong(f, key, "a boolean", node),
        }
    }

    /// A whole number of the type's range.
    pub(crate) fn number<T: TryFrom<i64>>(
        &mut self,
        key: &'static str,
        range: &str,
        f: &mut Findings,
    ) -> Option<T> {
        let node = self.node(key)?;
        let Value::Integer(integer) = node.value else {
            return wrong(f, key, "an integer", node);
        };
        let number = integer.and_then(|integer| T::try_from(integer).ok());
        if number.is_none() {
            f.add(Finding::error(format!("`{key}` must be {range}")).at(node.origin, ""));
        }
        number
    }

    /// A duration: text, or whole seconds.
    pub(crate) fn duration(&mut self, key: &'static str, f: &mut Findings) -> Option<Duration> {
        let node = self.node(key)?;
        let parsed = match &node.value {
            Value::Text(text) => duration::parse(text),
            Value::Integer(seconds) => seconds
                .and_then(|seconds| u64::try_from(seconds).ok())
                .ok_or_else(|| "a duration cannot be negative".to_owned())
                .and_then(duration::seconds),
            _ => return wrong(f, key, "a duration", node),
        };
        parsed
            .map_err(|reason| {
                f.add(Finding::error(format!("`{key}` is not valid")).at(node.origin, reason));
            })
            .ok()
    }

    /// A factor, at least 1.
    pub(crate) fn factor(&mut self, key: &'static str, f: &mut Findings) -> Option<f64> {
        let node = self.node(key)?;
        let factor = match node.value {
            #[expect(clippy::cast_precision_loss, reason = "a factor is small")]
            Value::Integer(Some(integer)) => integer as f64,
            Value::Float(float) => float,
            _ => return wrong(f, key, "a number", node),
        };
        if !(1.0..=100.0).contains(&factor) {
            let message = format!("`{key}` must be from 1 to 100");
            f.add(Finding::error(message).at(node.origin, ""));
            return None;
        }
        Some(factor)
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(
        &mut self,
        key: &'static str,
        words: &Words<T>,
        f: &mut Findings,
    ) -> Option<T> {
        let said = self.text(key, f)?;
        word(said, key, words, f)
    }

    /// An array of strings.
    pub(crate) fn texts(&mut self, key: &'static str, f: &mut Findings) -> Option<Vec<Text<'a>>> {
        let node = self.node(key)?;
        texts(node, key, f)
    }

    /// A table whose values are strings, with the keys' places.
    pub(crate) fn text_table(
        &mut self,
        key: &'static str,
        f: &mut Findings,
    ) -> Option<Vec<(Text<'a>, Text<'a>)>> {
        let node = self.node(key)?;
        let table = table(node, key, f)?;
        let mut pairs = Vec::with_capacity(table.len());
        for (name, origin, node) in table.iter() {
            if let Some(value) = text(node, name, f) {
                let name = Located {
                    value: name,
                    origin,
                };
                pairs.push((name, value));
            }
        }
        Some(pairs)
    }

    /// A key that has no place here, of which the caller has more to say than that. Where it
    /// stands.
    pub(crate) fn misplaced(&mut self, key: &'static str) -> Option<Origin> {
        let origin = self.table.get(key)?.origin;
        self.asked.push(key);
        self.found += 1;
        Some(origin)
    }

    /// Reports what is no key of such a table.
    pub(crate) fn finish(self, f: &mut Findings) {
        if self.found == self.table.len() {
            return;
        }
        for (key, origin, _) in self.table.iter() {
            if self.asked.contains(&key) {
                continue;
            }
            let what = self.shape.what;
            debug_assert!(
                !self.shape.has(key),
                "`{key}` is in the grammar of {what}, but nobody reads it"
            );
            f.add(
                Finding::error(format!("unknown key `{key}`"))
                    .at(origin, format!("not a key of {what}"))
                    .suggest(key, self.shape.keys().map(|key| key.name)),
            );
        }
    }
}

/// Reports a wrong type.
pub(crate) fn wrong<T>(f: &mut Findings, key: &str, expected: &str, node: &Node) -> Option<T> {
    let found = node.value.kind();
    let message = format!("`{key}`: expected {expected}, found {found}");
    f.add(Finding::error(message).at(node.origin, ""));
    None
}

pub(crate) fn text<'a>(node: &'a Node, key: &str, f: &mut Findings) -> Option<Text<'a>> {
    match &node.value {
        Value::Text(value) => Some(Located {
            value,
            origin: node.origin,
        }),
        _ => wrong(f, key, "a string", node),
    }
}

pub(crate) fn texts<'a>(node: &'a Node, key: &str, f: &mut Findings) -> Option<Vec<Text<'a>>> {
    match &node.value {
        Value::List(items) => Some(
            items
                .iter()
                .filter_map(|item| match &item.value {
                    Value::Text(_) => text(item, key, f),
                    _ => wrong(f, key, "an array of strings", item),
                })
                .collect(),
        ),
        Value::Text(only) => {
            f.add(
                Finding::error(format!(
                    "`{key}`: expected an array of strings, found a string"
                ))
                .at(node.origin, "")
                .help(format!("write `[{only:?}]`")),
            );
            None
        }
        _ => wrong(f, key, "an array of strings", node),
    }
}

pub(crate) fn table<'a>(node: &'a Node, key: &str, f: &mut Findings) -> Option<&'a Table> {
    node.as_table().or_else(|| wrong(f, key, "a table", node))
}

pub(crate) fn word<T: Copy>(
    said: Text<'_>,
    key: &str,
    words: &Words<T>,
    f: &mut Findings,
) -> Option<T> {
    let found = words.iter().find(|(word, _)| *word == said.value);
    if found.is_none() {
        let known = || words.iter().map(|(word, _)| *word);
        let message = format!("`{}` is not a value of `{key}`", said.value);
        f.add(
            Finding::error(message)
                .at(said.origin, format!("expected one of {}", list(known())))
                .suggest(said.value, known()),
        );
    }
    found.map(|(_, meaning)| *meaning)
}

/// A key that must be there.
pub(crate) fn required<T>(
    value: Option<T>,
    what: &str,
    key: &str,
    present: bool,
    origin: Origin,
    f: &mut Findings,
) -> Option<T> {
    if value.is_none() && !present {
        f.add(Finding::error(format!("{what} has no `{key}`")).at(origin, ""));
    }
    value
}
