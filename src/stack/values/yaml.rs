//! Reads YAML values as Helm reads them, and says where it would have to guess.
//!
//! Helm resolves plain scalars by YAML 1.1 in the dialect of go-yaml v2 (`yes` is a boolean,
//! `012` is ten, `1_000` a number); readers and most tools go by YAML 1.2. A scalar on which both
//! agree is taken; any other must be quoted. (Users' values files go to Helm untouched; this is
//! for YAML that stackctl itself turns into values.)

use std::{collections::HashMap, ops::Range};

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};
use serde_json::{Map, Number, Value};

use super::scalar::{Scalar, as_core, as_helm, is_clear_key};

/// A YAML tree whose texts know their place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Yaml {
    Null,
    Bool(bool),
    Number(Number),
    Text(String, Range<usize>),
    List(Vec<Self>),
    Table(Vec<(String, Self)>),
    /// A scalar that must be quoted.
    Unclear(YamlError),
}

/// What is wrong with a YAML text, and where (bytes; 1-based line).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub(crate) struct YamlError {
    pub(crate) message: String,
    pub(crate) span: Range<usize>,
    pub(crate) line: usize,
}

/// Aliases copy what they stand for; a few lines could ask for gigabytes.
const MOST_NODES: usize = 1_000_000;

/// Reads one document, a table. Nothing at all is an empty table, as for Helm.
pub(crate) fn parse(text: &str) -> Result<Vec<(String, Yaml)>, YamlError> {
    let mut composer = Composer {
        parser: Parser::new_from_str(text),
        text,
        anchors: HashMap::new(),
        nodes: 0,
    };
    let mut root = Yaml::Null;
    let mut documents = 0;
    let mut span = 0..0;
    while let Some((event, at)) = composer.next()? {
        match event {
            Event::DocumentStart(..) => {
                documents += 1;
                if documents > 1 {
                    return Err(composer.error(&at, "values are one YAML document, not several"));
                }
            }
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            event => {
                span = bytes(&at);
                root = composer.node(event, &at)?;
            }
        }
    }
    match root {
        Yaml::Table(entries) => Ok(entries),
        Yaml::Null => Ok(Vec::new()),
        _ => Err(YamlError {
            message: "values are a table of keys, not a list or a single value".to_owned(),
            line: line_of(text, span.start),
            span,
        }),
    }
}

impl Yaml {
    /// The tree as JSON.
    ///
    /// # Errors
    /// The first scalar that must be quoted.
    pub(crate) fn to_json(&self) -> Result<Value, YamlError> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => Value::Bool(*flag),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text, _) => Value::String(text.clone()),
            Self::List(items) => items.iter().map(Self::to_json).collect::<Result<_, _>>()?,
            Self::Table(entries) => {
                let mut map = Map::new();
                for (key, value) in entries {
                    map.insert(key.clone(), value.to_json()?);
                }
                Value::Object(map)
            }
            Self::Unclear(error) => return Err(error.clone()),
        })
    }

    fn size(&self) -> usize {
        1 + match self {
            Self::List(items) => items.iter().map(Self::size).sum(),
            Self::Table(entries) => entries.iter().map(|(_, value)| value.size()).sum(),
            _ => 0,
        }
    }
}

struct Composer<'t> {
    parser: Parser<'t, granit_parser::StrInput<'t>>,
    text: &'t str,
    anchors: HashMap<usize, Yaml>,
    nodes: usize,
}

impl<'t> Composer<'t> {
    fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, YamlError> {
        loop {
            match self.parser.next() {
                None => return Ok(None),
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok(event)) => return Ok(Some(event)),
                Some(Err(error)) => {
                    let start = error.marker().byte_offset().unwrap_or(self.text.len());
                    let start = start.min(self.text.len());
                    return Err(YamlError {
                        message: error.info(),
                        span: start..start,
                        line: error.marker().line(),
                    });
                }
            }
        }
    }

    /// The next event of a collection.
    fn inner(&mut self) -> Result<(Event<'t>, Span), YamlError> {
        self.next()?.ok_or_else(|| YamlError {
            message: "the text ends too early".to_owned(),
            span: self.text.len()..self.text.len(),
            line: line_of(self.text, self.text.len()),
        })
    }

    fn error(&self, at: &Span, message: impl Into<String>) -> YamlError {
        let span = bytes(at);
        YamlError {
            message: message.into(),
            line: line_of(self.text, span.start),
            span,
        }
    }

    fn node(&mut self, event: Event<'t>, at: &Span) -> Result<Yaml, YamlError> {
        self.nodes += 1;
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let value = self.scalar(&text, plain, tag.as_deref(), at)?;
                (anchor, value)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.untagged(tag.as_deref(), at)?;
                let mut items = Vec::new();
                loop {
                    match self.inner()? {
                        (Event::SequenceEnd, _) => break,
                        (event, at) => items.push(self.node(event, &at)?),
                    }
                }
                (anchor, Yaml::List(items))
            }
            Event::MappingStart(_, anchor, tag) => {
                self.untagged(tag.as_deref(), at)?;
                (anchor, self.table()?)
            }
            Event::Alias(anchor) => {
                let value = self.anchors.get(&anchor).cloned();
                let value = value.ok_or_else(|| self.error(at, "an alias inside what it names"))?;
                self.nodes += value.size();
                (0, value)
            }
            _ => return Err(self.error(at, "a value is missing")),
        };
        if self.nodes > MOST_NODES {
            return Err(self.error(at, "the aliases of this text unfold to too many values"));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }

    fn table(&mut self) -> Result<Yaml, YamlError> {
        let mut entries: Vec<(String, Yaml)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut merged: Vec<(String, Yaml)> = Vec::new();
        loop {
            let (event, at) = self.inner()?;
            if event == Event::MappingEnd {
                break;
            }
            let Event::Scalar(key, style, _, None) = event else {
                return Err(self.error(&at, "a key must be a plain or a quoted text"));
            };
            let plain = style == ScalarStyle::Plain;
            let (event, value_at) = self.inner()?;
            let value = self.node(event, &value_at)?;
            if plain && key == "<<" {
                if !entries.is_empty() || !merged.is_empty() {
                    let message =
                        "put `<<` before all other keys: Helm lets it override those before it";
                    return Err(self.error(&at, message));
                }
                merged = self.merged(value, &value_at)?;
                continue;
            }
            if plain && !is_clear_key(&key) {
                return Err(self.error(
                    &at,
                    format!(
                        "the key `{key}` is ambiguous: Helm reads {}; quote it",
                        as_helm(&key)
                    ),
                ));
            }
            let line = line_of(self.text, bytes(&at).start);
            if let Some(first) = places.insert(key.to_string(), line) {
                let message = format!("the key `{key}` is there twice, first on line {first}");
                return Err(self.error(&at, message));
            }
            entries.push((key.into_owned(), value));
        }
        merged.retain(|(key, _)| !places.contains_key(key));
        merged.append(&mut entries);
        Ok(Yaml::Table(merged))
    }

    /// What a merge key stands for: a table, or several of which the first wins.
    fn merged(&self, value: Yaml, at: &Span) -> Result<Vec<(String, Yaml)>, YamlError> {
        let tables = match value {
            Yaml::Table(entries) => vec![Yaml::Table(entries)],
            Yaml::List(items) => items,
            _ => Vec::new(),
        };
        let mut merged: Vec<(String, Yaml)> = Vec::new();
        for table in tables {
            let Yaml::Table(entries) = table else {
                return Err(self.error(at, "`<<` takes tables"));
            };
            for (key, value) in entries {
                if !merged.iter().any(|(known, _)| *known == key) {
                    merged.push((key, value));
                }
            }
        }
        Ok(merged)
    }

    fn scalar(
        &self,
        text: &str,
        plain: bool,
        tag: Option<&Tag>,
        at: &Span,
    ) -> Result<Yaml, YamlError> {
        let as_text = || Yaml::Text(text.to_owned(), bytes(at));
        if tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix() == "str") {
            return Ok(as_text());
        }
        self.untagged(tag, at)?;
        if !plain {
            return Ok(as_text());
        }
        let clear = match (as_helm(text), as_core(text)) {
            (Scalar::Text, Scalar::Text) => Some(as_text()),
            (Scalar::Null, Scalar::Null) => Some(Yaml::Null),
            (Scalar::Bool(helm), Scalar::Bool(core)) if helm == core => Some(Yaml::Bool(core)),
            (helm, core) => helm
                .number()
                .filter(|one| Some(one) == core.number().as_ref())
                .map(Yaml::Number),
        };
        Ok(clear.unwrap_or_else(|| {
            let message = format!(
                "`{text}` is ambiguous: Helm reads {}; quote it if it is a text",
                as_helm(text)
            );
            Yaml::Unclear(self.error(at, message))
        }))
    }

    fn untagged(&self, tag: Option<&Tag>, at: &Span) -> Result<(), YamlError> {
        match tag {
            None => Ok(()),
            Some(_) => Err(self.error(at, "tags are not understood here, except `!!str`")),
        }
    }
}

fn bytes(span: &Span) -> Range<usize> {
    span.byte_range().unwrap_or(0..0)
}

fn line_of(text: &str, offset: usize) -> usize {
    text.get(..offset).unwrap_or(text).matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Value, YamlError> {
        Yaml::Table(parse(text)?).to_json()
    }

    #[test]
    fn documents_are_read_with_anchors_and_merge_keys() {
        for (text, expected) in [
            ("", json!({})),
            ("# nothing\n", json!({})),
            (
                "---\na: |\n  x\n  y\nb: !!str 012\n",
                json!({"a": "x\ny\n", "b": "012"}),
            ),
            (
                "a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  q: 3\nc: *x",
                json!({"a": {"p": 1, "q": 2}, "b": {"p": 1, "q": 3}, "c": {"p": 1, "q": 2}}),
            ),
        ] {
            assert_eq!(read(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_values_document_is_refused() {
        for (text, part) in [
            ("- a", "not a list"),
            ("just text", "not a list"),
            ("a: 1\n---\nb: 2", "one YAML document"),
            ("a: 1\na: 2", "twice, first on line 1"),
            ("a: [1", ""),
            ("a: !custom x", "tags"),
            ("? [a]\n: b", "a key must be"),
            ("a: 1\n<<: {b: 2}", "before all other keys"),
            ("a: &a [*a]", ""),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.message.contains(part), "{text}: {error}");
        }
        let level = |level: usize| {
            let item = level
                .checked_sub(1)
                .map_or("x".to_owned(), |below| format!("*a{below}"));
            format!("a{level}: &a{level} [{}]\n", vec![item; 10].join(", "))
        };
        let bomb: String = (0..12).map(level).collect();
        assert!(parse(&bomb).unwrap_err().message.contains("too many"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "([a-c0-9:\\[\\]{}&*!|>'\"#,.~<-]|\n|  | ){0,40}") {
            if let Err(error) = read(&text) {
                prop_assert!(text.get(error.span).is_some());
            }
        }
    }
}
