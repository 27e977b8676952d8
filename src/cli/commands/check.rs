//! `stackctl check`.

use serde_json::json;

use super::common;
use crate::{
    cli::{
        console::Console,
        exit::ExitCode,
        output,
        settings::{CheckSettings, OutputFormat},
    },
    diagnostic::{self, Diagnostic, Problems, Severity},
    run,
    stack::{Loaded, Overrides},
};

/// Runs the command: every problem of the file and of the charts it names.
pub(super) fn run(settings: &CheckSettings, console: &Console) -> anyhow::Result<ExitCode> {
    let (findings, sentence) =
        match common::load_quietly(&settings.stack, Overrides::default(), console) {
            Ok(Loaded {
                stack, warnings, ..
            }) => {
                let mut findings = run::check(&stack);
                findings.extend(warnings);
                let sentence = format!(
                    "{}: {} charts, no problems\n",
                    stack.name,
                    stack.charts.len()
                );
                (findings, sentence)
            }
            Err(error) => match error.downcast::<Problems>() {
                Ok(Problems(findings)) => (findings, String::new()),
                Err(error) => return Err(error),
            },
        };
    let failed = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    match settings.output {
        OutputFormat::Json => output::print(&as_json(&findings))?,
        OutputFormat::Table => {
            if !findings.is_empty() {
                console.say(&diagnostic::render(&findings, console.color_stderr));
            }
            if !failed {
                output::print(&sentence)?;
            }
        }
    }
    Ok(if failed {
        ExitCode::BadStack
    } else {
        ExitCode::Success
    })
}

/// `{"problems":[{"severity","message","file","line","help":[…]}…]}`.
fn as_json(findings: &[Diagnostic]) -> String {
    let problems: Vec<_> = findings
        .iter()
        .map(|finding| {
            let place = finding.labels.first().map(|label| &label.place);
            json!({
                "severity": match finding.severity {
                    Severity::Error => "error",
                    Severity::Warning => "warning",
                },
                "message": finding.message,
                "file": place.map(|place| &place.source.name),
                "line": place.map(diagnostic::Place::line),
                "help": finding.help,
            })
        })
        .collect();
    format!("{:#}\n", json!({ "problems": problems }))
}
