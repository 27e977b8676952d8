//! Charts from OCI registries: Debian's, and a token service that it lacks.

use std::{fs, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use stackctl::{
    chart::{Access, Chart, LockFile, LockMode, Request, Source},
    http::{Ask, Authorization, Client, Patience, Proxies, Tls, parse},
    secret::Secret,
};

use super::{
    charts::{BASIC, Lab, key, packed, range, sha256, user},
    docker_registry::Registry,
    server::{Reply, Server},
};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

impl Registry {
    /// What `helm push` does.
    async fn push(&self, name: &str, version: &str) -> (Vec<u8>, String) {
        let archive = packed(name, version);
        let config = format!(r#"{{"name":"{name}","version":"{version}"}}"#).into_bytes();
        for blob in [&archive, &config] {
            let upload = self
                .send(
                    Method::POST,
                    &format!("/v2/charts/{name}/blobs/uploads/"),
                    b"",
                )
                .await;
            let at = upload.headers[header::LOCATION].to_str().unwrap();
            let at = at
                .trim_start_matches(&format!("http://{}", self.host))
                .to_owned();
            self.send(
                Method::PUT,
                &format!("{at}&digest=sha256:{}", sha256(blob)),
                blob,
            )
            .await;
        }
        let manifest = manifest(&config, &archive);
        let tag = version.replace('+', "_");
        self.send(
            Method::PUT,
            &format!("/v2/charts/{name}/manifests/{tag}"),
            &manifest,
        )
        .await;
        (archive, format!("sha256:{}", sha256(&manifest)))
    }

    async fn send(&self, method: Method, path: &str, body: &[u8]) -> stackctl::http::Received {
        let client = Client::new(
            &Tls::default(),
            &Proxies::from_env(&[].into()),
            &Patience::default(),
        )
        .unwrap();
        let mut ask = Ask::get(parse(&format!("http://{}{path}", self.host)).unwrap(), 1024);
        ask.headers
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(MANIFEST));
        ask.authorization = Some(Authorization::Basic {
            username: "ada".into(),
            password: Secret::new("hunter2"),
        });
        (ask.method, ask.body) = (method, Bytes::copy_from_slice(body));
        client
            .send(&ask, &mut Vec::new(), &mut |_| {})
            .await
            .unwrap()
    }

    fn chart(&self, name: &str, version: &str, access: Access) -> Request {
        Request {
            source: Source::Oci {
                reference: format!("oci://{}/charts/{name}", self.host),
                access: Access {
                    plain_http: true,
                    ..access
                },
            },
            version: range(version),
        }
    }
}

/// The manifest of a chart.
pub(super) fn manifest(config: &[u8], archive: &[u8]) -> Vec<u8> {
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"sha256:{}","size":{}}},"layers":[{{"mediaType":"application/vnd.cncf.helm.chart.content.v1.tar+gzip","digest":"sha256:{}","size":{}}}]}}"#,
        sha256(config),
        config.len(),
        sha256(archive),
        archive.len()
    )
    .into_bytes()
}

#[tokio::test]
async fn charts_of_a_real_registry_come_by_version_range_tag_and_digest() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let (newest, _) = registry.push("web", "1.10.0").await;
    let (built, _) = registry.push("web", "1.2.0+build.7").await;
    let (old, digest) = registry.push("web", "v1.1.0").await;
    registry.push("web", "2.0.0-rc.1").await;
    let pinned = |pin: String| Request {
        source: Source::Oci {
            reference: format!("oci://{}/charts/web{pin}", registry.host),
            access: Access {
                plain_http: true,
                ..user()
            },
        },
        version: None,
    };
    let requests = [
        ("newest", registry.chart("web", "", user())),
        ("built", registry.chart("web", "1.2.0+build.7", user())),
        ("range", registry.chart("web", "~1.2", user())),
        ("other-name", registry.chart("web", "1.1.0", user())),
        ("tag", pinned(":v1.1.0".into())),
        ("digest", pinned(format!("@{digest}"))),
    ];
    let lab = Lab::new();
    let fetched = lab.run(&requests, None, &LockMode::Use).await.unwrap();
    for (name, expected) in [
        ("newest", &newest),
        ("built", &built),
        ("range", &built),
        ("other-name", &old),
        ("tag", &old),
        ("digest", &old),
    ] {
        let chart = &fetched.charts[&key(name)];
        assert_eq!(&fs::read(&chart.path).unwrap(), expected, "{name}");
        assert_eq!(Chart::open(&chart.path).unwrap().name, "web");
    }
    // Locked and cached: the registry may be gone.
    drop(registry);
    let again = lab
        .run(&requests, Some(&fetched.lock), &LockMode::Frozen)
        .await
        .unwrap();
    assert_eq!(again, fetched);
}

#[tokio::test]
async fn a_registry_gets_the_credentials_of_helm_and_docker_or_says_what_it_wants() {
    let Some(registry) = Registry::start() else {
        return;
    };
    registry.push("web", "1.0.0").await;
    let mut lab = Lab::new();
    let error = lab
        .get(registry.chart("web", "1.0.0", Access::default()))
        .await
        .unwrap_err();
    let advice = format!("run `helm registry login {}`", registry.host);
    assert!(
        error.contains("401 Unauthorized") && error.contains(&advice),
        "{error}"
    );
    let wrong = Access {
        password: Some(Secret::new("guess99")),
        ..user()
    };
    let error = lab.get(registry.chart("web", "", wrong)).await.unwrap_err();
    assert!(
        error.contains("the user or the password is wrong"),
        "{error}"
    );
    assert!(!error.contains("guess99"), "{error}");
    for (name, version, expected) in [
        ("gone", "", "404"),
        ("gone", "1.0.0", "404"),
        ("web", "1.0.1", "is `1.0.1`; there are 1.0.0"),
        ("web", ">=2", "is `>=2`; there are 1.0.0"),
    ] {
        let error = lab
            .get(registry.chart(name, version, user()))
            .await
            .unwrap_err();
        assert!(
            error.contains(expected) && error.contains("/charts/"),
            "{error}"
        );
    }
    // `ada:hunter2`, as `helm registry login` stores it.
    let auth = BASIC.trim_start_matches("Basic ");
    let config = format!(
        r#"{{"auths": {{"{}": {{"auth": "{auth}"}}}}}}"#,
        registry.host
    );
    let file = lab.path("registry.json");
    fs::write(&file, &config).unwrap();
    lab.options
        .env
        .insert("HELM_REGISTRY_CONFIG".into(), file.clone().into());
    lab.get(registry.chart("web", "", Access::default()))
        .await
        .unwrap();
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        config,
        "nothing of the user's is changed"
    );
}

/// A registry with a token service, which gives tokens to `ada` and, if it is `open`, to everyone.
async fn with_tokens(open: bool) -> Server {
    let archive = packed("web", "1.0.0");
    let digest = format!("sha256:{}", sha256(&archive));
    let manifest = manifest(b"{}", &archive);
    let own = Arc::new(std::sync::OnceLock::<String>::new());
    let home = Arc::clone(&own);
    let server = Server::start(move |seen| {
        let url = home.get().unwrap();
        let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
        if path == "/token" {
            assert!(query.contains("scope=repository:charts/web:pull"), "{query}");
            assert!(query.contains("service=the%20registry"), "{query}");
            return match seen.authorization() {
                Some(BASIC) => Reply::ok(r#"{"token": "t-0123456789"}"#),
                None if open => Reply::ok(r#"{"access_token": "t-0123456789"}"#),
                None => Reply::ok(r#"{"token": "t-nobody"}"#),
                Some(_) => Reply::status(401),
            };
        }
        if seen.authorization() != Some("Bearer t-0123456789") {
            let challenge = format!(
                "Bearer realm=\"{url}/token\",service=\"the registry\",scope=\"repository:charts/web:pull\""
            );
            return Reply::status(401)
                .header("www-authenticate", &challenge)
                .header("docker-distribution-api-version", "registry/2.0");
        }
        match (path, query) {
            ("/v2/charts/web/tags/list", "n=1000") => Reply::ok(r#"{"tags": ["0.9.0", "latest"]}"#)
                .header("link", "</v2/charts/web/tags/list?n=1000&last=latest>; rel=\"next\""),
            ("/v2/charts/web/tags/list", _) => Reply::ok(r#"{"tags": ["1.0.0", "1.0.0_x"]}"#),
            ("/v2/charts/web/manifests/1.0.0", _) => Reply::ok(manifest.clone()),
            (path, _) if path == format!("/v2/charts/web/blobs/{digest}") => {
                Reply::redirect(&format!("{}/storage", url.replace("127.0.0.1", "localhost")))
            }
            _ => Reply::status(404),
        }
    })
    .await;
    own.set(server.url.clone()).unwrap();
    server
}

/// `charts/web` of a registry, `1.x`.
pub(super) fn chart(server: &Server, access: Access) -> Request {
    let host = server.url.trim_start_matches("http://");
    Request {
        source: Source::Oci {
            reference: format!("oci://{host}/charts/web"),
            access: Access {
                plain_http: true,
                ..access
            },
        },
        version: range("1.x"),
    }
}

#[tokio::test]
async fn tokens_are_got_used_again_and_kept_from_storage() {
    for (open, access) in [(false, user()), (true, Access::default())] {
        let server = with_tokens(open).await;
        let lab = Lab::new();
        // The storage is another host and asks for nothing; here it wants a token and gets none.
        let error = lab.get(chart(&server, access)).await.unwrap_err();
        assert!(error.contains("localhost"), "{error}");
        let seen = server.seen();
        let asked = |path: &str| {
            seen.iter()
                .filter(|seen| seen.path.starts_with(path))
                .count()
        };
        assert_eq!(asked("/token"), 1);
        assert_eq!(
            asked("/v2/charts/web/tags/list"),
            3,
            "refused, then two pages"
        );
        let storage: Vec<_> = seen.iter().filter(|seen| seen.path == "/storage").collect();
        assert!(!storage.is_empty() && storage.iter().all(|seen| seen.authorization().is_none()));
    }
}

#[tokio::test]
async fn a_token_for_nobody_is_no_wrong_password() {
    let server = with_tokens(false).await;
    let lab = Lab::new();
    let error = lab
        .get(chart(&server, Access::default()))
        .await
        .unwrap_err();
    assert!(
        error.contains("it wants a user: run `helm registry login 127.0.0.1:"),
        "{error}"
    );
    let wrong = Access {
        password: Some(Secret::new("guess99")),
        ..user()
    };
    let error = lab.get(chart(&server, wrong)).await.unwrap_err();
    assert!(
        error.contains("a token for oci://") && error.contains("password is wrong"),
        "{error}"
    );
    assert!(!error.contains("guess99"), "{error}");
}

#[tokio::test]
async fn bytes_that_are_not_what_the_registry_says_are_refused() {
    let archive = packed("web", "1.0.0");
    let manifest = manifest(b"{}", &archive);
    let server = Server::start(move |seen| match seen.path.as_str() {
        "/v2/charts/web/manifests/1.0.0" => Reply::ok(manifest.clone()),
        path if path.starts_with("/v2/charts/web/tags") => Reply::ok(r#"{"tags": ["1.0.0"]}"#),
        path if path.contains("/blobs/") => Reply::ok(packed("web", "1.0.1")),
        path if path.contains("/manifests/sha256:") => Reply::ok(manifest.clone()),
        _ => Reply::status(404),
    })
    .await;
    let lab = Lab::new();
    let error = lab
        .get(chart(&server, Access::default()))
        .await
        .unwrap_err();
    for expected in [
        "the registry says",
        &sha256(&archive),
        &sha256(&packed("web", "1.0.1")),
    ] {
        assert!(error.contains(expected), "{error}");
    }
    let mut request = chart(&server, Access::default());
    if let Source::Oci { reference, .. } = &mut request.source {
        *reference = format!("{reference}@sha256:{}", sha256(b"another manifest"));
    }
    let error = lab.get(request).await.unwrap_err();
    assert!(
        error.contains("its reference says") && lab.cached().is_empty(),
        "{error}"
    );
}

#[tokio::test]
async fn an_index_may_point_into_a_registry() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let (archive, _) = registry.push("web", "1.0.0").await;
    let mut lab = Lab::new();
    let access = Access {
        plain_http: true,
        ..user()
    };
    let url = format!("oci://{}/charts", registry.host);
    let repository = stackctl::chart::Repository {
        url: url.clone(),
        access,
    };
    lab.options.repositories.insert("corp".into(), repository);
    let at = format!("{url}/web:1.0.0");
    let entries = super::charts::index(&[("web", "1.0.0", &at, None)]);
    let server = Server::repository(&[("/index.yaml", entries)]).await;
    let fetched = lab
        .get(super::charts::from(&server.url, "web", ""))
        .await
        .unwrap();
    assert_eq!(
        fs::read(&fetched.charts[&key("web")].path).unwrap(),
        archive
    );
    assert_eq!(
        LockFile::parse(&fetched.lock.to_text()).unwrap(),
        fetched.lock
    );
}
