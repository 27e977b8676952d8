//! `stackctl doctor`.

use std::fmt::Write as _;

use super::{common, fetch};
use crate::{
    cli::{console::Console, exit::ExitCode, output, settings::DoctorSettings},
    run::{self, Examined, RunError, Settings},
    shutdown::Level,
    stack::Overrides,
};

/// Runs the command.
pub(super) async fn run(settings: DoctorSettings, console: &Console) -> anyhow::Result<ExitCode> {
    let stack = common::load(&settings.stack, Overrides::default(), console)?;
    let session = Settings {
        helm: settings.helm_binary,
        ..common::session_settings(&settings.stack, &settings.cluster, console)?
    };
    let shutdown = common::interruptible(console)?;
    let mut watch = |progress| fetch::show(&progress, console);
    let redactor = console.redactor.clone();
    let examination = run::examine(stack, session, redactor, &shutdown, &mut watch);
    let all = tokio::select! {
        all = Box::pin(examination) => all,
        () = shutdown.reached(Level::Drain) => {
            return Ok(common::interrupted(&RunError::Interrupted, &shutdown, console));
        }
    };
    output::print(&all.iter().map(lines).collect::<String>())?;
    Ok(if all.iter().all(|one| one.found.is_ok()) {
        ExitCode::Success
    } else {
        ExitCode::Failure
    })
}

fn lines(examined: &Examined) -> String {
    let what = examined.what;
    let problem = match &examined.found {
        Ok(text) => return format!("ok      {what:<8} {text}\n"),
        Err(problem) => problem,
    };
    let mut text = match &problem.chart {
        Some(chart) => format!("failed  {what:<8} {chart}: {}\n", problem.message),
        None => format!("failed  {what:<8} {}\n", problem.message),
    };
    if let Some(hint) = &problem.hint {
        let _ = writeln!(text, "{:17}{hint}", "");
    }
    text
}
