//! Judges a stack file as it is in each of its environments.

use super::check::{check, unknown_keys};
use crate::{
    diagnostic::{Diagnostic, Problems, Severity},
    name::{EnvironmentName, StackName},
    stack::{self, Judged, LoadOptions},
};

/// What was found, and what is sound.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Every finding once, in the order of the first environment that has it.
    pub findings: Vec<Found>,
    /// The environments without errors. A stack without environments counts as one.
    pub sound: Vec<Sound>,
}

/// One finding.
#[derive(Debug)]
pub struct Found {
    /// What is wrong, and where.
    pub finding: Diagnostic,
    /// The environments that have it; empty if all do, or there are none.
    pub only_in: Vec<EnvironmentName>,
}

/// A stack, in one environment, that could be run.
#[derive(Debug, PartialEq, Eq)]
pub struct Sound {
    /// The stack.
    pub stack: StackName,
    /// The environment, if it has any.
    pub environment: Option<EnvironmentName>,
    /// How many charts are enabled.
    pub charts: usize,
    /// How many warnings there are.
    pub warnings: usize,
}

impl Verdict {
    /// Whether something is an error.
    pub fn failed(&self) -> bool {
        let mut findings = self.findings.iter();
        findings.any(|found| found.finding.severity == Severity::Error)
    }

    /// The findings, each with the environments it is limited to.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let said = |found: &Found| {
            let names: Vec<String> = found
                .only_in
                .iter()
                .map(|name| format!("`{name}`"))
                .collect();
            match names.as_slice() {
                [] => found.finding.clone(),
                [one] => found
                    .finding
                    .clone()
                    .help(format!("only in environment {one}")),
                several => {
                    let help = format!("only in environments {}", several.join(", "));
                    found.finding.clone().help(help)
                }
            }
        };
        self.findings.iter().map(said).collect()
    }
}

/// Finds every problem of a stack file and of the charts it names, in every environment, or in the
/// one that is asked for. What a file is without any of its environments is not judged: it may
/// leave to them what a stack needs. `strict`: values that a chart does not know are errors.
///
/// # Errors
/// The file, or one it includes, cannot be read.
pub fn judge(options: &LoadOptions, strict: bool) -> Result<Verdict, Problems> {
    let judged = stack::load_each(options)?;
    let total = judged.len();
    let mut verdict = Verdict::default();
    for Judged {
        environment,
        result,
    } in judged
    {
        let findings = match result {
            Ok(loaded) => {
                let mut findings = check(&loaded.stack);
                findings.extend(loaded.warnings);
                if strict {
                    findings.extend(unknown_keys(&loaded.stack));
                }
                if findings.iter().all(|one| one.severity != Severity::Error) {
                    verdict.sound.push(Sound {
                        charts: loaded.stack.charts.len(),
                        warnings: findings.len(),
                        stack: loaded.stack.name,
                        environment: loaded.stack.environment,
                    });
                }
                findings
            }
            Err(Problems(findings)) => findings,
        };
        for finding in findings {
            let found = verdict.findings.iter_mut();
            match found
                .into_iter()
                .find(|found| same(&found.finding, &finding))
            {
                Some(found) => found.only_in.extend(environment.clone()),
                None => verdict.findings.push(Found {
                    finding,
                    only_in: environment.iter().cloned().collect(),
                }),
            }
        }
    }
    for found in &mut verdict.findings {
        if found.only_in.len() == total {
            found.only_in.clear();
        }
    }
    Ok(verdict)
}

/// Whether two findings say the same of the same place.
fn same(one: &Diagnostic, other: &Diagnostic) -> bool {
    let labels = |finding: &Diagnostic| -> Vec<_> {
        let labels = finding.labels.iter();
        labels
            .map(|label| {
                let place = &label.place;
                (
                    place.source.name.clone(),
                    place.span.clone(),
                    label.text.clone(),
                )
            })
            .collect()
    };
    one.severity == other.severity
        && one.message == other.message
        && one.help == other.help
        && labels(one) == labels(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        diagnostic::render,
        stack::{FileSource, LoadOptions},
    };

    const STACK: &str = r#"
[stack]
name = "platform"
[charts.web]
chart = "./missing"
[charts.db]
chart = "./chart"
[environments.dev]
[environments.staging]
charts.web.enabled = false
[environments.prod]
charts.web.timeout = "soon"
charts.db.timeout = "late"
"#;

    #[test]
    fn a_finding_is_said_once_with_the_environments_it_is_limited_to() {
        let root = tempfile::TempDir::new().unwrap();
        std::fs::create_dir(root.path().join("chart")).unwrap();
        let chart = "apiVersion: v2\nname: chart\nversion: 1.0.0\n";
        std::fs::write(root.path().join("chart/Chart.yaml"), chart).unwrap();
        let options = |text: &str| {
            LoadOptions::new(FileSource::Text {
                name: "stack.toml".into(),
                text: text.into(),
                root: root.path().into(),
            })
        };
        let verdict = judge(&options(STACK), false).unwrap();
        assert!(verdict.failed());
        let name = |name: &str| EnvironmentName::new(name).unwrap();
        assert_eq!(
            verdict.sound,
            [Sound {
                stack: StackName::new("platform").unwrap(),
                environment: Some(name("staging")),
                charts: 1,
                warnings: 0,
            }]
        );
        let only: Vec<_> = verdict
            .findings
            .iter()
            .map(|one| one.only_in.clone())
            .collect();
        assert_eq!(
            only,
            [
                vec![name("dev"), name("prod")],
                vec![name("prod")],
                vec![name("prod")]
            ]
        );
        let drawn = render(&verdict.diagnostics()[..1], false);
        assert!(
            drawn.contains("only in environments `dev`, `prod`"),
            "{drawn}"
        );

        let everywhere = STACK.replace("charts.web.enabled = false", "");
        let verdict = judge(&options(&everywhere), false).unwrap();
        assert!(verdict.findings[0].only_in.is_empty(), "{verdict:?}");
    }
}
