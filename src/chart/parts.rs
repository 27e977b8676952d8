//! A chart and its subcharts, as far as CRDs go: which of them are in use depends on values.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{
    crds::{Carried, is_crd_file},
    files::File,
    values::tree,
    yaml,
};
use crate::stack::{ChartValues, subcharts_in_use};

/// What the charts of a tree carry, and what decides which of them are in use.
#[derive(Debug)]
pub(super) struct Parts {
    tree: ChartValues,
    /// By the chart's folder in the tree (`charts/db/`; the topmost has none). Empty where nothing
    /// depends on it.
    values: BTreeMap<String, Map<String, Value>>,
    /// By the chart's folder.
    carried: BTreeMap<String, Carried>,
}

/// Whether the file at this path, in a chart or any subchart, tells something of its parts.
pub(super) fn is_of_parts(path: &str) -> bool {
    let (_, inner) = split(path);
    is_crd_file(inner) || ["Chart.yaml", "requirements.yaml", "values.yaml"].contains(&inner)
}

/// The folder of the chart a file belongs to, and the path inside that.
fn split(path: &str) -> (&str, &str) {
    let mut inner = path;
    while let Some((_, below)) = inner
        .strip_prefix("charts/")
        .and_then(|rest| rest.split_once('/'))
    {
        inner = below;
    }
    path.split_at(path.len() - inner.len())
}

impl Parts {
    /// Puts a tree together from its files; the error says what is no chart.
    pub(super) fn read(files: &[File]) -> Result<Self, String> {
        let mut parts = Self {
            tree: tree(files)?,
            values: BTreeMap::new(),
            carried: BTreeMap::new(),
        };
        for file in files {
            let (folder, inner) = split(&file.path);
            if is_crd_file(inner) {
                let carried = parts.carried.entry(folder.to_owned()).or_default();
                carried.read(file);
            }
        }
        if parts.are_conditional() {
            parts.read_values(files);
        }
        Ok(parts)
    }

    /// Whether what the chart carries depends on values.
    pub(super) fn are_conditional(&self) -> bool {
        let mut folders = self.carried.keys();
        folders.any(|folder| !folder.is_empty()) && is_conditional(&self.tree)
    }

    /// Values that cannot be read are a finding, as they decide about CRDs.
    fn read_values(&mut self, files: &[File]) {
        for file in files {
            let (folder, inner) = split(&file.path);
            if inner == "values.yaml" {
                match yaml::all(&file.bytes) {
                    Ok(documents) => {
                        let values = documents.into_iter().next().unwrap_or_default();
                        self.values.insert(folder.to_owned(), values);
                    }
                    Err(reason) => {
                        let carried = self.carried.entry(folder.to_owned()).or_default();
                        carried.unreadable(&file.path, &reason);
                    }
                }
            }
        }
    }

    /// What the chart and the subcharts in use carry under these values: each CRD once, the first
    /// wins.
    pub(super) fn carried(&self, values: &Value) -> Carried {
        let own = |chart: &ChartValues| {
            let values = self.values.get(folder(&chart.file));
            values.cloned().unwrap_or_default()
        };
        let mut all = Carried::default();
        let in_use = match subcharts_in_use(&self.tree, values, &own) {
            Ok(in_use) => in_use,
            Err(error) => {
                all.findings.push(error.to_string());
                return all;
            }
        };
        let mut seen = BTreeSet::new();
        for file in &in_use {
            let Some(carried) = self.carried.get(folder(file)) else {
                continue;
            };
            let new = carried.crds.iter().filter(|crd| seen.insert(&crd.name));
            all.crds.extend(new.cloned());
            all.findings.extend(carried.findings.iter().cloned());
        }
        // A subchart in use under two names says everything twice.
        let mut said = BTreeSet::new();
        all.findings.retain(|finding| said.insert(finding.clone()));
        all
    }
}

/// Whether any chart of the tree may be left out.
fn is_conditional(chart: &ChartValues) -> bool {
    let mut declared = chart.dependencies.iter().flatten();
    declared.any(|it| !(it.condition.is_empty() && it.tags.is_empty()))
        || chart.subcharts.iter().any(is_conditional)
}

/// Of its `values.yaml`.
fn folder(file: &str) -> &str {
    file.strip_suffix("values.yaml").unwrap_or(file)
}
