//! `stackctl up`.

use super::run;
use crate::{
    cli::{console::Console, exit::ExitCode, settings::RunSettings},
    name::Direction,
};

/// Runs the command.
pub(super) async fn run(settings: RunSettings, console: &Console) -> anyhow::Result<ExitCode> {
    run::run(settings, Direction::Up, false, console).await
}
