//! The helm driver and the process driver below it, through their public API, with a fake helm.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use stackctl::{
    event::Stream,
    helm::{
        Aftermath, Call, Cause, DetectError, Helm, HelmError, Operation, Rollback, Surroundings,
        Uninstall, Upgrade, Upgraded, WaitMode,
    },
    name::{Namespace, ReleaseId, ReleaseName},
    secret::Secret,
    shutdown::{Level, Reason, Shutdown, Trigger},
};
use tokio::sync::mpsc;

use crate::support::fake_helm::FakeHelm;

const ANSWER: &str = r#"printf '%s\n' '{"name":"web","version":7,"config":{"key":"answered"}}'"#;
const MINUTE: Duration = Duration::from_mins(1);

fn env(pairs: &[(&str, &str)]) -> BTreeMap<OsString, OsString> {
    let tools = std::env::join_paths(["/usr/bin", "/bin"]).unwrap();
    let mut env: BTreeMap<OsString, OsString> = [("PATH".into(), tools)].into();
    env.extend(
        pairs
            .iter()
            .map(|&(name, value)| (name.into(), value.into())),
    );
    env
}

fn release() -> ReleaseId {
    ReleaseId {
        namespace: Namespace::new("shop").unwrap(),
        name: ReleaseName::new("web").unwrap(),
    }
}

fn upgrade() -> Upgrade {
    Upgrade {
        release: release(),
        chart: "/charts/web".into(),
        values_files: Vec::new(),
        values: Secret::new(r#"{"password":"hunter2"}"#),
        timeout: MINUTE,
        wait: WaitMode::None,
        history_max: 5,
        labels: BTreeMap::new(),
        force_replace: false,
    }
}

fn uninstall() -> Uninstall {
    Uninstall {
        release: release(),
        timeout: MINUTE,
        wait: true,
    }
}

fn rollback() -> Rollback {
    Rollback {
        release: release(),
        revision: 3,
        timeout: MINUTE,
        history_max: 5,
    }
}

/// A run with one helm, and what its calls printed.
struct Run {
    helm: Helm,
    surroundings: Surroundings,
    trigger: Trigger,
    shutdown: Shutdown,
    sender: mpsc::UnboundedSender<(Stream, String)>,
    lines: mpsc::UnboundedReceiver<(Stream, String)>,
}

impl Run {
    async fn with(fake: &FakeHelm) -> Self {
        Self::within(fake, env(&[])).await
    }

    async fn within(fake: &FakeHelm, env: BTreeMap<OsString, OsString>) -> Self {
        let (trigger, shutdown) = Shutdown::new();
        let binary = fake.binary();
        let helm = Helm::detect(Some(&binary), &env, &shutdown).await.unwrap();
        let (sender, lines) = mpsc::unbounded_channel();
        Self {
            helm,
            surroundings: Surroundings {
                env,
                kubeconfig: "/run/kubeconfig".into(),
                cache: "/run/cache".into(),
            },
            trigger,
            shutdown,
            sender,
            lines,
        }
    }

    /// Starts a call beside the test.
    fn start<T: Send + 'static>(&self, what: Asked<T>) -> tokio::task::JoinHandle<T> {
        let (helm, surroundings) = (self.helm.clone(), self.surroundings.clone());
        let (shutdown, sender) = (self.shutdown.clone(), self.sender.clone());
        tokio::spawn(async move {
            let mut on_line = |stream, line: &str| sender.send((stream, line.to_owned())).unwrap();
            let call = Call {
                surroundings: &surroundings,
                shutdown: &shutdown,
                on_line: &mut on_line,
            };
            what(helm, call).await
        })
    }

    async fn upgrade(&self, op: Upgrade) -> Result<Upgraded, HelmError> {
        self.start_upgrade(op).await.unwrap()
    }

    fn start_upgrade(&self, op: Upgrade) -> tokio::task::JoinHandle<Result<Upgraded, HelmError>> {
        self.start(Box::new(|helm, call| {
            Box::pin(async move { helm.upgrade(call, &op).await })
        }))
    }

    fn start_uninstall(&self) -> tokio::task::JoinHandle<Result<bool, HelmError>> {
        self.start(Box::new(|helm, call| {
            Box::pin(async move { helm.uninstall(call, &uninstall()).await })
        }))
    }

    fn start_rollback(&self) -> tokio::task::JoinHandle<Result<(), HelmError>> {
        self.start(Box::new(|helm, call| {
            Box::pin(async move { helm.rollback(call, &rollback()).await })
        }))
    }

    async fn template(&self) -> Result<String, HelmError> {
        let template = self.start(Box::new(|helm: Helm, call| {
            Box::pin(async move { helm.template(call, &upgrade()).await })
        }));
        template.await.unwrap()
    }

    fn raise(&self, level: Level) {
        self.trigger.raise(level, Reason::Interrupt);
    }

    /// Waits until a fake says this.
    async fn until(&mut self, said: &str) {
        while self.lines.recv().await.unwrap().1 != said {}
    }

    fn said(&mut self) -> Vec<(Stream, String)> {
        std::iter::from_fn(|| self.lines.try_recv().ok()).collect()
    }
}

type Asked<T> = Box<
    dyn for<'a> FnOnce(
            Helm,
            Call<'a>,
        )
            -> std::pin::Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>
        + Send,
>;

async fn detect(flag: Option<&Path>, pairs: &[(&str, &str)]) -> Result<Helm, DetectError> {
    Helm::detect(flag, &env(pairs), &Shutdown::never()).await
}

#[tokio::test]
async fn the_flag_beats_the_variable_beats_path() {
    let [flag, variable, path] = ["v4.0.1", "v4.0.2", "v3.20.3"].map(FakeHelm::new);
    let flag_binary = flag.binary();
    let variable_binary = variable.binary();
    let variable = ("HELM_BINARY", variable_binary.to_str().unwrap());
    let folders = format!("{}:/usr/bin:/bin", path.folder().display());
    let path = ("PATH", folders.as_str());
    for (flag, pairs, expected) in [
        (Some(&*flag_binary), vec![variable, path], "4.0.1"),
        (None, vec![variable, path], "4.0.2"),
        (None, vec![path], "3.20.3"),
        (None, vec![("HELM_BINARY", ""), path], "3.20.3"),
        (Some(Path::new("helm")), vec![variable, path], "3.20.3"),
    ] {
        let helm = detect(flag, &pairs).await.unwrap();
        assert_eq!(helm.version.to_string(), expected, "{flag:?} {pairs:?}");
        assert!(helm.binary.is_absolute());
    }
}

#[tokio::test]
async fn a_helm_that_will_not_do_is_refused_in_its_own_words() {
    let old = FakeHelm::new("v3.13.3");
    let new = FakeHelm::new("v5.0.0");
    let helm_2 = FakeHelm::new("").on(
        "version",
        "case \"$*\" in *--client*) echo 'Client: v2.17.0+ga690bad' ;; *) echo 'Error: could not find tiller' >&2; exit 1 ;; esac",
    );
    let other = FakeHelm::new("").on("version", "echo 'helm: an editor for synthesizers'");
    let failing = FakeHelm::new("").on("version", "echo 'Error: no display' >&2; exit 3");
    let silent = FakeHelm::new("");
    for (fake, expected) in [
        (&old, "is helm 3.13.3, which is not supported"),
        (&new, "is helm 5.0.0, which is not supported"),
        (&helm_2, "is helm 2, which is not supported"),
        (&other, "it said: helm: an editor for synthesizers"),
        (&failing, "it said: no display"),
        (&silent, "it said nothing"),
    ] {
        let binary = fake.binary();
        let error = detect(Some(&binary), &[]).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(error.contains(binary.to_str().unwrap()), "{error}");
    }
}

#[tokio::test]
async fn a_helm_that_is_not_there_or_not_a_program_is_told_by_where_it_was_named() {
    let fake = FakeHelm::new("v4.3.1");
    let missing = fake.folder().join("missing");
    let text = fake.folder().join("text");
    fs::write(&text, "not a program").unwrap();
    let empty_path = ("PATH", fake.folder().join("none").display().to_string());
    let empty_path = [(empty_path.0, empty_path.1.as_str())];

    let error = detect(Some(&missing), &[]).await.unwrap_err().to_string();
    assert!(error.starts_with("--helm-binary says"), "{error}");
    let named = [("HELM_BINARY", missing.to_str().unwrap())];
    let error = detect(None, &named).await.unwrap_err().to_string();
    assert!(error.starts_with("HELM_BINARY says"), "{error}");
    let error = detect(None, &empty_path).await.unwrap_err().to_string();
    assert!(error.contains("no `helm` in PATH"), "{error}");
    assert!(error.contains(empty_path[0].1), "{error}");
    let error = detect(Some(&text), &[]).await.unwrap_err();
    let DetectError::NotRun { source, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(source.kind(), std::io::ErrorKind::PermissionDenied);
}

#[tokio::test]
async fn records_that_are_not_in_secrets_are_refused_before_helm_is_asked() {
    let fake = FakeHelm::new("v4.3.1");
    let binary = fake.binary();
    for driver in ["", "secret", "secrets"] {
        assert!(
            detect(Some(&binary), &[("HELM_DRIVER", driver)])
                .await
                .is_ok()
        );
    }
    let asked = fake.calls().len();
    for driver in ["configmap", "sql", "memory", "what"] {
        let error = detect(Some(&binary), &[("HELM_DRIVER", driver)]).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains(&format!("HELM_DRIVER={driver}")), "{error}");
    }
    assert_eq!(fake.calls().len(), asked);
}

#[tokio::test(start_paused = true)]
async fn a_helm_that_hangs_is_given_up() {
    let fake = FakeHelm::new("").on("version", "cat \"$home/gate\"");
    let _gate = fake.gate("gate");
    let binary = fake.binary();
    let detected = tokio::spawn(async move { detect(Some(&binary), &[]).await });
    // The paused clock stands still while a child runs.
    let called = fake.folder().join("order");
    while !called.exists() {
        tokio::task::yield_now().await;
    }
    tokio::time::advance(Duration::from_secs(20)).await;
    assert!(matches!(
        detected.await.unwrap(),
        Err(DetectError::Hung { .. })
    ));
}

#[tokio::test]
async fn helm_gets_its_arguments_the_values_on_standard_input_and_a_scrubbed_environment() {
    let fake = FakeHelm::new("v4.3.1").on("upgrade", &format!("keep_stdin; {ANSWER}"));
    let user = env(&[
        ("HELM_KUBETOKEN", "stolen"),
        ("HELM_NAMESPACE", "other"),
        ("KUBECONFIG", "/home/u/.kube/config"),
        ("HTTPS_PROXY", "http://proxy"),
    ]);
    let run = Run::within(&fake, user).await;
    assert_eq!(run.upgrade(upgrade()).await.unwrap().revision, 7);

    let seen = fake.only("upgrade");
    assert_eq!(
        seen.args[..4],
        ["upgrade", "--install", "web", "/charts/web"]
    );
    assert_eq!(seen.args[seen.args.len() - 2..], ["--values", "-"]);
    assert_eq!(seen.stdin.as_deref(), Some(r#"{"password":"hunter2"}"#));
    let visible = seen.args.iter().chain(seen.env.values());
    assert_eq!(visible.filter(|text| text.contains("hunter2")).count(), 0);
    assert_eq!(seen.env["KUBECONFIG"], "/run/kubeconfig");
    assert_eq!(seen.env["KUBECACHEDIR"], "/run/cache");
    assert_eq!(seen.env["HTTPS_PROXY"], "http://proxy");
    for name in [
        "HELM_KUBETOKEN",
        "HELM_NAMESPACE",
        "HOME",
        "CARGO_MANIFEST_DIR",
    ] {
        assert!(!seen.env.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn what_helm_says_is_seen_as_it_comes_but_not_its_data() {
    let fake = FakeHelm::new("v4.3.1")
        .on(
            "upgrade",
            &format!("echo 'level=WARN msg=old' >&2; echo 'W: preface'; {ANSWER}"),
        )
        .on("template", "echo warned >&2; echo 'kind: Secret'");
    let mut run = Run::with(&fake).await;
    run.upgrade(upgrade()).await.unwrap();
    let mut said = run.said();
    said.sort_by_key(|(stream, _)| *stream == Stream::Stderr);
    assert_eq!(
        said,
        [
            (Stream::Stdout, "W: preface".to_owned()),
            (Stream::Stderr, "level=WARN msg=old".to_owned()),
        ]
    );
    assert_eq!(run.template().await.unwrap(), "kind: Secret\n");
    assert_eq!(run.said(), [(Stream::Stderr, "warned".to_owned())]);
}

#[tokio::test]
async fn a_flood_blocks_nobody_and_its_end_is_kept() {
    let fake = FakeHelm::new("v4.3.1").on(
        "upgrade",
        "head -c 8000000 /dev/zero >&2; head -c 8000000 /dev/zero; keep_stdin; echo >&2; echo 'Error: context deadline exceeded' >&2; exit 1",
    );
    let run = Run::with(&fake).await;
    let values: String = format!("{{\"a\":\"{}\"}}", "x".repeat(1_000_000));
    let op = Upgrade {
        values: Secret::new(values.clone()),
        ..upgrade()
    };
    let error = run.upgrade(op).await.unwrap_err();
    assert_eq!(error.cause, Cause::WaitTimeout);
    assert_eq!(error.words, ["context deadline exceeded"]);
    assert_eq!(fake.only("upgrade").stdin, Some(values));
}

#[tokio::test]
async fn a_large_rendering_comes_whole() {
    let fake = FakeHelm::new("v3.20.0").on(
        "template",
        "echo begin; head -c 5000000 /dev/zero | tr '\\0' x; echo; echo end",
    );
    let run = Run::with(&fake).await;
    let text = run.template().await.unwrap();
    assert_eq!(text.len(), 6 + 5_000_000 + 1 + 4);
    assert!(text.starts_with("begin\n") && text.ends_with("\nend\n"));
}

#[tokio::test]
async fn helm_s_error_is_told_by_cause_aftermath_and_its_own_words() {
    let fake = FakeHelm::new("v4.3.1").on(
        "upgrade",
        "echo 'level=WARN msg=\"upgrade failed\" name=web error=\"x: field is immutable\"' >&2; echo 'Error: UPGRADE FAILED: server-side apply failed for object shop/web apps/v1, Kind=Deployment: x: field is immutable' >&2; exit 1",
    );
    let error = Run::with(&fake).await.upgrade(upgrade()).await.unwrap_err();
    assert_eq!(error.operation, Operation::Upgrade);
    assert_eq!(error.cause, Cause::Immutable);
    assert_eq!(error.aftermath, Aftermath::Failed);
    assert_eq!(
        error.words,
        [
            "server-side apply failed for object shop/web apps/v1, Kind=Deployment: x: field is immutable"
        ]
    );
    assert_eq!(
        error.to_string(),
        "helm upgrade of shop/web failed: a field cannot be changed on an existing object"
    );
}

#[tokio::test]
async fn an_answer_that_is_not_helm_s_is_not_taken_for_success() {
    let fake = FakeHelm::new("v4.3.1").on("upgrade", "echo done");
    let error = Run::with(&fake).await.upgrade(upgrade()).await.unwrap_err();
    assert_eq!(error.cause, Cause::BadAnswer);
    assert_eq!(error.aftermath, Aftermath::Unknown);
}

#[tokio::test]
async fn an_absent_release_is_no_error_to_an_uninstall() {
    let fake = FakeHelm::new("v4.3.1").on(
        "uninstall",
        "echo 'Error: uninstall: Release not loaded: web: release: not found' >&2; exit 1",
    );
    let run = Run::with(&fake).await;
    assert!(!run.start_uninstall().await.unwrap().unwrap());

    let fake = FakeHelm::new("v4.3.1").on("uninstall", "echo 'release \"web\" uninstalled'");
    let run = Run::with(&fake).await;
    assert!(run.start_uninstall().await.unwrap().unwrap());

    let fake = FakeHelm::new("v4.3.1").on("uninstall", "echo 'Error: boom' >&2; exit 1");
    let run = Run::with(&fake).await;
    let error = run.start_uninstall().await.unwrap().unwrap_err();
    assert_eq!(
        (error.cause, error.aftermath),
        (Cause::Other, Aftermath::Unknown)
    );
}

#[tokio::test]
async fn an_upgrade_gets_sigterm_once_and_time_to_close_its_record() {
    let fake = FakeHelm::new("v4.3.1").on(
        "upgrade",
        "trap 'note TERM' TERM; echo started; until [ -e \"$home/go\" ]; do cat \"$home/gate\"; done; echo 'Error: UPGRADE FAILED: context canceled' >&2; exit 1",
    );
    let gate = fake.gate("gate");
    let mut run = Run::with(&fake).await;
    let upgraded = run.start_upgrade(upgrade());
    run.until("started").await;
    run.raise(Level::Drain);
    run.raise(Level::Terminate);
    run.until("got TERM").await;
    fs::write(fake.folder().join("go"), "").unwrap();
    gate.open().await;
    let error = upgraded.await.unwrap().unwrap_err();
    assert_eq!(
        (error.cause, error.aftermath),
        (Cause::Interrupted, Aftermath::Failed)
    );
    assert_eq!(error.words, ["context canceled"]);
    assert_eq!(fake.only("upgrade").signals, ["TERM"]);
}

#[tokio::test]
async fn an_upgrade_that_succeeds_although_it_was_asked_to_stop_succeeded() {
    let fake = FakeHelm::new("v4.3.1").on(
        "upgrade",
        &format!("answer() {{ {ANSWER}; }}; trap 'note TERM; answer; exit 0' TERM; echo started; cat \"$home/gate\""),
    );
    let _gate = fake.gate("gate");
    let mut run = Run::with(&fake).await;
    let upgraded = run.start_upgrade(upgrade());
    run.until("started").await;
    run.raise(Level::Terminate);
    assert_eq!(upgraded.await.unwrap().unwrap().revision, 7);
}

#[tokio::test]
async fn a_helm_that_ignores_sigterm_is_killed_with_all_it_started() {
    let fake = FakeHelm::new("v4.3.1").on(
        "upgrade",
        "trap '' TERM; exec 3>\"$home/life\"; cat \"$home/gate\" & echo started; cat \"$home/gate\"",
    );
    let (_gate, life) = (fake.gate("gate"), fake.lifeline("life"));
    let ended = tokio::spawn(life.ended());
    let mut run = Run::with(&fake).await;
    let upgraded = run.start_upgrade(upgrade());
    run.until("started").await;
    run.raise(Level::Terminate);
    run.raise(Level::Kill);
    let error = upgraded.await.unwrap().unwrap_err();
    assert_eq!(
        (error.cause, error.aftermath),
        (Cause::Interrupted, Aftermath::Pending)
    );
    ended.await.unwrap();
}

#[tokio::test]
async fn uninstalls_and_rollbacks_are_left_to_finish() {
    let script = "trap 'note TERM' TERM; echo started; cat \"$home/gate-$1\"";
    let fake = FakeHelm::new("v4.3.1")
        .on("uninstall", script)
        .on("rollback", script);
    let gates = [fake.gate("gate-uninstall"), fake.gate("gate-rollback")];
    let mut run = Run::with(&fake).await;
    let removed = run.start_uninstall();
    run.until("started").await;
    let rolled_back = run.start_rollback();
    run.until("started").await;
    run.raise(Level::Terminate);
    for gate in &gates {
        gate.open().await;
    }
    assert!(removed.await.unwrap().unwrap());
    rolled_back.await.unwrap().unwrap();
    assert_eq!(fake.only("uninstall").signals, [""; 0]);
    assert_eq!(fake.only("rollback").signals, [""; 0]);
}

#[tokio::test]
async fn nothing_is_started_once_the_run_is_to_terminate() {
    let fake = FakeHelm::new("v4.3.1").on("upgrade", ANSWER);
    let run = Run::with(&fake).await;
    run.raise(Level::Terminate);
    let error = run.upgrade(upgrade()).await.unwrap_err();
    assert_eq!(
        (error.cause, error.aftermath),
        (Cause::Interrupted, Aftermath::Untouched)
    );
    assert_eq!(fake.calls().len(), 1, "only `version`");
}

#[tokio::test(start_paused = true)]
async fn at_its_deadline_helm_gets_sigterm_and_after_the_grace_sigkill() {
    let fake = FakeHelm::new("v4.3.1").on(
        "upgrade",
        "trap 'note TERM' TERM; echo started; while :; do cat \"$home/gate\"; done",
    );
    let _gate = fake.gate("gate");
    let mut run = Run::with(&fake).await;
    let op = upgrade();
    let deadline = op.deadline();
    assert!(deadline > op.timeout, "{deadline:?}");
    let upgraded = run.start_upgrade(op);
    run.until("started").await;
    tokio::time::advance(deadline).await;
    run.until("got TERM").await;
    tokio::time::advance(MINUTE).await;
    let error = upgraded.await.unwrap().unwrap_err();
    assert_eq!(
        (error.cause, error.aftermath),
        (Cause::TimedOut, Aftermath::Pending)
    );
    assert_eq!(fake.only("upgrade").signals, ["TERM"]);
}

#[tokio::test]
async fn what_helm_leaves_running_neither_holds_us_nor_survives() {
    let fake = FakeHelm::new("v4.3.1").on(
        "upgrade",
        &format!("exec 3>\"$home/life\"; cat \"$home/gate\" & {ANSWER}"),
    );
    let (_gate, life) = (fake.gate("gate"), fake.lifeline("life"));
    let ended = tokio::spawn(life.ended());
    let run = Run::with(&fake).await;
    assert_eq!(run.upgrade(upgrade()).await.unwrap().revision, 7);
    ended.await.unwrap();
}

#[tokio::test]
async fn a_call_that_is_dropped_takes_helm_with_it() {
    let fake = FakeHelm::new("v4.3.1").on(
        "upgrade",
        "exec 3>\"$home/life\"; echo started; cat \"$home/gate\"",
    );
    let (_gate, life) = (fake.gate("gate"), fake.lifeline("life"));
    let ended = tokio::spawn(life.ended());
    let mut run = Run::with(&fake).await;
    let upgraded = run.start_upgrade(upgrade());
    run.until("started").await;
    upgraded.abort();
    ended.await.unwrap();
}

#[tokio::test]
async fn a_helm_that_someone_else_kills_is_told_from_one_that_fails() {
    let fake = FakeHelm::new("v4.3.1").on("upgrade", "kill -KILL $$");
    let error = Run::with(&fake).await.upgrade(upgrade()).await.unwrap_err();
    assert_eq!(
        (error.cause, error.aftermath),
        (Cause::Killed, Aftermath::Pending)
    );
    assert!(error.words[0].contains("signal: 9"), "{:?}", error.words);
}

#[tokio::test]
async fn a_helm_that_vanished_is_told_by_its_path() {
    let fake = FakeHelm::new("v4.3.1");
    let run = Run::with(&fake).await;
    let binary: PathBuf = fake.binary();
    fs::remove_file(&binary).unwrap();
    let error = run.upgrade(upgrade()).await.unwrap_err();
    assert_eq!(
        (error.cause, error.aftermath),
        (Cause::NotStarted, Aftermath::Untouched)
    );
    assert!(
        error.words[0].contains(binary.to_str().unwrap()),
        "{:?}",
        error.words
    );
}
