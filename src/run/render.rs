//! Renders every chart of a run before its first change: wrong values and broken templates are
//! found while nothing is half done, and what is rendered tells which hooks a chart really has.
//!
//! Rendered with `helm template`, without the cluster: kinds that earlier charts of the same run
//! bring are not there yet. Those of their CRDs are known all the same, and Helm is told. Still, a
//! template that fails is a finding only if it asks the cluster nothing; values that violate their
//! schema always are.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use futures::{StreamExt as _, stream::BoxStream};
use tokio::sync::Semaphore;

use super::{Problem, Rehearsal, rehearsal};
use crate::{
    chart::{Chart, Hooks},
    event::Stream,
    helm::{
        Aftermath, ApplyMode, Call, Cause, Helm, HelmError, Imagined, Operation, PostRenderer,
        Surroundings, Upgrade, WaitMode,
    },
    name::ChartName,
    secret::{Redactor, Secret},
    shutdown::Shutdown,
    stack::{self, Composed},
};

/// What rendering needs.
pub(super) struct Renderer<'a> {
    pub(super) helm: &'a Helm,
    pub(super) surroundings: &'a Surroundings,
    pub(super) shutdown: &'a Shutdown,
    pub(super) redactor: &'a Redactor,
    /// `v1.37.2`: of the cluster; without, Helm takes the one it was made for.
    pub(super) kube_version: Option<&'a str>,
    /// Also print the CRDs of `crds/`.
    pub(super) include_crds: bool,
    /// Helm processes at once; 0 = no limit.
    pub(super) at_once: usize,
    /// Whose hooks are to fail, in a rehearsal.
    pub(super) rehearsal: Option<&'a Rehearsal>,
}

impl Renderer<'_> {
    /// Renders the entries whose chart could be opened, with their values, several at once; adds
    /// the hooks found to the charts. What is wrong with them.
    pub(super) async fn render_all(
        &self,
        charts: &mut BTreeMap<ChartName, Chart>,
        entries: Vec<(&stack::Chart, Composed)>,
    ) -> Vec<Problem> {
        let mut rendered = self.each(charts, entries);
        let mut problems = Vec::new();
        while let Some((name, result)) = rendered.next().await {
            let Some(chart) = charts.get_mut(name) else {
                continue;
            };
            match result {
                Ok(text) => {
                    chart.hooks = chart.hooks.or(Hooks::in_text(&text));
                    if self.fails_hook_of(name) && !rehearsal::runs_hook(&text) {
                        problems.push(rehearsal::no_hook(name));
                    }
                }
                Err(error) if is_certain(&error, chart) => {
                    problems.push(self.problem(name, &error));
                }
                Err(error) => tracing::debug!(chart = %name, %error, "not rendered beforehand"),
            }
        }
        problems
    }

    /// Is a hook of the chart to fail?
    pub(super) fn fails_hook_of(&self, chart: &ChartName) -> bool {
        self.rehearsal.is_some_and(|it| it.fails_hook_of(chart))
    }

    /// What Helm makes of the entries whose chart could be opened, in their order, several at
    /// once. All charts count for which kinds there are.
    pub(super) fn each<'r>(
        &'r self,
        charts: &BTreeMap<ChartName, Chart>,
        entries: Vec<(&'r stack::Chart, Composed)>,
    ) -> BoxStream<'r, (&'r ChartName, Result<String, HelmError>)> {
        let n_entries = entries.len().max(1);
        // None waits for one before it, whose turn it is to be told of.
        let slots = Arc::new(Semaphore::new(match self.at_once {
            0 => n_entries,
            at_once => at_once,
        }));
        let api_versions: Arc<[String]> = api_versions(charts.values()).into();
        let mut rendering = Vec::new();
        for (entry, values) in entries {
            if let Some(chart) = charts.get(&entry.name) {
                let (path, api_versions) = (chart.path.clone(), Arc::clone(&api_versions));
                let slots = Arc::clone(&slots);
                rendering.push(async move {
                    let _slot = slots.acquire().await;
                    let rendered = self.render(entry, path, values, &api_versions);
                    (&entry.name, rendered.await)
                });
            }
        }
        futures::stream::iter(rendering).buffered(n_entries).boxed()
    }

    async fn render(
        &self,
        entry: &stack::Chart,
        chart: PathBuf,
        values: Composed,
        api_versions: &[String],
    ) -> Result<String, HelmError> {
        let post_renderer = entry.post_renderer.as_ref().map(|said| {
            let name = entry.name.as_str();
            PostRenderer::make(self.surroundings, name, &said.words, &said.dir)
        });
        let post_renderer = post_renderer.transpose().map_err(|error| HelmError {
            operation: Operation::Template,
            release: entry.release.clone(),
            cause: Cause::NotStarted,
            aftermath: Aftermath::Untouched,
            words: vec![format!("the post-renderer cannot be written: {error}")],
        })?;
        let upgrade = Upgrade {
            release: entry.release.clone(),
            is_first: false,
            chart,
            values_files: values.files,
            values: Secret::new(values.document.to_string()),
            timeout: entry.timeout,
            wait: WaitMode::None,
            history_max: entry.history_max,
            labels: BTreeMap::new(),
            mode: ApplyMode::Auto,
            take_ownership: false,
            skip_schema_validation: entry.apply.skip_schema_validation,
            post_renderer,
        };
        let call = Call {
            surroundings: self.surroundings,
            shutdown: self.shutdown,
            at_most: None,
            on_line: &mut |_: Stream, _: &str| (),
        };
        let cluster = Imagined {
            kube_version: self.kube_version,
            api_versions,
            include_crds: self.include_crds,
        };
        self.helm.template(call, &upgrade, cluster).await
    }

    pub(super) fn problem(&self, name: &ChartName, error: &HelmError) -> Problem {
        let words = self.redactor.redact(&error.words.join("\n")).into_string();
        Problem {
            chart: Some(name.clone()),
            message: format!("{}: {words}", error.cause),
            hint: error.cause.hint().map(str::to_owned),
        }
    }
}

/// What the CRDs of these charts make the cluster serve, as Helm's `.Capabilities.APIVersions`
/// names it: `GROUP/VERSION` and `GROUP/VERSION/KIND`, sorted.
fn api_versions<'a>(charts: impl Iterator<Item = &'a Chart>) -> Vec<String> {
    let mut served = BTreeSet::new();
    for crd in charts.flat_map(|chart| &chart.crds) {
        for version in &crd.versions {
            served.insert(format!("{}/{version}", crd.group));
            served.insert(format!("{}/{version}/{}", crd.group, crd.kind));
        }
    }
    served.into_iter().collect()
}

/// Whether the same would happen at the chart's turn. What says nothing of the chart does not count:
/// helm that was ended, or not understood.
fn is_certain(error: &HelmError, chart: &Chart) -> bool {
    match error.cause {
        Cause::Interrupted
        | Cause::TimedOut
        | Cause::Killed
        | Cause::NotStarted
        | Cause::BadAnswer => false,
        Cause::ValuesSchema
        | Cause::Values
        | Cause::Dependencies
        | Cause::KubeVersion
        | Cause::ChartMissing => true,
        _ => !chart.looks_around,
    }
}
