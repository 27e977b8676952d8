//! The program as a person meets it: what is typed, what comes back on which stream, and the exit
//! code. No cluster: where a command wants one it finds a handful of canned answers.

mod api;
mod crds;
mod environment;
mod files;
mod platform;
mod render;
mod runs;
mod signals;
mod strict;
mod terminal;
mod values;

use std::{
    ffi::OsStr,
    fs,
    io::Write,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// A folder, and an environment with nothing in it.
struct Shell {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl Shell {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        }
    }

    /// With a stack of three charts: `web` needs `api`, which needs `db` to be ready.
    fn with_shop() -> Self {
        let shell = Self::new();
        for (chart, version) in [("db", "1.2.0"), ("api", "2.0.1"), ("web", "0.3.0")] {
            shell.file(
                &format!("charts/{chart}/Chart.yaml"),
                format!("apiVersion: v2\nname: {chart}\nversion: {version}\n"),
            );
        }
        shell.file("stack.toml", SHOP);
        shell
    }

    fn file(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn executable(&self, path: &str) {
        let all = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path().join(path), all).unwrap();
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn var(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        let value = value.as_ref().to_str().unwrap().to_owned();
        self.variables.push((name.to_owned(), value));
        self
    }

    fn command(&self, line: &str) -> Command {
        // Whoever runs the tests in the background ignores Ctrl-C, and stackctl would, too.
        let mut command = self.program("/usr/bin/env");
        command.args(["--default-signal=INT,HUP", env!("CARGO_BIN_EXE_stackctl")]);
        command.args(line.split_whitespace());
        command
    }

    fn program(&self, program: &str) -> Command {
        #[expect(
            clippy::disallowed_methods,
            reason = "a person's shell is none of our processes"
        )]
        let mut command = Command::new(program);
        command
            .current_dir(self.path())
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs `stackctl LINE`: its streams and its exit code, ready to compare.
    fn run(&self, line: &str) -> String {
        self.run_with(line, b"")
    }

    fn run_with(&self, line: &str, stdin: &[u8]) -> String {
        let mut child = self.command(line).spawn().unwrap();
        // A program that reads nothing may be gone by then.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        let output = child.wait_with_output().unwrap();
        let stdout = self.redact(&String::from_utf8(output.stdout).unwrap());
        let stderr = self.redact(&String::from_utf8(output.stderr).unwrap());
        let label = if stderr.is_empty() { "" } else { "stderr:\n" };
        let code = output.status.code().unwrap();
        format!("{stdout}{label}{stderr}exit {code}")
    }

    /// Nothing of this machine, and no version of ours.
    fn redact(&self, text: &str) -> String {
        text.replace(self.path().to_str().unwrap(), "[folder]")
            .replace(env!("CARGO_PKG_VERSION"), "[version]")
    }
}

const SHOP: &str = r#"[stack]
name = "shop"

[defaults]
namespace = "shop"

[charts.db]
chart = "./charts/db"

[charts.api]
chart = "./charts/api"
needs = ["db:ready"]

[charts.web]
chart = "./charts/web"
needs = ["api"]
after = ["db"]
labels = { tier = "front" }
"#;
