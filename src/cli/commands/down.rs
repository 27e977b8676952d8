//! `stackctl down`.

use super::run;
use crate::{
    cli::{console::Console, exit::ExitCode, settings::DownSettings},
    name::Direction,
};

/// Runs the command.
pub(super) async fn run(settings: DownSettings, console: &Console) -> anyhow::Result<ExitCode> {
    run::run(settings.run, Direction::Down, settings.include_protected, console).await
}
