//! Reads YAML values as Helm reads them, and says where it would have to guess.
//!
//! Helm resolves plain scalars by YAML 1.1 in the dialect of go-yaml v2 (`yes` is a boolean,
//! `012` is ten, `1_000` a number), takes the last of two equal keys, and lets `<<` win over the
//! keys before it; readers and most tools go by YAML 1.2. Where the two differ a node bears a
//! note. (Users' values files go to Helm untouched; what stackctl itself turns into values must
//! bear none, what it only shows is shown as Helm reads it.)

use std::{collections::HashMap, ops::Range};

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};
use serde_json::{Map, Number, Value};

use super::scalar::{Scalar, as_core, as_helm, is_clear_key};

/// A YAML tree as Helm reads it, whose nodes know their place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Yaml {
    pub(crate) content: Content,
    /// In bytes.
    pub(crate) span: Range<usize>,
    /// Where it is said: in a table with its key.
    pub(crate) start: usize,
    /// Of that; 1-based.
    pub(crate) line: usize,
    /// Why other readers may read it otherwise.
    pub(crate) note: Option<Box<YamlError>>,
}

/// What a [`Yaml`] holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Yaml>),
    Table(Vec<(String, Yaml)>),
    /// A scalar that Helm refuses, too; its note says why.
    Refused,
}

/// What is wrong with a YAML text, and where (bytes; 1-based line).
#[derive(Debug, Clone, PartialEq, Eq, Default, thiserror::Error)]
#[error("line {line}: {message}")]
pub(crate) struct YamlError {
    pub(crate) message: String,
    pub(crate) span: Range<usize>,
    pub(crate) line: usize,
}

/// Aliases copy what they stand for; a few lines could ask for gigabytes.
const MOST_NODES: usize = 1_000_000;

/// Reads one document, a table. Nothing at all is an empty table, as for Helm.
pub(crate) fn parse(text: &str) -> Result<Yaml, YamlError> {
    let root = parse_value(text)?;
    match root.content {
        Content::Table(_) => Ok(root),
        Content::Null => Ok(Yaml {
            content: Content::Table(Vec::new()),
            ..root
        }),
        _ => Err(YamlError {
            message: "values are a table of keys, not a list or a single value".to_owned(),
            line: root.line,
            span: root.span,
        }),
    }
}

/// Reads one document, whatever it holds.
pub(crate) fn parse_value(text: &str) -> Result<Yaml, YamlError> {
    let mut composer = Composer {
        parser: Parser::new_from_str(text),
        text,
        anchors: HashMap::new(),
        nodes: 0,
    };
    let mut root = Yaml {
        content: Content::Null,
        span: 0..0,
        start: 0,
        line: 1,
        note: None,
    };
    let mut documents = 0;
    while let Some((event, at)) = composer.next()? {
        match event {
            Event::DocumentStart(..) => {
                documents += 1;
                if documents > 1 {
                    return Err(error_at(&at, "values are one YAML document, not several"));
                }
            }
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            event => root = composer.node(event, &at)?,
        }
    }
    Ok(root)
}

impl Yaml {
    /// The tree as JSON.
    ///
    /// # Errors
    /// The first note.
    pub(crate) fn to_json(&self) -> Result<Value, YamlError> {
        if let Some(note) = &self.note {
            return Err(YamlError::clone(note));
        }
        Ok(match &self.content {
            Content::Null | Content::Refused => Value::Null,
            Content::Bool(flag) => Value::Bool(*flag),
            Content::Number(number) => Value::Number(number.clone()),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => items.iter().map(Self::to_json).collect::<Result<_, _>>()?,
            Content::Table(entries) => {
                let mut map = Map::new();
                for (key, value) in entries {
                    map.insert(key.clone(), value.to_json()?);
                }
                Value::Object(map)
            }
        })
    }

    fn size(&self) -> usize {
        1 + match &self.content {
            Content::List(items) => items.iter().map(Self::size).sum(),
            Content::Table(entries) => entries.iter().map(|(_, value)| value.size()).sum(),
            _ => 0,
        }
    }

    fn noted(mut self, note: YamlError) -> Self {
        self.note.get_or_insert_with(|| Box::new(note));
        self
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
            line: self.text.matches('\n').count() + 1,
        })
    }

    fn node(&mut self, event: Event<'t>, at: &Span) -> Result<Yaml, YamlError> {
        self.nodes += 1;
        let plain = |content| Yaml {
            content,
            span: bytes(at),
            start: bytes(at).start,
            line: at.start.line(),
            note: None,
        };
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == ScalarStyle::Plain;
                (anchor, scalar(&text, is_plain, tag.as_deref(), at)?)
            }
            Event::SequenceStart(_, anchor, tag) => {
                untagged(tag.as_deref(), at)?;
                let mut items = Vec::new();
                loop {
                    match self.inner()? {
                        (Event::SequenceEnd, _) => break,
                        (event, at) => items.push(self.node(event, &at)?),
                    }
                }
                (anchor, plain(Content::List(items)))
            }
            Event::MappingStart(_, anchor, tag) => {
                untagged(tag.as_deref(), at)?;
                (anchor, plain(Content::Table(self.table()?)))
            }
            Event::Alias(anchor) => {
                let value = self.anchors.get(&anchor).cloned();
                let value = value.ok_or_else(|| error_at(at, "an alias inside what it names"))?;
                self.nodes += value.size();
                (0, value)
            }
            _ => return Err(error_at(at, "a value is missing")),
        };
        if self.nodes > MOST_NODES {
            return Err(error_at(
                at,
                "the aliases of this text unfold to too many values",
            ));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }

    fn table(&mut self) -> Result<Vec<(String, Yaml)>, YamlError> {
        let mut table = Entries::default();
        loop {
            let (event, at) = self.inner()?;
            if event == Event::MappingEnd {
                return Ok(table.read);
            }
            let Event::Scalar(key, style, _, None) = event else {
                return Err(error_at(&at, "a key must be a plain or a quoted text"));
            };
            let is_plain = style == ScalarStyle::Plain;
            let (event, value_at) = self.inner()?;
            let mut value = self.node(event, &value_at)?;
            if is_plain && key == "<<" {
                table.merge(value, &at, &value_at)?;
                continue;
            }
            let mut name = key.to_string();
            if is_plain && !is_clear_key(&key) {
                let helm = as_helm(&key);
                let message = format!("the key `{key}` is ambiguous: Helm reads {helm}; quote it");
                let note = error_at(&at, message);
                name = match helm {
                    Scalar::Text => name,
                    Scalar::Bool(_) | Scalar::Integer(_) | Scalar::Float(_) => helm.to_string(),
                    Scalar::Null | Scalar::NotFinite => return Err(note),
                };
                value = value.noted(note);
            }
            value.start = bytes(&at).start;
            value.line = at.start.line();
            if let Some(first) = table.said.insert(name.clone(), value.line) {
                let message = format!("the key `{key}` is there twice, first on line {first}");
                value = value.noted(error_at(&at, message));
            }
            table.put(name, value);
        }
    }
}

fn scalar(text: &str, plain: bool, tag: Option<&Tag>, at: &Span) -> Result<Yaml, YamlError> {
    let value = |content| Yaml {
        content,
        span: bytes(at),
        start: bytes(at).start,
        line: at.start.line(),
        note: None,
    };
    let as_text = || value(Content::Text(text.to_owned()));
    if tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix() == "str") {
        return Ok(as_text());
    }
    untagged(tag, at)?;
    if !plain {
        return Ok(as_text());
    }
    let (helm, core) = (as_helm(text), as_core(text));
    let same = match (helm, core) {
        (Scalar::Text, Scalar::Text) | (Scalar::Null, Scalar::Null) => true,
        (Scalar::Bool(helm), Scalar::Bool(core)) => helm == core,
        _ => helm.number().is_some() && helm.number() == core.number(),
    };
    let read = match helm {
        Scalar::Null => value(Content::Null),
        Scalar::Bool(flag) => value(Content::Bool(flag)),
        Scalar::Text => as_text(),
        Scalar::NotFinite => value(Content::Refused),
        Scalar::Integer(_) | Scalar::Float(_) => {
            value(helm.number().map_or(Content::Refused, Content::Number))
        }
    };
    if same {
        return Ok(read);
    }
    let message = format!("`{text}` is ambiguous: Helm reads {helm}; quote it if it is a text");
    Ok(read.noted(error_at(at, message)))
}

fn untagged(tag: Option<&Tag>, at: &Span) -> Result<(), YamlError> {
    match tag {
        None => Ok(()),
        Some(_) => Err(error_at(at, "tags are not understood here, except `!!str`")),
    }
}

fn error_at(at: &Span, message: impl Into<String>) -> YamlError {
    YamlError {
        message: message.into(),
        line: at.start.line(),
        span: bytes(at),
    }
}

/// A table that is being read.
#[derive(Default)]
struct Entries {
    read: Vec<(String, Yaml)>,
    places: HashMap<String, usize>,
    /// Lines of the keys that were said, not merged.
    said: HashMap<String, usize>,
}

impl Entries {
    /// Puts in what a merge key stands for: a table, or several of which the first wins. It wins over the
    /// keys before it.
    fn merge(&mut self, value: Yaml, key: &Span, at: &Span) -> Result<(), YamlError> {
        let tables = match value.content {
            Content::Table(entries) => vec![entries],
            Content::List(items) => {
                let tables = items.into_iter().map(|item| match item.content {
                    Content::Table(entries) => Ok(entries),
                    _ => Err(error_at(at, "`<<` takes tables")),
                });
                tables.collect::<Result<_, _>>()?
            }
            _ => return Err(error_at(at, "`<<` takes tables")),
        };
        let note = || {
            let message = "put `<<` before all other keys: Helm lets it override those before it";
            error_at(key, message)
        };
        let is_first = self.read.is_empty();
        for (name, value) in tables.into_iter().rev().flatten() {
            let value = if is_first { value } else { value.noted(note()) };
            self.put(name, value);
        }
        Ok(())
    }

    fn put(&mut self, key: String, value: Yaml) {
        if let Some(&at) = self.places.get(&key) {
            self.read[at].1 = value;
        } else {
            self.places.insert(key.clone(), self.read.len());
            self.read.push((key, value));
        }
    }
}

fn bytes(span: &Span) -> Range<usize> {
    span.byte_range().unwrap_or(0..0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Value, YamlError> {
        parse(text)?.to_json()
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
            let error = read(text).unwrap_err();
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
