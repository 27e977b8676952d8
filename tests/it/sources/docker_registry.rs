//! Debian's `docker-registry`, a real OCI registry on loopback.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
};

use stackctl::process::find_in_path;

/// `htpasswd -Bbn ada hunter2`
const HTPASSWD: &str = "ada:$2y$05$bqqGrur/7ShWhjfr2ZiZoed38ZmDnsuPVz78eVjKDdsNs7.g9k8SO\n";

/// Debian's registry, open to `ada` only.
pub(super) struct Registry {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub(super) host: String,
    _folder: tempfile::TempDir,
}

impl Registry {
    /// `None` where it is not installed: the test that wants it is skipped, and says so where the
    /// test runner does not swallow it. In CI it must be there.
    #[expect(
        clippy::disallowed_methods,
        reason = "tests are steered by the environment"
    )]
    pub(super) fn start() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let Some(program) = find_in_path(Path::new("docker-registry"), &path) else {
            let is_ci = std::env::var("CI").as_deref() == Ok("true");
            assert!(!is_ci, "docker-registry must be installed in CI");
            let mut stderr = std::io::stderr();
            let _ = writeln!(stderr, "skipped: docker-registry is not installed");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("htpasswd"), HTPASSWD).unwrap();
        let config = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: '127.0.0.1:0'}}\nauth: {{htpasswd: {{realm: r, path: {}}}}}\n",
            at("data").display(),
            at("htpasswd").display()
        );
        fs::write(at("config.yml"), config).unwrap();
        let mut child = Command::new(program)
            .arg("serve")
            .arg(at("config.yml"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let host = loop {
            let line = lines.next().expect("a registry that starts").unwrap();
            if let Some((_, rest)) = line.split_once("listening on ") {
                break rest
                    .chars()
                    .take_while(|c| c.is_ascii_digit() || ".:".contains(*c))
                    .collect();
            }
        };
        // It must not block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self {
            child,
            host,
            _folder: folder,
        })
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
