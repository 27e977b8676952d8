//! Where in an object a field is, as managedFields writes it.

use std::{cmp::Ordering, fmt};

use serde_json::{Map, Value};

/// One step down into an object. The order is the one that Kubernetes writes fields in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// A field of an object.
    Field(String),
    /// The element of a list whose fields have these values; sorted by name.
    Key(Vec<(String, Scalar)>),
    /// An element of a list of simple values.
    Value(Scalar),
    /// An element by its place. Only read: nothing of ours writes it.
    Index(i64),
}

/// A JSON value that can be put in order: numbers, texts, booleans, the rest by its text.
#[derive(Debug, Clone)]
pub(super) struct Scalar(pub(super) Value);

impl Step {
    /// The field of that name.
    pub(super) fn field(name: &str) -> Self {
        Self::Field(name.to_owned())
    }

    /// `f:name`, `k:{"name":"a"}`, `v:"a"`, `i:0`.
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(fields) => {
                let fields = fields.iter();
                let fields: Map<String, Value> = fields
                    .map(|(name, value)| (name.clone(), value.0.clone()))
                    .collect();
                format!("k:{}", as_go_writes(&Value::Object(fields)))
            }
            Self::Value(value) => format!("v:{}", as_go_writes(&value.0)),
            Self::Index(index) => format!("i:{index}"),
        }
    }

    /// Reads [`Self::to_text`]; none if it is something else.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        Some(match kind {
            "f" => Self::Field(rest.to_owned()),
            "k" => {
                let fields: Map<String, Value> = serde_json::from_str(rest).ok()?;
                let mut fields: Vec<(String, Scalar)> = fields
                    .into_iter()
                    .map(|(name, value)| (name, Scalar(value)))
                    .collect();
                fields.sort();
                Self::Key(fields)
            }
            "v" => Self::Value(Scalar(serde_json::from_str(rest).ok()?)),
            "i" => Self::Index(rest.parse().ok()?),
            _ => return None,
        })
    }
}

/// Go's encoder does not write these as they are.
fn as_go_writes(value: &Value) -> String {
    value
        .to_string()
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

/// `.spec`, `[name="a"]`, `[="a"]`, `[0]`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(fields) => {
                let fields = fields.iter();
                let fields: Vec<String> = fields
                    .map(|(name, value)| format!("{name}={}", value.0))
                    .collect();
                write!(f, "[{}]", fields.join(","))
            }
            Self::Value(value) => write!(f, "[={}]", value.0),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// A path as users read it: `.spec.ports[port=80].name`.
pub(super) fn text_of(path: &[Step]) -> String {
    path.iter().map(ToString::to_string).collect()
}

impl Scalar {
    fn rank(&self) -> u8 {
        match self.0 {
            Value::Number(_) => 0,
            Value::String(_) => 1,
            Value::Bool(_) => 2,
            Value::Array(_) => 3,
            Value::Object(_) => 4,
            Value::Null => 5,
        }
    }
}

impl Ord for Scalar {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Value::Number(one), Value::Number(two)) => {
                if let (Some(one), Some(two)) = (one.as_i64(), two.as_i64()) {
                    return one.cmp(&two);
                }
                let [one, two] = [one, two].map(|number| number.as_f64().unwrap_or_default());
                one.total_cmp(&two)
            }
            (Value::String(one), Value::String(two)) => one.cmp(two),
            (Value::Bool(one), Value::Bool(two)) => one.cmp(two),
            (one, two) => self
                .rank()
                .cmp(&other.rank())
                .then_with(|| one.to_string().cmp(&two.to_string())),
        }
    }
}

impl PartialOrd for Scalar {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Scalar {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_written_as_kubernetes_writes_them() {
        for (text, shown) in [
            ("f:app.kubernetes.io/name", ".app.kubernetes.io/name"),
            (
                r#"k:{"containerPort":80,"protocol":"TCP"}"#,
                r#"[containerPort=80,protocol="TCP"]"#,
            ),
            (r#"v:"a\u003cb""#, r#"[="a<b"]"#),
            ("i:3", "[3]"),
        ] {
            let step = Step::from_text(text).unwrap();
            assert_eq!(step.to_text(), text);
            assert_eq!(step.to_string(), shown);
        }
        for text in ["", "f", "x:1", "i:a", "k:[]", "v:{"] {
            assert_eq!(Step::from_text(text), None, "{text}");
        }
    }
}
