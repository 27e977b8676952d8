//! `stackctl status`.

use jiff::Timestamp;

use super::common;
use crate::{
    cli::{
        console::Console,
        exit::ExitCode,
        output,
        settings::{OutputFormat, StatusSettings, Verbosity},
    },
    name::{Direction, identity},
    plan::Removal,
    report::{Align, Table, age},
    run::StatusRow,
    stack::Overrides,
};

/// Runs the command.
pub(super) async fn run(settings: StatusSettings, console: &Console) -> anyhow::Result<ExitCode> {
    let stack = common::load(&settings.stack, Overrides::default(), console)?;
    let session = common::session_settings(&settings.stack, &settings.cluster, console)?;
    let session = common::open(stack, session, console).await?;
    let request = common::request(&settings.selection, Direction::Up, Removal::default());
    let rows = session.status(&request).await?;
    match settings.output {
        OutputFormat::Json => {
            output::print(&format!("{}\n", serde_json::to_string_pretty(&rows)?))?;
        }
        OutputFormat::Table => {
            let stack = session.stack();
            if stack.environment.is_some() && console.verbosity != Verbosity::Quiet {
                console.say(&identity(&stack.name, stack.environment.as_ref()));
            }
            output::print(&table(&rows, Timestamp::now()))?;
        }
    }
    Ok(ExitCode::Success)
}

fn table(rows: &[StatusRow], now: Timestamp) -> String {
    let mut table = Table::new(&[
        ("RELEASE", Align::Left),
        ("NAMESPACE", Align::Left),
        ("REVISION", Align::Right),
        ("STATE", Align::Left),
        ("INSTALLED", Align::Left),
        ("WANTED", Align::Left),
        ("AGE", Align::Right),
    ]);
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    for row in rows {
        table.row([
            row.release.to_string(),
            row.namespace.to_string(),
            or_dash(row.revision.map(|revision| revision.to_string())),
            match &row.owner {
                Some(owner) => format!("{}, of {owner}", row.state),
                None => row.state.to_string(),
            },
            or_dash(row.installed.clone()),
            or_dash(row.wanted.clone()),
            or_dash(row.updated.map(|time| age(time, now))),
        ]);
    }
    table.render()
}
