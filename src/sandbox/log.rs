//! The sandbox's log: what was asked of it that it does not do.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::{Mutex, PoisonError},
};

use super::objects;

/// A file that lines are added to.
#[derive(Debug)]
pub(super) struct Log(Mutex<File>);

impl Log {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).mode(0o600).open(path)?;
        Ok(Self(Mutex::new(file)))
    }

    /// Adds a line, with the time before it. Line breaks in it are shown as such.
    pub(super) fn line(&self, text: &str) {
        let line = format!("{} {}\n", objects::now(), text.escape_debug());
        tracing::warn!("sandbox: {text}");
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk is the store's to report.
        let _ = file.write_all(line.as_bytes());
    }
}
