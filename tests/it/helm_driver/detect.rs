//! Which helm is used, and which is refused.

use std::{fs, path::Path, time::Duration};

use stackctl::{
    helm::{DetectError, Helm},
    shutdown::Shutdown,
};

use super::env;
use crate::support::fake_helm::FakeHelm;

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
    while fake.calls().is_empty() {
        tokio::task::yield_now().await;
    }
    // The paused clock stands still while a child runs, but for this.
    while !detected.is_finished() {
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert!(matches!(
        detected.await.unwrap(),
        Err(DetectError::Hung { .. })
    ));
}
