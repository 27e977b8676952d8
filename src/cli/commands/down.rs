//! `stackctl down`.

use super::operate;
use crate::{
    cli::{console::Console, exit::ExitCode, settings::DownSettings},
    name::Direction,
};

/// Runs the command.
pub(super) async fn run(settings: DownSettings, console: &Console) -> anyhow::Result<ExitCode> {
    operate::run(settings.run, Direction::Down, settings.removal, console).await
}
