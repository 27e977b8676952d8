//! A real control plane on loopback to run against: started on demand, always taken down.
//!
//! `control-plane up` puts etcd, the API server and their friends into sessions of their own, so
//! nothing that happens to this process reaches them. A watchdog shell holds the other end of a
//! pipe of ours and takes the control plane down when the pipe closes: at the end, on a panic, on
//! Ctrl-C and on `kill -9` alike.
//!
//! `STACKCTL_TARGET=sandbox` runs the same tests against `stackctl sandbox`, under the same
//! watchdog; of the control plane only its binaries are used then.

use std::{
    env, fmt, fs,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

/// Which Helm a test or bench uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Helm {
    /// Helm 3.
    Three,
    /// Helm 4.
    Four,
}

impl fmt::Display for Helm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Three => "helm 3",
            Self::Four => "helm 4",
        })
    }
}

/// The `control-plane` script: `STACKCTL_CONTROL_PLANE`, else beside the repository.
///
/// `Err` says why there is none.
pub(crate) fn control_plane() -> Result<PathBuf, String> {
    let path = env::var_os("STACKCTL_CONTROL_PLANE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/control-plane/control-plane"),
        PathBuf::from,
    );
    path.canonicalize()
        .map_err(|error| format!("no control plane at {}: {error}", path.display()))
}

/// The folder of `helm3`, `helm4`, `kubectl`; no control plane is started for it.
pub(crate) fn bin() -> PathBuf {
    let tool = control_plane().expect("checked before the first test");
    PathBuf::from(output(Command::new(tool).arg("bin")))
}

impl Helm {
    /// Its file in the folder of binaries.
    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::Three => "helm3",
            Self::Four => "helm4",
        }
    }
}

/// Is the sandbox to be tested, and not the control plane?
pub(crate) fn sandboxed() -> bool {
    env::var("STACKCTL_TARGET").as_deref() == Ok("sandbox")
}

/// Starts `stackctl sandbox` in a folder: its process, and its kubeconfig.
pub(crate) fn serve(dir: &Path) -> (Child, PathBuf) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_stackctl"))
        .args(["sandbox", "--dir"])
        .arg(dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("stackctl starts");
    let kubeconfig = told_path(&mut child);
    (child, kubeconfig)
}

/// The path that a sandbox prints once it is there.
fn told_path(child: &mut Child) -> PathBuf {
    let mut said = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut path = String::new();
    said.read_line(&mut path).expect("it says where");
    path.trim().into()
}

/// A running control plane, or sandbox.
#[derive(Debug)]
pub(crate) struct Target {
    /// Of the cluster's admin; its only context is [`Target::CONTEXT`].
    pub(crate) kubeconfig: PathBuf,
    /// Folder of `helm3`, `helm4`, `kubectl`.
    pub(crate) bin: PathBuf,
    tool: PathBuf,
    dir: PathBuf,
    watchdog: Child,
}

/// The one that tests share; each keeps to its own namespaces.
static SHARED: Mutex<Option<Arc<Target>>> = Mutex::new(None);

impl Target {
    /// The context of every control plane's kubeconfig.
    pub(crate) const CONTEXT: &str = "stackctl-test";

    /// The control plane of this process, started with the first call.
    pub(crate) fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(shared.get_or_insert_with(|| Arc::new(Self::start())))
    }

    /// One for a single test, which may pause and kill its parts.
    pub(crate) fn own() -> Arc<Self> {
        Arc::new(Self::start())
    }

    /// Takes the shared one down, if it was started.
    pub(crate) fn finish_shared() {
        let shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(shared);
    }

    /// The binary of that Helm.
    pub(crate) fn helm(&self, helm: Helm) -> PathBuf {
        self.bin.join(helm.file())
    }

    /// The kubectl that fits the cluster.
    pub(crate) fn kubectl(&self) -> PathBuf {
        self.bin.join("kubectl")
    }

    /// The API server's URL.
    pub(crate) fn server(&self) -> String {
        let kubeconfig = fs::read_to_string(&self.kubeconfig).expect("the kubeconfig is ours");
        let mut texts = kubeconfig.split('"');
        let server = texts.find(|text| text.starts_with("https://"));
        server.expect("it names its server").to_owned()
    }

    /// Stops a component without ending it: it hangs.
    pub(crate) fn pause(&self, component: &str) {
        self.control("pause", component);
    }

    /// Lets a paused component go on.
    pub(crate) fn resume(&self, component: &str) {
        self.control("resume", component);
    }

    /// Ends a component: its port refuses.
    pub(crate) fn kill(&self, component: &str) {
        self.control("kill", component);
    }

    /// Starts a component that was killed, with all its data.
    pub(crate) fn revive(&self, component: &str) {
        self.control("start", component);
    }

    fn control(&self, verb: &str, component: &str) {
        let status = Command::new(&self.tool)
            .arg(verb)
            .arg(&self.dir)
            .arg(component)
            .status()
            .expect("the control-plane script runs");
        assert!(
            status.success(),
            "control-plane {verb} {component}: {status}"
        );
    }

    fn start() -> Self {
        if sandboxed() {
            return Self::sandbox();
        }
        let tool = control_plane().expect("checked before the first test");
        let bin = bin();
        let dir = Self::folder();
        let watchdog = Command::new("sh")
            .args(["-c", r#"cat >/dev/null; "$0" down "$1"; rm -rf "$1""#])
            .args([&tool, &dir])
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("sh runs");
        let kubeconfig = PathBuf::from(output(Command::new(&tool).arg("up").arg(&dir)));
        Self {
            kubeconfig,
            bin,
            tool,
            dir,
            watchdog,
        }
    }

    fn folder() -> PathBuf {
        let folder = tempfile::Builder::new()
            .prefix("stackctl-control-plane-")
            .tempdir();
        folder.expect("a temporary folder").keep()
    }

    /// A served sandbox for a single test, whatever the target of the tests is.
    pub(crate) fn sandbox() -> Self {
        let tool = control_plane().expect("checked before the first test");
        let (bin, dir) = (bin(), Self::folder());
        let script = r#""$0" sandbox --dir "$1" & cat >/dev/null; kill $!; wait; rm -rf "$1""#;
        let mut watchdog = Command::new("sh")
            .args(["-c", script])
            .arg(env!("CARGO_BIN_EXE_stackctl"))
            .arg(&dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("sh runs");
        let written = fs::read_to_string(told_path(&mut watchdog)).expect("it is there by then");
        let kubeconfig = dir.join("test.kubeconfig");
        let named = written.replace("\"sandbox\"", &format!("\"{}\"", Self::CONTEXT));
        fs::write(&kubeconfig, named).expect("a folder of ours");
        Self {
            kubeconfig,
            bin,
            tool,
            dir,
            watchdog,
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // It also ends by itself: waiting only keeps the next command from meeting its remains.
        let _ = self.watchdog.wait();
    }
}

/// What the command prints, trimmed. Panics with its stderr if it fails.
fn output(command: &mut Command) -> String {
    let output = command.output().expect("the control-plane script runs");
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .expect("paths are UTF-8")
        .trim()
        .to_owned()
}
