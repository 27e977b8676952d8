//! `stackctl graph`.

use super::common;
use crate::{
    cli::{
        console::Console,
        exit::ExitCode,
        output,
        settings::{GraphFormat, GraphSettings},
    },
    graph::{self, Format, Graph},
    name::Direction,
    plan::Removal,
    run,
    stack::Overrides,
};

/// Runs the command.
pub(super) fn run(settings: &GraphSettings, console: &Console) -> anyhow::Result<ExitCode> {
    let stack = common::load(&settings.stack, Overrides::default(), console)?;
    let graph = Graph::new(&stack);
    let request = common::request(&settings.selection, Direction::Up, Removal::default());
    let selection = run::select(&graph, &request)?;
    let format = match settings.output {
        GraphFormat::Text => Format::Text,
        GraphFormat::Dot => Format::Dot,
        GraphFormat::Mermaid => Format::Mermaid,
        GraphFormat::Json => Format::Json,
    };
    output::print(&graph::export(
        &graph,
        &selection,
        &run::carriers(&stack),
        format,
    ))?;
    Ok(ExitCode::Success)
}
