//! What Helm would make of a stack's charts, without a cluster: rendered, and written to files.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use futures::StreamExt as _;
use tempfile::NamedTempFile;

use super::{
    FetchWatch, PlanRequest, Problem, RunError, Settings, check::Library,
    execute::default_concurrency, fetch, helm::find_helm, offline_plan, preflight, private,
    render::Renderer, values,
};
use crate::{
    chart::Chart,
    helm::Surroundings,
    name::ChartName,
    secret::Redactor,
    shutdown::{Level, Shutdown},
    stack::{self, Stack},
};

/// What is to be rendered, and how.
#[derive(Debug, Clone)]
pub struct RenderRequest {
    /// Which charts. Its direction does not matter.
    pub selection: PlanRequest,
    /// Also the CRDs of `crds/`.
    pub include_crds: bool,
    /// As if the cluster were of this Kubernetes version; else the one that Helm was made for.
    pub kube_version: Option<String>,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifests {
    /// The manifests by chart, in the order of the graph. They hold the secrets of values.
    pub charts: Vec<(ChartName, String)>,
    /// Charts that were selected and that `up` would not install.
    pub left_out: Vec<ChartName>,
    /// Charts that were selected, but not named, and that a run fetches late.
    pub late: Vec<ChartName>,
}

/// Renders the charts of a stack that `up` would install, as `helm template` does, with their
/// values. Charts are fetched, inputs resolved and commands run as for a run; no cluster is asked.
/// A chart that a run fetches late is fetched now if it is named.
///
/// # Errors
/// All charts that cannot be had, or that Helm refuses, in Helm's words.
pub async fn render(
    stack: &Stack,
    settings: &Settings,
    request: &RenderRequest,
    (redactor, shutdown): (&Redactor, &Shutdown),
    watch: FetchWatch<'_>,
) -> Result<Manifests, RunError> {
    tokio::select! {
        done = rendered(stack, settings, request, (redactor, shutdown), watch) => done,
        () = shutdown.reached(Level::Drain) => Err(RunError::Interrupted),
    }
}

async fn rendered(
    stack: &Stack,
    settings: &Settings,
    request: &RenderRequest,
    (redactor, shutdown): (&Redactor, &Shutdown),
    watch: FetchWatch<'_>,
) -> Result<Manifests, RunError> {
    let plan = offline_plan(stack, settings, &request.selection).await?;
    let nodes = plan.nodes.iter().filter(|node| !node.key.is_crds());
    let (deployed, left_out): (Vec<_>, Vec<_>) = nodes.partition(|node| node.action.deploys());
    let names = |nodes: Vec<&crate::plan::Node>| -> Vec<ChartName> {
        nodes
            .into_iter()
            .map(|node| node.key.chart.clone())
            .collect()
    };
    let (wanted, left_out) = (names(deployed), names(left_out));
    let entries = || wanted.iter().filter_map(|name| stack.charts.get(name));
    let helm = find_helm(stack, settings, shutdown, &mut |_| ()).await?;
    let asked_for = &request.selection.charts;
    let is_named = |entry: &stack::Chart| asked_for.iter().any(|name| *name == entry.name.as_str());
    let with = (redactor, watch);
    let found = fetch::for_run(stack, settings, entries(), &is_named, with).await?;
    let late: Vec<ChartName> = found.late.into_keys().collect();
    let is_late = |entry: &&stack::Chart| late.contains(&entry.name);
    let entries = || entries().filter(|entry| !is_late(entry));
    let is_wanted = |name: &ChartName| entries().any(|entry| entry.name == *name);
    let scope = values::scope(stack, settings, is_wanted, (redactor, shutdown)).await?;
    let (mut charts, findings) = Library::new(&found.local).under(&scope).open_all(entries());
    charts.extend(others(stack, settings, is_wanted, redactor).await);
    let (composed, mut problems) =
        preflight::sound(entries(), findings, (&scope, &BTreeSet::new()));
    let mut sound = Vec::new();
    for (entry, composed) in composed {
        match composed {
            Some(composed) => sound.push((entry, composed)),
            None => problems.push(Problem {
                chart: Some(entry.name.clone()),
                message: "its values refer to what only a run reads from the cluster".to_owned(),
                hint: Some("name the charts to render, without it".to_owned()),
            }),
        }
    }
    let private = private::folder(settings)?;
    let surroundings = Surroundings {
        env: settings.env.clone(),
        // There is none: `helm template` asks nobody.
        kubeconfig: private.path().join("kubeconfig"),
        cache: private.path().join("cache"),
    };
    let renderer = Renderer {
        helm: &helm,
        surroundings: &surroundings,
        shutdown,
        redactor,
        kube_version: request.kube_version.as_deref(),
        include_crds: request.include_crds,
        rehearsal: None,
        at_once: stack
            .settings
            .concurrency
            .unwrap_or_else(default_concurrency),
    };
    let mut manifests = Vec::new();
    let mut each = renderer.each(&charts, sound);
    while let Some((name, result)) = each.next().await {
        match result {
            Ok(text) => manifests.push((name.clone(), text)),
            Err(error) => problems.push(renderer.problem(name, &error)),
        }
    }
    drop(each);
    if problems.is_empty() {
        Ok(Manifests {
            charts: manifests,
            left_out,
            late,
        })
    } else {
        Err(RunError::Charts(problems))
    }
}

/// The charts that are not rendered, as far as they are on this machine: their CRDs make kinds
/// that others may ask for.
async fn others(
    stack: &Stack,
    settings: &Settings,
    is_wanted: impl Fn(&ChartName) -> bool,
    redactor: &Redactor,
) -> BTreeMap<ChartName, Chart> {
    let entries = || {
        stack
            .charts
            .values()
            .filter(|entry| !is_wanted(&entry.name))
    };
    let cached = fetch::cached(stack, settings, entries(), redactor).await;
    let (charts, _) = Library::new(&cached).open_all(entries());
    charts
}

/// Writes one file a chart, `CHART.yaml`, that nobody else may read. All of them are written
/// before the first takes the place of an older one, so that none is ever half there.
///
/// # Errors
/// The folder or a file of it cannot be written.
pub fn write_manifests(
    folder: &Path,
    manifests: &[(ChartName, String)],
) -> Result<Vec<PathBuf>, RunError> {
    let failed = |path: &Path, source: io::Error| RunError::Write {
        path: path.to_owned(),
        source,
    };
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    let mut written: Vec<(PathBuf, NamedTempFile)> = Vec::new();
    for (chart, manifest) in manifests {
        let mut file = NamedTempFile::new_in(folder).map_err(|error| failed(folder, error))?;
        let path = folder.join(format!("{chart}.yaml"));
        let done = file.write_all(manifest.as_bytes());
        done.map_err(|error| failed(&path, error))?;
        written.push((path, file));
    }
    let place = |(path, file): (PathBuf, NamedTempFile)| match file.persist(&path) {
        Ok(_) => Ok(path),
        Err(error) => Err(failed(&path, error.error)),
    };
    written.into_iter().map(place).collect()
}
