//! What can be said of a stack's charts without cluster and Helm.

use std::{collections::BTreeMap, path::PathBuf};

use crate::{
    chart::{Chart, ChartError},
    diagnostic::Diagnostic,
    name::ChartName,
    stack::{self, Stack},
};

/// Opens every chart of the stack and compares versions: findings with their places.
pub fn check(stack: &Stack) -> Vec<Diagnostic> {
    let mut library = Library::default();
    stack
        .charts
        .values()
        .filter_map(|chart| library.open(chart).err())
        .collect()
}

/// Charts on disk, each read once however many entries use it.
#[derive(Default)]
pub(super) struct Library {
    opened: BTreeMap<PathBuf, Result<Chart, ChartError>>,
}

impl Library {
    /// The chart of an entry, if it is the version the entry wants.
    pub(super) fn open(&mut self, entry: &stack::Chart) -> Result<Chart, Diagnostic> {
        let path = entry.source.path();
        let opened = self
            .opened
            .entry(path.to_owned())
            .or_insert_with(|| Chart::open(path))
            .clone();
        let finding = |text: String| {
            Diagnostic::error(text).at(entry.place.clone(), format!("chart of `{}`", entry.name))
        };
        let chart = opened.map_err(|error| finding(error.to_string()))?;
        match &entry.version {
            Some(wanted) if !wanted.matches(&chart.version) => Err(finding(format!(
                "{} is version {}, the stack wants {wanted}",
                path.display(),
                chart.version
            ))),
            _ => Ok(chart),
        }
    }

    /// The charts of many entries: those that can be opened, by name.
    pub(super) fn open_all<'a>(
        &mut self,
        entries: impl IntoIterator<Item = &'a stack::Chart>,
    ) -> (BTreeMap<ChartName, Chart>, Vec<(ChartName, Diagnostic)>) {
        let mut charts = BTreeMap::new();
        let mut findings = Vec::new();
        for entry in entries {
            match self.open(entry) {
                Ok(chart) => {
                    charts.insert(entry.name.clone(), chart);
                }
                Err(finding) => findings.push((entry.name.clone(), finding)),
            }
        }
        (charts, findings)
    }
}
