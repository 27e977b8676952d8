//! A plan for programs.
//!
//! ```json
//! {"stack":"…","environment":"…","direction":"up","context":"…","waves":[["db"],["web"]],
//!  "charts":[{"name":"web","release":"web","namespace":"shop","chart":"./charts/web",
//!    "version":"1.2.3","action":"install","reason":"not installed",
//!    "needs":[{"chart":"db","until":"validated"}],"wave":1}],
//!  "critical_path":["db","web"],"expected_ms":61000,"warnings":[],"kept_crds":[]}
//! ```
//! `environment`, `context` and `version` are null when there is none or it is not known, and so is
//! `expected_ms`, how long the critical path takes as earlier runs tell; waves count from 0; `needs`
//! is all that a chart waits for in this run, `after` included (on the way down: until `gone`). The
//! CRDs of a chart are an entry of their own, named `web:crds`, which has one key more:
//! `"crds":["…"]`, their names. `kept_crds` are those that a way down leaves.

use serde::Serialize;

use super::{Node, NodeIx, Plan};
use crate::name::{
    Action, Direction, EnvironmentName, Milestone, Namespace, NodeName, ReleaseName, StackName,
};

/// The plan as one JSON document, indented, ending with a line end.
pub fn json(plan: &Plan) -> String {
    let name = |&ix: &NodeIx| &plan.node(ix).key;
    let n_waves = plan.nodes.last().map_or(0, |last| last.wave + 1);
    let mut waves = vec![Vec::new(); n_waves];
    for node in &plan.nodes {
        waves[node.wave].push(&node.key);
    }
    let document = Document {
        stack: &plan.stack,
        environment: plan.environment.as_ref(),
        direction: plan.direction,
        context: plan.context.as_deref(),
        waves,
        charts: plan.nodes.iter().map(|node| chart(plan, node)).collect(),
        critical_path: plan.critical_path.iter().map(name).collect(),
        expected_ms: plan.expected_ms,
        warnings: &plan.warnings,
        kept_crds: plan.kept_crds.iter().map(|crd| crd.name.as_str()).collect(),
    };
    let text = serde_json::to_string_pretty(&document);
    text.expect("texts and numbers are always JSON") + "\n"
}

#[derive(Serialize)]
struct Document<'a> {
    stack: &'a StackName,
    environment: Option<&'a EnvironmentName>,
    direction: Direction,
    context: Option<&'a str>,
    waves: Vec<Vec<&'a NodeName>>,
    charts: Vec<Row<'a>>,
    critical_path: Vec<&'a NodeName>,
    expected_ms: Option<u64>,
    warnings: &'a [String],
    kept_crds: Vec<&'a str>,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a NodeName,
    release: &'a ReleaseName,
    namespace: &'a Namespace,
    chart: &'a str,
    version: Option<&'a str>,
    action: Action,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    crds: Option<&'a [String]>,
    needs: Vec<Need<'a>>,
    wave: usize,
}

#[derive(Serialize)]
struct Need<'a> {
    chart: &'a NodeName,
    until: Milestone,
}

fn chart<'a>(plan: &'a Plan, node: &'a Node) -> Row<'a> {
    let needs = node.waits.iter().map(|wait| Need {
        chart: &plan.node(wait.on).key,
        until: wait.until,
    });
    Row {
        name: &node.key,
        release: &node.release.name,
        namespace: &node.release.namespace,
        chart: &node.chart,
        version: node.version.as_deref(),
        action: node.action,
        reason: &node.reason,
        crds: node.key.is_crds().then_some(&node.crds),
        needs: needs.collect(),
        wave: node.wave,
    }
}
