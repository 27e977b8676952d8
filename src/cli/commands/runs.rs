//! `stackctl runs`.

use jiff::Timestamp;

use crate::{
    cli::{
        console::{Console, UsageError},
        exit::ExitCode,
        output,
        settings::{OutputFormat, RunsSettings, Verbosity},
    },
    event::Event,
    report::{Account, Closing, Ending, FullAccount, Summary, age},
    run::{self, PastRun},
};

/// Runs the command.
pub(super) fn run(settings: &RunsSettings, console: &Console) -> anyhow::Result<ExitCode> {
    let runs = run::runs(&settings.state_dir)?;
    match &settings.one {
        Some(text) => {
            let past = run::find_run(&settings.state_dir, runs, text)
                .map_err(|error| UsageError(error.to_string()))?;
            show(&past, settings.output)?;
        }
        None => list(&runs, settings, console)?,
    }
    Ok(ExitCode::Success)
}

fn list(runs: &[PastRun], settings: &RunsSettings, console: &Console) -> anyhow::Result<()> {
    let accounts: Vec<Account> = runs
        .iter()
        .map(|past| {
            let recorded = past.outline().ok();
            account(past, recorded.as_ref().map(|recorded| &*recorded.events))
        })
        .collect();
    if settings.output == OutputFormat::Json {
        return output::print(&format!("{}\n", serde_json::to_string_pretty(&accounts)?));
    }
    if runs.is_empty() && console.verbosity != Verbosity::Quiet {
        let folder = settings.state_dir.display();
        console.say(&format!("no runs are recorded in `{folder}`"));
    }
    output::print(&Account::table(&accounts, Timestamp::now()).render())
}

fn show(past: &PastRun, form: OutputFormat) -> anyhow::Result<()> {
    let events = past.events()?.events;
    let account = account(past, Some(&events));
    if form == OutputFormat::Json {
        let full = FullAccount::new(account, &events);
        return output::print(&format!("{}\n", serde_json::to_string_pretty(&full)?));
    }
    let mut lines = vec![
        format!("run      {}", account.run),
        format!(
            "begun    {:.0}, {} ago",
            account.begun,
            age(account.begun, Timestamp::now())
        ),
    ];
    lines.extend(account.context.map(|context| format!("cluster  {context}")));
    let told = match account.outcome {
        Ending::NotBegun => "it was over before it began: nothing was changed\n".to_owned(),
        _ if events.is_empty() => "it has not begun yet\n".to_owned(),
        _ => summary(past, &events, account.outcome),
    };
    output::print(&format!("{}\n\n{told}", lines.join("\n")))
}

fn summary(past: &PastRun, events: &[Event], outcome: Ending) -> String {
    let mut summary = Summary::default();
    for event in events {
        summary.event(event);
    }
    summary.render(&Closing {
        run_folder: Some(&past.folder),
        steps: true,
        live: outcome == Ending::Running,
        color: false,
        ..Closing::default()
    })
}

fn account(past: &PastRun, events: Option<&[Event]>) -> Account {
    Account::new(past.run.clone(), past.begun, past.is_live(), events)
}
