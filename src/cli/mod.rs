//! The command line: arguments and environment to settings, settings to a command, its result to
//! an exit code. The only part of stackctl that prints, reads the environment, or hears signals.
//!
//! `args` (what clap parses) → `environment` (variables as defaults) → `settings` (plain data) →
//! `commands` (one function each). Beside them: `console` (how to talk), `confirm` (may it go
//! on?), `signals` (should it stop?), `output` (standard output), `logging` (for developers),
//! `exit` (codes). Nothing uses this module but `main`.

mod args;
mod commands;
mod confirm;
mod console;
mod environment;
mod exit;
mod logging;
mod output;
mod settings;
mod signals;
mod values;

use std::{ffi::OsString, io::Write};

use clap::{CommandFactory, FromArgMatches};

use self::{console::Console, environment::Environment, exit::ExitCode, settings::Settings};

/// Runs stackctl with these arguments (the first is the program's name) and the environment of
/// the process.
pub fn run(args: impl IntoIterator<Item = OsString>) -> std::process::ExitCode {
    let environment = environment::collect();
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match parse(&args, &environment) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &environment).into(),
    };
    let console = Console::new(&cli.global, environment, &args);
    let result =
        logging::init(&console).and_then(|()| commands::run(Settings::resolve(cli), &console));
    result
        .unwrap_or_else(|error| {
            let (text, code) = console::explain(&error, console.color_stderr);
            console.say(&text);
            code
        })
        .into()
}

/// The command line over the environment. Errors are clap's, help and version among them.
fn parse(args: &[OsString], environment: &Environment) -> Result<args::Cli, clap::Error> {
    let command = environment::defaults(args::Cli::command(), environment);
    args::Cli::from_arg_matches(&command.try_get_matches_from(args)?)
}

/// Prints what clap has to say: help and version on standard output, errors on standard error.
fn usage(error: &clap::Error, environment: &Environment) -> ExitCode {
    // Nobody may be listening; that is no reason to end differently.
    let _ = error.print();
    if let Some(note) = environment::blame(error, environment) {
        let _ = writeln!(anstream::stderr(), "\n{note}");
    }
    usage_code(error)
}

/// clap's own code is 2, which is ours for pending changes.
fn usage_code(error: &clap::Error) -> ExitCode {
    if error.use_stderr() {
        ExitCode::Usage
    } else {
        ExitCode::Success
    }
}

#[cfg(test)]
mod tests;
