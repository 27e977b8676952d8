//! A helm whose behaviour a test writes down, as shell, command by command.
//!
//! Tests and fakes wait for each other, never for time: a fake says that it is somewhere by a line
//! of output, a test lets it go on by opening a [`Gate`], and a [`Lifeline`] ends when everything
//! that held it is dead.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use nix::{sys::stat::Mode, unistd::mkfifo};
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

    /// A gate for scripts: `cat "$home/NAME"` waits until it is opened.
    pub(crate) fn gate(&self, name: &str) -> Gate {
        Gate(self.fifo(name))
    }

    /// A lifeline for scripts: `exec 3>"$home/NAME"` holds it until the script, and what it
    /// started, are dead.
    pub(crate) fn lifeline(&self, name: &str) -> Lifeline {
        Lifeline(self.fifo(name))
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
pub(crate) struct Gate(PathBuf);

impl Gate {
    /// Lets the script go on, once it is there.
    pub(crate) async fn open(&self) {
        let path = self.0.clone();
        let opened = tokio::task::spawn_blocking(move || File::options().write(true).open(path));
        opened.await.unwrap().unwrap();
    }
}

/// Tells when a script and all it started are dead.
pub(crate) struct Lifeline(PathBuf);

impl Lifeline {
    /// Waits until someone took hold of it and nobody holds it any more.
    pub(crate) async fn ended(self) {
        let ended = tokio::task::spawn_blocking(move || {
            File::open(self.0).unwrap().read_to_end(&mut Vec::new())
        });
        ended.await.unwrap().unwrap();
    }
}
