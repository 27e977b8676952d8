//! What can be said of a stack's charts without cluster and Helm.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use super::{fetch::Local, values::called};
use crate::{
    chart::{self, Chart, ChartError},
    diagnostic::Diagnostic,
    name::{ChartName, Milestone},
    stack::{self, ChartSource, Scope, Stack, UnknownKey},
};

/// Opens every chart of the stack that is on this machine, compares versions, and looks for the
/// CRDs that others wait for: findings with their places.
pub(super) fn check(stack: &Stack) -> Vec<Diagnostic> {
    let nowhere = Local::new();
    let (mut charts, findings) = Library::new(&nowhere).open_all(stack.charts.values());
    let findings = findings.into_iter().map(|(_, finding)| finding);
    // Inputs may say otherwise: the plan knows.
    charts.retain(|_, chart| !chart.crds_depend_on_values());
    let missing = missing_crds(stack.charts.values(), &charts);
    findings.chain(missing).collect()
}

/// Of every chart of the stack that is on this machine: values it does not know. What several
/// charts read from one file need only be known to one of them.
pub(super) fn unknown_keys(stack: &Stack) -> Vec<Diagnostic> {
    let nowhere = Local::new();
    let (charts, _) = Library::new(&nowhere).open_all(stack.charts.values());
    let mut findings = Vec::new();
    let mut unknown_to = Vec::new();
    for entry in stack.charts.values() {
        let Some(chart) = charts.get(&entry.name) else {
            continue;
        };
        let own = chart::values(&chart.path, &called(entry, chart));
        let own = own.map_err(|error| error.to_string());
        let unknown = own.and_then(|own| {
            let unknown = entry.values.unknown_keys(&own);
            unknown.map_err(|error| error.to_string())
        });
        match unknown {
            Ok(unknown) => {
                unknown_to.extend(unknown.into_iter().map(|one| (entry, chart, one)));
            }
            Err(reason) => {
                let message = format!("the values of chart `{}` cannot be judged", entry.name);
                findings.push(Diagnostic::error(message).at(entry.place.clone(), reason));
            }
        }
    }
    let is_known_to_another = |entry: &stack::Chart, one: &UnknownKey| {
        let Some(file) = &one.file else { return false };
        let mut others = stack.charts.values().filter(|other| {
            other.name != entry.name && other.values.files().any(|read| read == file)
        });
        others.any(|other| {
            unknown_to.iter().all(|(whose, _, unknown)| {
                whose.name != other.name
                    || unknown.file.as_ref() != Some(file)
                    || unknown.path != one.path
            })
        })
    };
    let told = unknown_to.iter();
    let told = told.filter(|(entry, _, one)| !is_known_to_another(entry, one));
    findings.extend(told.map(|(entry, chart, one)| {
        let (name, version) = (&chart.name, &chart.version);
        let said = format!("neither values.yaml nor schema of {name} {version} has it");
        let place = one.place.clone().or_else(|| entry.place.clone());
        let message = format!(
            "chart `{}` does not know the value `{}`",
            entry.name, one.path
        );
        let finding = Diagnostic::error(message).at(place, said);
        match &one.near {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding,
        }
    }));
    findings
}

/// Charts on this machine that carry CRDs. Those that cannot be read are left out: `check` says
/// why.
pub fn carriers(stack: &Stack) -> BTreeSet<ChartName> {
    let nowhere = Local::new();
    let (charts, _) = Library::new(&nowhere).open_all(stack.charts.values());
    let carriers = charts
        .into_iter()
        .filter(|(_, chart)| !chart.crds.is_empty());
    carriers.map(|(name, _)| name).collect()
}

/// Waits of these entries for the CRDs of a chart that is known and carries none.
pub(super) fn missing_crds<'e>(
    entries: impl IntoIterator<Item = &'e stack::Chart>,
    charts: &BTreeMap<ChartName, Chart>,
) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for entry in entries {
        let waits = entry.needs.iter().chain(&entry.after);
        for wait in waits.filter(|wait| wait.until == Milestone::Crds) {
            let (name, on) = (&entry.name, &wait.chart);
            let Some(chart) = charts.get(on).filter(|chart| chart.crds.is_empty()) else {
                continue;
            };
            let help = if chart.crds_depend_on_values() {
                "its values leave out the subcharts that carry CRDs, as far as they are known \
                 without running commands"
                    .to_owned()
            } else if chart.crds_in_templates {
                format!("its CRDs are in its templates and come with its release: `{on}:deployed`")
            } else {
                format!("name the chart that carries them, or wait for `{on}` itself")
            };
            let message = format!(
                "chart `{name}` waits for the CRDs of `{on}`, but {} {} has none in `crds/`",
                chart.name, chart.version
            );
            let finding = Diagnostic::error(message);
            findings.push(finding.at(wait.place.clone(), "").help(help));
        }
    }
    findings
}

/// Charts on this machine, each read once however many entries use it.
pub(super) struct Library<'a> {
    /// Where those lie that were fetched; all others, where the stack says.
    fetched: &'a Local,
    /// What the values of entries are made with, as far as they matter.
    scope: Cow<'a, Scope>,
    opened: BTreeMap<PathBuf, Result<Chart, ChartError>>,
}

impl<'a> Library<'a> {
    pub(super) fn new(fetched: &'a Local) -> Self {
        Self {
            fetched,
            scope: Cow::default(),
            opened: BTreeMap::new(),
        }
    }

    /// The same, with what the values of entries refer to. Without, what is literal in them says
    /// which subcharts are in use.
    pub(super) fn under(mut self, scope: &'a Scope) -> Self {
        self.scope = Cow::Borrowed(scope);
        self
    }

    /// The chart of an entry, if it is the version the entry wants. `None` for what has to be
    /// fetched first: a remote chart, or a folder whose subcharts are not there.
    fn open(&mut self, entry: &stack::Chart) -> Result<Option<Chart>, Diagnostic> {
        let fetched = self.fetched.get(&entry.name).map(PathBuf::as_path);
        let Some(path) = fetched.or_else(|| entry.source.path()) else {
            return Ok(None);
        };
        let opened = self
            .opened
            .entry(path.to_owned())
            .or_insert_with(|| Chart::open(path))
            .clone();
        let finding = |text: String| {
            Diagnostic::error(text).at(entry.place.clone(), format!("chart of `{}`", entry.name))
        };
        let is_built_later = fetched.is_none() && matches!(entry.source, ChartSource::Folder(_));
        let mut chart = match opened {
            Err(ChartError::Dependencies { .. }) if is_built_later => return Ok(None),
            opened => opened.map_err(|error| finding(error.to_string()))?,
        };
        if chart.crds_depend_on_values() {
            chart.choose_crds(&entry.values.known(&self.scope));
        }
        match &entry.version {
            Some(wanted) if !wanted.matches(&chart.version) => Err(finding(format!(
                "{} is version {}, the stack wants {wanted}",
                entry.source, chart.version
            ))),
            _ => Ok(Some(chart)),
        }
    }

    /// The entries whose charts have to be fetched first.
    pub(super) fn missing<'e>(
        &mut self,
        entries: impl Iterator<Item = &'e stack::Chart>,
    ) -> Vec<&'e stack::Chart> {
        entries
            .filter(|entry| matches!(self.open(entry), Ok(None)))
            .collect()
    }

    /// The charts of many entries: those that can be opened, by name.
    pub(super) fn open_all<'e>(
        &mut self,
        entries: impl IntoIterator<Item = &'e stack::Chart>,
    ) -> (BTreeMap<ChartName, Chart>, Vec<(ChartName, Diagnostic)>) {
        let mut charts = BTreeMap::new();
        let mut findings = Vec::new();
        for entry in entries {
            match self.open(entry) {
                Ok(Some(chart)) => {
                    charts.insert(entry.name.clone(), chart);
                }
                Ok(None) => {}
                Err(finding) => findings.push((entry.name.clone(), finding)),
            }
        }
        (charts, findings)
    }
}
