//! Charts from HTTP repositories and addresses.

use std::fs;

use stackctl::chart::{Access, Chart, FetchStep, LockFile, LockMode, Move, Request, Source};

use super::{
    charts::{BASIC, Lab, from, from_with, index, key, packed, range, sha256, user},
    server::{Reply, Server},
};

/// Two versions of `web`, one pre-release, and `db` with an absolute address.
async fn repository() -> Server {
    let [web1, web2, pre, db] = [
        ("web", "1.2.0"),
        ("web", "1.10.0"),
        ("web", "2.0.0-rc.1"),
        ("db", "v3.0.0"),
    ]
    .map(|(name, version)| packed(name, version));
    let entries = index(&[
        ("web", "1.2.0", "charts/web-1.2.0.tgz", Some(&sha256(&web1))),
        (
            "web",
            "1.10.0",
            "charts/web-1.10.0.tgz",
            Some(&sha256(&web2)),
        ),
        (
            "web",
            "2.0.0-rc.1",
            "charts/web-2.0.0-rc.1.tgz",
            Some(&sha256(&pre)),
        ),
        ("db", "v3.0.0", "/elsewhere/db.tgz", None),
    ]);
    Server::repository(&[
        ("/stable/index.yaml", entries),
        ("/stable/charts/web-1.2.0.tgz", web1),
        ("/stable/charts/web-1.10.0.tgz", web2),
        ("/stable/charts/web-2.0.0-rc.1.tgz", pre),
        ("/elsewhere/db.tgz", db),
    ])
    .await
}

#[tokio::test]
async fn the_newest_wanted_version_comes_and_everything_only_once() {
    let server = repository().await;
    let lab = Lab::new();
    let url = format!("{}/stable/", server.url);
    let requests = [
        ("newest", from(&url, "web", "")),
        ("same", from(&url, "web", "")),
        ("old", from(&url, "web", "~1.2")),
        ("next", from(&url, "web", ">=2.0.0-0")),
        ("db", from(&url, "db", "3.x")),
    ];
    let mut steps = Vec::new();
    let fetched = lab
        .watch(&requests, None, &LockMode::Use, &mut |progress| {
            steps.push(progress);
        })
        .await
        .unwrap();
    let versions: Vec<_> = fetched
        .charts
        .iter()
        .map(|(key, chart)| (key.as_str(), chart.version.as_str()))
        .collect();
    assert_eq!(
        versions,
        [
            ("db", "v3.0.0"),
            ("newest", "1.10.0"),
            ("next", "2.0.0-rc.1"),
            ("old", "1.2.0"),
            ("same", "1.10.0")
        ]
    );
    for chart in fetched.charts.values() {
        let opened = Chart::open(&chart.path).unwrap();
        assert_eq!(opened.name, chart.name);
        assert_eq!(
            format!("sha256:{}", sha256(&fs::read(&chart.path).unwrap())),
            chart.digest
        );
    }
    assert!(
        server.counts().iter().all(|(_, count)| *count == 1),
        "{:?}",
        server.counts()
    );
    let done = |step: &FetchStep| {
        matches!(
            step,
            FetchStep::Done {
                downloaded: true,
                ..
            }
        )
    };
    assert_eq!(
        steps.iter().filter(|progress| done(&progress.step)).count(),
        4,
        "{steps:?}"
    );
    // One entry for each distinct wish.
    assert_eq!(fetched.lock.entries().len(), 4);
    assert_eq!(
        LockFile::parse(&fetched.lock.to_text()).unwrap(),
        fetched.lock
    );
}

#[tokio::test]
async fn what_is_locked_is_used_without_the_network() {
    let server = repository().await;
    let mut lab = Lab::new();
    let url = format!("{}/stable", server.url);
    let requests = [
        ("web", from(&url, "web", "1.x")),
        ("db", from(&url, "db", "")),
    ];
    let first = lab.run(&requests, None, &LockMode::Use).await.unwrap();
    let n_requests = server.seen().len();
    lab.options.offline = true;
    let again = lab
        .run(&requests, Some(&first.lock), &LockMode::Frozen)
        .await
        .unwrap();
    assert_eq!(again, first);
    assert_eq!(server.seen().len(), n_requests);
    // Without the lock file, nobody knows offline.
    let errors = lab.run(&requests, None, &LockMode::Use).await.unwrap_err();
    assert!(
        errors[0].1.to_string().contains("chart web 1.x from http"),
        "{:?}",
        errors[0]
    );
    assert!(
        errors[0].1.to_string().contains("not in the cache"),
        "{:?}",
        errors[0]
    );
}

#[tokio::test]
async fn a_lock_moves_only_when_told() {
    let lab = Lab::new();
    let old = packed("web", "1.0.0");
    let entries = index(&[
        ("web", "1.0.0", "web-1.0.0.tgz", None),
        ("db", "1.0.0", "db-1.0.0.tgz", None),
    ]);
    let files = [
        ("/index.yaml", entries),
        ("/web-1.0.0.tgz", old.clone()),
        ("/db-1.0.0.tgz", packed("db", "1.0.0")),
    ];
    let server = Server::repository(&files).await;
    let url = server.url.clone();
    let requests = [
        ("web", from(&url, "web", "^1")),
        ("db", from(&url, "db", "^1")),
    ];
    let locked = lab.run(&requests, None, &LockMode::Use).await.unwrap().lock;

    // The same address later: newer versions of both. (The lock file names the address, so the
    // text is moved to the new server's.)
    let entries = index(&[
        ("web", "1.0.0", "web-1.0.0.tgz", None),
        ("web", "1.1.0", "web-1.1.0.tgz", None),
        ("db", "1.0.0", "db-1.0.0.tgz", None),
        ("db", "1.1.0", "db-1.1.0.tgz", None),
    ]);
    let later = Server::repository(&[
        ("/index.yaml", entries),
        ("/web-1.0.0.tgz", old),
        ("/web-1.1.0.tgz", packed("web", "1.1.0")),
        ("/db-1.0.0.tgz", packed("db", "1.0.0")),
        ("/db-1.1.0.tgz", packed("db", "1.1.0")),
    ])
    .await;
    let locked = LockFile::parse(&locked.to_text().replace(&server.url, &later.url)).unwrap();
    let url = later.url.clone();
    let requests = [
        ("web", from(&url, "web", "^1")),
        ("db", from(&url, "db", "^1")),
    ];
    let versions = |mode: LockMode, n_requests: usize| {
        let (lab, requests, locked) = (&lab, &requests[..n_requests], &locked);
        async move {
            let fetched = lab.run(requests, Some(locked), &mode).await.unwrap();
            let entries = fetched.lock.entries().iter();
            entries
                .map(|entry| format!("{} {}", entry.name, entry.version))
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(versions(LockMode::Use, 2).await, ["db 1.0.0", "web 1.0.0"]);
    assert_eq!(
        versions(LockMode::Update(Move::Nothing), 2).await,
        ["db 1.0.0", "web 1.0.0"]
    );
    let web = Move::Charts([key("web")].into());
    assert_eq!(
        versions(LockMode::Update(web), 2).await,
        ["db 1.0.0", "web 1.1.0"]
    );
    assert_eq!(
        versions(LockMode::Update(Move::All), 2).await,
        ["db 1.1.0", "web 1.1.0"]
    );
    // Nobody wants `db` any more: only an update forgets it.
    assert_eq!(versions(LockMode::Use, 1).await, ["db 1.0.0", "web 1.0.0"]);
    assert_eq!(
        versions(LockMode::Update(Move::Nothing), 1).await,
        ["web 1.0.0"]
    );
    // A changed range that the locked version satisfies moves nothing, but is not frozen.
    let wider = [("web", from(&url, "web", ">=1"))];
    let used = lab
        .run(&wider, Some(&locked), &LockMode::Use)
        .await
        .unwrap();
    assert_eq!(used.charts[&key("web")].version, "1.0.0");
    let errors = lab
        .run(&wider, Some(&locked), &LockMode::Frozen)
        .await
        .unwrap_err();
    let error = errors[0].1.to_string();
    assert!(
        error.contains("chart web >=1 from") && error.contains("stackctl fetch"),
        "{error}"
    );
}

#[tokio::test]
async fn a_changed_digest_is_refused_by_both_names() {
    let lab = Lab::new();
    let honest = packed("web", "1.0.0");
    let changed = super::charts::gzip(&super::charts::tar(&[
        (
            "web/Chart.yaml",
            tar::EntryType::Regular,
            b"name: web\nversion: 1.0.0\n",
        ),
        ("web/evil", tar::EntryType::Regular, b"x"),
    ]));
    let entries = index(&[("web", "1.0.0", "web.tgz", None)]);
    let server =
        Server::repository(&[("/index.yaml", entries), ("/web.tgz", changed.clone())]).await;
    let request = [("web", from(&server.url, "web", "1.0.0"))];
    let lock = lab.run(&request, None, &LockMode::Use).await.unwrap().lock;
    let text = lock.to_text().replace(&sha256(&changed), &sha256(&honest));
    let lock = LockFile::parse(&text).unwrap();
    let errors = lab
        .run(&request, Some(&lock), &LockMode::Use)
        .await
        .unwrap_err();
    let error = errors[0].1.to_string();
    for expected in [
        &sha256(&honest),
        &sha256(&changed),
        "the lock file says",
        "fetch --update",
    ] {
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_damaged_cache_entry_is_fetched_again() {
    let server = repository().await;
    let lab = Lab::new();
    let request = [(
        "web",
        from(&format!("{}/stable", server.url), "web", "1.2.0"),
    )];
    let first = lab.run(&request, None, &LockMode::Use).await.unwrap();
    let path = &first.charts[&key("web")].path;
    let good = fs::read(path).unwrap();
    for damage in [&good[..good.len() / 2], b""] {
        fs::write(path, damage).unwrap();
        let again = lab
            .run(&request, Some(&first.lock), &LockMode::Use)
            .await
            .unwrap();
        assert_eq!(again, first);
        assert_eq!(fs::read(path).unwrap(), good);
    }
}

#[tokio::test]
async fn runs_at_once_share_a_cache() {
    let server = repository().await;
    let lab = Lab::new();
    let request = [("web", from(&format!("{}/stable", server.url), "web", ""))];
    let runs = (0..8).map(|_| lab.run(&request, None, &LockMode::Use));
    let outcomes = futures::future::join_all(runs).await;
    let first = outcomes[0].as_ref().unwrap();
    assert!(
        outcomes
            .iter()
            .all(|outcome| outcome.as_ref().unwrap() == first)
    );
    assert_eq!(lab.cached(), [first.charts[&key("web")].path.clone()]);
}

/// Wants `ada` everywhere.
async fn private(at: &'static str) -> Server {
    let chart = packed("web", "1.0.0");
    let entries = index(&[("web", "1.0.0", at, Some(&sha256(&chart)))]);
    Server::start(
        move |seen| match (seen.authorization(), seen.path.as_str()) {
            (Some(BASIC), "/index.yaml") => Reply::ok(entries.clone()),
            (Some(BASIC), "/web.tgz") => Reply::ok(chart.clone()),
            (Some(BASIC), _) => Reply::status(404),
            _ => Reply::status(401).header("www-authenticate", "Basic realm=\"x\""),
        },
    )
    .await
}

#[tokio::test]
async fn users_and_passwords_open_private_repositories_and_are_never_told() {
    let server = private("web.tgz").await;
    let lab = Lab::new();
    let fetched = lab
        .get(from_with(&server.url, "web", "", user()))
        .await
        .unwrap();
    // In the address they are as good.
    let url = server.url.replace("http://", "http://ada:hunter2@");
    assert_eq!(lab.get(from(&url, "web", "")).await.unwrap(), fetched);
    assert!(!fetched.lock.to_text().contains("hunter2"));

    let wrong = Access {
        password: Some(stackctl::secret::Secret::new("guess99")),
        ..user()
    };
    for (access, expected) in [
        (
            Access::default(),
            "it wants a user: set `username` and `password` in [repositories]",
        ),
        (wrong, "the user or the password is wrong"),
    ] {
        let error = lab
            .get(from_with(&server.url, "web", "", access))
            .await
            .unwrap_err();
        assert!(
            error.contains("401 Unauthorized") && error.contains(expected),
            "{error}"
        );
        assert!(!error.contains("guess99"), "{error}");
    }
    let url = server.url.replace("http://", "http://ada:wrongpass@");
    let error = lab.get(from(&url, "web", "")).await.unwrap_err();
    assert!(!error.contains("wrongpass"), "{error}");
    for file in lab.cached() {
        let bytes = fs::read(file).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"hunter2"));
    }
}

#[tokio::test]
async fn credentials_go_to_other_hosts_only_when_told() {
    // `localhost` and `127.0.0.1` are two hosts to everybody.
    let storage = private("unused").await;
    let elsewhere = storage.url.replace("127.0.0.1", "localhost");
    let by_redirect = {
        let to = format!("{elsewhere}/web.tgz");
        let entries = index(&[("web", "1.0.0", "web.tgz", None)]);
        Server::start(move |seen| match seen.path.as_str() {
            "/index.yaml" => Reply::ok(entries.clone()),
            _ => Reply::redirect(&to),
        })
        .await
    };
    let by_index = {
        let entries = index(&[("web", "1.0.0", &format!("{elsewhere}/web.tgz"), None)]);
        Server::repository(&[("/index.yaml", entries)]).await
    };
    for repository in [&by_redirect, &by_index] {
        let lab = Lab::new();
        let before = storage.seen().len();
        let error = lab
            .get(from_with(&repository.url, "web", "", user()))
            .await
            .unwrap_err();
        assert!(
            error.contains("pass_credentials") && error.contains("localhost"),
            "{error}"
        );
        let asked = storage.seen().split_off(before);
        assert!(!asked.is_empty() && asked.iter().all(|seen| seen.authorization().is_none()));
        let access = Access {
            pass_credentials: true,
            ..user()
        };
        lab.get(from_with(&repository.url, "web", "", access))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn an_address_is_a_source_too() {
    let chart = packed("web", "1.0.0");
    let server = Server::repository(&[("/download", chart)]).await;
    let lab = Lab::new();
    let url = format!("{}/download?token=s3cr3t-t0ken", server.url);
    lab.options
        .redactor
        .add(&stackctl::secret::Secret::new("s3cr3t-t0ken"));
    let request = |version: &str| Request {
        source: Source::Url {
            url: url.clone(),
            access: Access::default(),
        },
        version: range(version),
    };
    let error = lab.get(request("")).await.unwrap_err();
    assert!(
        error.contains("404") && !error.contains("s3cr3t"),
        "{error}"
    );
    let server = Server::start(|_| Reply::ok(packed("web", "1.0.0"))).await;
    let url = format!("{}/download?token=s3cr3t-t0ken", server.url);
    let request = |version: &str| Request {
        source: Source::Url {
            url: url.clone(),
            access: Access::default(),
        },
        version: range(version),
    };
    let fetched = lab.get(request("1.x")).await.unwrap();
    assert_eq!(fetched.lock.entries()[0].name, "web");
    assert!(
        !fetched.lock.to_text().contains("s3cr3t"),
        "{}",
        fetched.lock.to_text()
    );
    let n_requests = server.seen().len();
    let locked = lab
        .run(
            &[("web", request("1.x"))],
            Some(&fetched.lock),
            &LockMode::Frozen,
        )
        .await;
    assert_eq!(locked.unwrap(), fetched);
    assert_eq!(server.seen().len(), n_requests);
    let error = lab.get(request("2.x")).await.unwrap_err();
    assert!(error.contains("holds chart web 1.0.0, not 2.x"), "{error}");
}
