//! One function per command: settings in, exit code out.

mod check;
mod common;
mod completions;
mod doctor;
mod down;
mod fetch;
mod graph;
mod lock;
mod operate;
mod plan;
mod render;
mod runs;
mod sandbox;
mod schema;
mod status;
mod up;
mod values;

use std::{future::Future, time::Duration};

use anyhow::Context;

use super::{console::Console, exit::ExitCode, settings::Settings};

/// How long what a command left behind may hold up its end.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// Runs the command.
pub(super) fn run(settings: Settings, console: &Console) -> anyhow::Result<ExitCode> {
    match settings {
        Settings::Up(settings) => block_on(up::run(settings, console)),
        Settings::Down(settings) => block_on(down::run(settings, console)),
        Settings::Plan(settings) => block_on(plan::run(settings, console)),
        Settings::Fetch(settings) => block_on(fetch::run(settings, console)),
        Settings::Status(settings) => block_on(status::run(settings, console)),
        Settings::Check(settings) => check::run(&settings, console),
        Settings::Graph(settings) => graph::run(&settings, console),
        Settings::Lock(settings) => block_on(lock::run(settings, console)),
        Settings::Values(settings) => block_on(values::run(settings, console)),
        Settings::Render(settings) => block_on(render::run(settings, console)),
        Settings::Doctor(settings) => block_on(doctor::run(settings, console)),
        Settings::Sandbox(settings) => block_on(sandbox::run(settings, console)),
        Settings::Runs(settings) => runs::run(&settings, console),
        Settings::Schema(format) => schema::run(format),
        Settings::Completions(shell) => completions::run(shell),
    }
}

/// The one place that starts the async runtime, for the commands that talk to servers.
fn block_on(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("could not start the async runtime")?;
    let result = runtime.block_on(command);
    // A name that is still being looked up is not waited for.
    runtime.shutdown_timeout(LAST_MOMENT);
    result
}
