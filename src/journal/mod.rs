//! The run folder and the write-ahead event journal.
//!
//! `.stackctl/runs/RUN/` (0700) holds everything a run leaves on this machine: `events.jsonl`
//! (0600), one [`Event`](crate::event::Event) a line as it happened, and what was found out about
//! failures. The journal is written before anyone else hears of an event, and may veto: a run that
//! cannot be recorded must not go on.
//!
//! `write` makes run folders and fills them, `read` reads a journal back, `history` lists the runs
//! there were and takes old ones away, `learn` finds out of them how long charts take.

mod history;
mod id;
mod learn;
mod read;
mod write;

pub use history::{KEPT_RUNS, PastRun, past_runs};
pub use id::{following_run_id, new_run_id};
pub use learn::learned;
pub use read::{Recorded, read_events};
pub use write::{Journal, RunFolder, probe};

use std::{
    io,
    path::{Path, PathBuf},
};

/// The run folder or the journal cannot be used. Names the file and the cause.
#[derive(Debug, thiserror::Error)]
#[error("could not {operation} `{}`: {cause}", .path.display())]
pub struct JournalError {
    operation: &'static str,
    path: PathBuf,
    cause: io::Error,
}

impl JournalError {
    fn new(operation: &'static str, path: &Path, cause: io::Error) -> Self {
        Self {
            operation,
            path: path.to_owned(),
            cause,
        }
    }
}

#[cfg(test)]
mod tests;
