//! Label and field selectors.

use serde_json::Value;

use crate::sandbox::{kinds::Kind, refusal::Refusal};

/// Which objects are meant.
#[derive(Debug, Clone, Default)]
pub(super) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(Field, bool, String)>,
}

#[derive(Debug, Clone)]
struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Debug, Clone)]
enum Operator {
    Exists,
    Missing,
    In(Vec<String>),
    NotIn(Vec<String>),
    Above(i64),
    Below(i64),
}

/// JSON pointer of a field that may be selected by, and what it counts as when it is not there.
type Field = (&'static str, &'static str);

impl Selector {
    /// Reads both; the fields that may be selected by are the kind's.
    pub(super) fn new(
        kind: &Kind,
        labels: Option<&str>,
        fields: Option<&str>,
    ) -> Result<Self, Refusal> {
        let labels = labels.map(parse_labels).transpose();
        let labels = labels.map_err(|error| {
            Refusal::bad_request(format!("unable to parse requirement: {error}"))
        })?;
        let mut selector = Self {
            labels: labels.unwrap_or_default(),
            fields: Vec::new(),
        };
        let terms = fields.unwrap_or_default().split(',');
        for term in terms.map(str::trim).filter(|term| !term.is_empty()) {
            let (name, equal, value) = split_field(term).ok_or_else(|| {
                let message = format!("invalid selector: '{term}'; can't understand '{term}'");
                Refusal::bad_request(message)
            })?;
            let field = field(kind, name).ok_or_else(|| {
                Refusal::bad_request(format!("field label not supported: {name}"))
            })?;
            selector.fields.push((field, equal, value.to_owned()));
        }
        Ok(selector)
    }

    /// Is it one of those?
    pub(super) fn fits(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        let label = |key: &str| labels.get(key).and_then(Value::as_str);
        self.labels.iter().all(|requirement| {
            let value = label(&requirement.key);
            match &requirement.operator {
                Operator::Exists => value.is_some(),
                Operator::Missing => value.is_none(),
                Operator::In(values) => {
                    value.is_some_and(|value| values.iter().any(|v| v == value))
                }
                Operator::NotIn(values) => {
                    value.is_none_or(|value| values.iter().all(|v| v != value))
                }
                Operator::Above(number) => compare(value, |value| value > *number),
                Operator::Below(number) => compare(value, |value| value < *number),
            }
        }) && self
            .fields
            .iter()
            .all(|((pointer, absent), equal, wanted)| {
                let value = object.pointer(pointer);
                let value = match value {
                    Some(Value::String(text)) => text.clone(),
                    None | Some(Value::Null) => (*absent).to_owned(),
                    Some(other) => other.to_string(),
                };
                (value == *wanted) == *equal
            })
    }
}

fn compare(value: Option<&str>, fits: impl Fn(i64) -> bool) -> bool {
    value.and_then(|value| value.parse().ok()).is_some_and(fits)
}

fn split_field(term: &str) -> Option<(&str, bool, &str)> {
    if let Some((name, value)) = term.split_once("!=") {
        return Some((name, false, value));
    }
    let (name, value) = term.split_once("==").or_else(|| term.split_once('='))?;
    Some((name, true, value))
}

/// The fields that Kubernetes can select a kind by.
fn field(kind: &Kind, name: &str) -> Option<Field> {
    let everywhere = match name {
        "metadata.name" => Some(("/metadata/name", "")),
        "metadata.namespace" if kind.namespaced => Some(("/metadata/namespace", "")),
        _ => None,
    };
    let own: &[Field] = match (&*kind.group, &*kind.kind) {
        ("", "Secret") => &[("/type", "")],
        ("", "Namespace") => &[("/status/phase", "")],
        ("", "Node") => &[("/spec/unschedulable", "false")],
        ("", "Service") => &[("/spec/clusterIP", ""), ("/spec/type", "")],
        ("", "Pod") => &OF_PODS,
        ("", "Event") if name == "source" => return Some(("/source/component", "")),
        ("", "Event") => &OF_EVENTS,
        _ => &[],
    };
    let pointer = format!("/{}", name.replace('.', "/"));
    everywhere.or_else(|| own.iter().copied().find(|(own, _)| *own == pointer))
}

const OF_PODS: [Field; 6] = [
    ("/spec/nodeName", ""),
    ("/spec/restartPolicy", ""),
    ("/spec/schedulerName", ""),
    ("/spec/serviceAccountName", ""),
    ("/status/phase", ""),
    ("/status/podIP", ""),
];

const OF_EVENTS: [Field; 10] = [
    ("/involvedObject/apiVersion", ""),
    ("/involvedObject/fieldPath", ""),
    ("/involvedObject/kind", ""),
    ("/involvedObject/name", ""),
    ("/involvedObject/namespace", ""),
    ("/involvedObject/resourceVersion", ""),
    ("/involvedObject/uid", ""),
    ("/reason", ""),
    ("/reportingComponent", ""),
    ("/type", ""),
];

/// `a=b,c!=d,e in (f,g),h,!i`.
fn parse_labels(text: &str) -> Result<Vec<Requirement>, String> {
    let mut requirements = Vec::new();
    for term in split_terms(text)? {
        let term = term.trim();
        if !term.is_empty() {
            requirements.push(requirement(term)?);
        }
    }
    Ok(requirements)
}

/// Splits at commas outside of parentheses.
fn split_terms(text: &str) -> Result<Vec<&str>, String> {
    let (mut depth, mut start, mut terms) = (0_u32, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => {
                depth = depth.checked_sub(1).ok_or("found ')', expected: ','")?;
            }
            ',' if depth == 0 => {
                terms.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if depth > 0 {
        return Err("found '', expected: ',' or ')'".to_owned());
    }
    terms.push(&text[start..]);
    Ok(terms)
}

fn requirement(term: &str) -> Result<Requirement, String> {
    let made = |key: &str, operator| {
        let key = key.trim().to_owned();
        let fine = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        if key.is_empty() || !key.chars().all(fine) {
            return Err(format!("found '{key}', expected: identifier"));
        }
        Ok(Requirement { key, operator })
    };
    if let Some(key) = term.strip_prefix('!') {
        return made(key, Operator::Missing);
    }
    let values = |text: &str| -> Result<Vec<String>, String> {
        let inner = text
            .trim()
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'));
        let inner = inner.ok_or_else(|| format!("found '{text}', expected: '('"))?;
        Ok(inner
            .split(',')
            .map(|value| value.trim().to_owned())
            .collect())
    };
    let words: Vec<&str> = term.splitn(2, char::is_whitespace).collect();
    if let [key, rest] = words[..] {
        let rest = rest.trim_start();
        if let Some(list) = rest.strip_prefix("in").filter(|list| starts_list(list)) {
            return made(key, Operator::In(values(list)?));
        }
        if let Some(list) = rest.strip_prefix("notin").filter(|list| starts_list(list)) {
            return made(key, Operator::NotIn(values(list)?));
        }
    }
    if let Some((key, value)) = term.split_once("!=") {
        return made(key, Operator::NotIn(vec![value.trim().to_owned()]));
    }
    if let Some((key, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
        return made(key, Operator::In(vec![value.trim().to_owned()]));
    }
    for (sign, above) in [('>', true), ('<', false)] {
        if let Some((key, value)) = term.split_once(sign) {
            let number = value.trim().parse();
            let number =
                number.map_err(|_| "for 'Gt', 'Lt' operators, the value must be an integer")?;
            let operator = if above {
                Operator::Above(number)
            } else {
                Operator::Below(number)
            };
            return made(key, operator);
        }
    }
    match words[..] {
        [_, rest] => {
            let found = rest.split_whitespace().next().unwrap_or_default();
            Err(format!(
                "found '{found}', expected: in, notin, =, ==, !=, gt, lt"
            ))
        }
        _ => made(term, Operator::Exists),
    }
}

fn starts_list(text: &str) -> bool {
    text.trim_start().starts_with('(')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sandbox::kinds::Kinds;

    fn fits(labels: &str) -> Result<bool, String> {
        let kind = Kinds::new(&[]).of_resource("secrets").unwrap();
        let object = json!({ "metadata": { "labels": { "owner": "helm", "n": "3" } } });
        let selector = Selector::new(&kind, Some(labels), None);
        selector
            .map(|selector| selector.fits(&object))
            .map_err(|refusal| refusal.message)
    }

    #[test]
    fn label_selectors_of_every_form() {
        let yes = [
            "owner=helm",
            "owner == helm",
            "owner",
            "!other",
            "other!=x",
            "owner in (a, helm)",
            "owner notin (a,b),n",
            "n>2",
            "n<4",
            "",
            "other notin (x)",
        ];
        for selector in yes {
            assert_eq!(fits(selector), Ok(true), "{selector}");
        }
        for selector in [
            "owner=x",
            "other",
            "!owner",
            "owner notin (helm)",
            "n>3",
            "other in (x)",
        ] {
            assert_eq!(fits(selector), Ok(false), "{selector}");
        }
        assert_eq!(
            fits("a b").unwrap_err(),
            "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"
        );
        assert!(fits("a in (b").is_err());
    }

    #[test]
    fn only_known_fields_select() {
        let kinds = Kinds::new(&[]);
        let secrets = kinds.of_resource("secrets").unwrap();
        let object = json!({ "metadata": { "name": "x" }, "type": "Opaque" });
        let select = |text: &str| {
            let selector = Selector::new(&secrets, None, Some(text)).unwrap();
            selector.fits(&object)
        };
        assert!(select("metadata.name=x,type!=helm.sh/release.v1"));
        assert!(!select("metadata.name=y"));
        let error = Selector::new(&secrets, None, Some("data.x=1")).unwrap_err();
        assert_eq!(error.message, "field label not supported: data.x");
    }
}
