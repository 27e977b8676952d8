//! Where a run keeps what only its children may see: kubeconfig, caches, scripts.

use tempfile::{Builder, TempDir};

use super::{RunError, Settings};

/// Files in memory, on every Linux.
const SHARED_MEMORY: &str = "/dev/shm";

/// Makes a folder that nobody else can look into, and that is gone when it is dropped: where the user
/// wants such things (`TMPDIR`), else in memory if there is a place. Credentials then reach no disk,
/// and Helm, which writes some sixty files of discovery at each start, takes a tenth less time.
pub(super) fn folder(settings: &Settings) -> Result<TempDir, RunError> {
    let mut builder = Builder::new();
    builder.prefix("stackctl-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    let var = |name| settings.var(name).filter(|value| !value.is_empty());
    let made = if let Some(place) = var("TMPDIR") {
        builder.tempdir_in(place)
    } else {
        let places = [var("XDG_RUNTIME_DIR"), Some(SHARED_MEMORY)];
        let mut places = places.into_iter().flatten();
        let in_memory = places.find_map(|place| builder.tempdir_in(place).ok());
        in_memory.map_or_else(|| builder.tempdir(), Ok)
    };
    made.map_err(RunError::Private)
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt as _, path::Path};

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
}
