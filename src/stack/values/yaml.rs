//! Reads YAML values as Helm reads them, and says where it would have to guess.
//!
//! Helm resolves plain scalars by YAML 1.1 in the dialect of go-yaml v2 (`yes` is a boolean,
//! `012` is ten, `1_000` a number); readers and most tools go by YAML 1.2. A scalar on which both
//! agree is taken; any other must be quoted. (Users' values files go to Helm untouched; this is
//! for YAML that stackctl itself turns into values.)

use std::{collections::HashMap, fmt, ops::Range};

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};
use serde_json::{Map, Number, Value};

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

/// What a plain scalar means.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Scalar {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    /// `.inf`, `.nan`: JSON, and so Helm, cannot hold them.
    NotFinite,
    Text,
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::NotFinite => f.write_str("no finite number"),
            Self::Text => f.write_str("a text"),
            Self::Integer(_) | Self::Float(_) => match self.number() {
                Some(number) => write!(f, "{number}"),
                None => f.write_str("a number"),
            },
        }
    }
}

impl Scalar {
    /// A number that JSON can hold. Whole floats count as integers: `089` is 89 either way.
    fn number(self) -> Option<Number> {
        match self {
            Self::Integer(integer) => i64::try_from(integer)
                .map(Number::from)
                .or_else(|_| u64::try_from(integer).map(Number::from))
                .ok()
                .or_else(|| {
                    #[expect(clippy::cast_precision_loss, reason = "as Helm's parser loses it")]
                    let float = integer as f64;
                    Number::from_f64(float)
                }),
            Self::Float(float) if float.fract() == 0.0 && float.abs() < 1e15 => {
                #[expect(clippy::cast_possible_truncation, reason = "whole and small")]
                let whole = float as i64;
                Some(Number::from(whole))
            }
            Self::Float(float) => Number::from_f64(float),
            _ => None,
        }
    }
}

/// The YAML 1.2 core schema (10.3.2).
fn as_core(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Bool(true),
        "false" | "False" | "FALSE" => return Scalar::Bool(false),
        _ => {}
    }
    if is_not_finite(text) {
        return Scalar::NotFinite;
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return integer(digits, 16, false);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return integer(digits, 8, false);
    }
    let (negative, digits) = sign(text);
    match integer(digits, 10, negative) {
        Scalar::Text => decimal(text),
        integer => integer,
    }
}

/// go-yaml v2's `resolve.go`, checked against helm 3.22 and 4.3.
fn as_helm(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Scalar::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Bool(false);
        }
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return Scalar::Text;
    }
    if is_not_finite(text) {
        return Scalar::NotFinite;
    }
    let plain = text.replace('_', "");
    let (negative, digits) = sign(&plain);
    let lower = digits.to_ascii_lowercase();
    let based = match lower.get(..2) {
        Some("0x") => integer(&digits[2..], 16, negative),
        Some("0o") => integer(&digits[2..], 8, negative),
        Some("0b") => integer(&digits[2..], 2, negative),
        Some(two) if two.starts_with('0') => integer(digits, 8, negative),
        _ => integer(digits, 10, negative),
    };
    match based {
        Scalar::Integer(integer)
            if i64::try_from(integer).is_ok() || u64::try_from(integer).is_ok() =>
        {
            based
        }
        _ => decimal(&plain),
    }
}

fn is_not_finite(text: &str) -> bool {
    let (_, unsigned) = sign(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

fn sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

fn integer(digits: &str, radix: u32, negative: bool) -> Scalar {
    if digits.starts_with(['+', '-']) {
        return Scalar::Text;
    }
    match i128::from_str_radix(digits, radix) {
        Ok(integer) => Scalar::Integer(if negative { -integer } else { integer }),
        Err(_) => Scalar::Text,
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, and finite.
fn decimal(text: &str) -> Scalar {
    let (_, unsigned) = sign(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(sign(&unsigned[at + 1..]).1)),
        None => (unsigned, None),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let shaped = digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent));
    match text.parse::<f64>() {
        Ok(float) if shaped && float.is_finite() => Scalar::Float(float),
        _ => Scalar::Text,
    }
}

/// Whether a plain key is the text it looks like for Helm, too.
fn is_clear_key(key: &str) -> bool {
    match (as_helm(key), as_core(key)) {
        (Scalar::Text, Scalar::Text) => true,
        (Scalar::Bool(_), Scalar::Bool(core)) => key == core.to_string(),
        (Scalar::Integer(helm), Scalar::Integer(core)) => helm == core && key == core.to_string(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Value, YamlError> {
        Yaml::Table(parse(text)?).to_json()
    }

    /// What helm 3.22 and 4.3.1 made of plain scalars (`helm template` of `{{ .Values | toJson }}`,
    /// both the same), where that is also what YAML 1.2 says.
    #[test]
    fn scalars_are_what_helm_makes_of_them() {
        for (text, expected) in [
            ("100000", json!(100_000)),
            ("089", json!(89)),
            ("0o14", json!(12)),
            ("0x1F", json!(31)),
            ("12:30:45", json!("12:30:45")),
            ("2020-01-01", json!("2020-01-01")),
            ("1e3", json!(1000)),
            (".5", json!(0.5)),
            ("5.", json!(5)),
            ("+5", json!(5)),
            ("~", json!(null)),
            ("Null", json!(null)),
            ("_1", json!("_1")),
            ("0.1e-3", json!(0.0001)),
            ("=", json!("=")),
            ("-0", json!(0)),
            ("1e", json!("1e")),
            ("tRUE", json!("tRUE")),
            ("TRUE", json!(true)),
            ("0o9", json!("0o9")),
            ("00", json!(0)),
            ("01.5", json!(1.5)),
            ("0x", json!("0x")),
            ("9223372036854775807", json!(9_223_372_036_854_775_807_i64)),
            ("99999999999999999999999", json!(1e23)),
        ] {
            assert_eq!(
                read(&format!("a: {text}")),
                Ok(json!({ "a": expected })),
                "{text}"
            );
        }
    }

    #[test]
    fn scalars_helm_reads_differently_must_be_quoted() {
        for text in [
            "yes", "y", "On", "N", "off", "012", "1_000", "0b11", "0X1F", "1__0", "1_", "-0x1f",
            "0_7", "1_000.5", ".5_0", "0O14", "-012", "0B1", "+0x1F", "-0o14", "0x1_F", ".inf",
            "-.Inf", ".nan",
        ] {
            let yaml = format!("ok: 1\nlist:\n- {text}\n");
            let error = read(&yaml).unwrap_err();
            assert_eq!(error.line, 3, "{text}");
            assert_eq!(&yaml[error.span], text);
            let quoted = format!("a: '{text}'");
            assert_eq!(read(&quoted), Ok(json!({ "a": text })));
        }
        for key in ["on", "y", "012", "~", "1.5", "True"] {
            assert!(parse(&format!("{key}: 1")).is_err(), "{key}");
        }
        assert_eq!(read("1: a\ntrue: b"), Ok(json!({"1": "a", "true": "b"})));
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
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let item = format!("*a{}", level - 1);
            let items = vec![item; 10].join(", ");
            bomb += &format!("a{level}: &a{level} [{items}]\n");
        }
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
