//! Values the command line gives single charts, as layers on top of the file's.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use crate::{
    diagnostic::Source,
    stack::{
        findings::{Finding, Findings},
        layers::{
            command_line::CommandLine,
            origin::{Located, Origin, Text},
        },
        raw::chart::RawChart,
        validate::tree,
        values::{Layer, ValuesLayer},
    },
};

/// By the chart's position: files first, then single values, as Helm orders `-f` and `--set`.
pub(crate) fn layers(
    charts: &[RawChart<'_>],
    command_line: &CommandLine,
    f: &mut Findings,
) -> BTreeMap<usize, Vec<ValuesLayer>> {
    let mut layers: BTreeMap<usize, Vec<ValuesLayer>> = BTreeMap::new();
    if command_line.values.is_empty() && command_line.edits.is_empty() {
        return layers;
    }
    let by_name: HashMap<&str, usize> = charts
        .iter()
        .enumerate()
        .map(|(index, chart)| (chart.name.value, index))
        .collect();
    for (chart, file) in &command_line.values {
        let index = find(chart.text(), &by_name, f);
        let layer = read(file, chart.origin, f);
        if let (Some(index), Some(layer)) = (index, layer) {
            layers.entry(index).or_default().push(layer);
        }
    }
    for (chart, edit) in &command_line.edits {
        if let Some(index) = find(chart.text(), &by_name, f) {
            let layer = ValuesLayer::Edit(edit.clone());
            layers.entry(index).or_default().push(layer);
        }
    }
    layers
}

fn find(chart: Text<'_>, by_name: &HashMap<&str, usize>, f: &mut Findings) -> Option<usize> {
    let found = by_name.get(chart.value).copied();
    if found.is_none() {
        let message = format!("unknown chart `{}`", chart.value);
        f.add(
            Finding::error(message)
                .at(chart.origin, "no chart of this name")
                .suggest(chart.value, by_name.keys().copied()),
        );
    }
    found
}

/// A values file that has to win over computed values becomes one of them.
fn read(file: &Path, origin: Origin, f: &mut Findings) -> Option<ValuesLayer> {
    let name = file.display().to_string();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("values file `{name}` cannot be read");
            f.add(Finding::error(message).at(origin, error.to_string()));
            return None;
        }
    };
    let whole = 0..text.len();
    let source = f.sources.add(Source {
        name,
        text: text.clone(),
    });
    let said = Located {
        origin: source.origin(whole),
        value: text,
    };
    let tree = tree::of_yaml_text(said.text(), None, f)?;
    Some(ValuesLayer::Merge(Layer::CommandLineValues, tree))
}
