//! Charts of this machine, and the subcharts of folders.

use std::fs;

use stackctl::chart::{Chart, LockMode, Repository, Request, Source};

use super::{
    charts::{Lab, files_below, from, index, key, meta, packed, range, sha256, user},
    server::Server,
};

fn folder(path: &std::path::Path) -> Request {
    Request {
        source: Source::Folder(path.to_owned()),
        version: None,
    }
}

async fn repository() -> Server {
    let (one, two) = (packed("db", "1.0.0"), packed("db", "1.1.0"));
    let entries = index(&[
        ("db", "1.0.0", "db-1.0.0.tgz", Some(&sha256(&one))),
        ("db", "1.1.0", "db-1.1.0.tgz", Some(&sha256(&two))),
    ]);
    Server::repository(&[
        ("/index.yaml", entries),
        ("/db-1.0.0.tgz", one),
        ("/db-1.1.0.tgz", two),
    ])
    .await
}

#[tokio::test]
async fn a_folder_that_holds_all_it_needs_is_used_as_it_is() {
    let lab = Lab::new();
    let chart = lab.chart(
        "web",
        &[
            ("Chart.yaml", &meta("web", "1.0.0")),
            ("templates/a.yaml", ""),
        ],
    );
    let fetched = lab.get(folder(&chart)).await.unwrap();
    let local = &fetched.charts[&key("web")];
    assert_eq!((&local.path, local.version.as_str()), (&chart, "1.0.0"));
    assert!(fetched.lock.entries().is_empty() && lab.cached().is_empty());
    fs::write(chart.join("templates/a.yaml"), "x").unwrap();
    let changed = lab.get(folder(&chart)).await.unwrap();
    assert_ne!(changed.charts[&key("web")].digest, local.digest);
}

#[tokio::test]
async fn subcharts_are_built_once_and_never_in_the_users_folder() {
    let server = repository().await;
    let mut lab = Lab::new();
    let repository = Repository {
        url: server.url.clone(),
        access: user(),
    };
    lab.options.repositories.insert("corp".into(), repository);
    let yaml = format!(
        "{}dependencies:\n- {{name: db, version: ^1, repository: '@corp'}}\n- {{name: cache, version: 1.x, \
         repository: 'file://../cache'}}\n- {{name: here, version: 1.x}}\n",
        meta("web", "1.0.0")
    );
    let chart = lab.chart(
        "web",
        &[
            ("Chart.yaml", &yaml),
            (
                "Chart.lock",
                "dependencies:\n- {name: db, version: 1.0.0}\n- {name: cache, version: 1.0.0}\n",
            ),
            ("charts/here/Chart.yaml", &meta("here", "1.0.0")),
            ("templates/a.yaml", "a"),
        ],
    );
    let nested = format!(
        "{}dependencies: [{{name: db, version: '*', repository: '{}'}}]\n",
        meta("cache", "1.2.0"),
        server.url
    );
    lab.chart("cache", &[("Chart.yaml", &nested)]);
    let before = files_below(&chart);
    let fetched = lab.get(folder(&chart)).await.unwrap();
    assert_eq!(
        files_below(&chart),
        before,
        "the user's folder is as it was"
    );
    let local = &fetched.charts[&key("web")];
    assert!(local.path.starts_with(&lab.options.cache_dir));
    Chart::open(&local.path).unwrap();
    assert_eq!(
        fs::read_to_string(local.path.join("templates/a.yaml")).unwrap(),
        "a"
    );
    assert!(
        local.path.join("charts/db-1.0.0.tgz").exists(),
        "what Chart.lock says"
    );
    assert!(
        local
            .path
            .join("charts/cache-1.2.0/charts/db-1.1.0.tgz")
            .exists(),
        "built inside"
    );
    let locked: Vec<_> = fetched
        .lock
        .entries()
        .iter()
        .map(|entry| entry.version.as_str())
        .collect();
    assert_eq!(locked, ["1.1.0", "1.0.0"]);

    // Again: the same folder, without a look at the network.
    let n_requests = server.seen().len();
    let again = lab
        .run(
            &[("web", folder(&chart))],
            Some(&fetched.lock),
            &LockMode::Frozen,
        )
        .await;
    assert_eq!(again.unwrap(), fetched);
    assert_eq!(server.seen().len(), n_requests);
    // Changed in the cache: built again. Changed at home: built anew.
    fs::write(local.path.join("templates/a.yaml"), "evil").unwrap();
    lab.run(
        &[("web", folder(&chart))],
        Some(&fetched.lock),
        &LockMode::Use,
    )
    .await
    .unwrap();
    assert_eq!(
        fs::read_to_string(local.path.join("templates/a.yaml")).unwrap(),
        "a"
    );
    fs::write(chart.join("templates/a.yaml"), "b").unwrap();
    let changed = lab
        .run(
            &[("web", folder(&chart))],
            Some(&fetched.lock),
            &LockMode::Use,
        )
        .await
        .unwrap();
    assert_ne!(changed.charts[&key("web")].path, local.path);
}

#[tokio::test]
async fn dependencies_that_make_no_sense_say_so() {
    let server = repository().await;
    let lab = Lab::new();
    let dependency = |version: &str, repository: &str| {
        format!(
            "{}dependencies: [{{name: db, version: '{version}', repository: '{repository}'}}]\n",
            meta("web", "1.0.0")
        )
    };
    let url = server.url.as_str();
    for (at, (yaml, lock, expected)) in [
        (dependency("2.x", url), None, "dependency `db` of "),
        (
            dependency("2.x", url),
            None,
            "is `2.x`; there are 1.1.0, 1.0.0",
        ),
        (
            dependency("2.x", url),
            Some("1.0.0"),
            "Chart.lock has `db` at 1.0.0, but Chart.yaml wants 2.x: run `helm dependency update",
        ),
        (
            dependency("1.x", ""),
            None,
            "`db` has no repository and is not in charts/",
        ),
        (
            dependency("1.x", "@gone"),
            None,
            "repository `gone`, which is not in [repositories]",
        ),
        (dependency("1.x", "file://../gone"), None, "could not read"),
        (
            dependency("1.x", "file://."),
            None,
            "it is a dependency of itself",
        ),
        (dependency("~~", url), None, "is not a version range"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("web{at}");
        let chart = lab.chart(&name, &[("Chart.yaml", &yaml)]);
        if let Some(version) = lock {
            let lock = format!("dependencies: [{{name: db, version: {version}}}]");
            fs::write(chart.join("Chart.lock"), lock).unwrap();
        }
        let error = lab.get(folder(&chart)).await.unwrap_err();
        assert!(error.contains(expected) && error.contains(&name), "{error}");
    }
}

#[tokio::test]
async fn archives_of_this_machine_are_checked_too() {
    let lab = Lab::new();
    let path = lab.path("web.tgz");
    let bytes = packed("web", "1.0.0");
    fs::write(&path, &bytes).unwrap();
    let request = |version: &str| Request {
        source: Source::Archive(path.clone()),
        version: range(version),
    };
    let fetched = lab.get(request("1.x")).await.unwrap();
    let local = &fetched.charts[&key("web")];
    assert_eq!(
        (&local.path, &local.digest),
        (&path, &format!("sha256:{}", sha256(&bytes)))
    );
    assert!(
        lab.get(request("2.x"))
            .await
            .unwrap_err()
            .contains("holds chart web 1.0.0, not 2.x")
    );
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let error = lab.get(request("")).await.unwrap_err();
    assert!(
        error.contains("web.tgz is not a usable chart archive: it is cut off"),
        "{error}"
    );
}

#[tokio::test]
async fn a_repository_of_the_stack_gives_its_user_to_what_is_inside_it() {
    let server = repository().await;
    let mut lab = Lab::new();
    let repository = Repository {
        url: server.url.clone(),
        access: user(),
    };
    lab.options.repositories.insert("corp".into(), repository);
    lab.get(from(&server.url, "db", "")).await.unwrap();
    assert!(
        server
            .seen()
            .iter()
            .all(|seen| seen.authorization().is_some())
    );
}
