//! `stackctl down`.

use crate::cli::{console::Console, exit::ExitCode, settings::DownSettings};

/// Runs the command.
pub(super) async fn run(settings: DownSettings, console: &Console) -> anyhow::Result<ExitCode> {
    let _ = (settings, console);
    todo!()
}
