//! `stackctl completions`: a script for the shell, made from the very flags clap parses.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::{args::Cli, exit::ExitCode, output};

/// Runs the command.
pub(super) fn run(shell: Shell) -> anyhow::Result<ExitCode> {
    output::print(&script(shell))?;
    Ok(ExitCode::Success)
}

fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "stackctl", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_learns_every_command() {
        for &shell in clap::ValueEnum::value_variants() {
            let script = script(shell);
            for command in ["up", "down", "plan", "status", "check", "graph"] {
                assert!(script.contains(command), "{shell} does not know {command}");
            }
        }
    }
}
