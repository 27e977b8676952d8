//! `${…}` in texts of a stack file.
//!
//! Parsed once, with the place of each reference, so that an unknown one is found by `check`;
//! expanded when inputs are resolved. `$${` is a literal `${`; any other `$` is itself.

use std::{collections::BTreeMap, fmt, ops::Range};

use crate::stack::model::DataCommand;

/// A text with references.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Literal text and references, in order.
    pub parts: Vec<Part>,
}

/// A piece of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text as it stands.
    Text(String),
    /// `${…}`.
    Reference(Reference),
}

/// What a `${…}` refers to. `${charts.NAME.namespace}` and `${charts.NAME.release}` are known
/// while loading and become text at once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// `${inputs.NAME}`.
    Input(String),
    /// `${env.NAME}`.
    Env(String),
}

/// What references expand to: resolved inputs and the environment.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Inputs by name. Those without a value are absent.
    pub inputs: BTreeMap<String, Resolved>,
    /// The process's environment.
    pub env: BTreeMap<String, String>,
    /// What the commands among `values_files` printed.
    pub documents: BTreeMap<DataCommand, serde_json::Value>,
}

/// The value of one input.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// Any JSON value.
    pub value: serde_json::Value,
    /// Never shown.
    pub secret: bool,
}

/// An expanded template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expanded {
    /// The text.
    pub text: String,
    /// Something secret is in it.
    pub secret: bool,
}

/// A `${…}` that has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// Neither `--input`, nor its `env`, nor a default gives it.
    #[error("input `{0}` has no value: give it with `--input {0}=…`")]
    Input(String),
    /// Not in the environment.
    #[error("environment variable `{0}` is not set")]
    Env(String),
}

/// A text that is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    /// What is wrong.
    pub message: String,
    /// Where in the text, in bytes.
    pub span: Range<usize>,
}

/// A piece of a text, its references not understood yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Text(&'a str),
    /// What stands between the braces, and where the whole `${…}` is.
    Reference(&'a str, Range<usize>),
}

impl Template {
    /// Finds the references of a text. `${charts.…}` is not known here: only a stack file has it.
    ///
    /// # Errors
    /// An unclosed or unknown `${…}`.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut template = Self { parts: Vec::new() };
        for piece in scan(text)? {
            match piece {
                Piece::Text(text) => template.push_text(text),
                Piece::Reference(inner, span) => {
                    let reference = Reference::parse(inner).ok_or_else(|| TemplateError {
                        message: format!("unknown reference `${{{inner}}}`"),
                        span,
                    })?;
                    template.parts.push(Part::Reference(reference));
                }
            }
        }
        Ok(template)
    }

    /// A text without references.
    pub fn literal(text: &str) -> Self {
        let mut template = Self { parts: Vec::new() };
        template.push_text(text);
        template
    }

    pub(crate) fn push_text(&mut self, text: &str) {
        if let Some(Part::Text(last)) = self.parts.last_mut() {
            last.push_str(text);
        } else if !text.is_empty() {
            self.parts.push(Part::Text(text.to_owned()));
        }
    }

    /// The text, if it refers to nothing.
    pub fn as_literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The input, if the text is nothing but one `${inputs.NAME}`.
    pub fn as_input(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Reference(Reference::Input(name))] => Some(name),
            _ => None,
        }
    }

    /// Everything it refers to.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.parts.iter().filter_map(|part| match part {
            Part::Reference(reference) => Some(reference),
            Part::Text(_) => None,
        })
    }

    /// Puts values in. Inputs that are no texts are written as JSON.
    ///
    /// # Errors
    /// A reference has no value.
    pub fn expand(&self, scope: &Scope) -> Result<Expanded, ExpandError> {
        let mut expanded = Expanded {
            text: String::new(),
            secret: false,
        };
        for part in &self.parts {
            match part {
                Part::Text(text) => expanded.text.push_str(text),
                Part::Reference(Reference::Env(name)) => {
                    let value = scope.env.get(name);
                    let value = value.ok_or_else(|| ExpandError::Env(name.clone()))?;
                    expanded.text.push_str(value);
                    expanded.secret |= is_secret_env(name);
                }
                Part::Reference(Reference::Input(name)) => {
                    let input = scope.input(name)?;
                    match &input.value {
                        serde_json::Value::String(text) => expanded.text.push_str(text),
                        other => expanded.text.push_str(&other.to_string()),
                    }
                    expanded.secret |= input.secret;
                }
            }
        }
        Ok(expanded)
    }
}

impl Scope {
    /// The value of an input.
    ///
    /// # Errors
    /// It has none.
    pub fn input(&self, name: &str) -> Result<&Resolved, ExpandError> {
        self.inputs
            .get(name)
            .ok_or_else(|| ExpandError::Input(name.to_owned()))
    }
}

impl Reference {
    /// Reads what stands between the braces.
    pub(crate) fn parse(inner: &str) -> Option<Self> {
        let (kind, name) = inner.split_once('.')?;
        if !is_name(name) {
            return None;
        }
        match kind {
            "inputs" => Some(Self::Input(name.to_owned())),
            "env" => Some(Self::Env(name.to_owned())),
            _ => None,
        }
    }
}

impl fmt::Display for Template {
    /// Writes the text that parses to this template.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Text(text) => f.write_str(&text.replace("${", "$${"))?,
                Part::Reference(Reference::Input(name)) => write!(f, "${{inputs.{name}}}")?,
                Part::Reference(Reference::Env(name)) => write!(f, "${{env.{name}}}")?,
            }
        }
        Ok(())
    }
}

/// Whether a text may name an input or an environment variable.
pub(crate) fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !text.is_empty() && text.chars().all(allowed)
}

/// Whether the name of an environment variable says that its value must not be seen.
pub fn is_secret_env(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["password", "token", "secret"]
        .iter()
        .any(|word| name.contains(word))
}

/// Splits a text at its references.
pub(crate) fn scan(text: &str) -> Result<Vec<Piece<'_>>, TemplateError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut at = 0;
    while let Some(dollar) = rest.find("${") {
        let escaped = dollar > 0 && rest.as_bytes()[dollar - 1] == b'$';
        let (before, reference) = rest.split_at(dollar);
        if escaped {
            pieces.push(Piece::Text(&before[..dollar - 1]));
            pieces.push(Piece::Text("${"));
            rest = &reference[2..];
            at += dollar + 2;
            continue;
        }
        pieces.push(Piece::Text(before));
        at += dollar;
        let Some(end) = reference.find('}') else {
            return Err(TemplateError {
                message: "`${` is not closed; write `$${` for the text itself".to_owned(),
                span: at..at + 2,
            });
        };
        pieces.push(Piece::Reference(&reference[2..end], at..at + end + 1));
        rest = &reference[end + 1..];
        at += end + 1;
    }
    pieces.push(Piece::Text(rest));
    pieces.retain(|piece| *piece != Piece::Text(""));
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scope() -> Scope {
        let resolved = |value, secret| Resolved { value, secret };
        Scope {
            inputs: BTreeMap::from([
                ("region".into(), resolved("eu".into(), false)),
                ("replicas".into(), resolved(3.into(), false)),
                ("key".into(), resolved("hunter2".into(), true)),
            ]),
            env: BTreeMap::from([
                ("HOME".into(), "/root".into()),
                ("DB_PASSWORD".into(), "pw".into()),
            ]),
            documents: BTreeMap::new(),
        }
    }

    #[test]
    fn references_expand_and_secrets_are_known() {
        for (text, expected, secret) in [
            ("plain", "plain", false),
            ("", "", false),
            ("a-${inputs.region}-b", "a-eu-b", false),
            ("${inputs.replicas}", "3", false),
            ("${env.HOME}/x", "/root/x", false),
            ("$${inputs.region}", "${inputs.region}", false),
            ("$$${inputs.region}", "$${inputs.region}", false),
            ("$5 $$ ${env.HOME}$", "$5 $$ /root$", false),
            ("${inputs.key}", "hunter2", true),
            ("x${env.DB_PASSWORD}", "xpw", true),
        ] {
            let expanded = Template::parse(text).unwrap().expand(&scope()).unwrap();
            assert_eq!(
                (expanded.text.as_str(), expanded.secret),
                (expected, secret)
            );
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_place() {
        for (text, span) in [
            ("a ${inputs.region", 2..4),
            ("${region}", 0..9),
            ("${inputs.}", 0..10),
            ("é${ inputs.region }", 2..20),
            ("${charts.db.release}", 0..20),
        ] {
            assert_eq!(Template::parse(text).unwrap_err().span, span, "{text}");
        }
        let missing = Template::parse("${inputs.nope}").unwrap();
        assert_eq!(
            missing.expand(&scope()),
            Err(ExpandError::Input("nope".into()))
        );
    }

    proptest! {
        #[test]
        fn a_template_prints_as_it_was_written(text in "(\\$|\\{|\\}|\\$\\{inputs\\.a\\}|\\$\\{env\\.B\\}|[a.é]){0,12}") {
            if let Ok(template) = Template::parse(&text) {
                prop_assert_eq!(template.to_string(), text);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            match Template::parse(&text) {
                Ok(template) => prop_assert_eq!(Template::parse(&template.to_string()), Ok(template)),
                Err(error) => prop_assert!(text.get(error.span).is_some()),
            }
        }
    }
}
