//! `${…}` in texts of a stack file.
//!
//! Parsed once, with the place of each reference, so that an unknown one is found by `check`;
//! expanded when inputs are resolved. `$${` is a literal `${`; any other `$` is itself.

use std::{borrow::Cow, fmt, ops::Range};

use crate::{
    name::ChartName,
    stack::scope::{ExpandError, Resolved, Scope},
};

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
    /// Known only while the chart that says it is at work.
    Late(Late),
}

/// A reference to something of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Late {
    /// `${capture.NAME}`: what a `capture` step of the same chart took.
    Capture(String),
    /// `${charts.NAME.outputs.NAME}`: a field of a live object, which another chart declares.
    Output(ChartName, String),
}

/// An expanded template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expanded {
    /// The text.
    pub text: String,
    /// Something secret is in it.
    pub secret: bool,
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
    /// Finds the references of a text. `${charts.NAME.namespace}` is not known here: only a stack
    /// file has it.
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

    /// The reference, if the text is nothing but one `${…}`.
    pub fn as_reference(&self) -> Option<&Reference> {
        match self.parts.as_slice() {
            [Part::Reference(reference)] => Some(reference),
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

    /// Puts values in. Those that are no texts are written as JSON.
    ///
    /// # Errors
    /// A reference has no value.
    pub fn expand(&self, scope: &Scope) -> Result<Expanded, ExpandError> {
        let mut expanded = Expanded {
            text: String::new(),
            secret: false,
        };
        for part in &self.parts {
            let reference = match part {
                Part::Text(text) => {
                    expanded.text.push_str(text);
                    continue;
                }
                Part::Reference(reference) => reference,
            };
            let resolved = scope.get(reference)?;
            match &resolved.value {
                serde_json::Value::String(text) => expanded.text.push_str(text),
                other => expanded.text.push_str(&other.to_string()),
            }
            expanded.secret |= resolved.secret;
        }
        Ok(expanded)
    }

    /// Puts values in; a text that is nothing but one `${…}` keeps the value's type.
    ///
    /// # Errors
    /// A reference has no value.
    pub fn resolve(&self, scope: &Scope) -> Result<Resolved, ExpandError> {
        if let Some(reference) = self.as_reference() {
            return scope.get(reference).map(Cow::into_owned);
        }
        let Expanded { text, secret } = self.expand(scope)?;
        Ok(Resolved {
            value: text.into(),
            secret,
        })
    }
}

impl Reference {
    /// Reads what stands between the braces.
    pub(crate) fn parse(inner: &str) -> Option<Self> {
        let parts: Vec<&str> = inner.split('.').collect();
        let reference = match parts.as_slice() {
            ["inputs", name] => Self::Input((*name).to_owned()),
            ["env", name] => Self::Env((*name).to_owned()),
            ["capture", name] => Self::Late(Late::Capture((*name).to_owned())),
            ["charts", chart, "outputs", name] => {
                let chart = ChartName::new(chart).ok()?;
                Self::Late(Late::Output(chart, (*name).to_owned()))
            }
            _ => return None,
        };
        parts
            .last()
            .is_some_and(|name| is_name(name))
            .then_some(reference)
    }
}

impl fmt::Display for Template {
    /// Writes the text that parses to this template.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Text(text) => f.write_str(&text.replace("${", "$${"))?,
                Part::Reference(reference) => write!(f, "${{{reference}}}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Reference {
    /// What stands between the braces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(name) => write!(f, "inputs.{name}"),
            Self::Env(name) => write!(f, "env.{name}"),
            Self::Late(late) => late.fmt(f),
        }
    }
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capture(name) => write!(f, "capture.{name}"),
            Self::Output(chart, name) => write!(f, "charts.{chart}.outputs.{name}"),
        }
    }
}

/// Whether a text may name an input or an environment variable.
pub(crate) fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !text.is_empty() && text.chars().all(allowed)
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
    use std::collections::BTreeMap;

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
            ..Scope::default()
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
        fn a_template_prints_as_it_was_written(text in "(\\$|\\{|\\}|\\$\\{inputs\\.a\\}|\\$\\{env\\.B\\}|\\$\\{capture\\.c\\}|[a.é]){0,12}") {
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
