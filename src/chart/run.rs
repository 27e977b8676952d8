//! One run of the fetcher: every distinct chart, index and folder once.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tempfile::NamedTempFile;

use super::{
    Access, FetchError, FetchOptions, FetchStep, LocalChart, LockEntry, LockFile, LockMode,
    Request, Source, archive,
    cache::Cache,
    digest::Digest,
    error::Kind,
    index::{Index, IndexEntry},
    net::{DOWNLOAD, Net, Reporter, basic},
    oci::{Call, Pin, Reference, Registry},
    once::Once,
    pick::{self, pick},
    remote::{Identity, Place, Remote, inherited},
    subcharts,
};
use crate::{
    http::{Ask, is_same_origin, resolve},
    name::parse_version,
    stack::VersionRange,
};

/// Longest index.
const INDEX: u64 = 128 * 1024 * 1024;

/// Close names shown for one that is not in an index.
const SIMILAR: usize = 3;

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

/// Where the bytes are, and what was promised about them.
struct Target {
    bytes: Bytes,
    promised: Vec<(&'static str, Digest)>,
    /// The version that was chosen.
    version: Option<String>,
}

enum Bytes {
    At { url: http::Uri, authorized: bool },
    Layer { reference: Reference, access: Access, digest: Digest },
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
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
                let folder = self.folders.get(path.clone(), subcharts::prepare(self, path, asker, &[]));
                folder.await?
            }
            Source::Archive(path) => self.packed(path).await?,
            remote => return self.fetch(remote, range, asker).await,
        };
        check_range(&chart, range)?;
        asker.report.step(FetchStep::Done { version: chart.version.clone(), downloaded: false });
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
        let remote = remote.ok_or_else(|| {
            FetchError::Address("a folder or archive is not fetched".to_owned())
        })?;
        let found = self.remotes.get(remote.identity.clone(), self.find(&remote, asker)).await?;
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push(found.entry);
        Ok(found.chart)
    }

    /// An archive of the user's, checked.
    async fn packed(&self, path: &Path) -> Result<LocalChart, FetchError> {
        let path = path.to_owned();
        blocking(move || {
            let what = path.display().to_string();
            let packed = archive::check(&path)
                .map_err(|reason| FetchError::Archive { what: what.clone(), reason })?;
            let digest = Digest::of_file(&path)
                .map_err(|error| FetchError::Archive { what, reason: error.to_string() })?;
            Ok(local(path, packed.name, packed.version, &digest))
        })
        .await
    }

    async fn find(&self, remote: &Remote, asker: &Asker) -> Result<Found, FetchError> {
        let locked = if asker.moves { None } else { self.locked(remote)? };
        if let Some(found) = self.from_cache(remote, locked.as_ref()).await {
            let version = found.chart.version.clone();
            asker.report.step(FetchStep::Done { version, downloaded: false });
            return Ok(found);
        }
        if self.options.offline {
            return Err(FetchError::Offline { what: remote.describe() });
        }
        asker.report.step(FetchStep::Resolving);
        let mut target = self.target(remote, locked.as_ref(), asker).await?;
        let cached = match target.promised.first() {
            Some((_, digest)) if locked.is_none() => self.archive(digest).await,
            _ => None,
        };
        if let Some(entry) = &locked {
            let digest = Digest::parse(&entry.digest);
            target.promised.extend(digest.map(|digest| ("the lock file", digest)));
            check_promises(remote, &target)?;
        }
        let downloaded = cached.is_none();
        let file = match cached {
            Some(path) => Archive::Cached(path),
            None => Archive::New(self.download(remote, &target, asker).await?),
        };
        let found = self.accept(remote, target, file).await?;
        let version = found.chart.version.clone();
        asker.report.step(FetchStep::Done { version, downloaded });
        Ok(found)
    }

    /// The entry to follow: the one for exactly this wish, or else the newest for the same chart
    /// that satisfies it, so that a loosened range moves nothing.
    fn locked(&self, remote: &Remote) -> Result<Option<LockEntry>, FetchError> {
        let Identity { source, name, wanted } = &remote.identity;
        let is_it = |entry: &&LockEntry| name.as_ref().is_none_or(|name| entry.name == *name);
        let all = || self.lock.of(source).filter(is_it);
        if let Some(exact) = all().find(|entry| entry.wanted == *wanted) {
            return Ok(Some(exact.clone()));
        }
        if *self.mode == LockMode::Frozen {
            return Err(FetchError::NotLocked { what: remote.describe() });
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

    async fn from_cache(&self, remote: &Remote, locked: Option<&LockEntry>) -> Option<Found> {
        let entry = locked?;
        let digest = Digest::parse(&entry.digest)?;
        let path = self.archive(&digest).await?;
        let chart = local(path, entry.name.clone(), entry.version.clone(), &digest);
        let entry = LockEntry { wanted: remote.identity.wanted.clone(), ..entry.clone() };
        Some(Found { chart, entry })
    }

    async fn archive(&self, digest: &Digest) -> Option<PathBuf> {
        let (cache, digest) = (self.cache.clone(), digest.clone());
        blocking(move || cache.archive(&digest)).await
    }

    async fn target(
        &self,
        remote: &Remote,
        locked: Option<&LockEntry>,
        asker: &Asker,
    ) -> Result<Target, FetchError> {
        match &remote.place {
            Place::Url(url) => Ok(Target {
                bytes: Bytes::At { url: url.clone(), authorized: true },
                promised: Vec::new(),
                version: None,
            }),
            Place::Repository(url) => self.in_index(remote, url, locked, asker).await,
            Place::Oci(reference) => {
                let call = self.call(reference, &remote.access, asker);
                let tag = self.tag(remote, &call, locked).await?;
                let layer = match tag.layer {
                    Some(layer) => layer,
                    None => self.registry.layer(&call, &tag.pin).await?,
                };
                Ok(in_registry(&call, layer, tag.version))
            }
        }
    }

    async fn in_index(
        &self,
        remote: &Remote,
        url: &http::Uri,
        locked: Option<&LockEntry>,
        asker: &Asker,
    ) -> Result<Target, FetchError> {
        let name = remote.identity.name.clone().unwrap_or_default();
        let source = &remote.identity.source;
        let index = self
            .indexes
            .get(source.clone(), self.index(source, url, &remote.access, asker))
            .await?;
        let chosen = choose(&index, remote, &name, locked.map(|entry| entry.version.as_str()))?;
        let nonsense = |reason: String| FetchError::NotAnIndex { url: source.clone(), reason };
        let at = chosen.urls.as_ref().and_then(|urls| urls.first());
        let at = at.ok_or_else(|| nonsense(format!("`{name}` has a version without address")))?;
        if at.starts_with("oci://") {
            let reference = Reference::parse(at).map_err(nonsense)?;
            let pin = match &reference.pin {
                Some(Pin::Tag(tag)) => tag.clone(),
                Some(Pin::Digest(digest)) => digest.to_string(),
                None => tag_of(chosen.version.as_deref().unwrap_or_default()),
            };
            // Another server: the repository's own credentials are not for it.
            let access = inherited(at, self.options.repositories.values());
            let call = self.call(&reference, &access, asker);
            let layer = self.registry.layer(&call, &pin).await?;
            return Ok(in_registry(&call, layer, chosen.version));
        }
        let at = resolve(url, at).map_err(|error| nonsense(error.to_string()))?;
        let authorized = remote.access.pass_credentials || is_same_origin(url, &at);
        let digest = chosen.digest.as_deref().and_then(Digest::parse);
        Ok(Target {
            bytes: Bytes::At { url: at, authorized },
            promised: digest.map(|digest| ("the index", digest)).into_iter().collect(),
            version: chosen.version,
        })
    }

    async fn index(
        &self,
        source: &str,
        url: &http::Uri,
        access: &Access,
        asker: &Asker,
    ) -> Result<Arc<Index>, FetchError> {
        let bad = |reason: String| FetchError::NotAnIndex { url: source.to_owned(), reason };
        let at = resolve(url, "index.yaml").map_err(|error| bad(error.to_string()))?;
        let ask = Ask {
            authorization: basic(access),
            send_everywhere: access.pass_credentials,
            ..Ask::get(at, INDEX)
        };
        let what = format!("the index of {source}");
        let mut bytes = Vec::new();
        self.net.send(access, &ask, &mut bytes, &what, Kind::Web, &asker.report).await?;
        let index = blocking(move || Index::read(bytes)).await;
        index.map(Arc::new).map_err(bad)
    }

    /// The tag to ask for. One whole version is asked for by name, without a look at the others,
    /// unless the registry does not have it under that name.
    async fn tag(
        &self,
        remote: &Remote,
        call: &Call<'_>,
        locked: Option<&LockEntry>,
    ) -> Result<Tag, FetchError> {
        if let Some(pin) = &call.reference.pin {
            return Ok(match pin {
                Pin::Digest(digest) => Tag::new(digest.to_string(), None),
                // `latest` says nothing about the version.
                Pin::Tag(tag) => {
                    let version = Some(version_of(tag));
                    Tag::new(tag.clone(), version.filter(|text| parse_version(text).is_some()))
                }
            });
        }
        if let Some(entry) = locked {
            return Ok(Tag::new(tag_of(&entry.version), Some(entry.version.clone())));
        }
        let exact = remote.range.as_ref().filter(|range| pick::exact(range).is_some());
        if let Some(range) = exact {
            let text = range.as_str().trim().trim_start_matches('=');
            let there = self.registry.layer(call, &tag_of(text)).await;
            let is_absent = |error: &FetchError| {
                error.refusal().is_some_and(|refusal| refusal.status == 404)
            };
            match there {
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(error),
                Ok(layer) => {
                    let tag = Tag::new(tag_of(text), Some(text.to_owned()));
                    return Ok(Tag { layer: Some(layer), ..tag });
                }
            }
        }
        let tags = self.registry.tags(call).await?;
        let versions: Vec<String> = tags.iter().map(|tag| version_of(tag)).collect();
        let chosen = pick(versions.iter().map(String::as_str), remote.range.as_ref());
        let chosen = chosen.map_err(|none| no_version(remote, none.near))?.to_owned();
        Ok(Tag::new(tag_of(&chosen), Some(chosen)))
    }

    fn call<'c>(
        &'c self,
        reference: &'c Reference,
        access: &'c Access,
        asker: &'c Asker,
    ) -> Call<'c> {
        Call { net: self.net, reference, access, report: &asker.report }
    }

    async fn download(
        &self,
        remote: &Remote,
        target: &Target,
        asker: &Asker,
    ) -> Result<NamedTempFile, FetchError> {
        let cache = self.cache.clone();
        let mut file = blocking(move || cache.incoming()).await?;
        let what = remote.describe();
        match &target.bytes {
            Bytes::At { url, authorized } => {
                let access = &remote.access;
                let mut ask = Ask::get(url.clone(), DOWNLOAD);
                ask.authorization = basic(access).filter(|_| *authorized);
                ask.send_everywhere = access.pass_credentials;
                let sink = file.as_file_mut();
                let sent = self.net.send(access, &ask, sink, &what, Kind::Web, &asker.report);
                sent.await.map_err(|error| self.explain(error, remote, *authorized))?;
            }
            Bytes::Layer { reference, access, digest } => {
                let call = self.call(reference, access, asker);
                self.registry.download(&call, digest, file.as_file_mut(), &what).await?;
            }
        }
        Ok(file)
    }

    /// A refusal of a host that the index names and the credentials are not for.
    fn explain(&self, error: FetchError, remote: &Remote, authorized: bool) -> FetchError {
        use crate::http::TransferError::Refused;
        match error {
            FetchError::Get { what, error: Refused(mut refusal), .. }
                if !authorized && remote.access.username.is_some() =>
            {
                refusal.withheld = true;
                FetchError::get(&what, Kind::Web, Refused(refusal))
            }
            other => other,
        }
    }

    /// Checks an archive and puts it into the cache.
    async fn accept(
        &self,
        remote: &Remote,
        target: Target,
        file: Archive,
    ) -> Result<Found, FetchError> {
        let (cache, remote) = (self.cache.clone(), remote.clone());
        blocking(move || {
            let what = remote.describe();
            let at = match &file {
                Archive::Cached(path) => path.as_path(),
                Archive::New(file) => file.path(),
            };
            let unreadable = |error| FetchError::cache(at, error);
            let digest = Digest::of_file(at).map_err(unreadable)?;
            let checked = archive::check(at);
            let broken = target.promised.iter().find(|(_, promised)| *promised != digest);
            let packed = match (checked, broken) {
                (Ok(packed), None) => packed,
                (Ok(_), Some((by, expected))) => {
                    return Err(wrong_digest(what, by, expected, &digest));
                }
                (Err(reason), None) => return Err(FetchError::Archive { what, reason }),
                (Err(reason), Some((by, expected))) => {
                    let reason =
                        format!("{reason} (its digest is {digest}, but {by} says {expected})");
                    return Err(FetchError::Archive { what, reason });
                }
            };
            check_identity(&remote, target.version.as_deref(), &packed)?;
            let path = match file {
                Archive::Cached(path) => path,
                Archive::New(file) => cache.place(file, &digest)?,
            };
            let entry = LockEntry {
                source: remote.identity.source,
                name: packed.name.clone(),
                wanted: remote.identity.wanted,
                version: packed.version.clone(),
                digest: digest.to_string(),
            };
            Ok(Found { chart: local(path, packed.name, packed.version, &digest), entry })
        })
        .await
    }
}

enum Archive {
    Cached(PathBuf),
    New(NamedTempFile),
}

/// What to ask a registry for.
struct Tag {
    pin: String,
    version: Option<String>,
    /// What is behind it, if that is known already.
    layer: Option<Digest>,
}

impl Tag {
    fn new(pin: String, version: Option<String>) -> Self {
        Self { pin, version, layer: None }
    }
}

fn in_registry(call: &Call<'_>, layer: Digest, version: Option<String>) -> Target {
    let bytes = Bytes::Layer {
        reference: call.reference.clone(),
        access: call.access.clone(),
        digest: layer.clone(),
    };
    Target { bytes, promised: vec![("the registry", layer)], version }
}

/// Tags cannot hold a `+`; Helm writes `_`.
fn tag_of(version: &str) -> String {
    version.replace('+', "_")
}

fn version_of(tag: &str) -> String {
    tag.replace('_', "+")
}

fn choose(
    index: &Index,
    remote: &Remote,
    name: &str,
    locked: Option<&str>,
) -> Result<IndexEntry, FetchError> {
    let url = &remote.identity.source;
    let entries = index.versions(name);
    let entries = entries.map_err(|reason| {
        let reason = format!("entry `{name}`: {reason}");
        FetchError::NotAnIndex { url: url.clone(), reason }
    })?;
    let Some(entries) = entries else {
        let (url, name) = (url.clone(), name.to_owned());
        return Err(FetchError::NoChart { url, similar: similar(index, &name), name });
    };
    let versions = || entries.iter().filter_map(|entry| entry.version.as_deref());
    let chosen = match locked {
        // The chart may say it in another way than the index (`v1.2.0`).
        Some(version) => {
            let same = |text: &&str| {
                *text == version
                    || parse_version(text).is_some_and(|it| Some(it) == parse_version(version))
            };
            versions().find(same).ok_or_else(|| {
                let wanted = VersionRange::parse(version).ok();
                pick(versions(), wanted.as_ref()).err().map(|none| none.near).unwrap_or_default()
            })
        }
        None => pick(versions(), remote.range.as_ref()).map_err(|none| none.near),
    };
    let chosen = chosen.map_err(|near| match locked {
        Some(version) => FetchError::NoVersion {
            what: remote.describe(),
            wanted: Some(version.to_owned()),
            near,
        },
        None => no_version(remote, near),
    })?;
    let entry = entries.iter().find(|entry| entry.version.as_deref() == Some(chosen));
    Ok(entry.cloned().unwrap_or_default())
}

fn similar(index: &Index, name: &str) -> Vec<String> {
    let distance = |other: &str| strsim::damerau_levenshtein(name, other);
    let close = |other: &&str| distance(other) <= 2 || other.contains(name) || name.contains(other);
    let mut names: Vec<&str> = index.names().filter(close).collect();
    names.sort_by_key(|other| (distance(other), *other));
    names.into_iter().take(SIMILAR).map(str::to_owned).collect()
}

fn no_version(remote: &Remote, near: Vec<String>) -> FetchError {
    let Identity { source, name, .. } = &remote.identity;
    let what = format!("chart {} from {source}", name.as_deref().unwrap_or_default());
    let wanted = remote.range.as_ref().map(|range| range.as_str().to_owned());
    FetchError::NoVersion { what, wanted, near }
}

/// What an index or registry promises now against the lock file, before anything is downloaded.
fn check_promises(remote: &Remote, target: &Target) -> Result<(), FetchError> {
    if let [(_, now), .., (by, locked)] = target.promised.as_slice()
        && now != locked
    {
        return Err(wrong_digest(remote.describe(), by, locked, now));
    }
    Ok(())
}

fn wrong_digest(what: String, by: &'static str, expected: &Digest, found: &Digest) -> FetchError {
    let hint = match by {
        "the lock file" => ": if that is meant, run `stackctl fetch --update`",
        _ => "",
    };
    FetchError::Digest {
        what,
        promised: by,
        expected: expected.to_string(),
        found: found.to_string(),
        hint,
    }
}

fn check_identity(
    remote: &Remote,
    version: Option<&str>,
    packed: &archive::Packed,
) -> Result<(), FetchError> {
    let other = |expected: String| FetchError::Other {
        what: remote.describe(),
        expected,
        found: format!("{} {}", packed.name, packed.version),
    };
    if let Some(name) = remote.identity.name.as_ref().filter(|name| **name != packed.name) {
        return Err(other(name.clone()));
    }
    let found = parse_version(&packed.version);
    if let Some(version) = version
        && version != packed.version
        && (found.is_none() || parse_version(version) != found)
    {
        return Err(other(version.to_owned()));
    }
    match (&remote.range, &found) {
        (Some(range), Some(found)) if !range.matches(found) => Err(other(range.as_str().to_owned())),
        (_, None) => Err(other("one with a semantic version".to_owned())),
        _ => Ok(()),
    }
}

/// Of a chart on this machine.
pub(super) fn check_range(
    chart: &LocalChart,
    range: Option<&VersionRange>,
) -> Result<(), FetchError> {
    let version = parse_version(&chart.version);
    let is_in = |range: &&VersionRange| version.as_ref().is_some_and(|it| range.matches(it));
    match range {
        Some(range) if !is_in(&range) => Err(FetchError::Other {
            what: chart.path.display().to_string(),
            expected: range.as_str().to_owned(),
            found: format!("{} {}", chart.name, chart.version),
        }),
        _ => Ok(()),
    }
}

pub(super) fn local(path: PathBuf, name: String, version: String, digest: &Digest) -> LocalChart {
    LocalChart { path, name, version, digest: digest.to_string() }
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
