//! A Kubernetes-compatible API server inside the process: real Helm and kubectl talk to it, and no
//! cluster is needed.
//!
//! ```text
//! client ─▶ http (routes, forms, watches) ─▶ objects (what a write means) ─▶ store (durable)
//!                                               ▲    │ schema, patch (pure)     │ changes
//!                                               └── controllers ◀───────────────┘
//! ```
//!
//! `kinds` says which resources are served, `folder` keeps other processes out, `identity` makes
//! the certificate and the token. Uses no other module of ours; only `run` and `cli` use it.
//!
//! It does what Helm 3, Helm 4, kubectl and stackctl send, and refuses the rest with a line in its
//! log (`log` in its folder).
//!
//! # What a cluster does otherwise
//!
//! - Roles, admission webhooks, quotas, networking and scheduling are not modelled: whoever has
//!   the token may do everything, every pod fits, Services have addresses that nobody answers on.
//! - No container ever runs: no logs, no exec, no probes. Pods are ready after what their
//!   annotations, or [`Options::ready_after`], say.
//! - Protobuf is understood of Secrets, ConfigMaps, Namespaces and `DeleteOptions`, which is what
//!   Helm sends. `kubectl create deployment` and its like send other kinds so and get 415; from
//!   files (`kubectl create -f`, `apply`) they are JSON.
//! - Defaults are filled in where Helm, kubectl or controllers look at them, not everywhere.
//! - The namespace `default` has no Service `kubernetes`; there is one node; CronJobs start nothing.
//! - A CRD's versions are converted by their `apiVersion` alone; conversion webhooks are not asked.
//!
//! `tests/cluster` runs against it with `STACKCTL_TARGET=sandbox`; `NOT_IN_THE_SANDBOX` there names
//! the tests that it cannot pass, each with its reason. The same Helm commands, run against it and
//! against a control plane of real components (with kwok as the kubelets), leave the same objects
//! but for what follows, and for defaults that nobody sent; the test
//! `the_sandbox_has_the_same_objects_as_a_cluster` reads this table.
//!
#![doc = include_str!("differences.md")]

mod controllers;
mod folder;
mod http;
mod identity;
mod kinds;
mod log;
mod objects;
mod patch;
mod proto;
mod random;
mod refusal;
mod schema;
mod store;

use std::{
    fmt,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{net::TcpListener, task::JoinSet};

use self::{
    controllers::control,
    folder::Folder,
    http::{Server, serve},
    identity::Identity,
    log::Log,
    objects::{Objects, begin, sweep},
    store::Store,
};

/// What a sandbox is like.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where its objects are kept.
    pub dir: PathBuf,
    /// How long pods take to become ready, where they do not say it themselves.
    pub ready_after: Duration,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

/// A rehearsed failure of one release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The release's namespace.
    pub namespace: String,
    /// The release.
    pub release: String,
    /// What goes wrong with it.
    pub kind: FaultKind,
}

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// Containers end again and again.
    CrashLoop,
    /// The image is nowhere to be found.
    ImagePull,
    /// Hooks fail.
    Hook,
    /// Pods run and never get ready.
    NeverReady,
    /// The API server answers writes of its objects with 500.
    Api500,
}

/// Why there is no sandbox.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// Another process holds the folder.
    #[error(
        "the sandbox {} is in use by {}: wait for it to end, or use another folder \
         (--sandbox=DIR)", folder.display(), Holder(*process)
    )]
    Held {
        /// The sandbox's folder.
        folder: PathBuf,
        /// Which process, if it says so.
        process: Option<u32>,
    },
    /// The folder or a file in it cannot be used.
    #[error("the sandbox's {} cannot be used: {message}", path.display())]
    Folder {
        /// What cannot be used.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// The store cannot be read.
    #[error(
        "the sandbox's store {} cannot be opened: {message}\n`stackctl sandbox reset --dir {}` \
         removes it, with everything in it",
        path.display(), path.parent().unwrap_or(path).display()
    )]
    Store {
        /// The store's file.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// No server could be started.
    #[error("the sandbox's server could not be started: {message}")]
    Server {
        /// Why.
        message: String,
    },
}

impl SandboxError {
    fn folder(path: &Path, error: &dyn fmt::Display) -> Self {
        Self::Folder {
            path: path.to_owned(),
            message: error.to_string(),
        }
    }
}

struct Holder(Option<u32>);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(process) => write!(f, "process {process}"),
            None => f.write_str("another process"),
        }
    }
}

/// A running server. Dropped, it hangs up, and its folder is free again.
#[derive(Debug)]
pub struct Sandbox {
    kubeconfig: PathBuf,
    url: String,
    log: PathBuf,
    tasks: JoinSet<()>,
    objects: Arc<Objects>,
    /// Free once it is dropped, which is after the store is closed.
    _folder: Folder,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.tasks.abort_all();
        // Tasks may still hold it; the next sandbox of this folder must not meet it open.
        self.objects.store().close();
    }
}

impl Sandbox {
    /// Starts a server on a port of the loopback interface, over what the folder holds. It lives
    /// in the runtime this is called in.
    pub async fn start(options: &Options) -> Result<Self, SandboxError> {
        let server_error = |message: String| SandboxError::Server { message };
        let folder = Folder::hold(&options.dir)?;
        let store = folder.store();
        let opened = tokio::task::spawn_blocking(move || Store::open(&store)).await;
        let opened = opened.map_err(|error| server_error(error.to_string()))?;
        let store = opened.map_err(|error| SandboxError::Store {
            path: folder.store(),
            message: error.to_string(),
        })?;
        let objects = Arc::new(Objects::new(Arc::new(store)));
        begin(&objects)
            .await
            .map_err(|refusal| server_error(refusal.message))?;
        let identity = Identity::new().map_err(server_error)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(|error| server_error(error.to_string()))?;
        let address = listener.local_addr();
        let address = address.map_err(|error| server_error(error.to_string()))?;
        let (kubeconfig, log) = (folder.kubeconfig(), folder.log());
        folder.write_private(&kubeconfig, &identity.kubeconfig(address))?;
        let opened = Log::open(&log).map_err(|error| SandboxError::folder(&log, &error))?;
        let server = Server::new(
            Arc::clone(&objects),
            &options.faults,
            opened,
            address.to_string(),
        );
        let mut tasks = JoinSet::new();
        tasks.spawn(sweep(Arc::clone(&objects)));
        tasks.spawn(control(Arc::clone(&objects), options.clone()));
        let (acceptor, token) = (identity.acceptor, identity.token);
        tasks.spawn(serve(listener, acceptor, token, Arc::new(server)));
        Ok(Self {
            kubeconfig,
            url: format!("https://{address}"),
            log,
            tasks,
            objects,
            _folder: folder,
        })
    }

    /// A kubeconfig that only its owner can read; it is good as long as the server runs.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it writes what it refused.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Forgets everything that the sandbox of this folder holds. Says whether there was one.
    pub fn reset(dir: &Path) -> Result<bool, SandboxError> {
        if !dir.exists() {
            return Ok(false);
        }
        let folder = Folder::hold(dir)?;
        let there = folder.store().exists();
        folder.remove()?;
        Ok(there)
    }
}
