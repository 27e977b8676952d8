//! The sandbox's folder: one process at a time, and what it leaves there for clients.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::SandboxError;

const LOCK: &str = "lock";

/// The folder, held by this process until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Locked.
    _lock: File,
}

impl Folder {
    /// Makes the folder, readable for its owner only, and holds it.
    pub(super) fn hold(path: &Path) -> Result<Self, SandboxError> {
        let failed = |error: io::Error| SandboxError::folder(path, &error);
        let path = &std::path::absolute(path).map_err(failed)?;
        let mut builder = DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(failed)?;
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        let mut lock = options.open(path.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Only who it is may be unknown.
                let _ = lock.read_to_string(&mut holder);
                return Err(SandboxError::Held {
                    folder: path.clone(),
                    process: holder.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        lock.set_len(0).map_err(failed)?;
        lock.rewind().map_err(failed)?;
        writeln!(lock, "{}", std::process::id()).map_err(failed)?;
        Ok(Self {
            path: path.clone(),
            _lock: lock,
        })
    }

    pub(super) fn store(&self) -> PathBuf {
        self.path.join("objects.redb")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.path.join("kubeconfig")
    }

    /// Writes a file only its owner can read, whole or not at all.
    pub(super) fn write_private(&self, path: &Path, text: &str) -> Result<(), SandboxError> {
        let failed = |error: &dyn std::fmt::Display| SandboxError::folder(path, error);
        let mut file = tempfile::NamedTempFile::new_in(&self.path).map_err(|e| failed(&e))?;
        file.write_all(text.as_bytes()).map_err(|e| failed(&e))?;
        file.persist(path).map_err(|e| failed(&e))?;
        Ok(())
    }

    /// Removes what a sandbox keeps there, and the folder, if nothing else is in it.
    pub(super) fn remove(self) -> Result<(), SandboxError> {
        let failed = |path: &Path, error: &io::Error| SandboxError::folder(path, error);
        for file in [self.store(), self.log(), self.kubeconfig()] {
            match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed(&file, &error));
                }
                _ => {}
            }
        }
        let lock = self.path.join(LOCK);
        fs::remove_file(&lock).map_err(|error| failed(&lock, &error))?;
        // What else somebody put there is theirs.
        let _ = fs::remove_dir(&self.path);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_at_a_time() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("a/sandbox");
        let held = Folder::hold(&path).unwrap();
        let second = Folder::hold(&path).unwrap_err().to_string();
        let expected = format!("is in use by process {}", std::process::id());
        assert!(second.contains(&expected), "{second}");
        drop(held);
        let again = Folder::hold(&path).unwrap();
        fs::write(path.join("mine"), "x").unwrap();
        again.remove().unwrap();
        let left: Vec<_> = fs::read_dir(&path)
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(left, ["mine"]);
    }
}
