//! Everything that can be judged before the first change, for all charts of the run at once.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fs::File,
    path::PathBuf,
};

use futures::TryFutureExt as _;
use tokio::{join, try_join};

use super::{
    Problem, RunError, Session, check::Library, crds, fitness, namespaces, rehearsal,
    render::Renderer, rights, values::unmade,
};
use crate::{
    chart,
    diagnostic::Diagnostic,
    name::{Action, ChartName, Direction, ReleaseStatus},
    plan::{Node, Plan},
    release::manifest_objects,
    stack::{self, Composed, ExpandError, FailurePolicy, Scope, ValuesError},
};

/// Kinds whose loss is the user's to decide: data, other people's objects.
const PRECIOUS: [&str; 3] = [
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "Namespace",
];

/// Looks at every chart of the plan; no chart is installed or upgraded without a renderer. The charts
/// as they were fetched, or everything that is wrong.
pub(super) async fn run(
    session: &Session,
    plan: &Plan,
    scope: &Scope,
    renderer: Option<&Renderer<'_>>,
) -> Result<BTreeMap<ChartName, chart::Chart>, RunError> {
    let deployed = || {
        let entries = charts_of(plan).filter(|node| node.action.executes());
        entries.filter_map(|node| session.stack.charts.get(&node.key.chart))
    };
    // A chart whose release is in the way may still bring its CRDs.
    let mut seen = BTreeSet::new();
    let read = plan.nodes.iter().filter(|node| node.action.deploys());
    let names = read.map(|node| &node.key.chart);
    let names = names.filter(|name| seen.insert(*name));
    let read = names.filter_map(|name| session.stack.charts.get(name));
    let fetched = session.gathered().local;
    let (mut charts, findings) = Library::new(&fetched).under(scope).open_all(read);
    let installed = installed(session, deployed()).await?;
    let (sound, mut problems) = sound(deployed(), findings, (scope, &installed));
    let unhooked = sound.iter().filter(|(entry, composed)| {
        let chart = charts.get(&entry.name);
        // The others are rendered, which tells it better.
        composed.is_none() && chart.is_some_and(|chart| !chart.hooks.any)
    });
    let unhooked = unhooked.map(|(entry, _)| &entry.name);
    let rehearsal = session.settings.sandbox.as_ref();
    let unhooked = unhooked.filter(|name| rehearsal.is_some_and(|it| it.fails_hook_of(name)));
    problems.extend(unhooked.map(rehearsal::no_hook));
    let sound = sound.into_iter();
    let sound = sound.filter_map(|(entry, composed)| Some((entry, composed?)));
    let sound = sound.collect();
    let (cluster, stack) = (&session.cluster, &*session.stack);
    let asked = async {
        try_join!(
            rights::problems(cluster, stack, plan, session.settings.no_lock)
                .map_err(RunError::from),
            namespaces::problems(cluster, stack, plan).map_err(RunError::from),
            data_at_risk(session, plan)
        )
    };
    // Helm keeps the processors busy, the API server answers meanwhile.
    let rendering = async {
        match renderer {
            Some(renderer) => renderer.render_all(&mut charts, sound).await,
            None => Vec::new(),
        }
    };
    let (unfit, answers) = join!(rendering, asked);
    let (denied, obstructed, at_risk) = answers?;
    problems.extend(unfit);
    let helm = renderer.map(|renderer| renderer.helm);
    problems.extend(helm.map_or_else(Vec::new, |helm| fitness::problems(deployed(), helm)));
    let goes_on = stack.settings.failure_policy == FailurePolicy::Continue
        || plan.direction == Direction::Rollback;
    if !goes_on {
        problems.extend(charts_of(plan).filter_map(blocked));
    }
    problems.extend(crds::problems(stack, plan, scope, &charts));
    problems.extend(denied.into_iter().chain(obstructed).chain(at_risk));
    if problems.is_empty() {
        Ok(charts)
    } else {
        Err(RunError::Preflight(problems))
    }
}

/// Of the entries whose values depend on it, those with a release that is `deployed`.
async fn installed(
    session: &Session,
    entries: impl Iterator<Item = &stack::Chart>,
) -> Result<BTreeSet<ChartName>, RunError> {
    let mut installed = BTreeSet::new();
    for entry in entries.filter(|entry| entry.values.are_conditional()) {
        let history = session.releases.history(&entry.release).await?;
        let mut statuses = history.iter().map(|revision| revision.status);
        if statuses.any(|status| status == ReleaseStatus::Deployed) {
            installed.insert(entry.name.clone());
        }
    }
    Ok(installed)
}

/// The plan's charts, without the nodes of their CRDs.
fn charts_of(plan: &Plan) -> impl Iterator<Item = &Node> {
    plan.nodes.iter().filter(|node| !node.key.is_crds())
}

/// The entries with their values, as [`values`]; as problems, those that cannot be made, and what
/// was found wrong with charts when they were opened. `installed`: see [`Scope::installed`].
pub(super) fn sound<'e>(
    entries: impl Iterator<Item = &'e stack::Chart>,
    findings: Vec<(ChartName, Diagnostic)>,
    (scope, installed): (&Scope, &BTreeSet<ChartName>),
) -> (Vec<(&'e stack::Chart, Option<Composed>)>, Vec<Problem>) {
    let problem = |(chart, finding): (ChartName, Diagnostic)| Problem {
        chart: Some(chart),
        message: finding.message,
        hint: finding.help.into_iter().next(),
    };
    let mut problems: Vec<Problem> = findings.into_iter().map(problem).collect();
    let mut sound = Vec::new();
    for entry in entries {
        let mut scope = Cow::Borrowed(scope);
        if installed.contains(&entry.name) {
            scope.to_mut().installed = true;
        }
        match values(entry, &scope) {
            Ok(composed) => sound.push((entry, composed)),
            Err(wrong) => problems.extend(wrong),
        }
    }
    (sound, problems)
}

/// The values of a chart; `None` if they hold something that is known only when its turn comes: it
/// is not rendered beforehand.
pub(super) fn values(
    entry: &stack::Chart,
    scope: &Scope,
) -> Result<Option<Composed>, Vec<Problem>> {
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
        Ok(composed) if problems.is_empty() => return Ok(Some(composed)),
        Err(ValuesError::Expand(ExpandError::Late { .. })) if problems.is_empty() => {
            return Ok(None);
        }
        Ok(_) | Err(ValuesError::Expand(ExpandError::Late { .. })) => {}
        Err(error) => problems.push(problem(unmade(&error))),
    }
    Err(problems)
}

/// Unless others go on, a chart that is known to fail would only leave the run half done.
fn blocked(node: &Node) -> Option<Problem> {
    (node.action == Action::Blocked).then(|| Problem {
        chart: Some(node.key.chart.clone()),
        message: node.reason.clone(),
        hint: None,
    })
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
