//! What charts let others read of their objects.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::stack::{
    findings::{Finding, Findings, list},
    grammar,
    layers::{node::Node, origin::Text},
    model::Output,
    raw::{
        chart::RawChart,
        reader::{Reader, table},
    },
    template::is_name,
    validate::{
        edges::Edge,
        steps::{Accept, Naming, Reading},
    },
};

/// The outputs of a stack, and who may refer to them.
#[derive(Debug, Default)]
pub(crate) struct Outputs<'a> {
    /// Names by chart, whatever else is wrong with them. Charts without are left out.
    names: HashMap<&'a str, Vec<&'a str>>,
    /// What each chart needs, by name. Empty if nobody has outputs.
    needs: HashMap<&'a str, Vec<&'a str>>,
}

impl<'a> Outputs<'a> {
    pub(crate) fn new(charts: &[RawChart<'a>], edges: &[Edge]) -> Self {
        let mut outputs = Self::default();
        for chart in charts.iter().filter(|chart| !chart.outputs.is_empty()) {
            let names = chart.outputs.iter().map(|(name, _)| name.value);
            outputs.names.insert(chart.name.value, names.collect());
        }
        if outputs.names.is_empty() {
            return outputs;
        }
        for edge in edges.iter().filter(|edge| !edge.soft) {
            let [from, to] = [edge.from, edge.to].map(|index| charts[index].name.value);
            outputs.needs.entry(from).or_default().push(to);
        }
        outputs
    }

    /// Whether a chart may refer to an output of another one.
    pub(crate) fn check(&self, from: &str, to: &str, name: &str) -> Result<(), Finding> {
        let declared = self.names.get(to).map(Vec::as_slice).unwrap_or_default();
        if !declared.contains(&name) {
            let finding = Finding::error(format!("chart `{to}` has no output `{name}`"));
            return Err(if declared.is_empty() {
                finding.help(format!(
                    "add `outputs.{name} = {{ kind = …, object = …, field = … }}` to it"
                ))
            } else {
                let declared = || declared.iter().copied();
                let has = format!("its outputs: {}", list(declared()));
                finding.suggest(name, declared()).help(has)
            });
        }
        if from == to {
            return Err(Finding::error("outputs are for other charts")
                .help("a `capture` step reads the same for this one"));
        }
        if !self.is_needed(from, to) {
            return Err(
                Finding::error(format!("chart `{from}` does not need `{to}`")).help(format!(
                    "what it refers to must be there first: add `\"{to}\"` to its `needs`"
                )),
            );
        }
        Ok(())
    }

    /// Directly or not.
    fn is_needed(&self, from: &str, to: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut to_visit = vec![from];
        while let Some(chart) = to_visit.pop() {
            let needs = self.needs.get(chart).map(Vec::as_slice).unwrap_or_default();
            to_visit.extend(needs.iter().copied().filter(|need| seen.insert(*need)));
        }
        seen.contains(to)
    }
}

/// `outputs` of one chart.
pub(crate) fn read(
    said: &[(Text<'_>, &Node)],
    reading: &Reading<'_>,
    f: &mut Findings,
) -> BTreeMap<String, Output> {
    let mut outputs = BTreeMap::new();
    for (name, node) in said {
        if !is_name(name.value) {
            let message = format!("`{}` is not a name", name.value.escape_debug());
            f.add(Finding::error(message).at(name.origin, "use letters, digits, `-` and `_`"));
        }
        if let Some(output) = output(node, reading, f) {
            outputs.insert(name.value.to_owned(), output);
        }
    }
    outputs
}

fn output(node: &Node, reading: &Reading<'_>, f: &mut Findings) -> Option<Output> {
    let mut output = Reader::new(&grammar::OUTPUT, table(node, "outputs", f)?);
    let naming = Naming {
        shape: &grammar::OUTPUT,
        origin: node.origin,
        accept: Accept::OneName,
    };
    let found = reading.one_field(&mut output, naming, f);
    let secret = output.flag("secret", f).unwrap_or_default();
    output.finish(f);
    let (objects, field) = found?;
    Some(Output {
        objects,
        field,
        secret,
    })
}
