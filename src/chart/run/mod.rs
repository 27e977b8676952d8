//! One run of the fetcher: every distinct chart, index and folder once.
//!
//! - `target`: where exactly the bytes of a chart are, by index or registry;
//! - `accept`: downloading them, and what must hold before they are believed.

mod accept;
mod target;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

pub(super) use self::accept::check_range;
use self::accept::{Archive, check_promises};
use super::{
    FetchError, FetchOptions, FetchStep, LocalChart, LockEntry, LockFile, LockMode, Request,
    Source, archive,
    cache::Cache,
    index::Index,
    net::{Net, Reporter},
    oci::{Reference, Registry},
    once::Once,
    pick,
    remote::{Identity, Place, Remote},
    subcharts,
};
use crate::{digest::Digest, name::parse_version, stack::VersionRange};

/// State of one run.
pub(super) struct Run<'a> {
    pub(super) options: &'a FetchOptions,
    pub(super) cache: &'a Cache,
    net: &'a Net,
    registry: &'a Registry,
    lock: &'a LockFile,
    mode: &'a LockMode,
    indexes: Once<String, Result<Arc<Index>, FetchError>>,
    remotes: Once<Identity, Result<Found, FetchError>>,
    folders: Once<PathBuf, Result<LocalChart, FetchError>>,
    entries: Mutex<Vec<LockEntry>>,
}

/// For whom a chart is fetched.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    /// Who is told.
    pub(super) report: Reporter,
    /// Whether its charts are resolved anew.
    pub(super) moves: bool,
}

#[derive(Debug, Clone)]
struct Found {
    chart: LocalChart,
    entry: LockEntry,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        options: &'a FetchOptions,
        (cache, net, registry): (&'a Cache, &'a Net, &'a Registry),
        lock: &'a LockFile,
        mode: &'a LockMode,
    ) -> Self {
        Self {
            options,
            cache,
            net,
            registry,
            lock,
            mode,
            indexes: Once::default(),
            remotes: Once::default(),
            folders: Once::default(),
            entries: Mutex::default(),
        }
    }

    /// What was used of remote charts.
    pub(super) fn entries(&self) -> Vec<LockEntry> {
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Gets a chart of the stack.
    pub(super) async fn get(
        &self,
        request: &Request,
        asker: &Asker,
    ) -> Result<LocalChart, FetchError> {
        let range = request.version.as_ref();
        let chart = match &request.source {
            Source::Folder(path) => {
                let folder = self
                    .folders
                    .get(path.clone(), subcharts::prepare(self, path, asker, &[]));
                folder.await?
            }
            Source::Archive(path) => self.packed(path).await?,
            remote => return self.fetch(remote, range, asker).await,
        };
        check_range(&chart, range)?;
        asker.report.step(FetchStep::Done {
            version: chart.version.clone(),
            downloaded: false,
        });
        Ok(chart)
    }

    /// Gets a chart that is somewhere else.
    pub(super) async fn fetch(
        &self,
        source: &Source,
        range: Option<&VersionRange>,
        asker: &Asker,
    ) -> Result<LocalChart, FetchError> {
        let repositories = self.options.repositories.values();
        let remote = Remote::new(source, range, repositories, &self.net.redactor)?;
        let remote = remote
            .ok_or_else(|| FetchError::Address("a folder or archive is not fetched".to_owned()))?;
        let found = self
            .remotes
            .get(remote.identity.clone(), Box::pin(self.find(&remote, asker)))
            .await?;
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push(found.entry);
        Ok(found.chart)
    }

    /// An archive of the user's, checked.
    async fn packed(&self, path: &Path) -> Result<LocalChart, FetchError> {
        let path = path.to_owned();
        blocking(move || {
            let what = path.display().to_string();
            let packed = archive::check(&path).map_err(|reason| FetchError::Archive {
                what: what.clone(),
                reason,
            })?;
            let digest = Digest::of_file(&path).map_err(|error| FetchError::Archive {
                what,
                reason: error.to_string(),
            })?;
            Ok(local(path, packed.name, packed.version, &digest))
        })
        .await
    }

    async fn find(&self, remote: &Remote, asker: &Asker) -> Result<Found, FetchError> {
        let locked = if asker.moves {
            None
        } else {
            self.locked(remote)?
        };
        if let Some(found) = self.in_cache(remote, locked.as_ref()).await {
            let version = found.chart.version.clone();
            asker.report.step(FetchStep::Done {
                version,
                downloaded: false,
            });
            return Ok(found);
        }
        if self.options.offline {
            return Err(FetchError::Offline {
                what: remote.describe(),
            });
        }
        asker.report.step(FetchStep::Resolving);
        let mut target = self.target(remote, locked.as_ref(), asker).await?;
        let cached = match target.promised.first() {
            Some((_, digest)) if locked.is_none() => self.archive(digest).await,
            _ => None,
        };
        if let Some(entry) = &locked {
            let digest = Digest::parse(&entry.digest);
            target
                .promised
                .extend(digest.map(|digest| ("the lock file", digest)));
            check_promises(remote, &target)?;
        }
        let downloaded = cached.is_none();
        let file = match cached {
            Some(path) => Archive::Cached(path),
            None => Archive::New(self.download(remote, &target, asker).await?),
        };
        let found = self.accept(remote, target, file).await?;
        let version = found.chart.version.clone();
        asker.report.step(FetchStep::Done {
            version,
            downloaded,
        });
        Ok(found)
    }

    /// The entry to follow: the one for exactly this wish, or else the newest for the same chart
    /// that satisfies it, so that a loosened range moves nothing.
    pub(super) fn locked(&self, remote: &Remote) -> Result<Option<LockEntry>, FetchError> {
        let Identity {
            source,
            name,
            wanted,
        } = &remote.identity;
        let is_it = |entry: &&LockEntry| name.as_ref().is_none_or(|name| entry.name == *name);
        let all = || self.lock.of(source).filter(is_it);
        if let Some(exact) = all().find(|entry| entry.wanted == *wanted) {
            return Ok(Some(exact.clone()));
        }
        if *self.mode == LockMode::Frozen {
            return Err(FetchError::NotLocked {
                what: remote.describe(),
            });
        }
        if matches!(&remote.place, Place::Oci(Reference { pin: Some(_), .. })) {
            return Ok(None);
        }
        let fitting = all().filter_map(|entry| {
            let version = parse_version(&entry.version)?;
            pick::admits(remote.range.as_ref(), &version).then_some((version, entry))
        });
        let newest = fitting.max_by(|(a, _), (b, _)| a.cmp_precedence(b));
        Ok(newest.map(|(_, entry)| entry.clone()))
    }

    async fn in_cache(&self, remote: &Remote, locked: Option<&LockEntry>) -> Option<Found> {
        let entry = locked?;
        let digest = Digest::parse(&entry.digest)?;
        let path = self.archive(&digest).await?;
        let chart = local(path, entry.name.clone(), entry.version.clone(), &digest);
        let entry = LockEntry {
            wanted: remote.identity.wanted.clone(),
            ..entry.clone()
        };
        Some(Found { chart, entry })
    }

    async fn archive(&self, digest: &Digest) -> Option<PathBuf> {
        let (cache, digest) = (self.cache.clone(), digest.clone());
        blocking(move || cache.archive(&digest)).await
    }
}

pub(super) fn local(path: PathBuf, name: String, version: String, digest: &Digest) -> LocalChart {
    LocalChart {
        path,
        name,
        version,
        digest: digest.to_string(),
    }
}

/// Off the threads that must not wait for a disk.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only a runtime that shuts down cancels it; nobody waits for us then.
            Err(_) => std::future::pending().await,
        },
    }
}
