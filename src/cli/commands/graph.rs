//! `stackctl graph`.

use crate::cli::{console::Console, exit::ExitCode, settings::GraphSettings};

/// Runs the command.
pub(super) fn run(settings: GraphSettings, console: &Console) -> anyhow::Result<ExitCode> {
    let _ = (settings, console);
    todo!()
}
