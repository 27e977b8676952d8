//! `stackctl values`.

use serde_json::{Value, json};

use super::{common, fetch};
use crate::{
    cli::{
        console::Console,
        exit::ExitCode,
        output,
        settings::{ClusterSettings, ValuesFormat, ValuesSettings, Verbosity},
    },
    run::{self, RunError, Settings},
    stack::{Explained, Leaf, Overrides},
};

/// Ambiguous values named before the rest is only counted.
const NAMED: usize = 3;

/// Runs the command.
pub(super) async fn run(settings: ValuesSettings, console: &Console) -> anyhow::Result<ExitCode> {
    let stack = common::load(&settings.stack, Overrides::default(), console)?;
    let session = Settings {
        frozen: settings.frozen,
        ..common::session_settings(&settings.stack, &ClusterSettings::default(), console)?
    };
    let mut watch = |progress| fetch::show(&progress, console);
    let shutdown = common::interruptible(console)?;
    let (chart, with) = (settings.chart.as_str(), (&console.redactor, &shutdown));
    let values = run::values(&stack, &session, chart, settings.all, with, &mut watch).await;
    if let Err(interrupted @ RunError::Interrupted) = &values {
        return Ok(common::interrupted(interrupted, &shutdown, console));
    }
    let values = values?;
    if console.verbosity != Verbosity::Quiet {
        warn(&values, console);
    }
    let text = match settings.output {
        ValuesFormat::Yaml => values.to_yaml(settings.explain),
        ValuesFormat::Json if settings.explain => {
            let leaves: Vec<Value> = values.leaves().iter().map(explained).collect();
            format!("{:#}\n", Value::from(leaves))
        }
        ValuesFormat::Json => format!("{:#}\n", values.to_json()),
    };
    output::print(&text)?;
    Ok(ExitCode::Success)
}

/// Says which values others than Helm may read otherwise.
fn warn(values: &Explained, console: &Console) {
    let notes = values.notes();
    for note in notes.iter().take(NAMED) {
        console.say(&format!("warning: {note}"));
    }
    let more = notes.len().saturating_sub(NAMED);
    if more > 0 {
        console.say(&format!(
            "warning: {more} more values are ambiguous; --explain marks them"
        ));
    }
}

/// `{"path","value","layer","section","command","file","line","note"}`, or `"removed": true` for
/// what was taken away from the chart's own values. What is not known is left out.
fn explained(leaf: &Leaf) -> Value {
    let by = &leaf.by;
    let mut row = json!({ "path": leaf.path.to_string() });
    let said = [
        ("value", leaf.value.clone()),
        ("removed", leaf.value.is_none().then(|| true.into())),
        ("layer", by.layer.map(|layer| layer.as_str().into())),
        ("section", by.section.as_deref().map(Value::from)),
        ("command", by.command.as_deref().map(Value::from)),
        ("file", by.file.as_deref().map(Value::from)),
        ("line", by.line.map(Value::from)),
        ("note", by.note.as_deref().map(Value::from)),
    ];
    for (key, value) in said {
        if let Some(value) = value {
            row[key] = value;
        }
    }
    row
}
