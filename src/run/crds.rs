//! What preflight asks of the CRDs of a run: that they can be applied, are the ones that were
//! planned, and that we may apply them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Problem, RunError, Session};
use crate::{
    chart::Chart,
    cluster::Access,
    name::{Action, ChartName},
    plan::{Node, Plan},
    stack::{self, Scope},
};

const RESOURCE: &str = "customresourcedefinitions";

/// Everything that is wrong with the CRDs that these charts bring.
pub(super) async fn problems(
    session: &Session,
    plan: &Plan,
    scope: &Scope,
    charts: &BTreeMap<ChartName, Chart>,
) -> Result<Vec<Problem>, RunError> {
    let planned = plan.nodes.iter().flat_map(|node| &node.crds);
    let planned: BTreeSet<&str> = planned.map(String::as_str).collect();
    let mut problems = Vec::new();
    for (name, chart) in charts {
        let entry = session.stack.charts.get(name);
        if let Some(entry) = entry.filter(|entry| entry.brings_crds()) {
            problems.extend(unclear(session, entry, chart, scope));
            problems.extend(wrong(entry, chart, &planned));
        }
    }
    problems.extend(rights(session, plan).await?);
    Ok(problems)
}

fn problem(entry: &stack::Chart, message: String, hint: &str) -> Problem {
    Problem {
        chart: Some(entry.name.clone()),
        message,
        hint: Some(hint.to_owned()),
    }
}

/// Values decide which subcharts are in use: then all of them have to be understood.
fn unclear(
    session: &Session,
    entry: &stack::Chart,
    chart: &Chart,
    scope: &Scope,
) -> Option<Problem> {
    if !chart.crds_depend_on_values() {
        return None;
    }
    let environment = session.stack.environment.as_ref();
    let error = entry.values.explain(scope, environment).err()?;
    let message = format!("which CRDs it brings depends on its values: {error}");
    let hint = "with `crds = \"skip\"` its CRDs are left to others";
    Some(problem(entry, message, hint))
}

fn wrong(entry: &stack::Chart, chart: &Chart, planned: &BTreeSet<&str>) -> Vec<Problem> {
    let findings = chart.crd_findings.iter().map(|finding| {
        let hint = "stackctl applies what is in crds/ itself, and only CRDs; with \
                    `crds = \"skip\"` it leaves all of it alone";
        problem(entry, finding.clone(), hint)
    });
    let names = chart.crds.iter().map(|crd| crd.name.as_str());
    let unplanned: Vec<&str> = names.filter(|name| !planned.contains(name)).collect();
    let late = (!unplanned.is_empty()).then(|| {
        let message = format!(
            "its values bring CRDs that the plan does not know of: {}",
            unplanned.join(", ")
        );
        let hint = "the condition of a subchart depends on what only a command tells, and plans \
                    run none: say it in the stack file or with --input";
        problem(entry, message, hint)
    });
    findings.chain(late).collect()
}

/// Whether we may do to CRDs what the plan says.
async fn rights(session: &Session, plan: &Plan) -> Result<Vec<Problem>, RunError> {
    let nodes = || plan.nodes.iter().filter(|node| node.key.is_crds());
    let applies = nodes().find(|node| node.action.deploys());
    let removes = nodes().find(|node| node.action == Action::Uninstall);
    let asked: [(Option<&Node>, &[&str]); 2] = [
        (applies, &["get", "create", "patch"]),
        (removes, &["get", "delete"]),
    ];
    let mut problems = Vec::new();
    for (node, verbs) in asked {
        let Some(node) = node else { continue };
        let mut denied = Vec::new();
        for verb in verbs.iter().copied() {
            let access = Access {
                verb,
                group: "apiextensions.k8s.io",
                resource: RESOURCE,
                namespace: None,
            };
            if !session.cluster.can(access).await? {
                denied.push(verb);
            }
        }
        if let [first, ..] = denied.as_slice() {
            problems.push(Problem {
                chart: Some(node.key.chart.clone()),
                message: format!("you may not {} {RESOURCE}", denied.join(", ")),
                hint: Some(format!(
                    "check with `kubectl auth can-i {first} {RESOURCE}`; with `crds = \"skip\"` \
                     CRDs are left to those who may"
                )),
            });
        }
    }
    Ok(problems)
}
