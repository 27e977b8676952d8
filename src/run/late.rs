//! Charts that are fetched while the run is under way, judged as preflight judges all others.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use async_trait::async_trait;

use super::{
    Problem, Settings,
    check::Library,
    crds,
    fetch::{FetchWatch, Fetching, Local},
    preflight,
    render::Renderer,
};
use crate::{
    chart::{Chart, FetchError},
    helm::{Helm, Surroundings},
    lifecycle::{LateChart, LateCharts, StepError},
    name::{ChartName, EnvironmentName},
    secret::Redactor,
    shutdown::Shutdown,
    stack::{self, Scope},
};

/// What late charts are fetched and judged with.
pub(super) struct Late {
    pub(super) fetching: Arc<Fetching>,
    pub(super) settings: Settings,
    pub(super) environment: Option<EnvironmentName>,
    pub(super) scope: Scope,
    pub(super) helm: Helm,
    pub(super) surroundings: Surroundings,
    pub(super) kube_version: String,
    pub(super) redactor: Redactor,
    pub(super) shutdown: Shutdown,
    /// The charts that preflight opened: their CRDs make kinds.
    pub(super) others: BTreeMap<ChartName, Chart>,
    /// CRDs that have nodes.
    pub(super) planned: BTreeSet<String>,
}

#[async_trait]
impl LateCharts for Late {
    async fn fetch(
        &self,
        chart: &stack::Chart,
        watch: FetchWatch<'_>,
    ) -> Result<PathBuf, FetchError> {
        self.fetching.one(chart, &self.settings, watch).await
    }

    async fn open(&self, entry: &stack::Chart, path: PathBuf) -> Result<LateChart, StepError> {
        let local = Local::from([(entry.name.clone(), path)]);
        let (opened, findings) = Library::new(&local).under(&self.scope).open_all([entry]);
        if let Some((_, finding)) = findings.into_iter().next() {
            return Err(StepError::new(finding.message));
        }
        let mut charts = self.others.clone();
        charts.extend(opened);
        let composed =
            preflight::values(entry, &self.scope).map_err(|problems| failure(&problems))?;
        let renderer = Renderer {
            helm: &self.helm,
            surroundings: &self.surroundings,
            shutdown: &self.shutdown,
            redactor: &self.redactor,
            kube_version: Some(&self.kube_version),
            include_crds: false,
            rehearsal: self.settings.sandbox.as_ref(),
            at_once: 1,
        };
        let mut problems = renderer
            .render_all(
                &mut charts,
                composed.map(|values| (entry, values)).into_iter().collect(),
            )
            .await;
        let chart = charts.remove(&entry.name);
        let chart = chart.ok_or_else(|| StepError::new("the chart was not fetched"))?;
        let names = chart.crds.iter().map(|crd| crd.name.clone());
        let (brought, crds) = if entry.brings_crds() {
            let environment = self.environment.as_ref();
            problems.extend(crds::unusable(entry, &chart, &self.scope, environment));
            names.partition(|name| self.planned.contains(name))
        } else {
            (Vec::new(), Vec::new())
        };
        if !problems.is_empty() {
            return Err(failure(&problems));
        }
        Ok(LateChart {
            chart,
            crds,
            brought,
        })
    }
}

/// Problems of one chart as the failure of a step: the first one, with the others as causes.
fn failure(problems: &[Problem]) -> StepError {
    let said: Vec<&str> = problems
        .iter()
        .flat_map(|problem| problem.message.lines())
        .collect();
    let error = StepError::new(said.first().copied().unwrap_or_default());
    let error = said.iter().skip(1).fold(error, StepError::cause);
    let hints = problems.iter().filter_map(|problem| problem.hint.clone());
    hints.fold(error, StepError::hint)
}
