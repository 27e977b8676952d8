//! What goes into a child process and what comes out of it.

use std::{
    collections::BTreeMap, ffi::OsString, io, path::PathBuf, process::ExitStatus, time::Duration,
};

use crate::secret::Secret;

/// Bytes kept of an output stream for people: the last ones.
pub const KEPT_OUTPUT: usize = 1024 * 1024;

/// Bytes kept of an output stream that is data.
pub const KEPT_DATA: usize = 64 * 1024 * 1024;

/// A child to start.
#[derive(Debug, Clone, Default)]
pub struct Command {
    /// Program: a path (relative to `dir`), or a name looked up in `PATH` of `env`.
    pub program: PathBuf,
    /// Arguments. Never secrets: any user of the machine can read them.
    pub args: Vec<OsString>,
    /// The whole environment of the child, but for our mark ([`PARENT`](super::mark::PARENT)):
    /// nothing is inherited.
    pub env: BTreeMap<OsString, OsString>,
    /// Working folder; ours if absent.
    pub dir: Option<PathBuf>,
    /// Written to its standard input, which is then closed; absent = `/dev/null`.
    pub stdin: Option<Secret>,
    /// How much of its standard output is kept.
    pub keep: Keep,
    /// SIGTERM to its group after this long, SIGKILL after `grace` more.
    pub deadline: Option<Duration>,
    /// Between SIGTERM and SIGKILL when the deadline ended it. (At a shutdown there is no limit of
    /// its own: `Level::Kill` is the limit.)
    pub grace: Duration,
    /// What `Level::Terminate` does: Helm's rollback and uninstall have no signal handler and
    /// leave worse behind when signalled than when left to finish.
    pub on_terminate: OnTerminate,
    /// What becomes of its output pipes when we are killed.
    pub orphaned: Orphaned,
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

impl Keep {
    /// In bytes.
    pub(super) fn limit(self) -> usize {
        match self {
            Self::Tail => KEPT_OUTPUT,
            Self::Data => KEPT_DATA,
        }
    }
}

/// What a child gets when the run is asked to terminate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnTerminate {
    /// One SIGTERM to its group.
    #[default]
    Signal,
    /// Nothing: it is left to finish until `Level::Kill`.
    Finish,
}

/// What becomes of a child's output pipes when we are killed. (It gets SIGTERM in any case, where
/// children are guarded: see [`guard`](super::guard()).)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Orphaned {
    /// They break: it dies of SIGPIPE if it still writes.
    #[default]
    DropPipes,
    /// They stay writable, up to what a pipe holds: for programs that say something between
    /// SIGTERM and the end of their work, as helm does.
    HoldPipes,
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
    /// What we did to end it. A child that was asked to end may still have ended well: `status`
    /// tells.
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
        source: io::Error,
    },
    /// Its end or output could not be read.
    #[error("lost track of `{program}`")]
    Follow {
        /// Which.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The run was asked to terminate before it was started.
    #[error("`{program}` was not started: the run was interrupted")]
    Interrupted {
        /// Which.
        program: String,
    },
}
