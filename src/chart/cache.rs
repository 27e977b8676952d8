//! Archives by the digest of their bytes, and folders with their subcharts.
//!
//! ```text
//! CACHE/archives/HEX.tgz     checked archives
//! CACHE/built/HEX/           a folder with its subcharts: `chart/` and the `digest` of its files
//! CACHE/incoming/            what is being written
//! ```
//!
//! Everything is written in `incoming/` and renamed into place, so runs can share the cache and a
//! killed one leaves nothing half-written. What is read is checked against its digest; what does
//! not match counts as absent and is replaced.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tempfile::{NamedTempFile, TempDir};

use super::{FetchError, tree};
use crate::digest::Digest;

/// Leftovers of killed runs are removed after this long.
const LEFTOVER: Duration = Duration::from_hours(24);

/// An open cache. Its methods block: for threads that may.
#[derive(Debug, Clone)]
pub(super) struct Cache {
    root: PathBuf,
}

impl Cache {
    /// Makes the folders, for their owner only: charts may be private.
    pub(super) fn open(root: &Path) -> Result<Self, FetchError> {
        let root = std::path::absolute(root).map_err(|error| FetchError::cache(root, error))?;
        let cache = Self { root };
        for folder in ["archives", "built", "incoming"] {
            let path = cache.root.join(folder);
            let made = fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&path);
            made.map_err(|error| FetchError::cache(&path, error))?;
        }
        cache.sweep();
        Ok(cache)
    }

    /// The archive with this digest, if it is there and sound.
    pub(super) fn archive(&self, digest: &Digest) -> Option<PathBuf> {
        let path = self.archive_path(digest);
        let found = Digest::of_file(&path).ok()?;
        (found == *digest).then_some(path)
    }

    /// A file to download into.
    pub(super) fn incoming(&self) -> Result<NamedTempFile, FetchError> {
        let folder = self.root.join("incoming");
        NamedTempFile::new_in(&folder).map_err(|error| FetchError::cache(&folder, error))
    }

    /// Moves a checked archive to its place.
    pub(super) fn place(
        &self,
        file: NamedTempFile,
        digest: &Digest,
    ) -> Result<PathBuf, FetchError> {
        let path = self.archive_path(digest);
        file.persist(&path)
            .map_err(|error| FetchError::cache(&path, error.error))?;
        Ok(path)
    }

    /// The folder built for this key, with the digest of its files, if it is there and sound.
    pub(super) fn built(&self, key: &Digest) -> Option<(PathBuf, Digest)> {
        let folder = self.root.join("built").join(key.hex());
        let digest = Digest::parse(&fs::read_to_string(folder.join("digest")).ok()?)?;
        let chart = folder.join("chart");
        let found = tree::digest(&chart).ok()?;
        (found == digest).then_some((chart, digest))
    }

    /// Builds the folder for this key; `fill` gets the empty folder of the chart.
    pub(super) fn build(
        &self,
        key: &Digest,
        fill: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<(PathBuf, Digest), FetchError> {
        let place = self.root.join("built").join(key.hex());
        let failed = |error: io::Error| FetchError::cache(&place, error);
        let new = TempDir::new_in(self.root.join("incoming")).map_err(failed)?;
        let chart = new.path().join("chart");
        fs::create_dir(&chart)
            .and_then(|()| fill(&chart))
            .map_err(failed)?;
        let digest = tree::digest(&chart).map_err(failed)?;
        fs::write(new.path().join("digest"), digest.to_string()).map_err(failed)?;
        let moved = fs::rename(new.path(), &place).or_else(|_| {
            // Another run was faster, or a damaged one stands in the way.
            if self.built(key).is_none() {
                self.put_aside(&place)?;
            }
            fs::rename(new.path(), &place)
        });
        match moved {
            Ok(()) => {
                // It is where it belongs: nothing is left to clean up.
                let _ = new.keep();
                Ok((place.join("chart"), digest))
            }
            Err(error) => self.built(key).ok_or_else(|| failed(error)),
        }
    }

    fn put_aside(&self, place: &Path) -> io::Result<()> {
        let aside = TempDir::new_in(self.root.join("incoming"))?;
        match fs::rename(place, aside.path().join("damaged")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn archive_path(&self, digest: &Digest) -> PathBuf {
        self.root
            .join("archives")
            .join(format!("{}.tgz", digest.hex()))
    }

    /// Removes what killed runs left. Failing to is no reason to stop.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(self.root.join("incoming")) else {
            return;
        };
        for entry in entries.flatten() {
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            let age = modified
                .ok()
                .and_then(|time| SystemTime::now().duration_since(time).ok());
            if age.is_some_and(|age| age > LEFTOVER) {
                let path = entry.path();
                let _ = if path.is_dir() {
                    fs::remove_dir_all(path)
                } else {
                    fs::remove_file(path)
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn cache() -> (TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("cache")).unwrap();
        (folder, cache)
    }

    #[test]
    fn a_damaged_archive_counts_as_absent_and_is_replaced() {
        let (_folder, cache) = cache();
        let digest = Digest::of(b"chart");
        assert_eq!(cache.archive(&digest), None);
        for _ in 0..2 {
            let mut file = cache.incoming().unwrap();
            file.write_all(b"chart").unwrap();
            let path = cache.place(file, &digest).unwrap();
            assert_eq!(cache.archive(&digest), Some(path.clone()));
            fs::write(path, "chars").unwrap();
            assert_eq!(cache.archive(&digest), None);
        }
    }

    #[test]
    fn a_folder_is_built_once_and_again_when_it_was_changed() {
        let (_folder, cache) = cache();
        let key = Digest::of(b"key");
        let fill = |folder: &Path| fs::write(folder.join("Chart.yaml"), "name: a");
        assert!(cache.built(&key).is_none());
        let made = cache.build(&key, fill).unwrap();
        assert_eq!(cache.built(&key), Some(made.clone()));
        // A slower run finds the work done.
        assert_eq!(cache.build(&key, fill).unwrap(), made);
        fs::write(made.0.join("Chart.yaml"), "name: b").unwrap();
        assert!(cache.built(&key).is_none());
        assert_eq!(cache.build(&key, fill).unwrap(), made);
        assert_eq!(cache.built(&key), Some(made));
    }

    #[test]
    fn nothing_half_built_stays() {
        let (_folder, cache) = cache();
        let fill = |folder: &Path| {
            fs::write(folder.join("Chart.yaml"), "name: a")?;
            Err(io::Error::other("disk full"))
        };
        let error = cache
            .build(&Digest::of(b"key"), fill)
            .unwrap_err()
            .to_string();
        assert!(error.contains("disk full"), "{error}");
        for folder in ["built", "incoming"] {
            assert_eq!(
                fs::read_dir(cache.root.join(folder)).unwrap().count(),
                0,
                "{folder}"
            );
        }
    }
}
