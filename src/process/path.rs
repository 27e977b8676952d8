//! From a program's name to its file.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
};

use nix::unistd::{AccessFlags, access};

use super::Command;

/// Finds an executable file called `name` in the folders of a `PATH`.
///
/// Relative and empty folders are passed over: what they mean depends on who looks, and a program
/// of the current folder must not stand in for one of the system.
pub fn find_in_path(name: &Path, path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|file| check_executable(file).is_ok())
}

/// The file a command starts, checked: the errors of an `exec` that fails later are poor.
pub(super) fn resolve(command: &Command) -> io::Result<PathBuf> {
    let program = &command.program;
    if !has_slash(program) {
        let path = command.env.get(OsStr::new("PATH"));
        return path
            .and_then(|path| find_in_path(program, path))
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "not found in PATH"));
    }
    let file = match &command.dir {
        Some(dir) => dir.join(program),
        None => program.clone(),
    };
    let file = std::path::absolute(file)?;
    check_executable(&file)?;
    Ok(file)
}

/// `./tool` is a path, `tool` is looked up, as shells do.
fn has_slash(program: &Path) -> bool {
    program.as_os_str().as_encoded_bytes().contains(&b'/')
}

fn check_executable(file: &Path) -> io::Result<()> {
    if std::fs::metadata(file)?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(access(file, AccessFlags::X_OK)?)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn tool(folder: &Path, name: &str, mode: u32) -> PathBuf {
        let file = folder.join(name);
        fs::create_dir_all(folder).unwrap();
        fs::write(&file, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    #[test]
    fn the_first_executable_of_path_is_found_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let folders = ["a", "b", "c", "d"].map(|name| root.path().join(name));
        tool(&folders[0], "tool", 0o644);
        fs::create_dir_all(folders[1].join("tool")).unwrap();
        let expected = tool(&folders[2], "tool", 0o755);
        tool(&folders[3], "tool", 0o755);
        let path = std::env::join_paths(
            [Path::new(""), Path::new("relative")]
                .into_iter()
                .chain(folders.iter().map(PathBuf::as_path)),
        )
        .unwrap();
        assert_eq!(find_in_path(Path::new("tool"), &path), Some(expected));
        assert_eq!(find_in_path(Path::new("other"), &path), None);
    }

    #[test]
    fn a_path_is_relative_to_the_working_folder_of_the_child() {
        let root = tempfile::tempdir().unwrap();
        let expected = tool(root.path(), "tool", 0o755);
        tool(root.path(), "data", 0o644);
        let resolve = |program: &str| {
            resolve(&Command {
                program: program.into(),
                dir: Some(root.path().to_owned()),
                ..Command::default()
            })
        };
        assert_eq!(resolve("./tool").unwrap(), expected);
        assert_eq!(
            resolve("./data").unwrap_err().kind(),
            io::ErrorKind::PermissionDenied
        );
        assert_eq!(
            resolve("./gone").unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        assert_eq!(resolve("tool").unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
