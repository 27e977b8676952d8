//! What preflight asks of the CRDs of a run: that they can be applied, and are the ones that were
//! planned. Whether we may apply them is asked with the other [`rights`](super::rights).

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;
use crate::{
    chart::Chart,
    name::{ChartName, EnvironmentName},
    plan::Plan,
    stack::{self, Scope, Stack},
};

/// Everything that is wrong with the CRDs that these charts bring.
pub(super) fn problems(
    stack: &Stack,
    plan: &Plan,
    scope: &Scope,
    charts: &BTreeMap<ChartName, Chart>,
) -> Vec<Problem> {
    let planned = planned(plan);
    let mut problems = Vec::new();
    for (name, chart) in charts {
        let entry = stack.charts.get(name);
        if let Some(entry) = entry.filter(|entry| entry.brings_crds()) {
            let environment = stack.environment.as_ref();
            problems.extend(unusable(entry, chart, scope, environment));
            problems.extend(unplanned(entry, chart, &planned));
        }
    }
    problems
}

/// The names of the CRDs that nodes of a plan are about.
pub(super) fn planned(plan: &Plan) -> BTreeSet<String> {
    let crds = plan.nodes.iter().flat_map(|node| &node.crds);
    crds.cloned().collect()
}

fn problem(entry: &stack::Chart, message: String, hint: &str) -> Problem {
    Problem {
        chart: Some(entry.name.clone()),
        message,
        hint: Some(hint.to_owned()),
    }
}

/// What keeps the CRDs of a chart from being applied.
pub(super) fn unusable(
    entry: &stack::Chart,
    chart: &Chart,
    scope: &Scope,
    environment: Option<&EnvironmentName>,
) -> Vec<Problem> {
    let findings = chart.crd_findings.iter().map(|finding| {
        let hint = "stackctl applies what is in crds/ itself, and only CRDs; with \
                    `crds = \"skip\"` it leaves all of it alone";
        problem(entry, finding.clone(), hint)
    });
    let unclear = unclear(entry, chart, scope, environment).into_iter();
    unclear.chain(findings).collect()
}

/// Values decide which subcharts are in use: then all of them have to be understood.
fn unclear(
    entry: &stack::Chart,
    chart: &Chart,
    scope: &Scope,
    environment: Option<&EnvironmentName>,
) -> Option<Problem> {
    if !chart.crds_depend_on_values() {
        return None;
    }
    let error = entry.values.explain(scope, environment).err()?;
    let message = format!("which CRDs it brings depends on its values: {error}");
    let hint = "with `crds = \"skip\"` its CRDs are left to others";
    Some(problem(entry, message, hint))
}

fn unplanned(entry: &stack::Chart, chart: &Chart, planned: &BTreeSet<String>) -> Option<Problem> {
    let names = chart.crds.iter().map(|crd| crd.name.as_str());
    let unplanned: Vec<&str> = names.filter(|name| !planned.contains(*name)).collect();
    let message = || {
        format!(
            "its values bring CRDs that the plan does not know of: {}",
            unplanned.join(", ")
        )
    };
    let hint = "the condition of a subchart depends on what only a command tells, and plans \
                run none: say it in the stack file or with --input";
    (!unplanned.is_empty()).then(|| problem(entry, message(), hint))
}
