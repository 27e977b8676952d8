//! `stackctl schema`.

use crate::{
    cli::{exit::ExitCode, output, settings::SchemaFormat},
    stack::schema,
};

/// Runs the command.
pub(super) fn run(format: SchemaFormat) -> anyhow::Result<ExitCode> {
    output::print(&match format {
        SchemaFormat::Json => format!("{:#}\n", schema::json()),
        SchemaFormat::Markdown => schema::markdown(),
    })?;
    Ok(ExitCode::Success)
}
