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
    name::identity,
    run::{self, Found, Sound, Verdict},
    stack::Overrides,
};

/// Runs the command: every problem of the file and of the charts it names, in every environment.
pub(super) fn run(settings: &CheckSettings, console: &Console) -> anyhow::Result<ExitCode> {
    let options = common::load_options(&settings.stack, Overrides::default(), console)?;
    let verdict =
        run::judge(&options, settings.strict).unwrap_or_else(|Problems(findings)| Verdict {
            findings: findings.into_iter().map(everywhere).collect(),
            sound: Vec::new(),
        });
    match settings.output {
        OutputFormat::Json => output::print(&as_json(&verdict))?,
        OutputFormat::Table => {
            if !verdict.findings.is_empty() {
                let findings = verdict.diagnostics();
                console.say(&diagnostic::render(&findings, console.color_stderr));
            }
            let sentences = verdict.sound.iter().map(sentence);
            output::print(&sentences.collect::<String>())?;
        }
    }
    Ok(if verdict.failed() {
        ExitCode::BadStack
    } else {
        ExitCode::Success
    })
}

fn counted(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

fn everywhere(finding: Diagnostic) -> Found {
    Found {
        finding,
        only_in: Vec::new(),
    }
}

fn sentence(sound: &Sound) -> String {
    let stack = identity(&sound.stack, sound.environment.as_ref());
    let charts = counted(sound.charts, "chart");
    let found = match sound.warnings {
        0 => "no problems".to_owned(),
        warnings => counted(warnings, "warning"),
    };
    format!("{stack}: {charts}, {found}\n")
}

/// `{"problems":[{"severity","message","file","line","help":[…],"environments":[…]}…]}`;
/// `environments` is empty for what is so in all of them.
fn as_json(verdict: &Verdict) -> String {
    let problems: Vec<_> = verdict
        .findings
        .iter()
        .map(|Found { finding, only_in }| {
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
                "environments": only_in,
            })
        })
        .collect();
    format!("{:#}\n", json!({ "problems": problems }))
}
