//! What helm is given and what it says.

use std::{fs, path::PathBuf};

use stackctl::{
    event::Stream,
    helm::{Aftermath, Cause, Operation, Upgrade},
    secret::Secret,
};

use super::{ANSWER, Run, env, upgrade};
use crate::support::fake_helm::FakeHelm;

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
