//! One chart of the model, from what the file says of it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::stack::{
    findings::{Finding, Findings},
    layers::origin::{Origin, Sources, Text},
    model::{Chart, ErrorClass, ReinstallBelow, Steps},
    range,
    raw::{
        chart::{RawChart, RawReinstall},
        data::RawValuesFile,
    },
    validate::{
        self,
        disk::Disk,
        edges::{self, Edge},
        known::{Here, Known},
        names::Identity,
        outputs, source,
        steps::{self, Phase, Reading},
        tree,
    },
    values::{
        Edit, Layer, Templated, TemplatedValue, ValuePath, Values, ValuesCommand, ValuesLayer,
    },
};

/// What a chart is made with.
pub(crate) struct Parts<'a> {
    pub(crate) known: &'a Known<'a>,
    pub(crate) disk: &'a mut Disk,
    /// Names of all declared repositories.
    pub(crate) repositories: &'a [&'a str],
    /// Of all charts, by position.
    pub(crate) identities: &'a [Option<Identity>],
    /// The edges that leave this chart.
    pub(crate) edges: &'a [Edge],
    /// All texts of the stack.
    pub(crate) sources: Arc<Sources>,
    /// Values of the command line.
    pub(crate) overrides: Vec<ValuesLayer>,
    /// Of the settings.
    pub(crate) history_max: u32,
}

/// Makes the chart at a position of the file. `None` only if something was reported.
pub(crate) fn chart(
    raw: &RawChart<'_>,
    index: usize,
    parts: &mut Parts<'_>,
    f: &mut Findings,
) -> Option<Chart> {
    let known = parts.known;
    if raw.nowhere {
        let message = format!("chart `{}` has no `chart`", raw.name.value);
        f.add(
            Finding::error(message)
                .at(raw.name.origin, "")
                .help("say where it is: `chart = \"./charts/NAME\"`"),
        );
    }
    let source = raw
        .chart
        .and_then(|said| known.now(said, f))
        .and_then(|said| source::source(said.text(), parts.disk, parts.repositories, f));
    let version = raw.version.and_then(|said| validate::range(said, known, f));
    let (needs, after) = edges::of_chart(parts.edges, parts.identities, f);
    if let Some(origin) = raw.late
        && source
            .as_ref()
            .is_some_and(|source| source.path().is_none())
        && raw.needs.is_empty()
    {
        let message = format!(
            "chart `{}` is fetched late, but needs nothing",
            raw.name.value
        );
        f.add(
            Finding::warning(message)
                .at(
                    origin,
                    "so its turn may come before what it is fetched from is there",
                )
                .help("let it need the chart that brings its repository or registry"),
        );
    }
    let timeout = raw.timeout.unwrap_or(Chart::TIMEOUT);
    if let Some((deadline, origin)) = raw.deadline
        && deadline < timeout
    {
        f.add(Finding::warning("`deadline` is shorter than `timeout`").at(
            origin,
            "no operation of the chart can take as long as `timeout` says",
        ));
    }
    let labels = labels(raw, known, f);
    let outputs = outputs::read(&raw.outputs, &reading(parts, timeout), f);
    known.here.replace(Some(Here {
        chart: raw.name.value.to_owned(),
        captures: Vec::new(),
    }));
    let pre = reading(parts, timeout).phase(Phase::Pre, &raw.steps.pre, f);
    let before_exec = known.here.borrow().clone();
    let values = values(raw, parts, f);
    let reinstall_below = raw
        .reinstall_below
        .as_ref()
        .and_then(|said| reinstall_below(said, known, f));
    let post_renderer = raw.post_renderer.as_ref();
    let post_renderer = post_renderer.and_then(|said| known.command(said, f));
    let mut reading = reading(parts, timeout);
    let steps = Steps {
        pre,
        post: reading.phase(Phase::Post, &raw.steps.post, f),
        validate: reading.phase(Phase::Validate, &raw.steps.validate, f),
        on_failure: {
            // What came after exec did not take place.
            known.here.replace(before_exec);
            reading.phase(Phase::OnFailure, &raw.steps.on_failure, f)
        },
        said: raw.steps.said.clone(),
    };
    known.here.take();
    let identity = parts.identities.get(index)?.as_ref()?;
    Some(Chart {
        name: identity.name.clone(),
        release: identity.release.clone(),
        source: source?,
        version,
        late: raw.late.is_some(),
        needs,
        after,
        intent: raw.intent,
        labels,
        protected: raw.protected,
        values,
        timeout,
        deadline: raw.deadline.map(|(deadline, _)| deadline),
        retry: steps::retry(&raw.retry, &ErrorClass::PASSING),
        wait: raw.wait,
        rollback_on_failure: raw.rollback_on_failure,
        skip_unchanged: raw.skip_unchanged,
        skip_if_installed: raw.skip_if_installed,
        post_renderer,
        on_live_objects: raw.on_live_objects.clone(),
        apply: raw.apply,
        unlock: raw.unlock,
        unlock_after: raw.unlock_after.unwrap_or(Chart::UNLOCK_AFTER),
        crds: raw.crds,
        reinstall_below,
        history_max: raw.history_max.unwrap_or(parts.history_max),
        outputs,
        steps,
        place: f.sources.place(raw.name.origin),
    })
}

fn reading<'p>(parts: &'p mut Parts<'_>, timeout: Duration) -> Reading<'p> {
    Reading {
        known: parts.known,
        disk: parts.disk,
        timeout,
    }
}

/// Labels for `-l`, whose grammar they must not break.
fn labels(raw: &RawChart<'_>, known: &Known<'_>, f: &mut Findings) -> BTreeMap<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
    for (key, _) in &raw.labels {
        if key.value == "name" {
            f.add(
                Finding::error("the label `name` is taken")
                    .at(key.origin, "every chart has it: its own name"),
            );
        }
    }
    let mut labels = validate::pairs(&raw.labels, known, f);
    for (key, value) in &raw.labels {
        let expanded = labels.get(key.value).map_or("", String::as_str);
        for (text, origin) in [(key.value, key.origin), (expanded, value.origin)] {
            if !text.chars().all(allowed) {
                f.add(
                    Finding::error(format!("`{text}` cannot be part of a label"))
                        .at(origin, "use letters, digits, `.`, `_`, `-` and `/`"),
                );
            }
        }
    }
    labels.insert("name".to_owned(), raw.name.value.to_owned());
    labels
}

fn reinstall_below(
    said: &RawReinstall<'_>,
    known: &Known<'_>,
    f: &mut Findings,
) -> Option<ReinstallBelow> {
    let text = known.now(said.version, f)?;
    match range::version(&text.value) {
        Ok(version) => Some(ReinstallBelow {
            version,
            accept_data_loss: said.accept_data_loss,
        }),
        Err(reason) => {
            let message = format!("`{}` is not a version", text.value);
            f.add(Finding::error(message).at(text.origin, reason));
            None
        }
    }
}

/// All value layers, lowest first.
fn values(raw: &RawChart<'_>, parts: &mut Parts<'_>, f: &mut Findings) -> Values {
    let known = parts.known;
    let mut values = Values {
        sources: Arc::clone(&parts.sources),
        ..Values::default()
    };
    values_files(&raw.values_files, parts, &mut values, f);
    for &said in &raw.values_yaml {
        let layer = tree::of_yaml_text(said, Some(known), f);
        let layer = layer.map(|tree| ValuesLayer::Merge(Layer::ValuesYaml, tree));
        values.layers.extend(layer);
    }
    if let Some(node) = &raw.values {
        let layer = tree::of_toml(node, known, f);
        values.layers.push(ValuesLayer::Merge(Layer::Values, layer));
    }
    for (installed, node) in &raw.values_if {
        let layer = tree::of_toml(node, known, f);
        values.layers.push(ValuesLayer::If(*installed, layer));
    }
    let mut set: Vec<ValuePath> = Vec::new();
    for &(said, node) in &raw.set {
        let value = tree::of_toml(node, known, f);
        if let Some(path) = path(said, f) {
            set.push(path.clone());
            let layer = Layer::Set;
            let edit = Edit { layer, path, value };
            values.layers.push(ValuesLayer::Edit(edit));
        }
    }
    for &said in &raw.unset {
        let Some(path) = path(said, f) else { continue };
        if let Some(below) = set.iter().find(|one| one.0.starts_with(&path.0)) {
            let message = format!("`{path}` is unset, but `{below}` is set");
            f.add(Finding::error(message).at(said.origin, "only one of them can be"));
        }
        let edit = Edit {
            layer: Layer::Unset,
            path,
            value: TemplatedValue {
                content: Templated::Plain(serde_json::Value::Null),
                origin: said.origin,
            },
        };
        values.layers.push(ValuesLayer::Edit(edit));
    }
    values.layers.append(&mut parts.overrides);
    values
}

/// Files go to Helm untouched, up to the first command. From there on everything is part of the
/// computed document, where a file behind a command still wins over it.
fn values_files(
    said: &[RawValuesFile<'_>],
    parts: &mut Parts<'_>,
    values: &mut Values,
    f: &mut Findings,
) {
    let known = parts.known;
    let mut command_before = None;
    for one in said {
        match one {
            RawValuesFile::Path(path) => {
                let Some(said) = known.now(*path, f) else {
                    continue;
                };
                let file = parts.disk.values_file(said.text(), f);
                match command_before {
                    None => values.files.push(file),
                    Some(command) => {
                        if let Some(unclear) = parts.disk.unclear(&file) {
                            f.add(behind_a_command(&unclear, path.origin, command));
                        }
                        values.layers.push(ValuesLayer::File(file));
                    }
                }
            }
            RawValuesFile::Command { command, secret } => {
                command_before.get_or_insert(command.origin);
                let place = f.sources.place(command.origin);
                if let Some(command) = known.command(command, f) {
                    values.layers.push(ValuesLayer::Command(ValuesCommand {
                        command,
                        secret: *secret,
                        place,
                    }));
                }
            }
        }
    }
}

fn behind_a_command(unclear: &str, file: Origin, command: Origin) -> Finding {
    Finding::error("a values file behind a command must leave nothing to guess")
        .at(file, unclear)
        .at(
            command,
            "Helm gets this, and what is to win over it, as one document",
        )
        .help(
            "make that line clear, or put the file before the command if the order does not matter",
        )
}

fn path(said: Text<'_>, f: &mut Findings) -> Option<ValuePath> {
    ValuePath::parse(said.value)
        .map_err(|reason| {
            let message = format!("`{}` is not a path into values", said.value);
            f.add(
                Finding::error(message)
                    .at(said.origin, reason)
                    .help("as Helm's `--set`: `a.b`, `list[0].c`, `a\\.b` for a key with a dot"),
            );
        })
        .ok()
}
