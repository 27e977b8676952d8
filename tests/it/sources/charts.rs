//! Packed charts, indexes and fetchers for tests.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use stackctl::{
    chart::{
        Access, FetchError, FetchOptions, FetchProgress, Fetched, Fetcher, LockFile, LockMode,
        Repository, Request, Source,
    },
    http::Patience,
    name::ChartName,
    secret::{Redactor, Secret},
    shutdown::Shutdown,
    stack::VersionRange,
};
use tempfile::TempDir;

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Paths are written as they are: the builder itself would refuse bad ones.
pub(super) fn tar(files: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, kind, content) in files {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

pub(super) fn meta(name: &str, version: &str) -> String {
    format!("apiVersion: v2\nname: {name}\nversion: {version}\n")
}

/// A packed chart with one object.
pub(super) fn packed(name: &str, version: &str) -> Vec<u8> {
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n";
    let regular = tar::EntryType::Regular;
    gzip(&tar(&[
        (
            &format!("{name}/Chart.yaml"),
            regular,
            meta(name, version).as_bytes(),
        ),
        (
            &format!("{name}/templates/c.yaml"),
            regular,
            template.as_bytes(),
        ),
    ]))
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut hex = String::new();
    for byte in digest.as_ref() {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}

/// An index of (name, version, address, digest).
pub(super) fn index(entries: &[(&str, &str, &str, Option<&str>)]) -> Vec<u8> {
    let mut charts: BTreeMap<&str, String> = BTreeMap::new();
    for (name, version, url, digest) in entries {
        let digest = digest.map_or_else(String::new, |digest| format!("    digest: {digest}\n"));
        let text = charts.entry(name).or_default();
        write!(
            text,
            "  - version: {version}\n    urls:\n    - {url}\n{digest}"
        )
        .unwrap();
    }
    let mut text = "apiVersion: v1\nentries:\n".to_owned();
    for (name, entries) in charts {
        write!(text, "  {name}:\n{entries}").unwrap();
    }
    text.into_bytes()
}

/// A cache, and what a run needs beside it.
pub(super) struct Lab {
    pub(super) folder: TempDir,
    pub(super) options: FetchOptions,
}

impl Lab {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = FetchOptions {
            cache_dir: folder.path().join("chart-cache"),
            repositories: BTreeMap::new(),
            env: BTreeMap::new(),
            redactor: Redactor::default(),
            concurrency: 4,
            offline: false,
            patience: Patience {
                pause: Duration::from_millis(1),
                idle: Duration::from_secs(5),
                ..Patience::default()
            },
            shutdown: Shutdown::never(),
        };
        Self { folder, options }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a chart's folder.
    pub(super) fn chart(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let folder = self.path(name);
        for (path, text) in files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    pub(super) async fn run(
        &self,
        requests: &[(&str, Request)],
        lock: Option<&LockFile>,
        mode: &LockMode,
    ) -> Result<Fetched, Vec<(ChartName, FetchError)>> {
        self.watch(requests, lock, mode, &mut |_| {}).await
    }

    pub(super) async fn watch(
        &self,
        requests: &[(&str, Request)],
        lock: Option<&LockFile>,
        mode: &LockMode,
        on_progress: &mut (dyn FnMut(FetchProgress) + Send),
    ) -> Result<Fetched, Vec<(ChartName, FetchError)>> {
        let requests = requests
            .iter()
            .map(|(name, request)| (key(name), request.clone()));
        let fetcher = Fetcher::new(self.options.clone()).unwrap();
        fetcher
            .resolve_all(requests.collect(), lock, mode, on_progress)
            .await
    }

    /// One chart, and nothing locked.
    pub(super) async fn get(&self, request: Request) -> Result<Fetched, String> {
        let outcome = self.run(&[("web", request)], None, &LockMode::Use).await;
        outcome.map_err(|errors| errors[0].1.to_string())
    }

    /// Every file in the cache.
    pub(super) fn cached(&self) -> Vec<PathBuf> {
        files_below(&self.options.cache_dir)
    }
}

/// Every file below a folder, sorted.
pub(super) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    list(folder, &mut files);
    files.sort();
    files
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list(&path, files);
        } else {
            files.push(path);
        }
    }
}

pub(super) fn key(name: &str) -> ChartName {
    ChartName::new(name).unwrap()
}

pub(super) fn user() -> Access {
    Access {
        username: Some("ada".into()),
        password: Some(Secret::new("hunter2")),
        ..Access::default()
    }
}

/// What `ada` and `hunter2` are in a header.
pub(super) const BASIC: &str = "Basic YWRhOmh1bnRlcjI=";

pub(super) fn range(text: &str) -> Option<VersionRange> {
    (!text.is_empty()).then(|| VersionRange::parse(text).unwrap())
}

pub(super) fn from(url: &str, name: &str, version: &str) -> Request {
    from_with(url, name, version, Access::default())
}

pub(super) fn from_with(url: &str, name: &str, version: &str, access: Access) -> Request {
    let repository = Repository {
        url: url.into(),
        access,
    };
    Request {
        source: Source::in_repository(&repository, name),
        version: range(version),
    }
}
