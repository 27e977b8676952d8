//! From what a file says to a [`Stack`] that cannot be wrong in itself.

mod chart;
mod cycles;
pub(crate) mod disk;
mod edges;
pub(crate) mod known;
mod names;
mod order;
mod overrides;
mod redundant;
mod steps;
mod tree;

use std::collections::{BTreeMap, HashMap};

use indexmap::IndexMap;

use self::chart::Parts;
use self::disk::Disk;
use self::known::{ChartNames, Known, undefined_input};
use self::names::Identity;
use crate::{
    name::{Namespace, StackName},
    stack::{
        findings::{Finding, Findings},
        layers::{
            command_line::CommandLine,
            origin::{Origin, Text},
        },
        model::{ClusterGuard, Input, NamespaceSpec, Settings, Stack},
        range::VersionRange,
        raw::{RawInput, RawNamespace, RawStack},
        template::{Resolved, is_name},
    },
};

/// What Helm itself keeps.
const HISTORY_MAX: u32 = 10;

/// What validation is given beside the file.
pub(crate) struct Surroundings {
    /// Name of the stack file.
    pub(crate) file: String,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) command_line: CommandLine,
    pub(crate) disk: Disk,
}

/// Checks everything. `None` only if something was reported.
pub(crate) fn validate(raw: RawStack, mut around: Surroundings, f: &mut Findings) -> Option<Stack> {
    let inputs = inputs(&raw.inputs, f);
    let mut known = Known {
        inputs: raw
            .inputs
            .iter()
            .map(|input| input.name.value.as_str())
            .collect(),
        charts: HashMap::new(),
        ..Known::default()
    };
    given_inputs(&raw.inputs, &inputs, &around, &mut known, f);
    known.scope.env = std::mem::take(&mut around.env);

    let name = raw.name.as_ref().and_then(|text| {
        let text = known.now(text, f)?;
        names::check(StackName::new(&text.value), "stack name", &text, f)
    });
    check_requires(raw.requires.as_ref(), &known, f);
    let helm = raw.helm.as_ref().and_then(|text| range(text, &known, f));
    let state_namespace = match &raw.state_namespace {
        Some(text) => names::namespace(text, &known, f),
        None => Namespace::new(names::DEFAULT_NAMESPACE).ok(),
    };
    let now = |text: &Text, f: &mut Findings| known.now(text, f).map(|text| text.value);
    let cluster = ClusterGuard {
        context: raw.context.as_ref().and_then(|text| now(text, f)),
        allow: raw.allow.iter().filter_map(|text| now(text, f)).collect(),
    };

    let identities = names::identities(&raw.charts, &known, f);
    known.charts = chart_names(&raw, &identities);
    let edges = edges::read(&raw.charts, &known, f);
    let namespaces = namespaces(&raw.namespaces, &known, f);
    let settings = Settings {
        concurrency: raw.settings.concurrency,
        failure_policy: raw.settings.failure_policy,
        schedule: raw.settings.schedule,
        history_max: raw.settings.history_max.unwrap_or(HISTORY_MAX),
    };
    let mut layers = overrides::layers(&raw.charts, &around.command_line, f);
    let mut charts = IndexMap::with_capacity(raw.charts.len());
    let mut rest = edges.as_slice();
    for (index, said) in raw.charts.iter().enumerate() {
        let (own, others) = rest.split_at(rest.partition_point(|edge| edge.from <= index));
        rest = others;
        let mut parts = Parts {
            known: &known,
            disk: &mut around.disk,
            identities: &identities,
            edges: own,
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
    let root = around.disk.into_root();
    Some(Stack {
        name: name?,
        file: around.file,
        root,
        helm,
        state_namespace: state_namespace?,
        cluster,
        settings,
        inputs,
        namespaces,
        charts,
    })
}

/// A version range of the file.
pub(crate) fn range(text: &Text, known: &Known<'_>, f: &mut Findings) -> Option<VersionRange> {
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

fn check_requires(said: Option<&Text>, known: &Known<'_>, f: &mut Findings) {
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

fn inputs(raw: &[RawInput], f: &mut Findings) -> BTreeMap<String, Input> {
    let mut inputs = BTreeMap::new();
    for input in raw {
        let name = &input.name;
        if !is_name(&name.value) {
            f.add(
                Finding::error(format!("input name `{}` is not valid", name.value))
                    .at(name.origin, "use letters, digits, `_` and `-`"),
            );
        }
        if let Some(env) = &input.env
            && !is_name(&env.value)
        {
            f.add(
                Finding::error(format!("`{}` cannot be an environment variable", env.value))
                    .at(env.origin, "use letters, digits and `_`"),
            );
        }
        let model = Input {
            default: input.default.as_ref().map(|node| tree::json(node, f)),
            env: input.env.as_ref().map(|env| env.value.clone()),
            secret: input.secret,
            place: f.sources.place(name.origin),
        };
        inputs.insert(name.value.clone(), model);
    }
    inputs
}

/// Gives every input the value it has now, if any.
fn given_inputs(
    raw: &[RawInput],
    inputs: &BTreeMap<String, Input>,
    around: &Surroundings,
    known: &mut Known<'_>,
    f: &mut Findings,
) {
    let mut given: HashMap<&str, (&str, Origin)> = HashMap::new();
    for (name, value) in &around.command_line.inputs {
        if !inputs.contains_key(&name.value) {
            f.add(undefined_input(&name.value, &known.inputs).at(name.origin, ""));
        }
        given.insert(&name.value, (value, name.origin));
    }
    for declared in raw {
        let name = &declared.name.value;
        let Some(input) = inputs.get(name) else {
            continue;
        };
        let said = given.get(name.as_str());
        match input.value(said.map(|(text, _)| *text), &around.env) {
            Ok(Some(value)) => {
                let secret = input.secret;
                known
                    .scope
                    .inputs
                    .insert(name.clone(), Resolved { value, secret });
            }
            Ok(None) => {}
            Err(reason) => {
                let origin = said.map_or(declared.name.origin, |(_, origin)| *origin);
                let from = match (said, &input.env) {
                    (None, Some(env)) => format!(" in `{env}`"),
                    _ => String::new(),
                };
                let message = format!("the value of input `{name}`{from} is not valid");
                f.add(Finding::error(message).at(origin, reason));
            }
        }
    }
}

fn chart_names<'a>(
    raw: &'a RawStack,
    identities: &[Option<Identity>],
) -> HashMap<&'a str, ChartNames> {
    let names = raw.charts.iter().zip(identities).map(|(chart, identity)| {
        let names = match identity {
            _ if !chart.enabled => ChartNames::Disabled,
            None => ChartNames::Broken,
            Some(identity) => ChartNames::Enabled(BTreeMap::from([
                ("namespace", identity.release.namespace.to_string()),
                ("release", identity.release.name.to_string()),
            ])),
        };
        (chart.name.value.as_str(), names)
    });
    names.collect()
}

fn namespaces(
    raw: &[RawNamespace],
    known: &Known<'_>,
    f: &mut Findings,
) -> BTreeMap<Namespace, NamespaceSpec> {
    let mut namespaces = BTreeMap::new();
    for one in raw {
        let spec = NamespaceSpec {
            labels: pairs(&one.labels, known, f),
            annotations: pairs(&one.annotations, known, f),
        };
        if let Some(name) = names::namespace(&one.name, known, f) {
            namespaces.insert(name, spec);
        }
    }
    namespaces
}

/// A table of texts that must be known while loading.
pub(crate) fn pairs(
    said: &[(Text, Text)],
    known: &Known<'_>,
    f: &mut Findings,
) -> BTreeMap<String, String> {
    let pair = |(key, value): &(Text, Text)| Some((key.value.clone(), known.now(value, f)?.value));
    said.iter().filter_map(pair).collect()
}
