//! A lab for one test: a folder with a stack and charts, a namespace, and the program in it.

use std::{
    collections::BTreeMap,
    fmt,
    fs::{self, File},
    io::{Read, pipe},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, OnceLock},
    thread::{self, JoinHandle},
    time::Duration,
};

use nix::{
    errno::Errno,
    pty::openpty,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use stackctl::{
    event::{ChartOutcome, Event, EventKind, Failure},
    name::{Milestone, NodeName},
};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::{
    patches::server::Server,
    target::{Helm, Target},
};

/// No run of a test may take longer; it is killed then, and the test fails.
const DEADLINE: Duration = Duration::from_mins(3);

/// How often a condition is looked at again.
const POLL: Duration = Duration::from_millis(50);

/// A folder, a namespace and the tools to run a stack there.
pub(crate) struct Lab {
    /// None offline.
    target: Option<Arc<Target>>,
    helm: Helm,
    /// Default namespace of the lab's stacks, and their name.
    pub(crate) namespace: String,
    dir: TempDir,
    /// For what tests ask again and again: a kubectl takes a good part of a second each time.
    server: OnceLock<Server>,
}

impl Lab {
    /// A lab on the shared control plane with Helm 4. `name` is the namespace: each test its own.
    pub(crate) fn new(name: &str) -> Self {
        Self::on(Target::shared(), Helm::Four, name)
    }

    /// A lab on that control plane with that Helm.
    pub(crate) fn on(target: Arc<Target>, helm: Helm, name: &str) -> Self {
        Self::create(Some(target), helm, name)
    }

    /// A lab with neither cluster nor Helm.
    pub(crate) fn offline(name: &str) -> Self {
        Self::create(None, Helm::Four, name)
    }

    fn create(target: Option<Arc<Target>>, helm: Helm, name: &str) -> Self {
        let dir = tempfile::Builder::new()
            .prefix(&format!("stackctl-{name}-"))
            .tempdir()
            .expect("a temporary folder");
        let lab = Self {
            target,
            helm,
            namespace: name.to_owned(),
            dir,
            server: OnceLock::new(),
        };
        for folder in ["home", "tmp"] {
            fs::create_dir(lab.dir.path().join(folder)).expect("a new folder");
        }
        copy(&fixture("charts/app"), &lab.dir.path().join("charts/app"));
        lab
    }

    /// The lab's control plane.
    pub(crate) fn target(&self) -> &Target {
        self.target
            .as_deref()
            .expect("a test that uses a cluster has one")
    }

    /// Its Helm.
    pub(crate) fn helm(&self) -> Helm {
        self.helm
    }

    /// The folder stackctl runs in.
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes `stack.toml`: the text after a header with the lab's namespace and short timeouts.
    /// Charts are at `./charts/app` (see `tests/fixtures/charts`).
    pub(crate) fn stack(&self, text: &str) {
        let name = &self.namespace;
        self.write(
            "stack.toml",
            &format!(
                "[stack]\nname = \"{name}\"\n[defaults]\nnamespace = \"{name}\"\ntimeout = \"60s\"\n{text}"
            ),
        );
    }

    /// Writes a file of the lab, and makes its folder if there is none.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.dir.path().join(path);
        let folder = path.parent().expect("a file of the lab");
        fs::create_dir_all(folder).expect("the lab's folder is writable");
        fs::write(path, text).expect("the lab's folder is writable");
    }

    /// Copies a folder of the repository into the lab.
    pub(crate) fn copy(&self, from: &Path, to: &str) {
        copy(from, &self.dir.path().join(to));
    }

    /// Another version of a chart of `tests/fixtures/charts`, at `./charts/NAME-VERSION`.
    pub(crate) fn version(&self, chart: &str, version: &str) {
        let folder = format!("charts/{chart}-{version}");
        self.copy(&fixture(&format!("charts/{chart}")), &folder);
        let path = self.dir.path().join(&folder).join("Chart.yaml");
        let chart = fs::read_to_string(&path).expect("just copied");
        let chart = chart.replace("version: 1.0.0", &format!("version: {version}"));
        fs::write(path, chart).expect("the lab's folder is writable");
    }

    /// Runs stackctl to its end.
    pub(crate) fn stackctl(&self, args: &[&str]) -> Run {
        self.start(args).end()
    }

    /// Runs stackctl to its end, with more environment.
    pub(crate) fn stackctl_with(&self, env: &[(&str, &str)], args: &[&str]) -> Run {
        self.start_with(env, args).end()
    }

    /// Starts stackctl.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        self.start_with(&[], args)
    }

    /// Starts stackctl, with more environment.
    pub(crate) fn start_with(&self, env: &[(&str, &str)], args: &[&str]) -> Running {
        self.follow(self.command(env, args), args)
    }

    /// Starts stackctl with a reader of its standard output that has gone already.
    pub(crate) fn start_unread(&self, args: &[&str]) -> Running {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let mut command = self.command(&[], args);
        command.stdout(writer);
        self.follow(command, args)
    }

    /// Starts stackctl as a person at a terminal does, who may press Ctrl-C again: its standard
    /// input and error are a terminal.
    pub(crate) fn start_attended(&self, args: &[&str]) -> Running {
        let terminal = openpty(None, None).expect("a terminal");
        let mut command = self.command(&[], args);
        let stdin = terminal.slave.try_clone().expect("a file");
        command.stdin(stdin).stderr(terminal.slave);
        let mut running = self.follow(command, args);
        running.stderr = Drain::of(File::from(terminal.master));
        running
    }

    /// Starts stackctl where no file can grow beyond 1 MiB, as on a disk that is full.
    pub(crate) fn start_on_a_full_disk(&self, args: &[&str]) -> Running {
        let script = r#"trap "" XFSZ; ulimit -f 2048; exec "$0" "$@""#;
        let shell = ["sh", "-c", script, env!("CARGO_BIN_EXE_stackctl")];
        let args: Vec<&str> = shell.iter().chain(args).copied().collect();
        self.follow(self.command_of(&[], &args), &args)
    }

    fn command(&self, env: &[(&str, &str)], args: &[&str]) -> Command {
        let stackctl = [env!("CARGO_BIN_EXE_stackctl")];
        let words: Vec<&str> = stackctl.iter().chain(args).copied().collect();
        self.command_of(env, &words)
    }

    fn command_of(&self, env: &[(&str, &str)], words: &[&str]) -> Command {
        // Whoever runs the tests in the background ignores Ctrl-C, and stackctl would, too.
        let mut command = Command::new("/usr/bin/env");
        command
            .arg("--default-signal=INT,HUP")
            .args(words)
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.dir.path().join("home"))
            .env("TMPDIR", self.dir.path().join("tmp"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(target) = &self.target {
            command
                .env("KUBECONFIG", &target.kubeconfig)
                .env("HELM_BINARY", target.helm(self.helm));
        }
        command.envs(env.iter().copied());
        command
    }

    fn follow(&self, mut command: Command, args: &[&str]) -> Running {
        let runs = self.dir.path().join(".stackctl/runs");
        let known = folders(&runs);
        let started = Instant::now();
        let mut child = command.spawn().expect("stackctl starts");
        Running {
            args: args.iter().map(ToString::to_string).collect(),
            stdout: child.stdout.take().map_or_else(Drain::default, Drain::of),
            stderr: child.stderr.take().map_or_else(Drain::default, Drain::of),
            child,
            started,
            runs,
            known,
        }
    }

    /// A helm command that is ready to start, in the lab's namespace.
    pub(crate) fn helm_command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.target().helm(self.helm));
        command
            .args(args)
            .args(["--namespace", &self.namespace])
            .current_dir(self.dir.path())
            .env("KUBECONFIG", &self.target().kubeconfig);
        command
    }

    /// `kubectl get … -o json` in the lab's namespace.
    pub(crate) fn get(&self, args: &[&str]) -> Value {
        let all = [&["get"], args, &["-o", "json"]].concat();
        serde_json::from_str(&self.kubectl(&all)).expect("kubectl prints JSON")
    }

    /// Names of the objects of these kinds in the lab's namespace (`kind/name`), sorted.
    pub(crate) fn objects(&self, kinds: &str) -> Vec<String> {
        sorted_lines(&self.kubectl(&["get", kinds, "-o", "name"]))
    }

    /// What kubectl prints, in the lab's namespace. Panics if it fails.
    #[track_caller]
    pub(crate) fn kubectl(&self, args: &[&str]) -> String {
        self.kubectl_in(&self.namespace, args)
    }

    /// A kubectl command that is ready to start, in that namespace.
    pub(crate) fn kubectl_command(&self, namespace: &str, args: &[&str]) -> Command {
        let mut command = Command::new(self.target().kubectl());
        command
            .args(args)
            .args(["--namespace", namespace])
            .env("KUBECONFIG", &self.target().kubeconfig);
        command
    }

    /// The same in another namespace.
    #[track_caller]
    pub(crate) fn kubectl_in(&self, namespace: &str, args: &[&str]) -> String {
        let mut command = self.kubectl_command(namespace, args);
        let output = command.output().expect("kubectl starts");
        assert!(
            output.status.success(),
            "kubectl {args:?}: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("kubectl prints UTF-8")
    }

    /// Newest revision and its status of each release in the lab's namespace.
    pub(crate) fn releases(&self) -> BTreeMap<String, Release> {
        let server = self.server.get_or_init(|| Server::of(self.target()));
        let path = format!("/api/v1/namespaces/{}/secrets", self.namespace);
        let records = || server.list(&format!("{path}?labelSelector=owner%3Dhelm"));
        // Whoever asks may be in a runtime of their own.
        let records = thread::scope(|scope| scope.spawn(records).join());
        let mut releases = BTreeMap::new();
        for secret in records.expect("the API server answers") {
            let label = |name: &str| {
                secret["metadata"]["labels"][name]
                    .as_str()
                    .expect("Helm sets its labels")
                    .to_owned()
            };
            let release = Release {
                revision: label("version").parse().expect("a number"),
                status: label("status"),
            };
            let newest: &mut Release = releases.entry(label("name")).or_insert(release.clone());
            if newest.revision < release.revision {
                *newest = release;
            }
        }
        releases
    }

    /// Asserts which releases there are, as `name revision status`.
    #[track_caller]
    pub(crate) fn has_releases(&self, expected: &[&str]) {
        let found: Vec<String> = self
            .releases()
            .iter()
            .map(|(name, release)| release.with_name(name))
            .collect();
        assert_eq!(found, expected, "releases in {}", self.namespace);
    }

    /// Takes the finalizers off the lab's claims. There is no controller for them on the control
    /// plane, so that a claim that is deleted would stay for ever.
    pub(crate) fn free_claims(&self) {
        for claim in self.objects("persistentvolumeclaims") {
            let no_finalizers = r#"{"metadata":{"finalizers":null}}"#;
            self.kubectl(&["patch", &claim, "--type=merge", "-p", no_finalizers]);
        }
    }

    /// Command lines of stackctl's helm children.
    pub(crate) fn helm_processes(&self) -> Vec<String> {
        self.helms().into_iter().map(|(_, line)| line).collect()
    }

    /// Everything that stackctl has left: processes that know of the lab's folder, and private
    /// files.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let folder = self.dir.path().as_os_str().as_encoded_bytes();
        let processes = fs::read_dir("/proc").expect("Linux").flatten();
        let ours = processes.filter(|process| {
            let environ = fs::read(process.path().join("environ")).unwrap_or_default();
            environ.windows(folder.len()).any(|window| window == folder)
        });
        let line = |process: fs::DirEntry| {
            let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).replace('\0', " ")
        };
        let files = fs::read_dir(self.dir.path().join("tmp")).expect("the lab's own folder");
        let name = |file: fs::DirEntry| file.path().display().to_string();
        ours.map(line).chain(files.flatten().map(name)).collect()
    }

    /// Kills stackctl's helm children, without a chance to say anything.
    pub(crate) fn kill_helms(&self) {
        for (pid, line) in self.helms() {
            // One may end by itself just now.
            let killed = kill(Pid::from_raw(pid), Signal::SIGKILL);
            assert!(matches!(killed, Ok(()) | Err(Errno::ESRCH)), "{line}");
        }
    }

    /// Processes that name this lab's folder.
    fn helms(&self) -> Vec<(i32, String)> {
        let folder = self
            .dir
            .path()
            .to_str()
            .expect("temporary folders are UTF-8");
        fs::read_dir("/proc")
            .expect("Linux")
            .filter_map(Result::ok)
            .filter_map(|process| {
                let read = |file| fs::read(process.path().join(file)).ok();
                let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).replace('\0', " ");
                let pid = process.file_name().to_str()?.parse().ok()?;
                Some((pid, text(read("cmdline")?), text(read("environ")?)))
            })
            // Its kubeconfig lies in the lab's folder.
            .filter(|(_, line, env)| line.contains("/helm") && env.contains(folder))
            .map(|(pid, line, _)| (pid, line))
            .collect()
    }
}

/// Newest revision of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Release {
    pub(crate) revision: u32,
    pub(crate) status: String,
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.revision, self.status)
    }
}

impl Release {
    fn with_name(&self, name: &str) -> String {
        format!("{name} {self}")
    }
}

/// A stackctl under way.
pub(crate) struct Running {
    args: Vec<String>,
    child: Child,
    stdout: Drain,
    stderr: Drain,
    started: Instant,
    runs: PathBuf,
    known: Vec<PathBuf>,
}

impl Running {
    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed());
        kill(pid, signal).expect("it still runs");
    }

    /// Waits until a journal of it holds such an event. Panics if it ends before.
    #[track_caller]
    pub(crate) fn until_event(&mut self, what: &str, is: impl Fn(&Event) -> bool) {
        let (runs, known) = (self.runs.clone(), self.known.clone());
        self.until(what, || journals(&runs, &known).iter().flatten().any(&is));
    }

    /// Waits until one of its steps prints that line.
    #[track_caller]
    pub(crate) fn until_line(&mut self, text: &str) {
        let is = |event: &Event| matches!(&event.kind, EventKind::StepOutput { line, .. } if line == text);
        self.until_event(text, is);
    }

    /// Waits until its journal holds so many events. Panics if it ends before.
    #[track_caller]
    pub(crate) fn until_events(&mut self, what: &str, count: usize) {
        let (runs, known) = (self.runs.clone(), self.known.clone());
        self.until(what, || journal(&runs, &known).len() >= count);
    }

    /// Waits until a condition holds. Panics if stackctl ends before.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, holds: impl Fn() -> bool) {
        eventually(what, DEADLINE, || {
            let ended = self.child.try_wait().expect("it is our child");
            holds() || {
                assert!(ended.is_none(), "stackctl ended ({ended:?}) before: {what}");
                false
            }
        });
    }

    /// Its journal so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        journal(&self.runs, &self.known)
    }

    /// What it has written to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.so_far()
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_some()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn end(mut self) -> Run {
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                break status;
            }
            if self.started.elapsed() > DEADLINE {
                self.child.kill().expect("it still runs");
                self.child.wait().expect("it is our child");
                panic!(
                    "stackctl {} did not end within {DEADLINE:?}\nstdout:\n{}\nstderr:\n{}",
                    self.args.join(" "),
                    self.stdout.end(),
                    self.stderr.end(),
                );
            }
            thread::sleep(POLL);
        };
        let mut journals = journals(&self.runs, &self.known).into_iter();
        Run {
            status,
            elapsed: self.started.elapsed(),
            stdout: self.stdout.end(),
            stderr: self.stderr.end(),
            events: journals.next().unwrap_or_default(),
            following: journals.collect(),
            args: self.args,
        }
    }
}

/// A stackctl that ended, with everything it left.
pub(crate) struct Run {
    args: Vec<String>,
    pub(crate) status: ExitStatus,
    pub(crate) elapsed: Duration,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// Its journal; empty if it made none.
    pub(crate) events: Vec<Event>,
    /// Journals of the runs that came after its first one.
    following: Vec<Vec<Event>>,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "stackctl {} ({})", self.args.join(" "), self.status)?;
        writeln!(f, "--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr)?;
        writeln!(f, "--- events")?;
        self.events
            .iter()
            .filter(|event| !matches!(event.kind, EventKind::StepOutput { .. }))
            .try_for_each(|event| {
                let json = serde_json::to_string(event).map_err(|_| fmt::Error)?;
                writeln!(f, "{json}")
            })
    }
}

impl Run {
    /// It succeeded, or failed in words.
    #[track_caller]
    pub(crate) fn clear(&self, what: &str) {
        let code = self.status.code();
        assert!(matches!(code, Some(0 | 1)), "{what}: {self}");
        let told = self.errors() > 0 || self.stderr.contains(": failed at ");
        assert!(code == Some(0) || told, "{what}: no word about it: {self}");
        assert!(!self.stderr.contains("panicked"), "{what}: {self}");
    }

    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "exit code of {self}");
        self
    }

    /// Asserts that stdout and stderr together hold all these texts.
    #[track_caller]
    pub(crate) fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(
                self.stdout.contains(text) || self.stderr.contains(text),
                "nothing about `{text}` from {self}"
            );
        }
        self
    }

    /// The run that came after its first one, and no other.
    #[track_caller]
    pub(crate) fn second(&self) -> Self {
        let [events] = self.following.as_slice() else {
            panic!("{} more runs of {self}", self.following.len());
        };
        Self {
            args: self.args.clone(),
            stdout: self.stdout.clone(),
            stderr: self.stderr.clone(),
            events: events.clone(),
            following: Vec::new(),
            ..*self
        }
    }

    /// Asserts that it was a single run.
    #[track_caller]
    pub(crate) fn alone(self) -> Self {
        assert!(self.following.is_empty(), "one run of {self}");
        self
    }

    /// How many errors it reports.
    pub(crate) fn errors(&self) -> usize {
        self.stderr
            .lines()
            .filter(|line| line.starts_with("error"))
            .count()
    }

    /// Stdout as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self}"))
    }

    /// How each chart, or its CRDs, ended, by name, as `outcome` or `outcome because CHART`.
    #[track_caller]
    pub(crate) fn outcomes(&self) -> BTreeMap<String, String> {
        let mut outcomes = BTreeMap::new();
        for event in &self.events {
            if let (
                Some(chart),
                EventKind::ChartFinished {
                    outcome, because, ..
                },
            ) = (&event.chart, &event.kind)
            {
                let text = match because {
                    Some(because) => format!("{} because {because}", outcome.as_str()),
                    None => outcome.as_str().to_owned(),
                };
                let again = outcomes.insert(chart.to_string(), text);
                assert!(again.is_none(), "{chart} finished twice in {self}");
            }
        }
        outcomes
    }

    /// Asserts how every chart ended, as `(chart, outcome)` in the words of [`Run::outcomes`].
    #[track_caller]
    pub(crate) fn ended(self, expected: &[(&str, &str)]) -> Self {
        let expected: BTreeMap<String, String> = expected
            .iter()
            .map(|&(chart, outcome)| (chart.to_owned(), outcome.to_owned()))
            .collect();
        assert_eq!(self.outcomes(), expected, "outcomes of {self}");
        self
    }

    /// Why a chart failed.
    #[track_caller]
    pub(crate) fn failure(&self, name: &str) -> &Failure {
        self.events
            .iter()
            .find_map(|event| match (&event.chart, &event.kind) {
                (
                    Some(chart),
                    EventKind::ChartFinished {
                        outcome: ChartOutcome::Failed | ChartOutcome::Cancelled,
                        failure: Some(failure),
                        ..
                    },
                ) if chart.to_string() == name => Some(failure.as_ref()),
                _ => None,
            })
            .unwrap_or_else(|| panic!("no failure of {name} in {self}"))
    }

    /// Asserts that a chart started, and only after another one had reached the milestone.
    #[track_caller]
    pub(crate) fn starts_after(&self, name: &str, on: &str, until: Milestone) {
        let started = self.started(name);
        let reached = self.position(on, |kind| match kind {
            // Reaching a milestone implies those before it.
            EventKind::Milestone { milestone } => match until {
                Milestone::Gone => *milestone == Milestone::Gone,
                _ => *milestone >= until && *milestone != Milestone::Gone,
            },
            _ => false,
        });
        assert!(
            started.is_some() && reached.is_some() && reached < started,
            "{name} (event {started:?}) starts after {on} is {until} (event {reached:?}) in {self}"
        );
    }

    /// Asserts that a chart started only after another one had ended.
    #[track_caller]
    pub(crate) fn starts_after_end(&self, name: &str, on: &str) {
        let started = self.started(name);
        let ended = self.position(on, |kind| matches!(kind, EventKind::ChartFinished { .. }));
        assert!(
            started.is_some() && ended.is_some() && ended < started,
            "{name} (event {started:?}) starts after the end of {on} (event {ended:?}) in {self}"
        );
    }

    /// Whether a chart started before another one had ended.
    pub(crate) fn is_before_end(&self, name: &str, of: &str) -> bool {
        let ended = self.position(of, |kind| matches!(kind, EventKind::ChartFinished { .. }));
        matches!((self.started(name), ended), (Some(start), Some(end)) if start < end)
    }

    /// Whether a chart was started at all.
    pub(crate) fn has_started(&self, name: &str) -> bool {
        self.started(name).is_some()
    }

    fn started(&self, name: &str) -> Option<u64> {
        self.position(name, |kind| matches!(kind, EventKind::ChartStarted { .. }))
    }

    fn position(&self, name: &str, is: impl Fn(&EventKind) -> bool) -> Option<u64> {
        let node: NodeName = name.parse().expect("the name of a node");
        self.events
            .iter()
            .find(|event| event.chart.as_ref() == Some(&node) && is(&event.kind))
            .map(|event| event.seq)
    }

    /// Whether a step of the chart began.
    pub(crate) fn ran_step(&self, name: &str, step: &str) -> bool {
        self.position(
            name,
            |kind| matches!(kind, EventKind::StepStarted { step: other } if other == step),
        )
        .is_some()
    }
}

/// Looks at a condition until it holds. Panics at the deadline.
#[track_caller]
pub(crate) fn eventually(what: &str, deadline: Duration, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(
            started.elapsed() < deadline,
            "not within {deadline:?}: {what}"
        );
        thread::sleep(POLL);
    }
}

/// A path of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A path below `tests/fixtures`.
pub(crate) fn fixture(path: &str) -> PathBuf {
    repository("tests/fixtures").join(path)
}

/// The lines of a text, sorted.
pub(crate) fn sorted_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// Reads a pipe to its end, so that the child never waits for us.
#[derive(Default)]
struct Drain {
    thread: Option<JoinHandle<()>>,
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Drain {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes: Arc<Mutex<Vec<u8>>> = Arc::default();
        let read = Arc::clone(&bytes);
        let thread = thread::spawn(move || {
            let mut chunk = [0; 4096];
            // A broken pipe ends the text; what was read still counts.
            while let Ok(n @ 1..) = pipe.read(&mut chunk) {
                let mut bytes = read.lock().expect("nobody panics with it");
                bytes.extend_from_slice(&chunk[..n]);
            }
        });
        Self {
            thread: Some(thread),
            bytes,
        }
    }

    fn so_far(&self) -> String {
        let bytes = self.bytes.lock().expect("nobody panics with it");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn end(mut self) -> String {
        if let Some(thread) = self.thread.take() {
            thread.join().expect("a reader does not panic");
        }
        self.so_far()
    }
}

/// Events of the first run whose folder is not among the known ones.
fn journal(runs: &Path, known: &[PathBuf]) -> Vec<Event> {
    journals(runs, known).into_iter().next().unwrap_or_default()
}

/// Events of each run whose folder is not among the known ones.
fn journals(runs: &Path, known: &[PathBuf]) -> Vec<Vec<Event>> {
    folders(runs)
        .into_iter()
        .filter(|folder| !known.contains(folder))
        .map(|folder| fs::read_to_string(folder.join("events.jsonl")).unwrap_or_default())
        .map(|text| events(&text))
        .collect()
}

/// The events of a journal. A line that is still being written is left out.
fn events(text: &str) -> Vec<Event> {
    text.split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .map(|line| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in event {line}"))
        })
        .collect()
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else {
        return Vec::new();
    };
    let mut folders: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the lab's folder is writable");
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.expect("a readable folder");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("a readable file");
        }
    }
}
