//! Everything that can be judged before the first change, for all charts of the run at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    path::PathBuf,
};

use futures::StreamExt as _;

use super::{Problem, RunError, Session, check::Library, crds, render::Renderer};
use crate::{
    chart,
    cluster::{Access, ClusterError},
    name::{Action, ChartName, Namespace},
    plan::{Node, Plan},
    release::manifest_objects,
    stack::{self, Composed, FailurePolicy, Scope},
};

/// Requests at once.
const AT_ONCE: usize = 8;

/// What Helm does with its records (`pkg/storage/driver/secrets.go`).
const VERBS: [&str; 4] = ["list", "create", "update", "delete"];

/// Kinds whose loss is the user's to decide: data, other people's objects.
const PRECIOUS: [&str; 3] = [
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "Namespace",
];

/// Looks at every chart of the plan. The charts as they were fetched, or everything that is wrong.
pub(super) async fn run(
    session: &Session,
    plan: &Plan,
    scope: &Scope,
    renderer: &Renderer<'_>,
) -> Result<BTreeMap<ChartName, chart::Chart>, RunError> {
    let mut problems = Vec::new();
    let deployed = || {
        let entries = charts_of(plan).filter(|node| node.action.deploys());
        entries.filter_map(|node| session.stack.charts.get(&node.key.chart))
    };
    // A chart whose release is in the way may still bring its CRDs.
    let mut seen = BTreeSet::new();
    let read = plan.nodes.iter().filter(|node| node.action.deploys());
    let names = read.map(|node| &node.key.chart);
    let names = names.filter(|name| seen.insert(*name));
    let read = names.filter_map(|name| session.stack.charts.get(name));
    let fetched = session.fetched();
    let (mut charts, findings) = Library::new(&fetched).under(scope).open_all(read);
    problems.extend(findings.into_iter().map(|(chart, finding)| Problem {
        chart: Some(chart),
        message: finding.message,
        hint: finding.help.into_iter().next(),
    }));
    let mut sound = Vec::new();
    for entry in deployed() {
        match values(entry, scope) {
            Ok(composed) => sound.push((entry, composed)),
            Err(wrong) => problems.extend(wrong),
        }
    }
    problems.extend(renderer.render_all(&mut charts, sound).await);
    if session.stack.settings.failure_policy == FailurePolicy::Stop {
        problems.extend(charts_of(plan).filter_map(blocked));
    }
    problems.extend(crds::problems(session, plan, scope, &charts).await?);
    problems.extend(rights(session, plan).await?);
    problems.extend(namespaces_on_their_way_out(session, plan).await?);
    problems.extend(data_at_risk(session, plan).await?);
    if problems.is_empty() {
        Ok(charts)
    } else {
        Err(RunError::Preflight(problems))
    }
}

/// The plan's charts, without the nodes of their CRDs.
fn charts_of(plan: &Plan) -> impl Iterator<Item = &Node> {
    plan.nodes.iter().filter(|node| !node.key.is_crds())
}

fn values(entry: &stack::Chart, scope: &Scope) -> Result<Composed, Vec<Problem>> {
    let problem = |message| Problem {
        chart: Some(entry.name.clone()),
        message,
        hint: None,
    };
    let unreadable = |file: &PathBuf| {
        let error = File::open(file).err()?;
        Some(problem(format!(
            "values file {} cannot be read: {error}",
            file.display()
        )))
    };
    let mut problems: Vec<Problem> = entry.values.files.iter().filter_map(unreadable).collect();
    match entry.values.compose(scope) {
        Ok(composed) if problems.is_empty() => return Ok(composed),
        Ok(_) => {}
        Err(error) => problems.push(problem(format!("its values cannot be made: {error}"))),
    }
    Err(problems)
}

/// With `stop`, a chart that is known to fail would only leave the run half done.
fn blocked(node: &Node) -> Option<Problem> {
    (node.action == Action::Blocked).then(|| Problem {
        chart: Some(node.key.chart.clone()),
        message: node.reason.clone(),
        hint: None,
    })
}

async fn rights(session: &Session, plan: &Plan) -> Result<Vec<Problem>, RunError> {
    let at_work = plan.nodes.iter().filter(|node| node.action != Action::Skip);
    let namespaces: BTreeSet<&Namespace> = at_work.map(|node| &node.release.namespace).collect();
    let asked = namespaces
        .into_iter()
        .flat_map(|ns| VERBS.map(|verb| (ns, verb)));
    let mut answers = futures::stream::iter(asked)
        .map(|(namespace, verb)| async move {
            let namespace_text = Some(namespace.as_str());
            let access = Access {
                verb,
                group: "",
                resource: "secrets",
                namespace: namespace_text,
            };
            session
                .cluster
                .can(access)
                .await
                .map(|allowed| (namespace, verb, allowed))
        })
        .buffered(AT_ONCE);
    let mut denied: BTreeMap<&Namespace, Vec<&str>> = BTreeMap::new();
    while let Some(answer) = answers.next().await {
        let (namespace, verb, allowed) = answer?;
        if !allowed {
            denied.entry(namespace).or_default().push(verb);
        }
    }
    Ok(denied.into_iter().map(no_right).collect())
}

fn no_right((namespace, verbs): (&Namespace, Vec<&str>)) -> Problem {
    let said = verbs.join(", ");
    Problem {
        chart: None,
        message: format!(
            "you may not {said} secrets in namespace {namespace}, where Helm keeps its records"
        ),
        hint: Some(format!(
            "check with `kubectl auth can-i {} secrets -n {namespace}`",
            verbs[0]
        )),
    }
}

/// Nothing can be made in a namespace that is being deleted.
async fn namespaces_on_their_way_out(
    session: &Session,
    plan: &Plan,
) -> Result<Vec<Problem>, RunError> {
    let deployed = plan.nodes.iter().filter(|node| node.action.deploys());
    let namespaces: BTreeSet<&Namespace> = deployed.map(|node| &node.release.namespace).collect();
    let mut answers = futures::stream::iter(namespaces)
        .map(
            |namespace| async move { (namespace, session.cluster.live_namespace(namespace).await) },
        )
        .buffered(AT_ONCE);
    let mut problems = Vec::new();
    while let Some((namespace, answer)) = answers.next().await {
        match answer {
            Ok(found) if found.as_ref().is_none_or(|it| it.leaving.is_none()) => {}
            Err(ClusterError::Forbidden { .. }) => {}
            Ok(_) => problems.push(Problem {
                chart: None,
                message: format!("namespace {namespace} is being deleted"),
                hint: Some(format!(
                    "wait until it is gone, or find out what holds it: kubectl get namespace {namespace} -o yaml"
                )),
            }),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(problems)
}

/// A reinstall removes what the release holds; for some kinds that needs consent.
async fn data_at_risk(session: &Session, plan: &Plan) -> Result<Vec<Problem>, RunError> {
    let mut problems = Vec::new();
    for node in plan
        .nodes
        .iter()
        .filter(|node| node.action == Action::Reinstall)
    {
        let Some(entry) = session.stack.charts.get(&node.key.chart) else {
            continue;
        };
        if entry
            .reinstall_below
            .as_ref()
            .is_none_or(|below| below.accept_data_loss)
        {
            continue;
        }
        let held = held_by(session, node).await?;
        if !held.is_empty() {
            problems.push(Problem {
                chart: Some(node.key.chart.clone()),
                message: format!("a reinstall would delete {}", held.join(", ")),
                hint: Some(
                    "if that is fine: reinstall_below = { version = …, accept_data_loss = true }"
                        .into(),
                ),
            });
        }
    }
    Ok(problems)
}

/// Precious objects of the release, but those that Helm keeps (`helm.sh/resource-policy: keep`).
async fn held_by(session: &Session, node: &Node) -> Result<Vec<String>, RunError> {
    let history = session.releases.history(&node.release).await?;
    let Some(last) = history.last() else {
        return Ok(Vec::new());
    };
    let Some(record) = session.releases.get(&node.release, last.revision).await? else {
        return Ok(Vec::new());
    };
    let objects = manifest_objects(record.manifest(), &node.release.namespace)?;
    let precious = objects
        .into_iter()
        .filter(|found| !found.keep && PRECIOUS.contains(&found.object.kind.as_str()));
    Ok(precious.map(|found| found.object.to_string()).collect())
}
