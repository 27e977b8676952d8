//! From what a file says to trees of values.

use serde_json::Number;

use crate::stack::{
    findings::{Finding, Findings},
    layers::{
        node::{Node, Value},
        origin::{Located, Parts, Text},
    },
    template::Template,
    validate::known::Known,
    values::{
        Templated, TemplatedValue,
        yaml::{self, Yaml, YamlError},
    },
};

/// From here on Go prints the float Helm makes of an integer with an exponent (`%v` of 1e6;
/// seen with helm 3.22 and 4.3.1).
const PRINTED_AS_FLOAT: i64 = 1_000_000;

/// A TOML tree as values.
pub(crate) fn of_toml(node: &Node, known: &Known<'_>, f: &mut Findings) -> TemplatedValue {
    let origin = node.origin;
    let content = match &node.value {
        Value::Text(value) => text(Located { value, origin }, known, f),
        Value::List(items) => {
            Templated::List(items.iter().map(|item| of_toml(item, known, f)).collect())
        }
        Value::Table(entries) => {
            let entries = entries.iter();
            let read = entries.map(|(key, _, node)| (key.to_owned(), of_toml(node, known, f)));
            Templated::Table(read.collect())
        }
        Value::Integer(Some(integer)) if integer.abs() >= PRINTED_AS_FLOAT => {
            f.add(
                Finding::warning(format!("Helm prints {integer} as {}", as_go(*integer)))
                    .at(origin, "numbers in values become floats")
                    .help("quote it, or let the chart's template convert it with `int64`"),
            );
            Templated::Plain((*integer).into())
        }
        _ => Templated::Plain(scalar(node, f)),
    };
    TemplatedValue { content, origin }
}

/// A TOML tree without references: an input's default.
pub(crate) fn json(node: &Node, f: &mut Findings) -> serde_json::Value {
    match &node.value {
        Value::Text(text) => {
            let template = Template::parse(text).ok();
            let literal = template.as_ref().and_then(Template::as_literal);
            if literal.is_none() {
                f.add(
                    Finding::error("a default cannot refer to anything")
                        .at(node.origin, "write `$${` for the text itself"),
                );
            }
            literal.into()
        }
        Value::List(items) => items.iter().map(|item| json(item, f)).collect(),
        Value::Table(entries) => {
            let entries = entries
                .iter()
                .map(|(key, _, node)| (key.to_owned(), json(node, f)));
            serde_json::Value::Object(entries.collect())
        }
        _ => scalar(node, f),
    }
}

fn scalar(node: &Node, f: &mut Findings) -> serde_json::Value {
    let reason = match &node.value {
        Value::Flag(flag) => return (*flag).into(),
        Value::Integer(Some(integer)) => return (*integer).into(),
        Value::Float(float) => match Number::from_f64(*float) {
            Some(number) => return number.into(),
            None => "Helm's values cannot hold infinities and not-a-number",
        },
        Value::Integer(None) => "this integer needs more than 64 bits: quote it",
        Value::Datetime => "Helm's values have no dates: quote it",
        Value::Text(_) | Value::List(_) | Value::Table(_) => return serde_json::Value::Null,
    };
    f.add(Finding::error("this cannot be a value").at(node.origin, reason));
    serde_json::Value::Null
}

/// A YAML document as values. Without `known`, `${` is nothing special.
pub(crate) fn of_yaml_text(
    said: Text<'_>,
    known: Option<&Known<'_>>,
    f: &mut Findings,
) -> Option<TemplatedValue> {
    let reader = YamlReader {
        whole: said,
        parts: f.sources.parts(said),
        known,
    };
    match yaml::parse(said.value) {
        Ok(tree) => Some(reader.read(&tree, f)),
        Err(error) => {
            let message = format!("the YAML cannot be read: {}", error.message);
            f.add(reader.finding(&YamlError { message, ..error }));
            None
        }
    }
}

struct YamlReader<'a> {
    whole: Text<'a>,
    parts: Parts<'a>,
    known: Option<&'a Known<'a>>,
}

impl YamlReader<'_> {
    fn read(&self, yaml: &Yaml, f: &mut Findings) -> TemplatedValue {
        if let Some(note) = &yaml.note {
            f.add(self.finding(note));
        }
        let origin = self.parts.origin(&yaml.span);
        let content = match (&yaml.content, self.known) {
            (yaml::Content::Text(value), Some(known)) => text(Located { value, origin }, known, f),
            (yaml::Content::Text(value), None) => Templated::Plain(value.as_str().into()),
            (yaml::Content::List(items), _) => {
                Templated::List(items.iter().map(|item| self.read(item, f)).collect())
            }
            (yaml::Content::Table(entries), _) => {
                let entries = entries.iter();
                let read = entries.map(|(key, value)| (key.clone(), self.read(value, f)));
                Templated::Table(read.collect())
            }
            (yaml::Content::Bool(flag), _) => Templated::Plain((*flag).into()),
            (yaml::Content::Number(number), _) => Templated::Plain(number.clone().into()),
            (yaml::Content::Null | yaml::Content::Refused, _) => {
                Templated::Plain(serde_json::Value::Null)
            }
        };
        // A key is where people look for its value.
        let origin = self.parts.origin(&(yaml.start..yaml.span.end));
        TemplatedValue { content, origin }
    }

    fn finding(&self, error: &YamlError) -> Finding {
        let origin = self.parts.origin(&error.span);
        let label = if origin == self.whole.origin {
            format!("line {} of the YAML", error.line)
        } else {
            String::new()
        };
        Finding::error(error.message.clone()).at(origin, label)
    }
}

fn text(said: Text<'_>, known: &Known<'_>, f: &mut Findings) -> Templated {
    if !said.value.contains("${") {
        return Templated::Plain(said.value.into());
    }
    match known.template(said, f) {
        None => Templated::Plain(serde_json::Value::Null),
        Some(template) => match template.as_literal() {
            Some(literal) => Templated::Plain(literal.into()),
            None => Templated::Text(template),
        },
    }
}

/// `1234567` as Go prints it once it is a float: `1.234567e+06`.
fn as_go(integer: i64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "the same loss as in Helm")]
    let text = format!("{:e}", integer as f64);
    match text.split_once('e') {
        Some((mantissa, exponent)) => format!("{mantissa}e+{exponent:0>2}"),
        None => text,
    }
}
