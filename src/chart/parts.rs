//! A chart and its subcharts, as far as CRDs go: which of them take part under which values.
//!
//! Helm's rules (`ProcessDependencies` of `pkg/chart/v2/util/dependencies.go`): every declared
//! dependency takes part unless its tags say no; the first of its condition's paths that is a
//! boolean has the last word. Subcharts that are in `charts/` without being declared always do.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::{
    coalesce::{Layer, Table, coalesce},
    crds::{Carried, is_crd_file},
    dependencies::{self, Dependency},
    files::File,
    yaml,
};
use crate::{name::parse_version, stack::VersionRange};

/// A chart in its tree.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Part {
    name: String,
    version: String,
    /// `None` if it says nothing of dependencies.
    declared: Option<Vec<Dependency>>,
    /// Its values.yaml; empty where nothing depends on it.
    values: Table,
    carried: Carried,
    parts: Vec<Self>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    #[serde(default)]
    version: String,
}

/// Files of a chart by their path in it.
type Files<'f> = Vec<(&'f str, &'f File)>;

/// Whether the file at this path, in a chart or any subchart, tells something of its parts.
pub(super) fn is_of_parts(path: &str) -> bool {
    let mut inner = path;
    while let Some((_, below)) = subchart(inner) {
        inner = below;
    }
    is_crd_file(inner) || ["Chart.yaml", "requirements.yaml", "values.yaml"].contains(&inner)
}

/// `charts/NAME/REST` as name and rest.
fn subchart(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("charts/")?.split_once('/')
}

impl Part {
    /// Puts a chart together from its files.
    pub(super) fn read(files: &[File]) -> Result<Self, String> {
        let all = files
            .iter()
            .map(|file| (file.path.as_str(), file))
            .collect();
        let mut top = Self::of(&all)?.unwrap_or_default();
        if top.asks_values() {
            top.read_values(&all);
        }
        Ok(top)
    }

    /// Nothing if there is no Chart.yaml: not everything in `charts/` is a chart.
    fn of(files: &Files<'_>) -> Result<Option<Self>, String> {
        let Some(metadata) = find(files, "Chart.yaml") else {
            return Ok(None);
        };
        let wrong = |reason: String| format!("{}: {reason}", metadata.path);
        let Named { name, version } = dependencies::parse(metadata).map_err(wrong)?;
        let mut carried = Carried::default();
        for (_, file) in files.iter().filter(|(inner, _)| is_crd_file(inner)) {
            carried.read(file);
        }
        let parts = below(files).into_values().map(|files| Self::of(&files));
        let parts = parts.filter_map(Result::transpose);
        Ok(Some(Self {
            name,
            version,
            declared: dependencies::declared(|path| find(files, path))?,
            values: Table::new(),
            carried,
            parts: parts.collect::<Result<_, _>>()?,
        }))
    }

    fn carries(&self) -> bool {
        self.carried != Carried::default() || self.parts.iter().any(Self::carries)
    }

    /// Whether what it carries depends on values.
    fn asks_values(&self) -> bool {
        let mut declared = self.declared.iter().flatten();
        let asks = declared.any(|it| it.tags.is_some() || it.condition.is_some());
        let mut parts = self.parts.iter();
        parts.any(|part| (asks && part.carries()) || part.asks_values())
    }

    fn read_values(&mut self, files: &Files<'_>) {
        if let Some(file) = find(files, "values.yaml") {
            match yaml::all(&file.bytes) {
                Ok(documents) => self.values = documents.into_iter().next().unwrap_or_default(),
                Err(reason) => {
                    let finding = format!("{} cannot be read: {reason}", file.path);
                    self.carried.findings.push(finding);
                }
            }
        }
        let below = below(files).into_values();
        let below = below.filter(|files| find(files, "Chart.yaml").is_some());
        for (part, files) in self.parts.iter_mut().zip(below) {
            part.read_values(&files);
        }
    }

    /// What it and the subcharts that take part carry under these values.
    pub(super) fn carried(&self, values: &Value) -> Carried {
        let mut found = Vec::new();
        let none = Table::new();
        self.choose(values.as_object().unwrap_or(&none), "", &mut found);
        let mut all = Carried::default();
        let mut seen = BTreeSet::new();
        for part in found {
            let crds = part.carried.crds.iter();
            all.crds
                .extend(crds.filter(|crd| seen.insert(&crd.name)).cloned());
            all.findings.extend(part.carried.findings.iter().cloned());
        }
        all
    }

    /// Collects the parts that take part: itself, then those below it in their order. `path` is
    /// where its values stand among `over`, the values of the chart above it.
    fn choose<'a>(&'a self, over: &Table, path: &str, found: &mut Vec<&'a Self>) {
        found.push(self);
        let Some(declared) = &self.declared else {
            // Helm looks no further.
            return self.parts.iter().for_each(|part| part.take_all(found));
        };
        let parts = self.named(declared);
        let layers = parts.iter().map(|(name, part)| (*name, part.layer()));
        let layer = Layer {
            values: &self.values,
            below: layers.collect(),
        };
        let values = coalesce(&layer, over);
        let is_off = |name: &str| {
            let mut declared = declared.iter().filter(|it| it.effective_name() == name);
            declared.any(|it| !is_on(it, &values, path))
        };
        for (name, part) in parts {
            if !is_off(name) {
                part.choose(&values, &format!("{path}{name}."), found);
            }
        }
    }

    fn take_all<'a>(&'a self, found: &mut Vec<&'a Self>) {
        found.push(self);
        self.parts.iter().for_each(|part| part.take_all(found));
    }

    /// The parts under the names they have for this chart: those that nothing declares, then the
    /// declared ones, each as often as it is (`alias`).
    fn named<'a>(&'a self, declared: &'a [Dependency]) -> Vec<(&'a str, &'a Self)> {
        let undeclared = self.parts.iter().filter(|part| {
            let mut declared = declared.iter();
            !declared.any(|it| part.is(it))
        });
        let undeclared = undeclared.map(|part| (part.name.as_str(), part));
        let declared = declared.iter().filter_map(|it| {
            let part = self.parts.iter().find(|part| part.is(it))?;
            Some((it.effective_name(), part))
        });
        undeclared.chain(declared).collect()
    }

    /// Whether it is what is declared. What is no range or no version fits nothing, as in Helm.
    fn is(&self, declared: &Dependency) -> bool {
        let range = declared.version.as_deref().map(str::trim);
        let range = range.filter(|it| !it.is_empty()).unwrap_or("*");
        let range = VersionRange::parse(range).ok();
        let version = parse_version(&self.version);
        declared.name == self.name
            && range
                .zip(version)
                .is_some_and(|(range, version)| range.matches(&version))
    }

    fn layer(&self) -> Layer<'_> {
        let below = self.parts.iter();
        Layer {
            values: &self.values,
            below: below
                .map(|part| (part.name.as_str(), part.layer()))
                .collect(),
        }
    }
}

fn find<'f>(files: &Files<'f>, path: &str) -> Option<&'f File> {
    let found = files.iter().find(|(inner, _)| *inner == path);
    found.map(|(_, file)| *file)
}

/// The files of each subchart. What begins with `_` or `.` is none, as for Helm.
fn below<'f>(files: &Files<'f>) -> BTreeMap<&'f str, Files<'f>> {
    let mut below = BTreeMap::<_, Files<'f>>::new();
    for (inner, file) in files {
        match subchart(inner) {
            Some((name, rest)) if !name.starts_with(['_', '.']) => {
                below.entry(name).or_default().push((rest, *file));
            }
            _ => {}
        }
    }
    below
}

fn is_on(dependency: &Dependency, values: &Table, path: &str) -> bool {
    let condition = dependency.condition.as_deref().unwrap_or_default();
    let mut paths = condition.trim().split(',').filter(|it| !it.is_empty());
    let said = paths.find_map(|one| at(values, &format!("{path}{one}"))?.as_bool());
    said.unwrap_or_else(|| {
        let tags = values.get("tags").and_then(Value::as_object);
        let said = |tag: &String| tags?.get(tag)?.as_bool();
        let said: Vec<bool> = dependency.tags.iter().flatten().filter_map(said).collect();
        said.is_empty() || said.contains(&true)
    })
}

/// The value at a dotted path.
fn at<'v>(values: &'v Table, path: &str) -> Option<&'v Value> {
    let mut keys = path.split('.');
    let first = values.get(keys.next()?)?;
    keys.try_fold(first, |value, key| value.as_object()?.get(key))
}
