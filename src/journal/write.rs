//! Writing: the run folder, the journal, and what else a run wants to keep.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Component, Path, PathBuf},
};

use nix::unistd::{AccessFlags, access};

use super::{JournalError, history};
use crate::{event::Event, name::RunId};

/// Name of the journal in the run folder.
pub(super) const EVENTS: &str = "events.jsonl";

/// What cannot be done where nobody may write.
const CREATE: &str = "create the run folder";

/// Whether run folders could be made there; nothing is.
pub fn probe(base: &Path) -> Result<(), JournalError> {
    // The first that is there: the others would be made in it.
    let there = base.ancestors().find(|path| path.exists());
    let there = there.filter(|path| !path.as_os_str().is_empty());
    let wanted = AccessFlags::W_OK | AccessFlags::X_OK;
    access(there.unwrap_or(Path::new(".")), wanted)
        .map_err(|errno| JournalError::new(CREATE, base, errno.into()))
}

/// The folder of one run. Cheap to clone: everything that has something to keep holds one.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

/// The open event journal of a run.
#[derive(Debug)]
pub struct Journal {
    pub(super) folder: RunFolder,
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// Bytes of the journal that are whole lines.
    pub(super) length: u64,
}

impl Journal {
    /// Creates the run's folder below `base` (`.stackctl/runs`), readable by the user only, and an
    /// empty journal in it. Fails if the folder is there: it would be another run's. Folders of the
    /// oldest runs are taken away, so that [`KEPT_RUNS`](super::KEPT_RUNS) are left.
    ///
    /// The journal is locked as long as it is open: who finds it locked knows that the run lives.
    pub fn create(base: &Path, run: &RunId) -> Result<Self, JournalError> {
        let create = |path: &Path, recursive: bool| {
            DirBuilder::new()
                .recursive(recursive)
                .mode(0o700)
                .create(path)
                .map_err(|cause| JournalError::new(CREATE, path, cause))
        };
        let folder = base.join(run.as_str());
        create(base, true)?;
        create(&folder, false)?;
        let path = folder.join(EVENTS);
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|cause| JournalError::new("create the journal", &path, cause))?;
        // A file system without locks only makes a run look dead to `runs`.
        let _ = file.lock();
        history::prune(base);
        Ok(Self {
            folder: RunFolder::at(&folder),
            path,
            file,
            length: 0,
        })
    }

    /// Adds one event as one line, handed to the system when this returns. Whatever kills the
    /// process later, the line stays; only a crash of the machine can lose it.
    pub fn append(&mut self, event: &Event) -> Result<(), JournalError> {
        let mut line = serde_json::to_vec(event)
            .map_err(|error| JournalError::new("write the journal", &self.path, error.into()))?;
        line.push(b'\n');
        match self.file.write_all(&line) {
            Ok(()) => {
                self.length += line.len() as u64;
                Ok(())
            }
            Err(cause) => {
                // On a full disk half a line may have been written; what is there stays readable.
                let _ = self.file.set_len(self.length);
                Err(JournalError::new("write the journal", &self.path, cause))
            }
        }
    }

    /// The run folder.
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }
}

impl RunFolder {
    pub(super) fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps a file in the run folder, readable by the user only, and returns its path. `name` is
    /// a plain file name; a file of this name is replaced.
    pub fn write_file(&self, name: &str, contents: &[u8]) -> Result<PathBuf, JournalError> {
        let path = self.path.join(name);
        let fail = |cause| JournalError::new("write", &path, cause);
        if !is_plain(name) || name == EVENTS {
            return Err(fail(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not a plain file name of its own",
            )));
        }
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(fail(error));
        }
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(contents))
            .map_err(fail)?;
        Ok(path)
    }
}

fn is_plain(name: &str) -> bool {
    let mut components = Path::new(name).components();
    matches!(
        (components.next(), components.next()),
        (Some(Component::Normal(only)), None) if only == name
    )
}
