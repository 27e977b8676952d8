//! How this process may talk: verbosity, colours, terminals, and the words for an error.

use std::{
    ffi::{OsStr, OsString},
    io::{IsTerminal, Write},
};

use anstyle::{AnsiColor, Style};

use super::{
    args::{ColorWhen, GlobalArgs},
    environment::{self, Environment},
    exit::ExitCode,
    settings::{self, Verbosity},
};
use crate::{
    diagnostic::{self, Problems},
    run::{InputsError, Problem, RunError},
    secret::Redactor,
};

/// How this process may talk, settled once at its start.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not depend on each other"
)]
pub(super) struct Console {
    pub(super) verbosity: Verbosity,
    pub(super) color_stderr: bool,
    /// Lines on standard error can be redrawn.
    pub(super) live: bool,
    /// A person can be asked.
    pub(super) interactive: bool,
    /// A person sits there and may press Ctrl-C.
    pub(super) attended: bool,
    /// The environment of the process, for what children get and `${env.X}`.
    pub(super) environment: Environment,
    /// Shared with everything that forwards foreign text.
    pub(super) redactor: Redactor,
    /// The command as it was given, to be copied into a shell.
    pub(super) command_line: String,
}

/// The command line cannot be carried out as given: exit code 64.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct UsageError(pub(super) String);

impl Console {
    pub(super) fn new(global: &GlobalArgs, environment: Environment, args: &[OsString]) -> Self {
        let stdin = std::io::stdin().is_terminal();
        let stderr = std::io::stderr().is_terminal();
        let dumb = environment::get(&environment, "TERM") == Some(OsStr::new("dumb"));
        Self {
            verbosity: settings::verbosity(global),
            color_stderr: use_color(global.color, &environment, stderr),
            live: stderr && !dumb,
            interactive: stdin && stderr,
            attended: stdin || stderr,
            environment,
            redactor: Redactor::default(),
            command_line: command_line(args),
        }
    }

    /// Prints to standard error. What cannot be said there is lost.
    pub(super) fn say(&self, text: &str) {
        let mut stderr = std::io::stderr().lock();
        let _ = writeln!(stderr, "{}", self.redactor.redact(text));
    }
}

/// The arguments behind the program's name, quoted for a POSIX shell where they need it.
fn command_line(args: &[OsString]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    let words = args
        .iter()
        .skip(1)
        .map(|arg| arg.to_string_lossy())
        .map(|arg| {
            if !arg.is_empty() && arg.chars().all(plain) {
                arg.into_owned()
            } else {
                format!("'{}'", arg.replace('\'', r"'\''"))
            }
        });
    std::iter::once("stackctl".to_owned())
        .chain(words)
        .collect::<Vec<_>>()
        .join(" ")
}

/// `--color`, then `NO_COLOR` (no-color.org), then `CLICOLOR_FORCE` (bixense.com/clicolors), then
/// whether anyone can see it.
fn use_color(when: ColorWhen, environment: &Environment, terminal: bool) -> bool {
    let set = |name| environment::get(environment, name);
    match when {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto if set("NO_COLOR").is_some() => false,
        ColorWhen::Auto if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        ColorWhen::Auto => terminal && set("TERM") != Some(OsStr::new("dumb")),
    }
}

/// What to print for an error, and how to exit.
pub(super) fn explain(error: &anyhow::Error, color: bool) -> (String, ExitCode) {
    if let Some(Problems(found)) = error.downcast_ref() {
        return (diagnostic::render(found, color), ExitCode::BadStack);
    }
    let refused = error.downcast_ref::<RunError>();
    if let Some(RunError::Inputs(error)) = refused {
        let (InputsError::Wrong(found) | InputsError::Commands(found)) = error;
        let code = match error {
            InputsError::Wrong(_) => ExitCode::BadStack,
            InputsError::Commands(_) => ExitCode::Failure,
        };
        return (diagnostic::render(&found.0, color), code);
    }
    if let Some(RunError::Stack(Problems(found))) = refused {
        return (diagnostic::render(found, color), ExitCode::BadStack);
    }
    let usage = matches!(refused, Some(RunError::Select(_) | RunError::Selector(_)));
    let code = if usage || error.is::<UsageError>() {
        ExitCode::Usage
    } else {
        ExitCode::Failure
    };
    let (red, cyan) = if color {
        (
            AnsiColor::Red.on_default().bold(),
            AnsiColor::Cyan.on_default(),
        )
    } else {
        (Style::new(), Style::new())
    };
    let mut lines = vec![format!("{red}error{red:#}: {error:#}")];
    if let Some(RunError::Preflight(problems) | RunError::Charts(problems)) = refused {
        lines.extend(problems.iter().flat_map(problem));
    }
    if let Some(hint) = refused.and_then(RunError::hint) {
        lines.push(format!("{cyan}hint{cyan:#}: {hint}"));
    }
    (lines.join("\n"), code)
}

/// One finding of preflight, and below it what to do about it.
fn problem(problem: &Problem) -> Vec<String> {
    let about = problem
        .chart
        .as_ref()
        .map(|chart| format!("{chart}: "))
        .unwrap_or_default();
    let said = format!("{about}{}", problem.message);
    let mut lines: Vec<String> = said
        .lines()
        .enumerate()
        .map(|(index, line)| format!("{}{line}", if index == 0 { "  " } else { "    " }))
        .collect();
    lines.extend(problem.hint.iter().map(|hint| format!("    hint: {hint}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostic;

    #[test]
    fn colour_follows_flag_then_environment_then_terminal() {
        use ColorWhen::{Always, Auto, Never};
        let none: &[(&str, &str)] = &[];
        for (when, variables, terminal, colored) in [
            (Auto, none, true, true),
            (Auto, none, false, false),
            (Auto, &[("TERM", "dumb")], true, false),
            (Auto, &[("NO_COLOR", "1")], true, false),
            (Auto, &[("NO_COLOR", "")], true, true),
            (Auto, &[("CLICOLOR_FORCE", "1")], false, true),
            (Auto, &[("CLICOLOR_FORCE", "0")], false, false),
            (
                Auto,
                &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")],
                true,
                false,
            ),
            (Always, &[("NO_COLOR", "1")], false, true),
            (Never, &[("CLICOLOR_FORCE", "1")], true, false),
        ] {
            let environment = variables
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect();
            assert_eq!(
                use_color(when, &environment, terminal),
                colored,
                "{when:?} {variables:?} {terminal}"
            );
        }
    }

    #[test]
    fn what_belongs_to_a_problem_is_indented_below_it() {
        let refused = RunError::Preflight(vec![
            Problem {
                chart: Some(crate::name::ChartName::new("web").unwrap()),
                message: "the values violate the chart's schema:\n- at '/replicas': got string"
                    .to_owned(),
                hint: Some("correct the chart's values".to_owned()),
            },
            Problem {
                chart: None,
                message: "no right to list secrets in shop".to_owned(),
                hint: None,
            },
        ]);
        insta::assert_snapshot!(explain(&refused.into(), false).0, @r"
        error: 2 problems were found before anything was changed
          web: the values violate the chart's schema:
            - at '/replicas': got string
            hint: correct the chart's values
          no right to list secrets in shop
        ");
    }

    #[test]
    fn a_command_line_can_be_copied_into_a_shell() {
        let args = [
            "/opt/stackctl",
            "up",
            "--set",
            "web:a=it's",
            "-l",
            "tier!=x",
            "",
        ];
        assert_eq!(
            command_line(&args.map(OsString::from)),
            r"stackctl up --set 'web:a=it'\''s' -l 'tier!=x' ''"
        );
    }

    #[test]
    fn an_error_is_one_line_with_its_causes_and_its_exit_code() {
        let cause = std::io::Error::other("connection refused");
        let error = anyhow::Error::new(cause).context("could not reach the cluster");
        assert_eq!(
            explain(&error, false),
            (
                "error: could not reach the cluster: connection refused".to_owned(),
                ExitCode::Failure
            )
        );
        let usage = UsageError("no chart is called `wbe`".to_owned()).into();
        assert_eq!(explain(&usage, false).1, ExitCode::Usage);
        let problems = Problems(vec![Diagnostic::error("unknown chart `dbb`")]).into();
        assert_eq!(
            explain(&problems, false),
            ("error: unknown chart `dbb`".to_owned(), ExitCode::BadStack)
        );
    }
}
