//! From what a file says to trees of values.

use serde_json::{Map, Number};

use crate::stack::{
    findings::{Finding, Findings},
    layers::{
        node::{Node, Value},
        origin::{Located, Text},
    },
    model::TemplatedValue,
    template::Template,
    validate::known::Known,
    values::yaml::{self, Yaml, YamlError},
};

/// From here on Go prints the float Helm makes of an integer with an exponent (`%v` of 1e6;
/// seen with helm 3.22 and 4.3.1).
const PRINTED_AS_FLOAT: i64 = 1_000_000;

/// A TOML tree as values.
pub(crate) fn of_toml(node: &Node, known: &Known<'_>, f: &mut Findings) -> TemplatedValue {
    match &node.value {
        Value::Text(value) => {
            let origin = node.origin;
            text(Located { value, origin }, known, f)
        }
        Value::List(items) => list(items.iter().map(|item| of_toml(item, known, f)).collect()),
        Value::Table(entries) => {
            let entries = entries.iter();
            table(
                entries
                    .map(|(key, _, node)| (key.to_owned(), of_toml(node, known, f)))
                    .collect(),
            )
        }
        Value::Integer(Some(integer)) if integer.abs() >= PRINTED_AS_FLOAT => {
            f.add(
                Finding::warning(format!("Helm prints {integer} as {}", as_go(*integer)))
                    .at(node.origin, "numbers in values become floats")
                    .help("quote it, or let the chart's template convert it with `int64`"),
            );
            TemplatedValue::Plain((*integer).into())
        }
        _ => TemplatedValue::Plain(scalar(node, f)),
    }
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
    match yaml::parse(said.value) {
        Ok(entries) => Some(of_yaml(&Yaml::Table(entries), said, known, f)),
        Err(error) => {
            f.add(yaml_finding(&error, said, f));
            None
        }
    }
}

fn of_yaml(
    yaml: &Yaml,
    whole: Text<'_>,
    known: Option<&Known<'_>>,
    f: &mut Findings,
) -> TemplatedValue {
    match (yaml, known) {
        (Yaml::Text(value, span), Some(known)) if value.contains("${") => {
            let origin = f.sources.within(whole, span);
            text(Located { value, origin }, known, f)
        }
        (Yaml::List(items), _) => list(
            items
                .iter()
                .map(|item| of_yaml(item, whole, known, f))
                .collect(),
        ),
        (Yaml::Table(entries), _) => {
            let entries = entries.iter();
            table(
                entries
                    .map(|(key, value)| (key.clone(), of_yaml(value, whole, known, f)))
                    .collect(),
            )
        }
        (plain, _) => match plain.to_json() {
            Ok(json) => TemplatedValue::Plain(json),
            Err(error) => {
                f.add(yaml_finding(&error, whole, f));
                TemplatedValue::Plain(serde_json::Value::Null)
            }
        },
    }
}

fn yaml_finding(error: &YamlError, whole: Text<'_>, f: &Findings) -> Finding {
    let origin = f.sources.within(whole, &error.span);
    let label = if origin == whole.origin {
        format!("line {} of the YAML", error.line)
    } else {
        String::new()
    };
    Finding::error(error.message.clone()).at(origin, label)
}

fn text(said: Text<'_>, known: &Known<'_>, f: &mut Findings) -> TemplatedValue {
    if !said.value.contains("${") {
        return TemplatedValue::Plain(said.value.into());
    }
    match known.template(said, f) {
        None => TemplatedValue::Plain(serde_json::Value::Null),
        Some(template) => match template.as_literal() {
            Some(literal) => TemplatedValue::Plain(literal.into()),
            None => TemplatedValue::Text(template),
        },
    }
}

/// A list; plain if all of it is.
fn list(items: Vec<TemplatedValue>) -> TemplatedValue {
    if items.iter().any(|item| !is_plain(item)) {
        return TemplatedValue::List(items);
    }
    TemplatedValue::Plain(items.into_iter().filter_map(plain).collect())
}

/// A table; plain if all of it is.
fn table(entries: Vec<(String, TemplatedValue)>) -> TemplatedValue {
    if entries.iter().any(|(_, value)| !is_plain(value)) {
        return TemplatedValue::Table(entries);
    }
    let entries = entries.into_iter();
    let map: Map<_, _> = entries
        .filter_map(|(key, value)| Some((key, plain(value)?)))
        .collect();
    TemplatedValue::Plain(map.into())
}

fn is_plain(value: &TemplatedValue) -> bool {
    matches!(value, TemplatedValue::Plain(_))
}

fn plain(value: TemplatedValue) -> Option<serde_json::Value> {
    match value {
        TemplatedValue::Plain(value) => Some(value),
        _ => None,
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
