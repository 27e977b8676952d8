//! Findings about a stack file, with the place they are about.
//!
//! A leaf: plain data, and one function that draws it. `stack` makes diagnostics, `cli` prints
//! what [`render`] draws.

use std::{fmt, ops::Range, sync::Arc};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// A text findings can point into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Path as the user gave it, or `command line`.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// A place in a [`Source`].
#[derive(Debug, Clone)]
pub struct Place {
    /// The text.
    pub source: Arc<Source>,
    /// Byte range in it.
    pub span: Range<usize>,
}

impl Place {
    /// 1-based line of the start.
    pub fn line(&self) -> usize {
        self.source
            .text
            .bytes()
            .take(self.span.start)
            .filter(|&byte| byte == b'\n')
            .count()
            + 1
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source.name, self.line())
    }
}

/// Whether a finding stops the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The stack cannot be used.
    Error,
    /// It can, but something looks wrong.
    Warning,
}

/// A marked place of a finding and what is said there.
#[derive(Debug, Clone)]
pub struct Label {
    /// Where.
    pub place: Place,
    /// What, beside the mark; may be empty.
    pub text: String,
}

/// One finding.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, in one sentence without a period.
    pub message: String,
    /// The places; the first is the main one. Empty if no text is to blame.
    pub labels: Vec<Label>,
    /// What to do about it (`did you mean …`).
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error without a place.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, message)
    }

    /// A warning without a place.
    pub fn warning(message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, message)
    }

    fn new(severity: Severity, message: impl Into<String>) -> Self {
        Self {
            severity,
            message: message.into(),
            labels: Vec::new(),
            help: Vec::new(),
        }
    }

    /// Adds a place.
    #[must_use]
    pub fn at(mut self, place: Option<Place>, text: impl Into<String>) -> Self {
        if let Some(place) = place {
            self.labels.push(Label {
                place,
                text: text.into(),
            });
        }
        self
    }

    /// Adds advice.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(label) = self.labels.first() {
            write!(f, "{}: ", label.place)?;
        }
        f.write_str(&self.message)
    }
}

/// Everything that is wrong with a stack file, found in one go. At least one is an error.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Problems(pub Vec<Diagnostic>);

/// Draws findings as rustc does: message, place, marked line, help.
pub fn render(diagnostics: &[Diagnostic], color: bool) -> String {
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let drawn: Vec<String> = diagnostics.iter().map(|one| draw(one, &renderer)).collect();
    drawn.join("\n\n")
}

fn draw(diagnostic: &Diagnostic, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(&*diagnostic.message));
    let mut sources: Vec<&Arc<Source>> = Vec::new();
    for label in &diagnostic.labels {
        if !sources
            .iter()
            .any(|source| Arc::ptr_eq(source, &label.place.source))
        {
            sources.push(&label.place.source);
        }
    }
    for source in sources {
        let mut snippet = Snippet::source(&*source.text).path(&*source.name);
        for (index, label) in diagnostic.labels.iter().enumerate() {
            if Arc::ptr_eq(source, &label.place.source) {
                let kind = if index == 0 {
                    AnnotationKind::Primary
                } else {
                    AnnotationKind::Context
                };
                let mut annotation = kind.span(label.place.span.clone());
                if !label.text.is_empty() {
                    annotation = annotation.label(&*label.text);
                }
                snippet = snippet.annotation(annotation);
            }
        }
        group = group.element(snippet);
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(&**help));
    }
    // The lines of a help are indented, its empty ones, too.
    let drawn = renderer.render(&[group]);
    let lines: Vec<&str> = drawn.lines().map(str::trim_end).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_drawn_under_its_line() {
        let source = Arc::new(Source {
            name: "stack.toml".into(),
            text: "[charts.web]\nneeds = [\"dbb\"]\n".into(),
        });
        let place = Place {
            source,
            span: 22..27,
        };
        let finding = Diagnostic::error("unknown chart `dbb`")
            .at(Some(place), "no chart of this name")
            .help("did you mean `db`?");
        insta::assert_snapshot!(render(&[finding], false), @r#"
        error: unknown chart `dbb`
         --> stack.toml:2:10
          |
        2 | needs = ["dbb"]
          |          ^^^^^ no chart of this name
          |
          = help: did you mean `db`?
        "#);
    }
}
