//! Lock files on disk.

use std::{fs, io::Write as _, path::Path};

use super::{LockFile, LockFileError};

/// Reads a lock file; none if there is no such file.
///
/// # Errors
/// It cannot be read, or is not a lock file.
pub fn read(path: &Path) -> Result<Option<LockFile>, LockFileError> {
    match fs::read_to_string(path) {
        Ok(text) => LockFile::parse(&text).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path, &error)),
    }
}

/// Writes a lock file whole or not at all, and leaves one that says the same alone. True if it was
/// written.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, lock: &LockFile) -> Result<bool, LockFileError> {
    let text = lock.to_text();
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(false);
    }
    replace(path, &text).map_err(|error| failed("write", path, &error))?;
    Ok(true)
}

fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".stack.lock.")
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    // Temporary files are private; a lock file is for everyone who reads the stack.
    let mode = fs::metadata(path).map_or_else(
        |_| std::os::unix::fs::PermissionsExt::from_mode(0o644),
        |old| old.permissions(),
    );
    fs::set_permissions(file.path(), mode)?;
    file.persist(path)?;
    Ok(())
}

fn failed(verb: &'static str, path: &Path, error: &std::io::Error) -> LockFileError {
    LockFileError::Io {
        verb,
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_lock_file_is_replaced_whole_and_only_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stack.lock");
        assert_eq!(read(&path), Ok(None));
        let lock = LockFile::default();
        assert_eq!(write(&path, &lock), Ok(true));
        assert_eq!(write(&path, &lock), Ok(false));
        assert_eq!(read(&path), Ok(Some(lock.clone())));
        let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o644);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o660)).unwrap();
        fs::write(&path, "version = 1").unwrap();
        assert_eq!(write(&path, &lock), Ok(true));
        assert_eq!(mode(), 0o660);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let nowhere = folder.path().join("gone/stack.lock");
        let error = write(&nowhere, &lock).unwrap_err().to_string();
        assert!(
            error.starts_with("could not write") && error.contains("gone"),
            "{error}"
        );
    }
}
