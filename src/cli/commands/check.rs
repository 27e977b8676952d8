//! `stackctl check`.

use crate::cli::{console::Console, exit::ExitCode, settings::CheckSettings};

/// Runs the command.
pub(super) fn run(settings: CheckSettings, console: &Console) -> anyhow::Result<ExitCode> {
    let _ = (settings, console);
    todo!()
}
