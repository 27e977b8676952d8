//! `stackctl up`.

use crate::cli::{console::Console, exit::ExitCode, settings::RunSettings};

/// Runs the command.
pub(super) async fn run(settings: RunSettings, console: &Console) -> anyhow::Result<ExitCode> {
    let _ = (settings, console);
    todo!()
}
