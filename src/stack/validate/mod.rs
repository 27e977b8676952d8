//! From what a file says to a [`Stack`] that cannot be wrong in itself.

mod chart;
mod cycles;
pub(crate) mod disk;
mod edges;
mod inputs;
pub(crate) mod known;
mod names;
mod namespaces;
mod order;
mod outputs;
mod overrides;
mod redundant;
mod source;
mod steps;
mod tree;

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::Arc,
};

use indexmap::IndexMap;

use self::chart::Parts;
use self::disk::Disk;
use self::known::{ChartNames, Known};
use self::names::Identity;
use self::outputs::Outputs;
use crate::{
    name::{Namespace, StackName},
    stack::{
        findings::{Finding, Findings},
        layers::{command_line::CommandLine, origin::Text},
        model::{ClusterGuard, Settings, Stack},
        range::VersionRange,
        raw::RawStack,
    },
};

/// What Helm itself keeps.
const HISTORY_MAX: u32 = 10;

/// What validation is given beside the file.
pub(crate) struct Surroundings {
    /// Name of the stack file.
    pub(crate) file: String,
    /// Its folder.
    pub(crate) root: PathBuf,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) command_line: CommandLine,
    pub(crate) disk: Disk,
}

/// Checks everything. `None` only if something was reported.
pub(crate) fn validate(
    raw: &RawStack<'_>,
    mut around: Surroundings,
    f: &mut Findings,
) -> Option<Stack> {
    let mut inputs = inputs::declared(&raw.inputs, f);
    let mut known = Known {
        inputs: raw.inputs.iter().map(|input| input.name.value).collect(),
        from_commands: raw
            .inputs
            .iter()
            .filter(|input| input.command.is_some())
            .map(|input| input.name.value)
            .collect(),
        secret_inputs: raw
            .inputs
            .iter()
            .filter(|input| input.secret)
            .map(|input| input.name.value)
            .collect(),
        charts: HashMap::new(),
        ..Known::default()
    };
    inputs::give_values(
        &raw.inputs,
        &inputs,
        &around.command_line.inputs,
        &around.env,
        &mut known,
        f,
    );
    known.scope.env = std::mem::take(&mut around.env);
    inputs::commands(&raw.inputs, &mut inputs, &known, f);

    let name = raw.name.and_then(|text| {
        let text = known.now(text, f)?;
        names::check(StackName::new(&text.value), "stack name", text.text(), f)
    });
    check_requires(raw.requires, &known, f);
    let helm = raw.helm.and_then(|text| range(text, &known, f));
    let state_namespace = match raw.state_namespace {
        Some(text) => names::namespace(text, &known, f),
        None => Namespace::new(names::DEFAULT_NAMESPACE).ok(),
    };
    let now = |text: Text<'_>, f: &mut Findings| Some(known.now(text, f)?.value.into_owned());
    let cluster = ClusterGuard {
        context: raw.context.and_then(|text| now(text, f)),
        allow: raw.allow.iter().filter_map(|text| now(*text, f)).collect(),
    };

    let identities = names::identities(&raw.charts, &known, f);
    known.charts = chart_names(raw, &identities);
    let edges = edges::read(&raw.charts, &known, f);
    known.outputs = Outputs::new(&raw.charts, &edges);
    let namespaces = namespaces::read(raw, &identities, &known, f);
    let settings = Settings {
        concurrency: raw.settings.concurrency,
        failure_policy: raw.settings.failure_policy,
        schedule: raw.settings.schedule,
        history_max: raw.settings.history_max.unwrap_or(HISTORY_MAX),
    };
    let repositories = source::repositories(&raw.repositories, &known, &mut around.disk, f);
    let names = raw.repositories.iter().map(|one| one.name.value);
    let repository_names: Vec<&str> = names.collect();
    let mut layers = overrides::layers(&raw.charts, &around.command_line, f);
    let sources = Arc::new(f.sources.clone());
    let mut charts = IndexMap::with_capacity(raw.charts.len());
    let mut rest = edges.as_slice();
    for (index, said) in raw.charts.iter().enumerate() {
        let (own, others) = rest.split_at(rest.partition_point(|edge| edge.from <= index));
        rest = others;
        let mut parts = Parts {
            known: &known,
            disk: &mut around.disk,
            repositories: &repository_names,
            identities: &identities,
            edges: own,
            sources: Arc::clone(&sources),
            overrides: layers.remove(&index).unwrap_or_default(),
            history_max: settings.history_max,
        };
        if said.enabled
            && let Some(made) = chart::chart(said, index, &mut parts, f)
        {
            charts.insert(made.name.clone(), made);
        }
    }
    if raw.charts.is_empty() {
        f.add(Finding::warning("the stack has no charts"));
    }
    Some(Stack {
        name: name?,
        environment: around.command_line.environment,
        file: around.file,
        root: around.root,
        helm,
        state_namespace: state_namespace?,
        cluster,
        settings,
        inputs,
        namespaces,
        repositories,
        charts,
    })
}

/// A version range of the file.
pub(crate) fn range(text: Text<'_>, known: &Known<'_>, f: &mut Findings) -> Option<VersionRange> {
    let text = known.now(text, f)?;
    VersionRange::parse(&text.value)
        .map_err(|error| {
            let message = format!("`{}` is not a version range", text.value);
            f.add(
                Finding::error(message)
                    .at(text.origin, error.reason())
                    .help("examples: `1.2.3`, `>=4.1, <5`, `^1.2 || ~2.0`"),
            );
        })
        .ok()
}

fn check_requires(said: Option<Text<'_>>, known: &Known<'_>, f: &mut Findings) {
    let Some(said) = said else { return };
    let Some(range) = range(said, known, f) else {
        return;
    };
    let here = env!("CARGO_PKG_VERSION");
    let fits = semver::Version::parse(here).is_ok_and(|version| range.matches(&version));
    if !fits {
        f.add(
            Finding::error(format!("this stack requires stackctl {range}"))
                .at(said.origin, format!("this is stackctl {here}")),
        );
    }
}

fn chart_names<'a>(
    raw: &RawStack<'a>,
    identities: &'a [Option<Identity>],
) -> HashMap<&'a str, ChartNames<'a>> {
    let names = raw.charts.iter().zip(identities).map(|(chart, identity)| {
        let names = match identity {
            _ if !chart.enabled => ChartNames::Disabled,
            None => ChartNames::Broken,
            Some(identity) => ChartNames::Enabled(&identity.release),
        };
        (chart.name.value, names)
    });
    names.collect()
}

/// A table of texts that must be known while loading.
pub(crate) fn pairs(
    said: &[(Text, Text)],
    known: &Known<'_>,
    f: &mut Findings,
) -> BTreeMap<String, String> {
    let pair = |(key, value): &(Text<'_>, Text<'_>)| {
        let value = known.now(*value, f)?.value.into_owned();
        Some((key.value.to_owned(), value))
    };
    said.iter().filter_map(pair).collect()
}
