//! Charts from a repository: fetched, locked, installed.

use std::{
    collections::HashMap,
    fs,
    sync::{Arc, Mutex, PoisonError},
};

use flate2::{Compression, write::GzEncoder};
use tokio::runtime::Runtime;

use crate::{
    server::{Reply, Server},
    support::Lab,
};

tests![
    charts_of_a_private_repository_are_fetched_locked_and_installed,
    a_chart_that_cannot_be_had_ends_the_run_before_any_change,
];

const PASSWORD: &str = "correct-horse";
/// `ann:correct-horse`, as HTTP basic authentication writes it.
const AUTHORIZATION: &str = "Basic YW5uOmNvcnJlY3QtaG9yc2U=";

/// A chart repository whose files can change, for user `ann` only.
pub(crate) struct Repository {
    runtime: Runtime,
    server: Server,
    files: Arc<Mutex<HashMap<String, Vec<u8>>>>,
}

impl Repository {
    pub(crate) fn start() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let files: Arc<Mutex<HashMap<String, Vec<u8>>>> = Arc::default();
        let shared = Arc::clone(&files);
        let server = runtime.block_on(Server::start(move |seen| {
            if seen.authorization() != Some(AUTHORIZATION) {
                return Reply::status(401);
            }
            let files = shared.lock().unwrap_or_else(PoisonError::into_inner);
            files
                .get(&seen.path)
                .map_or_else(|| Reply::status(404), |file| Reply::ok(file.as_slice()))
        }));
        Self {
            runtime,
            server,
            files,
        }
    }

    /// Serves the lab's `charts/app-VERSION` folders, packed.
    pub(crate) fn serve(&self, lab: &Lab, versions: &[&str]) {
        let mut index = "apiVersion: v1\nentries:\n  app:\n".to_owned();
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        for version in versions {
            let entry = format!("  - version: {version}\n    urls: [app-{version}.tgz]\n");
            index.push_str(&entry);
            files.insert(format!("/app-{version}.tgz"), packed(lab, version));
        }
        files.insert("/index.yaml".to_owned(), index.into_bytes());
    }

    /// Its address.
    pub(crate) fn url(&self) -> &str {
        &self.server.url
    }

    fn downloads(&self, path: &str) -> usize {
        let _guard = self.runtime.enter();
        let seen = self.server.seen();
        seen.iter().filter(|seen| seen.path == path).count()
    }

    /// A stack of a chart of the repository and one of a folder.
    fn stack(&self, lab: &Lab) {
        lab.stack(&format!(
            r#"
[repositories.private]
url = "{}"
username = "ann"
password = "${{env.REPOSITORY_PASSWORD}}"
[charts.base]
chart = "./charts/app"
values = {{ kind = "none" }}
[charts.web]
chart = "private/app"
version = "^1"
needs = ["base"]
values = {{ kind = "none" }}
"#,
            self.url()
        ));
    }
}

fn packed(lab: &Lab, version: &str) -> Vec<u8> {
    let gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    let folder = lab.path().join(format!("charts/app-{version}"));
    tar.append_dir_all("app", folder)
        .expect("the chart is readable");
    let gzip = tar.into_inner().expect("memory is writable");
    gzip.finish().expect("memory is writable")
}

/// What its user knows.
pub(crate) const ENV: &[(&str, &str)] = &[("REPOSITORY_PASSWORD", PASSWORD)];

fn charts_of_a_private_repository_are_fetched_locked_and_installed() {
    let lab = Lab::new("sources");
    let repository = Repository::start();
    for version in ["1.1.0", "1.2.0"] {
        lab.version("app", version);
    }
    repository.serve(&lab, &["1.1.0"]);
    repository.stack(&lab);

    // `check` asks nobody.
    lab.stackctl(&["check"]).exits(0);
    assert_eq!(repository.downloads("/index.yaml"), 0);

    lab.stackctl_with(ENV, &["up", "--frozen"]).exits(1).says(&[
        "web: ",
        "not in the lock file",
        "stackctl fetch",
    ]);
    lab.has_releases(&[]);

    let fetch = lab.stackctl_with(ENV, &["fetch"]).exits(0).says(&[
        "fetched web 1.1.0",
        "private/app",
        "wrote ./stack.lock",
    ]);
    let lock = fs::read_to_string(lab.path().join("stack.lock")).expect("fetch writes it");
    assert!(lock.contains("1.1.0") && lock.contains("sha256:"), "{lock}");
    assert!(!lock.contains(PASSWORD), "{lock}");
    assert!(!fetch.stderr.contains(PASSWORD), "{fetch}");

    let up = lab
        .stackctl_with(ENV, &["up", "--frozen"])
        .exits(0)
        .ended(&[("base", "succeeded"), ("web", "succeeded")]);
    lab.has_releases(&["base 1 deployed", "web 1 deployed"]);
    assert_eq!(repository.downloads("/app-1.1.0.tgz"), 1, "{up}");
    let plan = lab.stackctl(&["plan", "--offline"]).exits(0);
    assert!(plan.stdout.contains("1.1.0"), "{plan}");

    // A new version moves nothing that is locked, until it is asked for.
    repository.serve(&lab, &["1.1.0", "1.2.0"]);
    lab.stackctl_with(ENV, &["fetch"])
        .exits(0)
        .says(&["1.1.0", "kept ./stack.lock"]);
    lab.stackctl_with(ENV, &["fetch", "--update", "web"])
        .exits(0)
        .says(&["fetched web 1.2.0", "wrote ./stack.lock"]);
    lab.stackctl_with(ENV, &["up"]).exits(0);
    let status = lab.stackctl(&["status", "-o", "json"]).exits(0);
    let rows = status.json();
    let web = rows.as_array().and_then(|rows| {
        let is_web = |row: &&serde_json::Value| row["chart"] == "web";
        rows.iter().find(is_web)
    });
    let web = web.expect("a row for web");
    assert_eq!(web["installed"], "1.2.0", "{status}");
    assert_eq!(web["wanted"], "1.2.0", "{status}");
    lab.stackctl(&["down", "--yes"]).exits(0);
    lab.has_releases(&[]);
}

fn a_chart_that_cannot_be_had_ends_the_run_before_any_change() {
    let lab = Lab::new("sources-faults");
    let repository = Repository::start();
    lab.version("app", "1.1.0");
    repository.serve(&lab, &["1.1.0"]);
    repository.stack(&lab);

    lab.stackctl(&["up"])
        .exits(65)
        .says(&["REPOSITORY_PASSWORD"]);
    lab.stackctl_with(&[("REPOSITORY_PASSWORD", "wrong-pony")], &["up"])
        .exits(1)
        .says(&["web: ", "401", "the user or the password is wrong"]);

    // Someone exchanges the archive that was locked.
    lab.stackctl_with(ENV, &["fetch"]).exits(0);
    lab.write("charts/app-1.1.0/values.yaml", "kind: none\n");
    repository.serve(&lab, &["1.1.0"]);
    let cache = lab.path().join("another-cache");
    let cache = cache.to_str().expect("temporary folders are UTF-8");
    lab.stackctl_with(&[ENV[0], ("STACKCTL_CACHE_DIR", cache)], &["up"])
        .exits(1)
        .says(&["web: ", "the lock file says sha256:"]);
    lab.has_releases(&[]);
}
