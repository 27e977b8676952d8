//! Where charts come from, as the stack file says it and with everything needed to get there.

use std::path::PathBuf;

use crate::{secret::Secret, stack::VersionRange};

/// How to reach and enter a server that holds charts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// User for HTTP basic authentication, or for a registry's token service.
    pub username: Option<String>,
    /// Its password. Kept to the run: never in an argument, error, lock file or cache.
    pub password: Option<Secret>,
    /// PEM file with certificate authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM file with the client's certificate chain; needs `key_file`.
    pub cert_file: Option<PathBuf>,
    /// PEM file with the client's private key; needs `cert_file`.
    pub key_file: Option<PathBuf>,
    /// Send user and password to whatever host the repository's index or a redirect names. Without
    /// it they go to the repository's own scheme, host and port only, as in Helm. OCI registries
    /// never get it: the storage behind them refuses foreign credentials.
    pub pass_credentials: bool,
    /// Talk to an OCI registry without TLS.
    pub plain_http: bool,
}

/// One entry of `[repositories]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// `https://…` or `http://…` (a chart repository with an `index.yaml`), or `oci://…` (a
    /// registry and the path its charts are below).
    pub url: String,
    /// How to get in.
    pub access: Access,
}

/// Where one chart comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A folder with a Chart.yaml. Never written to.
    Folder(PathBuf),
    /// A packed chart on this machine.
    Archive(PathBuf),
    /// A chart of an HTTP repository.
    Repository {
        /// The repository.
        repository: Repository,
        /// The chart's name in its index.
        name: String,
    },
    /// A chart of an OCI registry.
    Oci {
        /// `oci://host[:port]/path/name`, optionally with `:tag` or `@sha256:…` behind it.
        reference: String,
        /// How to get in. Without a user the credentials of `helm registry login` and `docker
        /// login` are used.
        access: Access,
    },
    /// A packed chart at an address.
    Url {
        /// `https://…` or `http://…`.
        url: String,
        /// How to get in.
        access: Access,
    },
}

impl Source {
    /// The chart `name` of a repository of either kind.
    pub fn in_repository(repository: &Repository, name: &str) -> Self {
        let url = repository.url.trim_end_matches('/');
        if url.starts_with("oci://") {
            return Self::Oci {
                reference: format!("{url}/{name}"),
                access: repository.access.clone(),
            };
        }
        Self::Repository {
            repository: repository.clone(),
            name: name.to_owned(),
        }
    }
}

/// A chart that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Where it comes from.
    pub source: Source,
    /// Which version; the newest stable one if absent. Folders, archives and addresses hold one
    /// version only: it must be in the range.
    pub version: Option<VersionRange>,
}

/// A chart that is on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalChart {
    /// The folder or archive to give Helm. In the cache unless it is the user's own.
    pub path: PathBuf,
    /// `name` of Chart.yaml.
    pub name: String,
    /// `version` of Chart.yaml, as written there.
    pub version: String,
    /// `sha256:` and 64 hex digits: of an archive's bytes, or of a folder's files (their paths and
    /// contents, subcharts included).
    pub digest: String,
}
