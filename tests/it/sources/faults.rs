//! What goes wrong between us and a repository: one clear message each, nothing half-written.

use std::{io::Write as _, sync::Arc};

use flate2::{Compression, write::GzEncoder};
use stackctl::{
    chart::{FetchStep, LockMode},
    http::Patience,
};
use tar::EntryType::{Link, Regular, Symlink};

use super::{
    charts::{Lab, from, gzip, index, key, meta, packed, sha256, tar},
    server::{Reply, Seen, Server},
};

/// A repository with one chart whose archive is answered with `reply`.
async fn serving(reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Server {
    let entries = index(&[("web", "1.0.0", "web.tgz", None)]);
    Server::start(move |seen| match seen.path.as_str() {
        "/index.yaml" => Reply::ok(entries.clone()),
        _ => reply(seen),
    })
    .await
}

async fn error_of(lab: &Lab, server: &Server) -> String {
    let error = lab.get(from(&server.url, "web", "")).await.unwrap_err();
    assert!(lab.cached().is_empty(), "{:?}", lab.cached());
    error
}

#[tokio::test]
async fn a_status_says_what_it_means() {
    for (status, expected) in [
        (
            401,
            "it wants a user: set `username` and `password` in [repositories]",
        ),
        (403, "it may not be read without a user, or does not exist"),
        (404, "there is nothing at that address"),
        (429, "too many requests: try again later"),
        (500, "the server is at fault: try again later"),
        (418, "418"),
    ] {
        let server = serving(move |_| Reply::status(status)).await;
        let lab = Lab::new();
        let error = error_of(&lab, &server).await;
        assert!(
            error.starts_with("could not get chart web from http://127.0.0.1:"),
            "{error}"
        );
        assert!(
            error.contains(&status.to_string()) && error.contains(expected),
            "{error}"
        );
        // Only what may pass is asked for again.
        let tries = if matches!(status, 429 | 500) { 4 } else { 1 };
        assert_eq!(server.seen().len(), 1 + tries, "{status}");
    }
}

#[tokio::test]
async fn without_an_index_its_repository_is_named() {
    let whole = index(&[("web", "1.0.0", "web.tgz", None)]);
    for (reply, expected) in [
        (Reply::status(401), "it wants a user"),
        (Reply::status(403), "it may not be read without a user"),
        (Reply::status(404), "there is nothing at that address"),
        (Reply::status(429), "too many requests: try again later"),
        (Reply::status(500), "the server is at fault"),
        (Reply::ok(whole).cut(20), "was cut off after 20 bytes"),
    ] {
        let server = Server::start(move |_| reply.clone()).await;
        let error = error_of(&Lab::new(), &server).await;
        let what = format!("could not get the index of {}", server.url);
        assert!(
            error.starts_with(&what) && error.contains(expected),
            "{error}"
        );
    }
}

#[tokio::test]
async fn what_passes_is_tried_again_and_told() {
    let chart = packed("web", "1.0.0");
    let first: [fn(&[u8]) -> Reply; 4] = [
        |_| Reply::status(429).header("retry-after", "0"),
        |_| Reply::status(503).header("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"),
        |_| Reply::status(500),
        |chart| Reply::ok(chart).cut(chart.len() / 2),
    ];
    for first in first {
        let chart = chart.clone();
        let server = serving(move |seen| match seen.earlier {
            0 => first(&chart),
            _ => Reply::ok(chart.clone()),
        })
        .await;
        let lab = Lab::new();
        let mut retries = 0;
        let request = [("web", from(&server.url, "web", ""))];
        let fetched = lab
            .watch(&request, None, &LockMode::Use, &mut |progress| {
                retries += usize::from(matches!(progress.step, FetchStep::Retrying { .. }));
            })
            .await
            .unwrap();
        assert_eq!(retries, 1);
        assert_eq!(
            std::fs::read(&fetched.charts[&key("web")].path).unwrap(),
            packed("web", "1.0.0")
        );
    }
}

#[tokio::test]
async fn a_server_that_wants_a_long_rest_is_not_asked_again() {
    let server = serving(|_| Reply::status(429).header("retry-after", "3600")).await;
    let lab = Lab::new();
    let error = error_of(&lab, &server).await;
    assert!(error.contains("it wants 3600 s of rest"), "{error}");
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn no_answer_says_why() {
    let lab = Lab::new();
    for (url, expected) in [
        ("http://127.0.0.1:1", "refused"),
        (
            "http://no-such-host.invalid",
            "no answer from no-such-host.invalid",
        ),
        ("ftp://127.0.0.1", "must start with http://"),
        ("charts", "is not a URL"),
    ] {
        let error = lab.get(from(url, "web", "")).await.unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut lab = Lab::new();
    lab.options.patience = Patience {
        idle: std::time::Duration::from_millis(50),
        attempts: 1,
        ..Patience::default()
    };
    let url = format!("http://{}", silent.local_addr().unwrap());
    let error = lab.get(from(&url, "web", "")).await.unwrap_err();
    assert!(error.contains("within 50ms"), "{error}");
}

#[tokio::test]
async fn unsound_archives_never_reach_the_cache() {
    let meta = meta("web", "1.0.0");
    let yaml = ("web/Chart.yaml", Regular, meta.as_bytes());
    let whole = packed("web", "1.0.0");
    let cases: [(Vec<u8>, &str); 9] = [
        (
            whole[..whole.len() / 2].to_vec(),
            "is not a usable chart archive: it is cut off",
        ),
        (b"<html>".to_vec(), "it is not gzipped"),
        (
            gzip(&tar(&[yaml, ("web/../../x", Regular, b"")])),
            "`web/../../x` leads out",
        ),
        (
            gzip(&tar(&[yaml, ("/etc/x", Regular, b"")])),
            "`/etc/x` is an absolute path",
        ),
        (
            gzip(&tar(&[yaml, ("web/l", Symlink, b"")])),
            "`web/l` is a link",
        ),
        (
            gzip(&tar(&[yaml, ("web/l", Link, b"")])),
            "`web/l` is a link",
        ),
        (gzip(&tar(&[("x", Regular, b"")])), "holds no Chart.yaml"),
        (packed("other", "1.0.0"), "holds chart other 1.0.0, not web"),
        (packed("web", "1.0.1"), "holds chart web 1.0.1, not 1.0.0"),
    ];
    for (archive, expected) in cases {
        let server = serving(move |_| Reply::ok(archive.clone())).await;
        let error = error_of(&Lab::new(), &server).await;
        assert!(
            error.contains("chart web from http://127") && error.contains(expected),
            "{error}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_always_ends_early_says_so() {
    let server = serving(|_| Reply::ok(packed("web", "1.0.0")).cut(10)).await;
    let error = error_of(&Lab::new(), &server).await;
    assert!(error.contains("was cut off after 10 bytes"), "{error}");
}

#[tokio::test]
async fn a_wrong_digest_names_both() {
    let chart = packed("web", "1.0.0");
    let promised = sha256(b"something else");
    for (served, expected) in [
        (chart.clone(), "but the index says"),
        (chart[..99].to_vec(), "cut off"),
    ] {
        let entries = index(&[("web", "1.0.0", "web.tgz", Some(&promised))]);
        let files = [("/index.yaml", entries), ("/web.tgz", served.clone())];
        let server = Server::repository(&files).await;
        let error = error_of(&Lab::new(), &server).await;
        for expected in [expected, &promised, &sha256(&served)] {
            assert!(error.contains(expected), "{error}");
        }
    }
}

#[tokio::test]
async fn what_is_not_in_an_index_is_told_with_what_is() {
    let entries = index(&[
        ("prometheus", "25.0.0", "a.tgz", None),
        ("prometheus", "25.1.0", "b.tgz", None),
        ("prometheus", "26.0.0-rc.1", "c.tgz", None),
        ("broken", "1.0.0", "[]", None),
    ]);
    let page = Server::repository(&[("/index.yaml", b"<!DOCTYPE html>".to_vec())]).await;
    let server = Server::repository(&[("/index.yaml", entries)]).await;
    let lab = Lab::new();
    for (url, name, version, expected) in [
        (
            &server.url,
            "promethues",
            "",
            "has no chart `promethues`; close to it: prometheus",
        ),
        (&server.url, "web", "", "has no chart `web`"),
        (
            &server.url,
            "prometheus",
            "25.2.0",
            "is `25.2.0`; there are 25.1.0, 25.0.0",
        ),
        (
            &server.url,
            "prometheus",
            "^26",
            "is `^26`; there are 26.0.0-rc.1, 25.1.0",
        ),
        (
            &page.url,
            "web",
            "",
            "is not the address of a chart repository",
        ),
    ] {
        let error = lab.get(from(url, name, version)).await.unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn all_failures_are_told_and_in_order() {
    let server =
        Server::repository(&[("/index.yaml", index(&[("web", "1.0.0", "web.tgz", None)]))]).await;
    let requests = [
        ("a", from(&server.url, "gone", "")),
        ("b", from("http://127.0.0.1:1", "web", "")),
        ("c", from(&server.url, "web", "2.x")),
    ];
    let errors = Lab::new()
        .run(&requests, None, &LockMode::Use)
        .await
        .unwrap_err();
    let names: Vec<_> = errors.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[tokio::test]
async fn redirects_are_followed_but_not_for_ever_and_not_out_of_tls() {
    let chart = packed("web", "1.0.0");
    let server = serving(move |seen| match seen.path.as_str() {
        "/web.tgz" => Reply::redirect("/a/b/../c.tgz?x=1"),
        "/a/c.tgz?x=1" => Reply::redirect("d.tgz"),
        "/a/d.tgz" => Reply::ok(chart.clone()),
        _ => Reply::status(404),
    })
    .await;
    Lab::new().get(from(&server.url, "web", "")).await.unwrap();
    let server = serving(|_| Reply::redirect("/web.tgz")).await;
    let error = error_of(&Lab::new(), &server).await;
    assert!(error.contains("redirects more than 10 times"), "{error}");
}

#[tokio::test]
async fn large_archives_come_and_too_large_ones_do_not() {
    // 100 MB, of which nothing is compressed: as many come over the network.
    let yaml = meta("web", "1.0.0");
    let zeros = vec![0; 100_000_000];
    let mut archive = GzEncoder::new(Vec::new(), Compression::none());
    let files = tar(&[
        ("web/Chart.yaml", Regular, yaml.as_bytes()),
        ("web/zeros", Regular, &zeros),
    ]);
    archive.write_all(&files).unwrap();
    let archive = archive.finish().unwrap();
    assert!(archive.len() > 100_000_000);
    let server = serving(move |_| Reply::ok(archive.clone())).await;
    let lab = Lab::new();
    lab.get(from(&server.url, "web", "")).await.unwrap();
    assert_eq!(lab.cached().len(), 1, "{:?}", lab.cached());
    drop((server, lab));

    // Little to download, too much to unpack.
    let zeros = vec![0; 105_000_000];
    let bomb = gzip(&tar(&[
        ("web/Chart.yaml", Regular, yaml.as_bytes()),
        ("web/z", Regular, &zeros),
    ]));
    assert!(bomb.len() < 1_000_000);
    let server = serving(move |_| Reply::ok(bomb.clone())).await;
    let error = error_of(&Lab::new(), &server).await;
    assert!(error.contains("it unpacks to more than 100 MiB"), "{error}");

    // Nothing of a body that is announced as too long is read.
    let body = Arc::new(vec![0; 110_000_000]);
    let server = serving(move |_| Reply::ok(body.to_vec())).await;
    let error = error_of(&Lab::new(), &server).await;
    assert!(error.contains("sent more than 101 MiB"), "{error}");
}

#[tokio::test]
async fn an_index_of_10_mb_is_read_in_time() {
    let mut entries = Vec::new();
    let names: Vec<String> = (0..330).map(|n| format!("chart-{n}")).collect();
    let versions: Vec<String> = (0..200).map(|n| format!("1.{n}.0")).collect();
    let digest = sha256(b"x");
    for name in &names {
        entries.extend(versions.iter().map(|version| {
            (
                name.as_str(),
                version.as_str(),
                "a-rather-long-address/of-an-archive.tgz",
                Some(digest.as_str()),
            )
        }));
    }
    let mut text = index(&entries);
    let chart = packed("web", "1.0.0");
    text.extend(b"  web:\n  - version: 1.0.0\n    urls: [web.tgz]\n");
    assert!(text.len() > 10_000_000, "{}", text.len());
    let server = Server::repository(&[("/index.yaml", text), ("/web.tgz", chart)]).await;
    let began = tokio::time::Instant::now();
    Lab::new().get(from(&server.url, "web", "")).await.unwrap();
    // Parsing all of it takes a debug build minutes.
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
}
