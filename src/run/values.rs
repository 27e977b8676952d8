//! What Helm gets as values of one chart, for people.

use super::{FetchWatch, PlanRequest, Problem, RunError, Settings, check::Library, fetch, select};
use crate::{
    chart::{self, Chart},
    graph::Graph,
    inputs,
    name::{ChartName, Direction},
    secret::Redactor,
    shutdown::{Level, Shutdown},
    stack::{self, ChartSource, Explained, Scope, Stack},
};

/// Composes the values of a chart as a run would: resolves the inputs they use and runs the
/// commands that are part of them. With `all` the chart's own values lie below, for which the chart
/// is fetched if it is not on this machine. What is secret is masked.
///
/// # Errors
/// The stack has no such chart; an input or command that gives no value; values that cannot be
/// made; a chart that cannot be had.
pub async fn values(
    stack: &Stack,
    settings: &Settings,
    name: &str,
    all: bool,
    (redactor, shutdown): (&Redactor, &Shutdown),
    watch: FetchWatch<'_>,
) -> Result<Explained, RunError> {
    let request = PlanRequest {
        charts: vec![name.to_owned()],
        ..PlanRequest::all(Direction::Up)
    };
    select(&Graph::new(stack), &request)?;
    let entry = &stack.charts[name];
    let wanted = |chart: &ChartName| *chart == entry.name;
    let scope = tokio::select! {
        scope = scope(stack, settings, wanted, (redactor, shutdown)) => scope?,
        () = shutdown.reached(Level::Drain) => return Err(RunError::Interrupted),
    };
    let failed = |message: String| {
        RunError::Charts(vec![Problem {
            chart: Some(entry.name.clone()),
            message,
            hint: None,
        }])
    };
    let explained = entry.values.explain(&scope, stack.environment.as_ref());
    let mut explained = explained.map_err(|error| failed(unmade(&error)))?;
    if all {
        let with = (redactor, watch);
        let found = fetch::for_run(stack, settings, [entry].into_iter(), &|_| true, with).await?;
        let (mut charts, findings) = Library::new(&found.local).open_all([entry]);
        if let Some((_, finding)) = findings.into_iter().next() {
            return Err(failed(finding.message));
        }
        let chart = charts.remove(&entry.name);
        let chart = chart.ok_or_else(|| failed("the chart was not fetched".to_owned()))?;
        let own = chart::values(&chart.path, &called(entry, &chart));
        let own = own.map_err(|error| failed(error.to_string()))?;
        explained = explained
            .over(&own)
            .map_err(|error| failed(unmade(&error)))?;
    }
    Ok(explained.masked(redactor))
}

/// What the values of some of the charts refer to. This runs commands of the file.
pub(super) async fn scope(
    stack: &Stack,
    settings: &Settings,
    wanted: impl Fn(&ChartName) -> bool,
    (redactor, shutdown): (&Redactor, &Shutdown),
) -> Result<Scope, RunError> {
    let given = settings.given(redactor, shutdown);
    let uses = stack.uses_of_values(wanted);
    Ok(inputs::resolve(stack, &uses, given).await?)
}

/// Why values cannot be made, with its cause.
pub(super) fn unmade(error: &stack::ValuesError) -> String {
    let cause = std::error::Error::source(error);
    let cause = cause.map_or(String::new(), |cause| format!(": {cause}"));
    format!("its values cannot be made: {error}{cause}")
}

/// A folder as the user knows it; what is packed or was fetched by name and version.
pub(super) fn called(entry: &stack::Chart, chart: &Chart) -> String {
    match &entry.source {
        ChartSource::Folder(path) => {
            let path = path.display().to_string();
            path.strip_prefix("./").unwrap_or(&path).to_owned()
        }
        _ => format!("{}-{}", chart.name, chart.version),
    }
}
