//! A chart's values for people: all of what Helm gets, masked, and who said what.

use std::{fmt, sync::Arc};

use serde_json::Value;

use super::{
    ValuesError,
    coalesce::{Nulls, coalesce},
    compose::Composer,
    model::{ChartValues, Layer, PathPart, ValuePath, Values, ValuesLayer},
    said::{By, Content, Files, Said, Table},
    subcharts::Node,
    yaml_text,
};
use crate::{
    name::EnvironmentName,
    secret::{MASK, Redactor, Secret},
    stack::{
        layers::origin::{Section, Sources},
        scope::Scope,
    },
};

/// What Helm gets as values of one chart, and who said what.
#[derive(Debug, Clone)]
pub struct Explained {
    pub(super) root: Said,
    pub(super) files: Files,
    secrets: Vec<Secret>,
    who: Who,
}

/// What turns a [`By`] into a [`SaidBy`].
#[derive(Debug, Clone)]
struct Who {
    sources: Arc<Sources>,
    environment: Option<EnvironmentName>,
    /// Programs and places of commands, by layer.
    commands: Vec<(String, Option<crate::diagnostic::Place>)>,
}

/// Who said a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidBy {
    /// Which part of the stack, of its command line or of the chart; `None` for what Helm adds.
    pub layer: Option<Layer>,
    /// `defaults`, `environments.NAME` or `environments.NAME.defaults`, if it is said there.
    pub section: Option<String>,
    /// The program, if it is the output of a command.
    pub command: Option<String>,
    /// The file; of a command the one that declares it.
    pub file: Option<String>,
    /// Its line, from 1.
    pub line: Option<usize>,
    /// Why others than Helm may read it otherwise.
    pub note: Option<String>,
}

/// One value that is no table, or a table of nothing. A list is one value, but for elements that
/// somebody else said than the list.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf {
    /// Where it is.
    pub path: ValuePath,
    /// The value; `None` if it was taken away from the chart's own values.
    pub value: Option<Value>,
    /// Who said so.
    pub by: SaidBy,
}

impl Values {
    /// Everything Helm gets, values files included. Nothing is masked yet.
    ///
    /// # Errors
    /// As [`Values::compose`], and a values file that cannot be read.
    pub fn explain(
        &self,
        scope: &Scope,
        environment: Option<&EnvironmentName>,
    ) -> Result<Explained, ValuesError> {
        let mut composer = Composer::new(self, scope);
        let mut root = composer.before_document()?;
        root.merge(composer.document()?);
        let command = |layer: &ValuesLayer| match layer {
            ValuesLayer::Command(said) => {
                let program = said.command.words.first();
                (program.cloned().unwrap_or_default(), said.place.clone())
            }
            _ => (String::new(), None),
        };
        Ok(Explained {
            root,
            files: composer.files,
            secrets: composer.secrets,
            who: Who {
                sources: Arc::clone(&self.sources),
                environment: environment.cloned(),
                commands: self.layers.iter().map(command).collect(),
            },
        })
    }
}

impl Explained {
    /// Lays the chart's own values below, as Helm does before it renders: with the values of its
    /// subcharts that are in use, and without what a null takes away.
    ///
    /// # Errors
    /// A `values.yaml` that Helm cannot read either, or whose readers would have to guess.
    pub fn over(mut self, chart: &ChartValues) -> Result<Self, ValuesError> {
        let mut chart = Node::read(chart, &mut self.files)?;
        if let Some(values) = self.root.as_table_mut() {
            chart.settle(values)?;
            coalesce(&chart, values, Nulls::Remove)?;
        }
        Ok(self)
    }

    /// Masks what is known to be secret: to the redactor, which learns what these values know.
    #[must_use]
    pub fn masked(mut self, redactor: &Redactor) -> Self {
        for secret in &self.secrets {
            redactor.add(secret);
        }
        mask(&mut self.root, redactor);
        for note in &mut self.files.notes {
            *note = redactor.redact(note).into_string();
        }
        self
    }

    /// The values alone.
    pub fn to_json(&self) -> Value {
        self.root.to_json()
    }

    /// The values as YAML that Helm and YAML 1.2 read alike; with `reasons`, each with a comment
    /// that says who said it, and with what was taken away as a comment of its own.
    pub fn to_yaml(&self, reasons: bool) -> String {
        let who = |by| self.who.describe(by, &self.files).to_string();
        yaml_text::write(&self.root, reasons.then_some(&who))
    }

    /// Every value, sorted by path.
    pub fn leaves(&self) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        let mut path = Vec::new();
        self.collect(&self.root, None, &mut path, &mut leaves);
        leaves
    }

    /// What others than Helm may read otherwise, of the values that are in use: a sentence each.
    pub fn notes(&self) -> Vec<&str> {
        let mut found = Vec::new();
        notes(&self.root, &mut found);
        found.sort_unstable();
        found.dedup();
        let notes = found.into_iter().filter_map(|at| self.files.notes.get(at));
        notes.map(String::as_str).collect()
    }

    /// `above`: who said the list that `said` is in.
    fn collect(
        &self,
        said: &Said,
        above: Option<By>,
        path: &mut Vec<PathPart>,
        leaves: &mut Vec<Leaf>,
    ) {
        let is_news = above.is_none_or(|above| !said.by.is_with(above));
        let is_leaf = said.as_table().is_none_or(Table::is_empty);
        if is_leaf && is_news && !path.is_empty() {
            leaves.push(Leaf {
                path: ValuePath(path.clone()),
                value: (!said.is_removed()).then(|| said.to_json()),
                by: self.who.describe(said.by, &self.files),
            });
        }
        match &said.content {
            Content::Table(table) => {
                for (key, value) in table {
                    path.push(PathPart::Key(key.clone()));
                    self.collect(value, above, path, leaves);
                    path.pop();
                }
            }
            Content::List(items) => {
                let above = if is_news {
                    said.by
                } else {
                    above.unwrap_or(said.by)
                };
                for (index, item) in items.iter().enumerate() {
                    path.push(PathPart::Index(index));
                    self.collect(item, Some(above), path, leaves);
                    path.pop();
                }
            }
            Content::Scalar(_) | Content::Removed => {}
        }
    }
}

impl Who {
    fn describe(&self, by: By, files: &Files) -> SaidBy {
        let nobody = SaidBy {
            layer: None,
            section: None,
            command: None,
            file: None,
            line: None,
            note: None,
        };
        match by {
            By::Helm => nobody,
            By::Stack(layer, origin) => {
                let place = self.sources.place(origin);
                let place = place.filter(|_| layer != Layer::CommandLineSet);
                SaidBy {
                    layer: Some(layer),
                    section: self.section(origin.section()),
                    file: place.as_ref().map(|place| place.source.name.clone()),
                    line: place.map(|place| place.line()),
                    ..nobody
                }
            }
            By::Line { file, line, note } => {
                let known = files.names.get(file);
                SaidBy {
                    layer: known.map(|(layer, _)| *layer),
                    file: known.map(|(_, name)| name.clone()),
                    line: Some(line),
                    note: note.and_then(|note| files.notes.get(note).cloned()),
                    ..nobody
                }
            }
            By::Command(layer) => {
                let known = self.commands.get(layer);
                let place = known.and_then(|(_, place)| place.as_ref());
                SaidBy {
                    layer: Some(Layer::ValuesFiles),
                    command: known.map(|(program, _)| program.clone()),
                    file: place.map(|place| place.source.name.clone()),
                    line: place.map(crate::diagnostic::Place::line),
                    ..nobody
                }
            }
        }
    }

    fn section(&self, section: Section) -> Option<String> {
        let environment = || {
            let name = self.environment.as_ref();
            format!("environments.{}", name.map_or("", EnvironmentName::as_str))
        };
        match section {
            Section::File | Section::Table => None,
            Section::Defaults => Some("defaults".to_owned()),
            Section::Environments | Section::Environment | Section::OfEnvironment => {
                Some(environment())
            }
            Section::EnvironmentDefaults => Some(format!("{}.defaults", environment())),
        }
    }
}

impl Layer {
    /// As people write it: the key of the stack file, or the flag.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chart => "chart",
            Self::ValuesFiles => "values_files",
            Self::ValuesYaml => "values_yaml",
            Self::Values => "values",
            Self::ValuesIfInstalled => "values_if_installed",
            Self::ValuesIfAbsent => "values_if_absent",
            Self::Set => "set",
            Self::Unset => "unset",
            Self::CommandLineValues => "--values",
            Self::CommandLineSet => "--set",
        }
    }
}

/// `stack.toml:14 (values)`, `stack.toml:40 (set, environments.staging)`, `values/web.yaml:3`,
/// `output of sops (stack.toml:20)`, `--set`.
impl fmt::Display for SaidBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("{file}:{line}"),
            (Some(file), None) => file.clone(),
            (None, _) => String::new(),
        };
        match (&self.command, self.layer) {
            (Some(program), _) => write!(f, "output of {program} ({place})")?,
            (None, None) => f.write_str("Helm")?,
            (None, Some(Layer::ValuesFiles)) => f.write_str(&place)?,
            (None, Some(layer)) if place.is_empty() => f.write_str(layer.as_str())?,
            (None, Some(layer)) => {
                let layer = layer.as_str();
                match &self.section {
                    Some(section) => write!(f, "{place} ({layer}, {section})")?,
                    None => write!(f, "{place} ({layer})")?,
                }
            }
        }
        match &self.note {
            Some(note) => write!(
                f,
                "; {}",
                note.split_once(": ").map_or(&**note, |(_, why)| why)
            ),
            None => Ok(()),
        }
    }
}

fn mask(said: &mut Said, redactor: &Redactor) {
    let is_secret = said.secret;
    match &mut said.content {
        Content::Removed => {}
        Content::List(items) => items.iter_mut().for_each(|item| mask(item, redactor)),
        Content::Table(table) => table.values_mut().for_each(|value| mask(value, redactor)),
        Content::Scalar(value) => {
            let shown = match &*value {
                Value::Null => return,
                _ if is_secret => MASK.to_owned(),
                Value::String(text) => redactor.redact(text).into_string(),
                other => {
                    let text = other.to_string();
                    if redactor.redact(&text).as_str() == text {
                        return;
                    }
                    MASK.to_owned()
                }
            };
            *value = shown.into();
        }
    }
}

fn notes(said: &Said, found: &mut Vec<usize>) {
    if let By::Line {
        note: Some(note), ..
    } = said.by
    {
        found.push(note);
    }
    match &said.content {
        Content::List(items) => items.iter().for_each(|item| notes(item, found)),
        Content::Table(table) => table.values().for_each(|value| notes(value, found)),
        Content::Scalar(_) | Content::Removed => {}
    }
}
