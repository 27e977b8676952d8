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
    report::{Align, Table},
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

/// As kubectl writes ages: two units at most, none below seconds.
fn age(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(since).as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, m) => format!("{m}m{}s", seconds % 60),
        (0, h, m) => format!("{h}h{m}m"),
        (d, h, _) => format!("{d}d{h}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_short() {
        let now = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24 * 365);
        for (seconds, expected) in [
            (-5, "0s"),
            (59, "59s"),
            (61, "1m1s"),
            (3700, "1h1m"),
            (90_000, "1d1h"),
        ] {
            let since = now - jiff::SignedDuration::from_secs(seconds);
            assert_eq!(age(since, now), expected);
        }
    }
}
