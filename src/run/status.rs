//! What is installed of a stack, chart by chart.

use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use serde::Serialize;

use super::{
    PlanRequest, RunError, Session, check::Library, fetch, ownership::owner, session::select,
};
use crate::{
    graph::Graph,
    lifecycle,
    name::{ChartName, Namespace, ReleaseName, ReleaseStatus},
};

/// Payloads fetched at once.
const AT_ONCE: usize = 8;

/// Where a release stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// There is no release.
    NotInstalled,
    /// There is one, in Helm's words.
    #[serde(untagged)]
    Helm(ReleaseStatus),
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotInstalled => f.pad("not-installed"),
            Self::Helm(status) => status.fmt(f),
        }
    }
}

/// One chart of the stack.
#[derive(Debug, Clone, Serialize)]
pub struct StatusRow {
    /// The chart.
    pub chart: ChartName,
    /// Its release.
    pub release: ReleaseName,
    /// Where.
    pub namespace: Namespace,
    /// Newest revision.
    pub revision: Option<u32>,
    /// Where it stands.
    pub state: State,
    /// Version of the installed chart.
    pub installed: Option<String>,
    /// Version of the chart the stack names, if it is on this machine.
    pub wanted: Option<String>,
    /// The other stack, or other environment of this one, it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When the newest revision was made.
    pub updated: Option<Timestamp>,
}

impl Session {
    /// The state of every selected chart, in the order of the file: one LIST, and one GET for each
    /// release whose labels do not tell the version of its chart.
    pub async fn status(&self, request: &PlanRequest) -> Result<Vec<StatusRow>, RunError> {
        let selection = select(&Graph::new(&self.stack), request)?;
        let entries = || {
            selection
                .charts()
                .iter()
                .filter_map(|name| self.stack.charts.get(name))
        };
        let listed = self.releases.list(&self.namespaces()).await?;
        let cached = fetch::cached(&self.stack, &self.settings, entries(), &self.redactor).await;
        let (charts, _) = Library::new(&cached).open_all(entries());
        let rows = futures::stream::iter(entries())
            .map(|chart| {
                let last = listed
                    .get(&chart.release)
                    .and_then(|history| history.last());
                let wanted = charts
                    .get(&chart.name)
                    .map(|chart| chart.version.to_string());
                async move {
                    let mut row = StatusRow {
                        chart: chart.name.clone(),
                        release: chart.release.name.clone(),
                        namespace: chart.release.namespace.clone(),
                        revision: None,
                        state: State::NotInstalled,
                        installed: None,
                        wanted,
                        owner: last.and_then(|last| owner(&self.stack, last)),
                        updated: None,
                    };
                    let Some(last) = last else {
                        return Ok::<_, RunError>(row);
                    };
                    row.revision = Some(last.revision);
                    row.state = State::Helm(last.status);
                    row.updated = last.created;
                    row.installed = if let Some(version) = lifecycle::observed(last).chart_version {
                        Some(version.to_string())
                    } else {
                        let record = self.releases.get(&chart.release, last.revision).await?;
                        record.map(|record| record.chart_version().to_owned())
                    };
                    Ok(row)
                }
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(rows)
    }
}
