//! Runs one command whose output is data.

use std::time::Duration;

use super::Given;
use crate::{
    diagnostic::{Diagnostic, Place},
    event::Stream,
    process::{self, Command, End, Keep, OnTerminate, Orphaned},
    stack::DataCommand,
};

/// Between SIGTERM and SIGKILL when its deadline ended it.
const GRACE: Duration = Duration::from_secs(5);

/// Lines of its standard error that are shown when it fails.
const SHOWN: usize = 20;

/// Why there is no output. Texts may still hold secrets.
#[derive(Debug)]
pub(super) struct Wrong {
    reason: String,
    /// The command's own words.
    words: Vec<String>,
}

impl Wrong {
    fn new(reason: String) -> Self {
        Self {
            reason,
            words: Vec::new(),
        }
    }

    /// The finding: what is missing because of it, and where the command is declared.
    pub(super) fn into_diagnostic(self, what: &str, place: Option<Place>) -> Diagnostic {
        let finding = Diagnostic::error(format!("{what}: {}", self.reason));
        let finding = finding.at(place, "declared here");
        if self.words.is_empty() {
            finding
        } else {
            finding.help(format!("it said:\n{}", self.words.join("\n")))
        }
    }
}

/// What the command prints to standard output: UTF-8, all of it. It has our environment, nothing
/// to read, and runs in its file's folder. Nothing of its output is reported while it runs.
pub(super) async fn run(command: &DataCommand, given: Given<'_>) -> Result<String, Wrong> {
    let mut words = command.words.iter();
    let program = words.next().map(String::as_str).unwrap_or_default();
    let child = Command {
        program: program.into(),
        args: words.map(Into::into).collect(),
        env: given.env.clone(),
        dir: Some(command.dir.clone()),
        stdin: None,
        keep: Keep::Data,
        orphaned: Orphaned::DropPipes,
        deadline: Some(command.timeout),
        grace: GRACE,
        on_terminate: OnTerminate::Signal,
    };
    let output = process::run(child, given.shutdown, &mut |_: Stream, _: &str| ())
        .await
        .map_err(|error| {
            let cause = std::error::Error::source(&error);
            let cause = cause.map_or(String::new(), |cause| format!(": {cause}"));
            Wrong::new(format!("{error}{cause}"))
        })?;
    let failed = |reason: String| {
        let said = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = said.lines().collect();
        let from = lines.len().saturating_sub(SHOWN);
        Wrong {
            reason,
            words: lines[from..].iter().map(ToString::to_string).collect(),
        }
    };
    match output.end {
        End::Cancelled => Err(Wrong::new(format!(
            "`{program}` was ended: the run was interrupted"
        ))),
        End::TimedOut => Err(failed(format!(
            "`{program}` did not end within {:?}",
            command.timeout
        ))),
        End::Exited if !output.status.success() => {
            Err(failed(format!("`{program}` failed: {}", output.status)))
        }
        End::Exited if output.stdout_cut => Err(failed(format!(
            "`{program}` printed more than {} MiB",
            process::KEPT_DATA / 1024 / 1024
        ))),
        End::Exited => String::from_utf8(output.stdout)
            .map_err(|_| Wrong::new(format!("`{program}` printed something that is not UTF-8"))),
    }
}

/// It printed something else than what it should.
pub(super) fn unreadable(command: &DataCommand, reason: &str) -> Wrong {
    let program = command
        .words
        .first()
        .map(String::as_str)
        .unwrap_or_default();
    Wrong::new(format!(
        "the output of `{program}` cannot be read: {reason}"
    ))
}
