//! `stackctl lock show` and `stackctl lock release`.

use std::fmt::Write as _;

use super::common;
use crate::{
    cli::{
        confirm::confirm_text,
        console::Console,
        exit::ExitCode,
        output,
        settings::{LockCommand, LockSettings, OutputFormat},
    },
    name::{RunId, identity},
    run::{LockState, Session},
    stack::Overrides,
};

/// Runs the command.
pub(super) async fn run(settings: LockSettings, console: &Console) -> anyhow::Result<ExitCode> {
    let stack = common::load(&settings.stack, Overrides::default(), console)?;
    let session = common::session_settings(&settings.stack, &settings.cluster, console)?;
    let session = common::open(stack, session, console).await?;
    match settings.what {
        LockCommand::Show(format) => show(&session, format).await,
        LockCommand::Release { run, yes } => release(&session, &run, yes, console).await,
    }
}

async fn show(session: &Session, format: OutputFormat) -> anyhow::Result<ExitCode> {
    let state = session.lock().await?;
    match format {
        OutputFormat::Json => {
            output::print(&format!("{}\n", serde_json::to_string_pretty(&state)?))?;
        }
        OutputFormat::Table => output::print(&text(&name(session), &state))?,
    }
    Ok(ExitCode::Success)
}

/// One line about the holder, one for each announced operation and each change to be taken back.
fn text(stack: &str, state: &LockState) -> String {
    let mut text = match &state.held {
        None => format!("{stack}: nobody holds the lock\n"),
        Some(held) if held.gone => format!("{stack}: held by {held}; that process is gone\n"),
        Some(held) => format!("{stack}: held by {held}\n"),
    };
    for announced in &state.intents {
        let intent = &announced.intent;
        let _ = writeln!(
            text,
            "  {} of {}, by run {} on {}, since {:.0}, over by {:.0}",
            intent.operation,
            announced.release,
            intent.run,
            intent.host,
            intent.began,
            intent.deadline
        );
    }
    if let Some(rollback) = &state.rollback {
        for change in rollback.changes.values() {
            let how = match change.before {
                Some(before) => format!("rollback of {} to revision {before}", change.release),
                None => format!("uninstall of {}", change.release),
            };
            let of = &rollback.of;
            let _ = writeln!(text, "  {how} is to be done, since run {of} failed");
        }
    }
    text
}

async fn release(
    session: &Session,
    run: &RunId,
    yes: bool,
    console: &Console,
) -> anyhow::Result<ExitCode> {
    let stack = name(session);
    let question = format!("take the lock of {stack} away from run {run}? If it lives, it ends.");
    if !confirm_text(&question, yes, console)? {
        console.say("nothing was changed");
        return Ok(ExitCode::Failure);
    }
    let held = session.break_lock(run).await?;
    console.say(&format!("{stack}: the lock was taken away from {held}"));
    Ok(ExitCode::Success)
}

fn name(session: &Session) -> String {
    let stack = session.stack();
    identity(&stack.name, stack.environment.as_ref())
}
