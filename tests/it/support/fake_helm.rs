//! A helm whose behaviour a test writes down, as shell, command by command.
//!
//! Tests and fakes wait for each other, never for time: a fake says that it is somewhere by a line
//! of output, a test lets it go on by opening a [`Gate`], and a [`Lifeline`] ends when everything
//! that held it is dead.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read, Write},
    os::unix::fs::{OpenOptionsExt, symlink},
    path::{Path, PathBuf},
};

use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::stat::Mode,
    unistd::mkfifo,
};
use tempfile::TempDir;

/// A fake helm in a folder of its own.
pub(crate) struct FakeHelm {
    home: TempDir,
}

/// What a fake was given in one call.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) args: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) stdin: Option<String>,
    pub(crate) signals: Vec<String>,
}

impl FakeHelm {
    /// A helm that knows nothing but its version.
    pub(crate) fn new(version: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/fake-helm.sh");
        symlink(script, home.path().join("helm")).unwrap();
        let fake = Self { home };
        fake.on("version", &format!("printf '%s' '{version}'"))
    }

    /// What it does when called with this command: shell, with `keep_stdin`, `note SIGNAL`, and
    /// its folder in `$home`.
    pub(crate) fn on(self, command: &str, script: &str) -> Self {
        fs::write(self.home.path().join(format!("{command}.sh")), script).unwrap();
        self
    }

    pub(crate) fn folder(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn binary(&self) -> PathBuf {
        self.home.path().join("helm")
    }

    /// A gate for scripts: `read -r _ <"$home/NAME"` waits until it is opened. A script that
    /// traps signals waits by `cat "$home/NAME" & wait`, and does the rest in the trap: a shell
    /// may lose one that comes while it starts a program or begins to read.
    pub(crate) fn gate(&self, name: &str) -> Gate {
        // Open for both, so that neither side waits for the other to open it.
        let mut both = File::options();
        Gate(both.read(true).write(true).open(self.fifo(name)).unwrap())
    }

    /// A lifeline for scripts: `exec 3>"$home/NAME"` holds it until the script, and what it
    /// started, are dead.
    pub(crate) fn lifeline(&self, name: &str) -> Lifeline {
        let mut at_once = File::options();
        at_once.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
        Lifeline(at_once.open(self.fifo(name)).unwrap())
    }

    fn fifo(&self, name: &str) -> PathBuf {
        let path = self.home.path().join(name);
        mkfifo(&path, Mode::from_bits_truncate(0o600)).unwrap();
        path
    }

    /// All calls so far, in order, `version` included.
    pub(crate) fn calls(&self) -> Vec<Seen> {
        let order = fs::read_to_string(self.home.path().join("order")).unwrap_or_default();
        order.lines().map(|pid| self.call(pid)).collect()
    }

    /// The one call of a command.
    pub(crate) fn only(&self, command: &str) -> Seen {
        let mut calls = self.calls();
        calls.retain(|call| call.args[0] == command);
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls.remove(0)
    }

    fn call(&self, pid: &str) -> Seen {
        let read = |name: &str| {
            fs::read_to_string(self.home.path().join("calls").join(pid).join(name)).ok()
        };
        let list = |text: Option<String>| -> Vec<String> {
            let text = text.unwrap_or_default();
            text.split_terminator('\0').map(str::to_owned).collect()
        };
        Seen {
            args: list(read("args")),
            env: list(read("env"))
                .iter()
                .filter_map(|pair| pair.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            stdin: read("stdin"),
            signals: read("signals")
                .unwrap_or_default()
                .lines()
                .map(str::to_owned)
                .collect(),
        }
    }
}

/// Where a script waits for the test.
pub(crate) struct Gate(File);

impl Gate {
    /// Lets one script go on, now or when it gets there.
    pub(crate) fn open(&mut self) {
        self.0.write_all(b"\n").unwrap();
    }
}

/// Tells when a script and all it started are dead.
pub(crate) struct Lifeline(File);

impl Lifeline {
    /// Waits until nobody holds it any more.
    pub(crate) async fn ended(mut self) {
        fcntl(&self.0, FcntlArg::F_SETFL(OFlag::empty())).unwrap();
        let ended = tokio::task::spawn_blocking(move || self.0.read_to_end(&mut Vec::new()));
        ended.await.unwrap().unwrap();
    }
}
