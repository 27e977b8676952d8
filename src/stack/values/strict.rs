//! Keys of a stack's values that a chart knows nothing of: Helm takes them in silence, and a typo
//! changes nothing.
//!
//! A chart knows what its `values.yaml` or its `values.schema.json` has. What an empty table of it
//! holds is free, and so are labels and annotations (engine.md A31).

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;

use super::{
    ValuesError,
    model::{ChartValues, Templated, TemplatedValue, Values, ValuesLayer},
    yaml::{self, Content, Yaml},
};
use crate::{
    diagnostic::{Place, Source},
    stack::{findings::closest, layers::origin::Origin, values::model::PathPart},
};

/// Ends of keys below which everything is the user's.
const FREE: [&str; 4] = ["annotations", "labels", "selector", "matchlabels"];

/// A key that the chart does not know.
#[derive(Debug, Clone)]
pub struct UnknownKey {
    /// Where it is: `image.tagg`.
    pub path: String,
    /// Where it was said.
    pub place: Option<Place>,
    /// The values file that says it; none where the stack file does.
    pub file: Option<PathBuf>,
    /// The key that was meant, probably.
    pub near: Option<String>,
}

/// A chart's own values, for looking up keys.
struct Known {
    values: Value,
    schema: Value,
    /// By the key that their values are under.
    subcharts: Vec<(String, Self)>,
}

impl Values {
    /// The values files: all of `values_files` that are no commands.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let behind = self.layers.iter().filter_map(|layer| match layer {
            ValuesLayer::File(file) => Some(file),
            _ => None,
        });
        self.files.iter().chain(behind).map(PathBuf::as_path)
    }

    /// The keys that the chart does not know, of the values files and of the stack file. What
    /// commands print is not known. A values file may be meant for several charts: who asks knows
    /// whether another one knows its keys.
    ///
    /// # Errors
    /// A values file, or a `values.yaml` of the chart, cannot be read.
    pub fn unknown_keys(&self, chart: &ChartValues) -> Result<Vec<UnknownKey>, ValuesError> {
        let known = Known::of(chart)?;
        let mut unknown = Vec::new();
        for file in self.files() {
            known.judge_file(file, &mut unknown)?;
        }
        let mut said: Vec<UnknownKey> = Vec::new();
        let mut paths: Vec<(Vec<String>, Origin)> = Vec::new();
        for layer in &self.layers {
            match layer {
                ValuesLayer::Command(_) | ValuesLayer::File(_) => {}
                ValuesLayer::Merge(_, tree) | ValuesLayer::If(_, tree) => {
                    collect(tree, &mut Vec::new(), &mut paths);
                }
                ValuesLayer::Edit(edit) => {
                    let parts = edit.path.0.iter();
                    let mut path: Vec<String> = parts
                        .map_while(|part| match part {
                            PathPart::Key(key) => Some(key.clone()),
                            PathPart::Index(_) => None,
                        })
                        .collect();
                    if path.len() == edit.path.0.len() {
                        collect(&edit.value, &mut path, &mut paths);
                    } else {
                        paths.push((path, edit.value.origin));
                    }
                }
            }
        }
        for (path, origin) in paths {
            if let Some((path, near)) = known.judge(&path)
                && said.iter().all(|other| other.path != path)
            {
                said.push(UnknownKey {
                    path,
                    place: self.sources.place(origin),
                    file: None,
                    near,
                });
            }
        }
        unknown.append(&mut said);
        Ok(unknown)
    }
}

/// The same of a values file, with the bytes where each is said.
fn collect_yaml(yaml: &Yaml, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, Range<usize>)>) {
    match &yaml.content {
        Content::Table(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                path.push(key.clone());
                collect_yaml(value, path, found);
                path.pop();
            }
        }
        // Of an alias the value stands elsewhere.
        _ => found.push((path.clone(), yaml.start..yaml.span.end.max(yaml.start))),
    }
}

/// The paths of everything that is no table, or an empty one.
fn collect(tree: &TemplatedValue, path: &mut Vec<String>, found: &mut Vec<(Vec<String>, Origin)>) {
    match &tree.content {
        Templated::Table(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                path.push(key.clone());
                collect(value, path, found);
                path.pop();
            }
        }
        _ => found.push((path.clone(), tree.origin)),
    }
}

/// At which depth a path is unknown, and what there is instead.
type Unknown = (usize, Vec<String>);

impl Known {
    fn of(chart: &ChartValues) -> Result<Self, ValuesError> {
        let unclear = |error: yaml::YamlError| ValuesError::File {
            file: chart.file.clone().into(),
            reason: error.to_string(),
        };
        let values = yaml::parse(&chart.text).map_err(unclear)?;
        let values = values.to_json().map_err(unclear)?;
        let declared = chart.dependencies.iter().flatten();
        let mut subcharts = Vec::new();
        for subchart in &chart.subcharts {
            let mut names: Vec<String> = declared
                .clone()
                .filter(|one| one.name == subchart.name)
                .map(|one| one.alias.clone().unwrap_or_else(|| one.name.clone()))
                .collect();
            if names.is_empty() {
                names.push(subchart.name.clone());
            }
            for name in names {
                subcharts.push((name, Self::of(subchart)?));
            }
        }
        // Without its subcharts, or with one it cannot be, it says nothing of them.
        for one in declared {
            let name = one.alias.as_ref().unwrap_or(&one.name);
            if subcharts.iter().all(|(known, _)| known != name) {
                let anything = Self {
                    values: Value::Null,
                    schema: Value::Null,
                    subcharts: Vec::new(),
                };
                subcharts.push((name.clone(), anything));
            }
        }
        Ok(Self {
            values,
            schema: serde_json::from_str(&chart.schema).unwrap_or_default(),
            subcharts,
        })
    }

    /// The part of a path that is unknown, and what was probably meant; nothing if it is known.
    fn judge(&self, path: &[String]) -> Option<(String, Option<String>)> {
        let (depth, candidates) = self.look(path).err()?;
        let candidates = candidates.iter().map(String::as_str);
        let near = closest(&path[depth], candidates).map(str::to_owned);
        Some((path[..=depth].join("."), near))
    }

    fn judge_file(&self, file: &Path, unknown: &mut Vec<UnknownKey>) -> Result<(), ValuesError> {
        let text = fs::read_to_string(file).map_err(|source| ValuesError::Read {
            file: file.to_owned(),
            source,
        })?;
        let tree = yaml::parse(&text).map_err(|error| ValuesError::File {
            file: file.to_owned(),
            reason: error.to_string(),
        })?;
        let mut paths = Vec::new();
        collect_yaml(&tree, &mut Vec::new(), &mut paths);
        let source = Arc::new(Source {
            name: file.display().to_string(),
            text,
        });
        let before = unknown.len();
        for (path, span) in paths {
            if let Some((path, near)) = self.judge(&path)
                && unknown[before..].iter().all(|other| other.path != path)
            {
                unknown.push(UnknownKey {
                    path,
                    place: Some(Place {
                        source: Arc::clone(&source),
                        span,
                    }),
                    file: Some(file.to_owned()),
                    near,
                });
            }
        }
        Ok(())
    }

    /// Looks a path up; else at which depth it is unknown, and what there is instead.
    fn look(&self, path: &[String]) -> Result<(), Unknown> {
        let Some(first) = path.first() else {
            return Ok(());
        };
        // Helm's own: handed to every chart, and what turns subcharts on.
        if first == "global" || first == "tags" {
            return Ok(());
        }
        // Where both know only a part, the one that knows more of it says what is wrong.
        let own = match (in_values(&self.values, path), in_schema(&self.schema, path)) {
            (Ok(()), _) | (_, Ok(())) => return Ok(()),
            (Err(values), Err(schema)) if schema.0 > values.0 => Err(schema),
            (values, Err(_)) => values,
        };
        match self.subcharts.iter().find(|(name, _)| name == first) {
            Some((_, subchart)) => subchart
                .look(&path[1..])
                .map_err(|(depth, known)| (depth + 1, known)),
            None => own.map_err(|(depth, mut known)| {
                if depth == 0 {
                    known.extend(self.subcharts.iter().map(|(name, _)| name.clone()));
                }
                (depth, known)
            }),
        }
    }
}

fn in_values(values: &Value, path: &[String]) -> Result<(), Unknown> {
    let mut node = values;
    for (depth, key) in path.iter().enumerate() {
        let Value::Object(table) = node else {
            // A chart without values knows none; what is no table is the user's to replace.
            return Ok(());
        };
        let lower = key.to_ascii_lowercase();
        match table.get(key) {
            Some(_) if FREE.iter().any(|end| lower.ends_with(end)) => return Ok(()),
            Some(next) => node = next,
            None if table.is_empty() && depth > 0 => return Ok(()),
            None => return Err((depth, table.keys().cloned().collect())),
        }
    }
    Ok(())
}

/// Whether a schema names the whole path, or leaves a part of it free on purpose.
fn in_schema(schema: &Value, path: &[String]) -> Result<(), Unknown> {
    let mut node = schema;
    for (depth, key) in path.iter().enumerate() {
        let Some(next) = node["properties"].get(key) else {
            let free = node["patternProperties"].is_object()
                || node["additionalProperties"].is_object()
                || node["additionalProperties"] == true
                || node["$ref"].is_string();
            let named = node["properties"].as_object();
            let keys = named.map(|it| it.keys().cloned().collect());
            return if free {
                Ok(())
            } else {
                Err((depth, keys.unwrap_or_default()))
            };
        };
        node = next;
    }
    Ok(())
}
