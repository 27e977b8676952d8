//! `stackctl plan`.

use crate::cli::{console::Console, exit::ExitCode, settings::PlanSettings};

/// Runs the command.
pub(super) async fn run(settings: PlanSettings, console: &Console) -> anyhow::Result<ExitCode> {
    let _ = (settings, console);
    todo!()
}
