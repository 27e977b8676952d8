//! `stackctl up`.

use super::operate;
use crate::{
    cli::{console::Console, exit::ExitCode, settings::RunSettings},
    name::Direction,
    plan::Removal,
};

/// Runs the command.
pub(super) async fn run(settings: RunSettings, console: &Console) -> anyhow::Result<ExitCode> {
    operate::run(settings, Direction::Up, Removal::default(), console).await
}
