//! Gets all charts of a run: resolves, downloads, checks, builds; each distinct one once.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    path::PathBuf,
};

use futures::future::join_all;
use tokio::sync::mpsc;

use super::{
    FetchError, LocalChart, LockEntry, LockFile, Repository, Request,
    cache::Cache,
    net::{Net, Reporter},
    oci::{Keyring, Registry},
    remote::Remote,
    run::{Asker, Run},
};
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

/// Gets charts. One for a run: it keeps connections and tokens, and nothing else.
#[derive(Debug)]
pub struct Fetcher {
    options: FetchOptions,
    cache: Cache,
    net: Net,
    registry: Registry,
}

impl Fetcher {
    /// Opens the cache.
    ///
    /// # Errors
    /// The folder of the cache cannot be made.
    pub fn new(options: FetchOptions) -> Result<Self, FetchError> {
        let accesses = options
            .repositories
            .values()
            .map(|repository| &repository.access);
        for password in accesses.filter_map(|access| access.password.as_ref()) {
            options.redactor.add(password);
        }
        let keyring = Keyring::new(&options.env, &options.redactor, &options.shutdown);
        Ok(Self {
            cache: Cache::open(&options.cache_dir)?,
            net: Net::new(&options),
            registry: Registry::new(keyring),
            options,
        })
    }

    /// The entry of the lock file that fetching would follow; none if the chart is not locked, or
    /// on this machine.
    ///
    /// # Errors
    /// It must be locked (`Frozen`) and is not, or its address is none.
    pub fn locked(
        &self,
        request: &Request,
        lock: Option<&LockFile>,
        mode: &LockMode,
    ) -> Result<Option<LockEntry>, FetchError> {
        let (options, range) = (&self.options, request.version.as_ref());
        let repositories = options.repositories.values();
        let remote = Remote::new(&request.source, range, repositories, &options.redactor)?;
        let Some(remote) = remote else {
            return Ok(None);
        };
        let nothing = LockFile::default();
        let parts = (&self.cache, &self.net, &self.registry);
        Run::new(options, parts, lock.unwrap_or(&nothing), mode).locked(&remote)
    }

    /// Gets one chart: what is locked exactly so, and else the newest that is wanted.
    ///
    /// # Errors
    /// It could not be had.
    pub async fn resolve(
        &self,
        (chart, request): (ChartName, &Request),
        lock: Option<&LockFile>,
        mode: &LockMode,
        on_progress: &mut (dyn FnMut(FetchProgress) + Send),
    ) -> Result<LocalChart, FetchError> {
        let nothing = LockFile::default();
        let parts = (&self.cache, &self.net, &self.registry);
        let run = Run::new(&self.options, parts, lock.unwrap_or(&nothing), mode);
        let (sender, progress) = mpsc::unbounded_channel();
        let asker = Asker {
            report: Reporter { chart, sender },
            moves: false,
        };
        watched(run.get(request, &asker), progress, on_progress).await
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
        let nothing = LockFile::default();
        let old = lock.unwrap_or(&nothing);
        let run = Run::new(
            &self.options,
            (&self.cache, &self.net, &self.registry),
            old,
            mode,
        );
        let (sender, progress) = mpsc::unbounded_channel();
        let all = get_all(&run, &requests, mode, sender);
        let outcomes = watched(all, progress, on_progress).await;
        let mut charts = BTreeMap::new();
        let mut errors = Vec::new();
        for ((name, _), outcome) in requests.iter().zip(outcomes) {
            match outcome {
                Ok(chart) => drop(charts.insert(name.clone(), chart)),
                Err(error) => errors.push((name.clone(), error)),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let new = LockFile::new(run.entries());
        let lock = match mode {
            LockMode::Use | LockMode::Frozen => new.over(old),
            LockMode::Update(_) => new,
        };
        Ok(Fetched { charts, lock })
    }
}

/// Does something, and passes on how it gets on.
async fn watched<T>(
    work: impl Future<Output = T>,
    mut progress: mpsc::UnboundedReceiver<FetchProgress>,
    on_progress: &mut (dyn FnMut(FetchProgress) + Send),
) -> T {
    tokio::pin!(work);
    let outcome = loop {
        tokio::select! {
            biased;
            Some(step) = progress.recv() => on_progress(step),
            outcome = &mut work => break outcome,
        }
    };
    while let Ok(step) = progress.try_recv() {
        on_progress(step);
    }
    outcome
}

/// Outcomes in the order of the requests. What moves goes first, so that what does not, and wants
/// the very same chart, follows it.
async fn get_all(
    run: &Run<'_>,
    requests: &[(ChartName, Request)],
    mode: &LockMode,
    sender: mpsc::UnboundedSender<FetchProgress>,
) -> Vec<Result<LocalChart, FetchError>> {
    let moves = |name: &ChartName| match mode {
        LockMode::Use | LockMode::Frozen | LockMode::Update(Move::Nothing) => false,
        LockMode::Update(Move::Charts(names)) => names.contains(name),
        LockMode::Update(Move::All) => true,
    };
    let mut outcomes: Vec<Option<_>> = requests.iter().map(|_| None).collect();
    for turn in [true, false] {
        let turn = requests
            .iter()
            .enumerate()
            .filter(|(_, (name, _))| moves(name) == turn);
        let work = turn.map(|(at, (name, request))| {
            let report = Reporter {
                chart: name.clone(),
                sender: sender.clone(),
            };
            let asker = Asker {
                report,
                moves: moves(name),
            };
            async move {
                let outcome = run.get(request, &asker).await;
                if outcome.is_err() {
                    asker.report.step(FetchStep::Failed);
                }
                (at, outcome)
            }
        });
        for (at, outcome) in join_all(work).await {
            outcomes[at] = Some(outcome);
        }
    }
    outcomes.into_iter().flatten().collect()
}
