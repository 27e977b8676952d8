//! `stackctl status`.

use crate::cli::{console::Console, exit::ExitCode, settings::StatusSettings};

/// Runs the command.
pub(super) async fn run(settings: StatusSettings, console: &Console) -> anyhow::Result<ExitCode> {
    let _ = (settings, console);
    todo!()
}
