//! Children die with us: what runs between us and a child.
//!
//! A child that outlives a killed parent goes on changing the cluster behind the back of the next
//! run. Linux can send a process a signal when its parent dies, but only the process itself can
//! ask for that. So children are started through our own binary: it asks for SIGTERM at our death,
//! makes sure that we are still there, and becomes the child (`exec`), which keeps its process id,
//! pipes, group and environment. SIGTERM, so that helm can still close its record; it reaches the
//! direct child only.
//!
//! Helm says that it was cancelled before it closes its record, and our end of its pipes is gone
//! by then: it would die of SIGPIPE in between, as Helm 4.3.1 was seen to. So a guard can leave the
//! child a reading end of each of its own output pipes, which keeps them writable.
//!
//! ```text
//! /proc/self/exe __stackctl-exec PARENT-PID hold|drop -- PROGRAM ARGUMENT…
//! ```

use std::{
    ffi::OsString,
    fs::File,
    io,
    os::unix::{fs::FileTypeExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use nix::fcntl::{FcntlArg, fcntl};

use super::Orphaned;

/// First argument of a guard.
const MARKER: &str = "__stackctl-exec";

/// Leave the child reading ends of its output pipes.
const HOLD: &str = "hold";

/// What a guard exits with when it could not become the child, as shells do.
const NOT_STARTED: i32 = 127;

/// Set by [`guard`]: this program can be its own guard.
static GUARD: OnceLock<PathBuf> = OnceLock::new();

/// Lets children die with this program: to be called first thing in `main`.
///
/// When this process was started as a guard (by `process` itself), this never returns. Otherwise
/// it notes that children can be guarded, and returns. In a program that does not call it, and on
/// other systems than Linux, children are started directly and outlive a parent that is killed
/// with SIGKILL.
pub fn guard() {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|arg| arg == MARKER) {
        become_child(args);
    }
    // Not the path of our binary: that file may be replaced while we run.
    let exe = Path::new("/proc/self/exe");
    if cfg!(target_os = "linux") && exe.exists() {
        GUARD.get_or_init(|| exe.to_owned());
    }
}

/// The command that starts `program`: through a guard where there is one.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where children are started"
)]
pub(super) fn command(program: &Path, orphaned: Orphaned) -> Command {
    let Some(guard) = GUARD.get() else {
        return Command::new(program);
    };
    let mut command = Command::new(guard);
    command
        .arg(MARKER)
        .arg(std::process::id().to_string())
        .arg(match orphaned {
            Orphaned::HoldPipes => HOLD,
            Orphaned::DropPipes => "drop",
        })
        .arg("--")
        .arg(program);
    command
}

/// Why a guard could not become its child, if these are a guard's last words.
pub(super) fn failure(code: Option<i32>, stderr: &[u8]) -> Option<io::Error> {
    if GUARD.get().is_none() || code != Some(NOT_STARTED) {
        return None;
    }
    let words = std::str::from_utf8(stderr).ok()?;
    let errno = words.strip_prefix(MARKER)?.strip_prefix(": ")?;
    Some(io::Error::from_raw_os_error(errno.trim_end().parse().ok()?))
}

/// Whether a line of standard error is a guard's, not the child's.
pub(super) fn says(line: &str) -> bool {
    line.starts_with(MARKER)
}

#[expect(
    clippy::exit,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a guard is a program of its own: it has only its exit code and standard error, and becomes the child"
)]
fn become_child(mut args: impl Iterator<Item = OsString>) -> ! {
    let parent = args.next();
    let hold = args.next().is_some_and(|arg| arg == HOLD);
    let program = args.nth(1).unwrap_or_default();
    if !die_with(parent.and_then(|pid| pid.to_str()?.parse().ok())) {
        std::process::exit(NOT_STARTED);
    }
    if hold {
        hold_pipe("/proc/self/fd/1");
        hold_pipe("/proc/self/fd/2");
    }
    // `exec` of std also undoes what the Rust runtime does to signals at start-up.
    let error = Command::new(program).args(args).exec();
    eprintln!("{MARKER}: {}", error.raw_os_error().unwrap_or_default());
    std::process::exit(NOT_STARTED)
}

/// Opens the other end of a pipe, for this process and the program it becomes: under a number that
/// scripts do not use. Not having it only makes last words riskier.
fn hold_pipe(stream: &str) {
    let is_pipe = std::fs::metadata(stream).is_ok_and(|about| about.file_type().is_fifo());
    if is_pipe && let Ok(pipe) = File::open(stream) {
        // A duplicate is not closed by `exec`, as what std opens is.
        let _ = fcntl(&pipe, FcntlArg::F_DUPFD(100));
    }
}

/// Asks for SIGTERM when `parent` dies. False if it is dead already.
#[cfg(target_os = "linux")]
fn die_with(parent: Option<i32>) -> bool {
    let asked = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGTERM).is_ok();
    // In this order: a parent that dies in between is seen by one of the two.
    asked && parent == Some(nix::unistd::getppid().as_raw())
}

/// Nobody starts guards on other systems.
#[cfg(not(target_os = "linux"))]
fn die_with(_: Option<i32>) -> bool {
    false
}
