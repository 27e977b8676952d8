//! Child processes: started so that they die with us, drained while they run, ended as a group.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use crate::{event::Stream, secret::Secret, shutdown::Shutdown};

/// A child to start.
#[derive(Debug, Clone, Default)]
pub struct Command {
    /// Program: a path, or a name looked up in `PATH` of `env`.
    pub program: PathBuf,
    /// Arguments. Never secrets: any user of the machine can read them.
    pub args: Vec<OsString>,
    /// The whole environment of the child: nothing is inherited.
    pub env: BTreeMap<OsString, OsString>,
    /// How much of its standard output is kept.
    pub keep: Keep,
    /// Working folder; ours if absent.
    pub dir: Option<PathBuf>,
    /// Written to its standard input, which is then closed. Empty = `/dev/null`.
    pub stdin: Option<Secret>,
    /// SIGTERM to its group after this long, SIGKILL after `grace` more.
    pub deadline: Option<Duration>,
    /// Between SIGTERM and SIGKILL when the deadline ended it. (At a shutdown there is no limit of
    /// its own: `Level::Kill` is the limit.)
    pub grace: Duration,
    /// What `Level::Terminate` does: Helm's rollback and uninstall have no signal handler and
    /// leave worse behind when signalled than when left to finish.
    pub on_terminate: OnTerminate,
}

/// How much of a child's standard output is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keep {
    /// The end of it, for people: at most [`KEPT_OUTPUT`] bytes.
    #[default]
    Tail,
    /// All of it, as data: at most [`KEPT_DATA`] bytes. Check [`Output::stdout_cut`].
    Data,
}

/// Bytes kept of an output stream for people: the last ones.
pub const KEPT_OUTPUT: usize = 1024 * 1024;

/// Bytes kept of an output stream that is data.
pub const KEPT_DATA: usize = 64 * 1024 * 1024;

/// What a child gets when the run is asked to terminate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnTerminate {
    /// One SIGTERM to its group.
    #[default]
    Signal,
    /// Nothing: it is left to finish until `Level::Kill`.
    Finish,
}

/// A child's end.
#[derive(Debug)]
#[must_use]
pub struct Output {
    /// Its status.
    pub status: ExitStatus,
    /// What it wrote to standard output, as far as [`Command::keep`] keeps it.
    pub stdout: Vec<u8>,
    /// Whether the beginning of `stdout` is missing: it wrote more than was kept.
    pub stdout_cut: bool,
    /// What it wrote to standard error (the last [`KEPT_OUTPUT`] bytes).
    pub stderr: Vec<u8>,
    /// Why it ended.
    pub end: End,
}

/// Why a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// On its own.
    Exited,
    /// We ended it at its deadline.
    TimedOut,
    /// We ended it because the run is being terminated or killed.
    Cancelled,
}

/// A child could not be started or followed.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// Not started.
    #[error("could not start `{program}`")]
    Start {
        /// Which.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Its end or output could not be read.
    #[error("lost track of `{program}`")]
    Follow {
        /// Which.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The run was asked to terminate before it was started.
    #[error("`{program}` was not started: the run was interrupted")]
    Interrupted {
        /// Which.
        program: String,
    },
}

/// Starts a child in its own process group, feeds and drains it, and waits for its end. `on_line`
/// gets each line as it comes (lossy UTF-8, without its end).
pub async fn run(
    command: Command,
    shutdown: &Shutdown,
    on_line: &mut (dyn FnMut(Stream, &str) + Send),
) -> Result<Output, ProcessError> {
    let _ = (command, shutdown, on_line);
    todo!()
}

/// Finds an executable file called `name` in the folders of a `PATH`.
pub fn find_in_path(name: &Path, path: &OsStr) -> Option<PathBuf> {
    let _ = (name, path);
    todo!()
}

/// To be called first thing in `main`.
pub fn guard() {}
