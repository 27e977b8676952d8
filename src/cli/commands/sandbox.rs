//! `stackctl sandbox`.

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    cli::{console::Console, exit::ExitCode, output, settings::SandboxSettings},
    sandbox::{Options, Sandbox},
};

/// Runs the command: serves until a signal comes.
pub(super) async fn run(settings: SandboxSettings, console: &Console) -> anyhow::Result<ExitCode> {
    if settings.reset {
        let there = Sandbox::reset(&settings.dir)?;
        let what = if there { "is empty now" } else { "was empty" };
        console.say(&format!("the sandbox {} {what}", settings.dir.display()));
        return Ok(ExitCode::Success);
    }
    let listening = "could not listen for signals";
    let mut interrupt = signal(SignalKind::interrupt()).context(listening)?;
    let mut terminate = signal(SignalKind::terminate()).context(listening)?;
    let sandbox = Sandbox::start(&Options {
        dir: settings.dir,
        ready_after: settings.ready_after,
        faults: Vec::new(),
    })
    .await?;
    output::print(&format!("{}\n", sandbox.kubeconfig().display()))?;
    console.say(&format!(
        "serving on {} until Ctrl-C; what it refuses is in {}",
        sandbox.url(),
        sandbox.log().display()
    ));
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(ExitCode::Success)
}
