//! What goes wrong between us and a registry: one clear message each, nothing half-written.

use stackctl::chart::{Access, LockMode};
use tar::EntryType::{Regular, Symlink};

use super::{
    charts::{Lab, gzip, key, meta, packed, sha256, tar},
    registry::{chart, manifest},
    server::{Reply, Seen, Server},
};

/// What a registry is asked for, one after the other, and how messages call it.
const ASKED: [(&str, &str); 3] = [
    ("/tags/", "could not get the tags of oci://127.0.0.1:"),
    (
        "/manifests/",
        "could not get the manifest of oci://127.0.0.1:",
    ),
    (
        "/blobs/",
        "could not get chart web 1.x from oci://127.0.0.1:",
    ),
];

/// A registry with one chart; `fault` may answer in its stead.
async fn registry(
    archive: Vec<u8>,
    fault: impl Fn(&Seen) -> Option<Reply> + Send + Sync + 'static,
) -> Server {
    let manifest = manifest(b"{}", &archive);
    let blob = format!("/v2/charts/web/blobs/sha256:{}", sha256(&archive));
    Server::start(move |seen| {
        fault(seen).unwrap_or_else(|| match seen.path.as_str() {
            "/v2/charts/web/tags/list?n=1000" => Reply::ok(r#"{"tags": ["1.0.0"]}"#),
            "/v2/charts/web/manifests/1.0.0" => Reply::ok(manifest.clone()),
            path if path == blob => Reply::ok(archive.clone()),
            _ => Reply::status(404),
        })
    })
    .await
}

async fn error_of(server: &Server) -> String {
    let lab = Lab::new();
    let error = lab.get(chart(server, Access::default())).await.unwrap_err();
    assert!(lab.cached().is_empty(), "{:?}", lab.cached());
    error
}

#[tokio::test]
async fn a_status_says_what_it_means_whatever_was_asked_for() {
    for (status, expected) in [
        (401, "it wants a user: run `helm registry login 127.0.0.1:"),
        (403, "it may not be read without a user, or does not exist"),
        (404, "there is nothing at that address"),
        (429, "too many requests: try again later"),
        (500, "the server is at fault: try again later"),
    ] {
        for (path, what) in ASKED {
            let server = registry(packed("web", "1.0.0"), move |seen| {
                seen.path.contains(path).then(|| Reply::status(status))
            })
            .await;
            let error = error_of(&server).await;
            assert!(error.starts_with(what), "{error}");
            assert!(
                error.contains(&status.to_string()) && error.contains(expected),
                "{error}"
            );
            // Only what may pass is asked for again.
            let tries = if matches!(status, 429 | 500) { 4 } else { 1 };
            let seen = server.seen();
            let asked = seen.iter().filter(|seen| seen.path.contains(path)).count();
            assert_eq!(asked, tries, "{status} {path}");
        }
    }
}

#[tokio::test]
async fn the_words_of_a_registry_are_told() {
    let words = r#"{"errors": [{"code": "TOOMANYREQUESTS", "message": "pull rate limit"}]}"#;
    let server = registry(packed("web", "1.0.0"), move |_| {
        let busy = Reply::ok(words).with_status(429);
        Some(busy.header("retry-after", "3600"))
    })
    .await;
    let error = error_of(&server).await;
    let expected = "it wants 3600 s of rest; it says: pull rate limit";
    assert!(error.contains(expected), "{error}");
    assert_eq!(server.seen().len(), 1, "it is left in peace");
}

#[tokio::test]
async fn what_passes_is_tried_again_whatever_was_asked_for() {
    for (path, _) in ASKED {
        for first in [
            Reply::status(429),
            Reply::status(503),
            Reply::ok("x").cut(0),
        ] {
            let server = registry(packed("web", "1.0.0"), move |seen| {
                let is_first = seen.path.contains(path) && seen.earlier == 0;
                is_first.then(|| first.clone())
            })
            .await;
            let lab = Lab::new();
            let request = [("web", chart(&server, Access::default()))];
            let fetched = lab.run(&request, None, &LockMode::Use).await.unwrap();
            assert_eq!(
                std::fs::read(&fetched.charts[&key("web")].path).unwrap(),
                packed("web", "1.0.0")
            );
            assert_eq!(server.seen().len(), 4, "{path}");
        }
    }
}

#[tokio::test]
async fn a_download_that_always_ends_early_says_so() {
    let server = registry(packed("web", "1.0.0"), |seen| {
        let is_blob = seen.path.contains("/blobs/");
        is_blob.then(|| Reply::ok(packed("web", "1.0.0")).cut(10))
    })
    .await;
    let error = error_of(&server).await;
    assert!(error.contains("was cut off after 10 bytes"), "{error}");
}

#[tokio::test]
async fn unsound_archives_are_refused_though_their_digest_is_right() {
    let meta = meta("web", "1.0.0");
    let yaml = ("web/Chart.yaml", Regular, meta.as_bytes());
    let whole = packed("web", "1.0.0");
    let with = |path: &str, kind| gzip(&tar(&[yaml, (path, kind, b"")]));
    for (archive, expected) in [
        (whole[..whole.len() / 2].to_vec(), "it is cut off"),
        (with("web/../../x", Regular), "`web/../../x` leads out"),
        (with("/etc/x", Regular), "`/etc/x` is an absolute path"),
        (with("web/l", Symlink), "`web/l` is a link"),
        (packed("other", "1.0.0"), "holds chart other 1.0.0, not web"),
        (packed("web", "1.0.1"), "holds chart web 1.0.1, not 1.0.0"),
    ] {
        let server = registry(archive, |_| None).await;
        let error = error_of(&server).await;
        assert!(
            error.contains("chart web 1.x from oci://127") && error.contains(expected),
            "{error}"
        );
    }
}

#[tokio::test]
async fn answers_that_make_no_sense_are_told_as_such() {
    let image = r#"{"config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:0"}}"#;
    for (path, answer, expected) in [
        ("/tags/", "<html>", "it did not answer with a list of tags"),
        ("/manifests/", "<html>", "1.0.0 is no manifest"),
        (
            "/manifests/",
            image,
            "1.0.0 is no Helm chart: it is a application/vnd.oci.image.config.v1+json",
        ),
        (
            "/manifests/",
            r#"{"manifests": []}"#,
            "1.0.0 is no Helm chart: its manifest is a list of images",
        ),
    ] {
        let server = registry(packed("web", "1.0.0"), move |seen| {
            seen.path.contains(path).then(|| Reply::ok(answer))
        })
        .await;
        let error = error_of(&server).await;
        assert!(
            error.starts_with("oci://127.0.0.1:") && error.contains(expected),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_token_service_that_fails_is_told_apart_from_its_registry() {
    for (answer, expected) in [
        (Reply::status(500), "the server is at fault"),
        (Reply::status(404), "there is nothing at that address"),
        (
            Reply::ok("<html>"),
            "the token service did not answer with a token",
        ),
        (
            Reply::ok(r#"{"token": ""}"#),
            "the token service did not answer with a token",
        ),
    ] {
        let service = Server::start(move |_| answer.clone()).await;
        let realm = format!("Bearer realm=\"{}/token\",service=\"x\"", service.url);
        let server = registry(packed("web", "1.0.0"), move |_| {
            Some(Reply::status(401).header("www-authenticate", &realm))
        })
        .await;
        let error = error_of(&server).await;
        assert!(
            error.contains("a token for oci://127.0.0.1:") && error.contains(expected),
            "{error}"
        );
    }
}
