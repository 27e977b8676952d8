//! Collects what is wrong, so that everything is reported in one go.

use std::collections::HashSet;

use crate::{
    diagnostic::{Diagnostic, Problems, Severity},
    stack::layers::origin::{Origin, Sources},
};

/// What was found so far.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) sources: Sources,
    found: Vec<(Option<Origin>, Diagnostic)>,
    /// A mistake in `[defaults]` is met once for every chart and reported once.
    seen: HashSet<(Option<Origin>, String)>,
}

/// One finding on its way in.
#[derive(Debug)]
#[must_use]
pub(crate) struct Finding {
    severity: Severity,
    message: String,
    labels: Vec<(Origin, String)>,
    help: Vec<String>,
}

impl Finding {
    pub(crate) fn error(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, message)
    }

    pub(crate) fn warning(message: impl Into<String>) -> Self {
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

    /// Marks a place; the first one is the main one.
    pub(crate) fn at(mut self, origin: Origin, text: impl Into<String>) -> Self {
        self.labels.push((origin, text.into()));
        self
    }

    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// The finding, with places for origins.
    pub(crate) fn into_diagnostic(self, sources: &Sources) -> Diagnostic {
        let mut diagnostic = match self.severity {
            Severity::Error => Diagnostic::error(self.message),
            Severity::Warning => Diagnostic::warning(self.message),
        };
        for (origin, text) in self.labels {
            diagnostic = diagnostic.at(sources.place(origin), text);
        }
        diagnostic.help = self.help;
        diagnostic
    }

    /// Adds `did you mean …` if one of the candidates is close.
    pub(crate) fn suggest<'a>(
        self,
        word: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        match closest(word, candidates) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None => self,
        }
    }
}

impl Findings {
    pub(crate) fn new(sources: Sources) -> Self {
        Self {
            sources,
            found: Vec::new(),
            seen: HashSet::new(),
        }
    }

    pub(crate) fn add(&mut self, finding: Finding) {
        let first = finding.labels.first().map(|(origin, _)| *origin);
        if !self.seen.insert((first, finding.message.clone())) {
            return;
        }
        let diagnostic = finding.into_diagnostic(&self.sources);
        self.found.push((first, diagnostic));
    }

    /// The warnings if that is all there is, else everything; in the order of the file.
    pub(crate) fn into_result(mut self) -> Result<Vec<Diagnostic>, Problems> {
        self.found.sort_by_key(|(origin, _)| *origin);
        let found: Vec<Diagnostic> = self.found.into_iter().map(|(_, one)| one).collect();
        if found.iter().any(|one| one.severity == Severity::Error) {
            Err(Problems(found))
        } else {
            Ok(found)
        }
    }
}

/// The candidate a misspelt word most likely meant: at most a third of its letters differ.
pub(crate) fn closest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let length = word.chars().count();
    let limit = length.div_ceil(3);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= 4 * limit)
        .map(|candidate| (strsim::osa_distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit && *distance < length)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `a`, `b` and `c`.
pub(crate) fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        None => "none".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_words_are_suggested() {
        let keys = ["needs", "namespace", "timeout", "wait"];
        for (word, expected) in [
            ("need", Some("needs")),
            ("timeuot", Some("timeout")),
            ("name_space", Some("namespace")),
            ("waits", Some("wait")),
            ("x", None),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(closest(word, keys), expected, "{word}");
        }
    }

    #[test]
    fn a_list_reads_as_a_sentence() {
        assert_eq!(list([]), "none");
        assert_eq!(list(["a"]), "`a`");
        assert_eq!(list(["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
