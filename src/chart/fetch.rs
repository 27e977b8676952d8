//! Gets all charts of a run: resolves, downloads, checks, builds; each distinct one once.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    path::PathBuf,
};

use super::{FetchError, LocalChart, LockFile, Repository, Request};
use crate::{http::Patience, name::ChartName, secret::Redactor, shutdown::Shutdown};

/// What a [`Fetcher`] works with.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// Folder of the cache, made when missing. Runs may share it.
    pub cache_dir: PathBuf,
    /// `[repositories]`: for subcharts whose `repository` is `@name` or one of their addresses.
    pub repositories: BTreeMap<String, Repository>,
    /// The user's environment: proxies, where registry credentials are, and what credential
    /// helpers see.
    pub env: BTreeMap<OsString, OsString>,
    /// Learns every password; whatever is said about an address goes through it.
    pub redactor: Redactor,
    /// Downloads at once; at least one.
    pub concurrency: usize,
    /// Never use the network: what is not in the cache is an error.
    pub offline: bool,
    /// How long to wait for servers, and how often to ask.
    pub patience: Patience,
    /// Ends credential helpers. (Fetching itself ends when its future is dropped.)
    pub shutdown: Shutdown,
}

/// What the lock file may do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LockMode {
    /// What `up` does: what is locked is used exactly so, the rest is resolved. No entry is lost.
    #[default]
    Use,
    /// `--frozen`: as `Use`, but a chart that is not locked is an error.
    Frozen,
    /// What `fetch` does: the requests are everything the lock file is for. What is to move is
    /// resolved anew, entries that nobody wants any more go.
    Update(Move),
}

/// Which charts are resolved anew.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Move {
    /// Those that are not locked.
    #[default]
    Nothing,
    /// These, with their subcharts. (Another chart that wants the very same one moves along.)
    Charts(BTreeSet<ChartName>),
    /// All.
    All,
}

/// What happens with one chart. A chart that several want reports to the first of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchProgress {
    /// Whose.
    pub chart: ChartName,
    /// What.
    pub step: FetchStep,
}

/// See [`FetchProgress`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchStep {
    /// Looking for the version: an index or a list of tags is read.
    Resolving,
    /// Bytes have come.
    Downloading {
        /// So far.
        received: u64,
        /// In all, if the server says.
        total: Option<u64>,
    },
    /// A request failed and is sent again.
    Retrying {
        /// What went wrong.
        reason: String,
        /// After this long.
        pause: std::time::Duration,
    },
    /// The chart is there.
    Done {
        /// Its version.
        version: String,
        /// Whether bytes of it came over the network.
        downloaded: bool,
    },
    /// It is not; [`Fetcher::resolve_all`] says why.
    Failed,
}

/// Everything that was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// By chart of the stack.
    pub charts: BTreeMap<ChartName, LocalChart>,
    /// What to write if it differs from what was read.
    pub lock: LockFile,
}

/// Gets charts.
#[derive(Debug)]
pub struct Fetcher {
    options: FetchOptions,
}

impl Fetcher {
    /// Opens the cache.
    ///
    /// # Errors
    /// The folder of the cache cannot be made.
    pub fn new(options: FetchOptions) -> Result<Self, FetchError> {
        Ok(Self { options })
    }

    /// Gets all charts, in parallel, each distinct one and each index once. Nothing of the user's
    /// is changed. Dropping the future ends it; nothing half-written stays in the cache.
    ///
    /// # Errors
    /// All charts that could not be had, in the order they were asked for.
    pub async fn resolve_all(
        &self,
        requests: Vec<(ChartName, Request)>,
        lock: Option<&LockFile>,
        mode: &LockMode,
        on_progress: &mut (dyn FnMut(FetchProgress) + Send),
    ) -> Result<Fetched, Vec<(ChartName, FetchError)>> {
        let _ = (&self.options, requests, lock, mode, on_progress);
        todo!()
    }
}
