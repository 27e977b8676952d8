//! `stackctl fetch`, and how fetching shows.

use std::collections::BTreeSet;

use super::common;
use crate::{
    cli::{
        console::{Console, UsageError},
        exit::ExitCode,
        output,
        settings::{ClusterSettings, FetchSettings, Verbosity},
    },
    name::ChartName,
    report::{Align, Table},
    run::{self, FetchProgress, FetchRequest, FetchStep, Move, Resolved, Settings},
    stack::{Overrides, Stack},
};

/// Runs the command.
pub(super) async fn run(settings: FetchSettings, console: &Console) -> anyhow::Result<ExitCode> {
    let stack = common::load(&settings.stack, Overrides::default(), console)?;
    let request = FetchRequest {
        moves: moves(&settings, &stack)?,
        late: settings.late,
    };
    let session = Settings {
        frozen: settings.frozen,
        ..common::session_settings(&settings.stack, &ClusterSettings::default(), console)?
    };
    let mut watch = |progress: FetchProgress| show(&progress, console);
    let resolved = run::fetch(&stack, &session, request, &console.redactor, &mut watch).await?;
    output::print(&table(&stack, &resolved))?;
    if console.verbosity != Verbosity::Quiet && !settings.frozen {
        if !resolved.later.is_empty() {
            let names: Vec<&str> = resolved.later.iter().map(ChartName::as_str).collect();
            console.say(&format!(
                "left for later: {} (`fetch = \"late\"`); with --late they are fetched now",
                names.join(", ")
            ));
        }
        let file = &resolved.lock_file;
        match (resolved.written, file.exists()) {
            (true, _) => console.say(&format!("wrote {}", file.display())),
            (false, true) => console.say(&format!("kept {}", file.display())),
            (false, false) => console.say("no chart comes from elsewhere: nothing to lock"),
        }
    }
    Ok(ExitCode::Success)
}

fn moves(settings: &FetchSettings, stack: &Stack) -> Result<Move, UsageError> {
    let unknown = settings
        .charts
        .iter()
        .find(|name| !stack.charts.contains_key(*name));
    if let Some(name) = unknown {
        return Err(UsageError(format!("the stack has no chart `{name}`")));
    }
    Ok(match (settings.update, settings.charts.is_empty()) {
        (false, _) => Move::Nothing,
        (true, true) => Move::All,
        (true, false) => {
            let charts: BTreeSet<ChartName> = settings.charts.iter().cloned().collect();
            Move::Charts(charts)
        }
    })
}

fn table(stack: &Stack, resolved: &Resolved) -> String {
    let mut table = Table::new(&[
        ("CHART", Align::Left),
        ("VERSION", Align::Left),
        ("SOURCE", Align::Left),
        ("DIGEST", Align::Left),
    ]);
    for (name, chart) in &stack.charts {
        if let Some(local) = resolved.charts.get(name) {
            table.row([
                name.to_string(),
                local.version.clone(),
                chart.source.to_string(),
                local.digest.clone(),
            ]);
        }
    }
    table.render()
}

/// One line for each chart that came over the network, and for what holds one up.
pub(super) fn show(progress: &FetchProgress, console: &Console) {
    if console.verbosity == Verbosity::Quiet {
        return;
    }
    let chart = &progress.chart;
    match &progress.step {
        FetchStep::Done {
            version,
            downloaded: true,
        } => console.say(&format!("fetched {chart} {version}")),
        FetchStep::Retrying { reason, pause } => console.say(&format!(
            "fetching {chart}: {reason}; again in {:.1} s",
            pause.as_secs_f64()
        )),
        FetchStep::Resolving
        | FetchStep::Downloading { .. }
        | FetchStep::Done { .. }
        | FetchStep::Failed => {}
    }
}
