//! Where a run keeps what only its children may see: kubeconfig, caches, scripts.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use tempfile::{Builder, TempDir};

use super::{RunError, Settings};
use crate::process::mark;

/// Files in memory, on every Linux.
const SHARED_MEMORY: &str = "/dev/shm";

/// What the folders' names begin with.
const PREFIX: &str = "stackctl-";

/// File in a folder: which process it is of.
const OWNER: &str = "owner";

/// Makes a folder that nobody else can look into, and that is gone when it is dropped: where the user
/// wants such things (`TMPDIR`), else in memory if there is a place. Credentials then reach no disk,
/// and Helm, which writes some sixty files of discovery at each start, takes a tenth less time.
///
/// Those of runs that were killed are removed.
pub(super) fn folder(settings: &Settings) -> Result<TempDir, RunError> {
    let mut builder = Builder::new();
    builder.prefix(PREFIX);
    builder.permissions(Permissions::from_mode(0o700));
    let var = |name| settings.var(name).filter(|value| !value.is_empty());
    let made = if let Some(place) = var("TMPDIR") {
        builder.tempdir_in(place)
    } else {
        let places = [var("XDG_RUNTIME_DIR"), Some(SHARED_MEMORY)];
        let mut places = places.into_iter().flatten();
        let in_memory = places.find_map(|place| builder.tempdir_in(place).ok());
        in_memory.map_or_else(|| builder.tempdir(), Ok)
    };
    made.and_then(own).map_err(RunError::Private)
}

/// Writes down whose the folder is, and looks after those beside it that are nobody's any more.
fn own(folder: TempDir) -> io::Result<TempDir> {
    if let Some(mark) = mark::own() {
        fs::write(folder.path().join(OWNER), mark)?;
    }
    let beside = folder.path().parent().map(fs::read_dir);
    let beside = beside.into_iter().flatten().flatten().flatten();
    let ours = beside.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    for entry in ours {
        if is_abandoned(&entry.path()) {
            // Another run may be at it, too.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(folder)
}

/// Is it a folder of this user's, made by a stackctl that is gone with all its children?
fn is_abandoned(folder: &Path) -> bool {
    let Ok(found) = folder.symlink_metadata() else {
        return false;
    };
    let is_ours = found.is_dir() && found.uid() == nix::unistd::geteuid().as_raw();
    is_ours && fs::read_to_string(folder.join(OWNER)).is_ok_and(|mark| mark::is_gone(&mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_nobody_elses_and_in_memory_unless_the_user_wants_it_elsewhere() {
        let runtime = tempfile::tempdir().unwrap();
        let at = |vars: &[(&str, &Path)]| {
            let vars = vars.iter();
            let vars = vars.map(|(name, value)| ((*name).into(), (*value).into()));
            let settings = Settings {
                env: vars.collect(),
                ..Settings::default()
            };
            let folder = folder(&settings).unwrap();
            let mode = folder.path().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
            folder.path().parent().unwrap().to_owned()
        };
        assert_eq!(at(&[("XDG_RUNTIME_DIR", runtime.path())]), runtime.path());
        let nowhere = Path::new("/nowhere");
        if Path::new(SHARED_MEMORY).is_dir() {
            assert_eq!(at(&[]), Path::new(SHARED_MEMORY));
            assert_eq!(
                at(&[("XDG_RUNTIME_DIR", nowhere)]),
                Path::new(SHARED_MEMORY)
            );
        }
        let said_dir = tempfile::tempdir().unwrap();
        let said = [
            ("TMPDIR", said_dir.path()),
            ("XDG_RUNTIME_DIR", runtime.path()),
        ];
        assert_eq!(at(&said), said_dir.path());
    }

    #[test]
    fn what_a_killed_run_left_there_is_removed() {
        let place = tempfile::tempdir().unwrap();
        let own = mark::own().unwrap();
        let (rest, _) = own.rsplit_once('/').unwrap();
        // This process' number, when another process had it.
        let dead = format!("{rest}/0");
        let folders = [
            ("stackctl-dead", Some(&dead)),
            ("stackctl-live", Some(&own)),
            ("stackctl-new", None),
            ("other", Some(&dead)),
        ];
        for (name, mark) in folders {
            let folder = place.path().join(name);
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("kubeconfig"), "").unwrap();
            if let Some(mark) = mark {
                fs::write(folder.join(OWNER), mark).unwrap();
            }
        }
        std::os::unix::fs::symlink(
            place.path().join("other"),
            place.path().join("stackctl-link"),
        )
        .unwrap();
        let settings = Settings {
            env: [("TMPDIR".into(), place.path().into())].into(),
            ..Settings::default()
        };
        drop(folder(&settings).unwrap());
        let left = fs::read_dir(place.path()).unwrap();
        let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(
            left,
            ["other", "stackctl-link", "stackctl-live", "stackctl-new"]
        );
        assert!(place.path().join("other/kubeconfig").exists());
    }
}
