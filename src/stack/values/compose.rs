//! Merges a chart's layers into one document, as Helm would if it knew them all.

use std::{collections::HashMap, path::Path};

use serde_json::Value;

use super::{
    ValuesError,
    model::{
        Edit, Layer, PathPart, Templated, TemplatedValue, ValuePath, Values, ValuesCommand,
        ValuesLayer,
    },
    said::{By, Content, Files, Said, Table},
    secrets_of,
    yaml::{self, Yaml, YamlError},
};
use crate::{
    secret::Secret,
    stack::scope::{ExpandError, Scope},
};

/// Composes the values of one chart.
pub(crate) struct Composer<'a> {
    values: &'a Values,
    scope: &'a Scope,
    /// Secret texts that went in.
    pub(crate) secrets: Vec<Secret>,
    /// The files that were read.
    pub(crate) files: Files,
    trees: HashMap<&'a Path, (usize, Yaml)>,
    /// What cannot be had is left out.
    forgiving: bool,
}

impl<'a> Composer<'a> {
    pub(crate) fn new(values: &'a Values, scope: &'a Scope) -> Self {
        Self {
            values,
            scope,
            secrets: Vec::new(),
            files: Files::default(),
            trees: HashMap::new(),
            forgiving: false,
        }
    }

    /// Everything that can be had, whatever is missing: the files that Helm reads, and what is
    /// computed.
    pub(crate) fn known(mut self) -> Said {
        self.forgiving = true;
        let mut known = Said::nothing();
        for file in &self.values.files {
            if let Ok(said) = self.file_as_helm_reads_it(file) {
                known.merge(said);
            }
        }
        for (index, layer) in self.values.layers.iter().enumerate() {
            // One that fails half-way has changed nothing that matters.
            let _ = self.add(&mut known, index, layer);
        }
        known
    }

    /// What Helm merges first: the values files that it reads itself, as it reads them.
    pub(crate) fn before_document(&mut self) -> Result<Said, ValuesError> {
        let mut merged = Said::nothing();
        for file in &self.values.files {
            merged.merge(self.file_as_helm_reads_it(file)?);
        }
        Ok(merged)
    }

    fn file_as_helm_reads_it(&mut self, file: &'a Path) -> Result<Said, ValuesError> {
        self.read(file)?;
        match self.trees.get(file) {
            Some((index, tree)) => Said::of_yaml(tree, *index, &mut self.files),
            None => Ok(Said::nothing()),
        }
        .map_err(|error| unclear(file, &error))
    }

    /// Everything that is computed. Always a table.
    pub(crate) fn document(&mut self) -> Result<Said, ValuesError> {
        let mut document = Said::nothing();
        for (index, layer) in self.values.layers.iter().enumerate() {
            self.add(&mut document, index, layer)?;
        }
        Ok(document)
    }

    fn add(
        &mut self,
        document: &mut Said,
        index: usize,
        layer: &'a ValuesLayer,
    ) -> Result<(), ValuesError> {
        match layer {
            ValuesLayer::Command(said) => document.merge(self.output(said, index)?),
            ValuesLayer::File(file) => document.merge(self.file(file)?),
            ValuesLayer::Merge(layer, tree) => document.merge(self.expand(tree, *layer)?),
            ValuesLayer::If(installed, tree) => {
                let layer = match installed {
                    true => Layer::ValuesIfInstalled,
                    false => Layer::ValuesIfAbsent,
                };
                if *installed == self.scope.installed {
                    document.merge(self.expand(tree, layer)?);
                }
            }
            ValuesLayer::Edit(Edit { layer, path, value }) => {
                let value = self.expand(value, *layer)?;
                self.apply(document, path, value)?;
            }
        }
        Ok(())
    }

    fn output(&mut self, said: &ValuesCommand, layer: usize) -> Result<Said, ValuesError> {
        let output = self.scope.documents.get(&said.command);
        let output = output.ok_or_else(|| ValuesError::NotRun {
            program: said.command.words.first().cloned().unwrap_or_default(),
        })?;
        if said.secret {
            secrets_of(output, &mut self.secrets);
        }
        Ok(Said::of_json(output, By::Command(layer), said.secret))
    }

    /// A file that is part of the document: nothing in it may be ambiguous.
    fn file(&mut self, file: &'a Path) -> Result<Said, ValuesError> {
        self.read(file)?;
        match self.trees.get(file) {
            Some((index, tree)) => clear(tree, *index, &mut self.files),
            None => Ok(Said::nothing()),
        }
        .map_err(|error| unclear(file, &error))
    }

    fn expand(&mut self, tree: &TemplatedValue, layer: Layer) -> Result<Said, ExpandError> {
        let by = By::Stack(layer, tree.origin);
        let plain = |content| Said {
            content,
            by,
            secret: false,
        };
        Ok(match &tree.content {
            Templated::Plain(value) => Said::of_json(value, by, false),
            Templated::Text(template) => {
                let resolved = template.resolve(self.scope)?;
                if resolved.secret {
                    secrets_of(&resolved.value, &mut self.secrets);
                }
                Said::of_json(&resolved.value, by, resolved.secret)
            }
            Templated::List(items) => {
                let items = items.iter().map(|item| self.expand(item, layer));
                plain(Content::List(items.collect::<Result<_, _>>()?))
            }
            Templated::Table(entries) => {
                let mut table = Table::new();
                for (key, value) in entries {
                    match self.expand(value, layer) {
                        Err(_) if self.forgiving => {}
                        value => drop(table.insert(key.clone(), value?)),
                    }
                }
                plain(Content::Table(table))
            }
        })
    }

    /// Sets one path. A table is merged into what is there, so that it does not matter whether
    /// that came from our document or from a file Helm reads before it.
    fn apply(
        &mut self,
        document: &mut Said,
        path: &ValuePath,
        value: Said,
    ) -> Result<(), ValuesError> {
        let misfit = |reason: &str| ValuesError::Edit {
            path: path.clone(),
            reason: reason.to_owned(),
        };
        let by = value.by;
        let null = || Said::of_json(&Value::Null, by, false);
        let mut slot = document;
        for (depth, part) in path.0.iter().enumerate() {
            slot = match part {
                PathPart::Key(key) => {
                    if slot.is_null() {
                        slot.content = Content::Table(Table::new());
                    }
                    let table = slot
                        .as_table_mut()
                        .ok_or_else(|| misfit(&format!("`{key}` is not inside a table")))?;
                    if !table.contains_key(key) {
                        let list = matches!(path.0.get(depth + 1), Some(PathPart::Index(_)));
                        let start = list.then(|| self.find(&path.0[..=depth])).transpose()?;
                        table.insert(key.clone(), start.flatten().unwrap_or_else(null));
                    }
                    table.get_mut(key)
                }
                PathPart::Index(index) => {
                    if slot.is_null() {
                        slot.content = Content::List(Vec::new());
                    }
                    let Content::List(list) = &mut slot.content else {
                        return Err(misfit(&format!("`[{index}]` is not inside a list")));
                    };
                    if list.len() <= *index {
                        list.resize_with(index + 1, null);
                    }
                    list.get_mut(*index)
                }
            }
            .ok_or_else(|| misfit("there is nothing at its place"))?;
        }
        slot.merge(value);
        Ok(())
    }

    /// The list at a path in the last values file that has it: Helm replaces lists as a whole, so
    /// an edit by index must see it.
    fn find(&mut self, path: &[PathPart]) -> Result<Option<Said>, ValuesError> {
        for file in self.values.files.iter().rev() {
            self.read(file)?;
            let Some((index, tree)) = self.trees.get(file.as_path()) else {
                continue;
            };
            if let Some(list) = at(tree, path)
                && let yaml::Content::List(_) = list.content
            {
                let list = clear(list, *index, &mut self.files);
                return list.map(Some).map_err(|error| unclear(file, &error));
            }
        }
        Ok(None)
    }

    /// Reads a values file, once.
    fn read(&mut self, file: &'a Path) -> Result<(), ValuesError> {
        if self.trees.contains_key(file) {
            return Ok(());
        }
        let text = std::fs::read_to_string(file).map_err(|source| ValuesError::Read {
            file: file.to_owned(),
            source,
        })?;
        let tree = yaml::parse(&text).map_err(|error| unclear(file, &error))?;
        let name = file.display().to_string();
        let name = name.strip_prefix("./").unwrap_or(&name).to_owned();
        self.files.names.push((Layer::ValuesFiles, name));
        self.trees.insert(file, (self.files.names.len() - 1, tree));
        Ok(())
    }
}

/// A tree without notes.
fn clear(tree: &Yaml, file: usize, files: &mut Files) -> Result<Said, YamlError> {
    tree.to_json()?;
    Said::of_yaml(tree, file, files)
}

pub(super) fn unclear(file: &Path, error: &YamlError) -> ValuesError {
    ValuesError::File {
        file: file.to_owned(),
        reason: error.to_string(),
    }
}

fn at<'a>(tree: &'a Yaml, path: &[PathPart]) -> Option<&'a Yaml> {
    path.iter()
        .try_fold(tree, |tree, part| match (&tree.content, part) {
            (yaml::Content::Table(entries), PathPart::Key(key)) => {
                let entry = entries.iter().find(|(name, _)| name == key);
                entry.map(|(_, value)| value)
            }
            (yaml::Content::List(items), PathPart::Index(index)) => items.get(*index),
            _ => None,
        })
}
