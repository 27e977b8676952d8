//! How this process may talk: verbosity, colours, terminals, and the words for an error.

use std::{
    ffi::OsStr,
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
    pub(super) color_stdout: bool,
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
}

/// The command line cannot be carried out as given: exit code 64.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct UsageError(pub(super) String);

impl Console {
    pub(super) fn new(global: &GlobalArgs, environment: Environment) -> Self {
        let stdin = std::io::stdin().is_terminal();
        let stdout = std::io::stdout().is_terminal();
        let stderr = std::io::stderr().is_terminal();
        let dumb = environment::get(&environment, "TERM") == Some(OsStr::new("dumb"));
        Self {
            verbosity: settings::verbosity(global),
            color_stdout: use_color(global.color, &environment, stdout),
            color_stderr: use_color(global.color, &environment, stderr),
            live: stderr && !dumb,
            interactive: stdin && stderr,
            attended: stdin || stderr,
            environment,
            redactor: Redactor::default(),
        }
    }

    /// Prints to standard error. What cannot be said there is lost.
    pub(super) fn say(&self, text: &str) {
        let mut stderr = std::io::stderr().lock();
        let _ = writeln!(stderr, "{}", self.redactor.redact(text));
    }
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
    let code = if error.is::<UsageError>() {
        ExitCode::Usage
    } else {
        ExitCode::Failure
    };
    let style = if color {
        AnsiColor::Red.on_default().bold()
    } else {
        Style::new()
    };
    (format!("{style}error{style:#}: {error:#}"), code)
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
