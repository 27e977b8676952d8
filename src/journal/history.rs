//! The runs there were: listed, and the oldest taken away.

use std::{
    cmp::Reverse,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::{JournalError, Recorded, id, read, write::EVENTS};
use crate::name::RunId;

/// Run folders that are kept. A run takes some kilobytes for each chart, so that this many are
/// worth their place: weeks of a stack that is brought up several times a day.
pub const KEPT_RUNS: usize = 100;

/// A run of which there is a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRun {
    /// Its identity.
    pub run: RunId,
    /// When it was begun, to the second.
    pub begun: Timestamp,
    /// Its folder.
    pub folder: PathBuf,
}

/// The runs below `base` (`.stackctl/runs`), newest first. What is no run folder is passed over; a
/// `base` that is not there holds none.
pub fn past_runs(base: &Path) -> Result<Vec<PastRun>, JournalError> {
    let fail = |cause| JournalError::new("list the runs in", base, cause);
    let entries = match fs::read_dir(base) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(fail(cause)),
    };
    let mut runs = Vec::new();
    for entry in entries {
        let entry = entry.map_err(fail)?;
        let name = entry.file_name();
        let run = name.to_str().and_then(|name| RunId::new(name).ok());
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if let Some(run) = run.filter(|_| is_folder)
            && let Some(begun) = id::begun(&run)
        {
            runs.push(PastRun {
                run,
                begun,
                folder: entry.path(),
            });
        }
    }
    // Of those that began within a second the file system knows which was first, mostly.
    runs.sort_by_cached_key(|run| {
        let made = run.folder.metadata().and_then(|folder| folder.created());
        Reverse((run.begun, made.ok(), run.run.clone()))
    });
    Ok(runs)
}

impl PastRun {
    /// All its events. See [`read_events`](super::read_events).
    pub fn events(&self) -> Result<Recorded, JournalError> {
        read::read_events(&self.journal())
    }

    /// Its events but those of steps, and its last one. Much faster to read than all of them.
    pub fn outline(&self) -> Result<Recorded, JournalError> {
        read::read_outline(&self.journal())
    }

    /// Whether it is still at work: its journal is locked by the process that writes it. False
    /// where that cannot be told (a file system without locks).
    pub fn is_live(&self) -> bool {
        // Shared, so that two who look do not take each other for the writer.
        let locked = File::open(self.journal()).map(|file| file.try_lock_shared());
        matches!(locked, Ok(Err(TryLockError::WouldBlock)))
    }

    fn journal(&self) -> PathBuf {
        self.folder.join(EVENTS)
    }
}

/// Takes the oldest run folders away, but none of a run that is still at work. That one stays which
/// cannot be removed is no reason not to run.
pub(super) fn prune(base: &Path) {
    let runs = past_runs(base).unwrap_or_default();
    for run in runs.iter().skip(KEPT_RUNS).filter(|run| !run.is_live()) {
        let _ = fs::remove_dir_all(&run.folder);
    }
}
