//! Charts from Debian's `docker-registry`, a real OCI registry, as Helm itself puts them there.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    docker_registry::Registry,
    sources::{ENV, Repository},
    support::Lab,
    target::{Helm, Target},
};

tests![
    charts_of_a_private_registry_are_fetched_locked_and_installed,
    charts_of_a_repository_and_of_a_registry_are_installed_with_helm_3,
];

/// Of the user `ada`, who alone may enter.
const PASSWORD: &str = "hunter2";

/// A login of Helm's own; it is in the returned file.
fn log_in(lab: &Lab, registry: &Registry) -> PathBuf {
    let config = lab.path().join("home/registry.json");
    let user = ["--username", "ada", "--password-stdin", "--plain-http"];
    let login = [&["registry", "login", &registry.host], &user[..]].concat();
    run(lab.helm_command(&login), &config, PASSWORD);
    config
}

/// Packs and pushes the lab's `charts/app-VERSION` to `charts/app`.
fn push(lab: &Lab, registry: &Registry, config: &Path, version: &str) {
    let folder = format!("charts/app-{version}");
    run(lab.helm_command(&["package", &folder]), config, "");
    let (archive, to) = (
        format!("app-{version}.tgz"),
        format!("oci://{}/charts", registry.host),
    );
    let push = ["push", &archive, &to, "--plain-http"];
    run(lab.helm_command(&push), config, "");
}

fn run(mut command: Command, config: &Path, input: &str) {
    let mut child = command
        .env("HELM_REGISTRY_CONFIG", config)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("helm starts");
    let mut stdin = child.stdin.take().expect("it was asked for");
    stdin.write_all(input.as_bytes()).expect("helm reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it is our child");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn charts_of_a_private_registry_are_fetched_locked_and_installed() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let lab = Lab::new("registry");
    for version in ["1.1.0", "1.2.0"] {
        lab.version("app", version);
    }
    let config = log_in(&lab, &registry);
    push(&lab, &registry, &config, "1.1.0");
    let host = &registry.host;
    let stack = |credentials: &str| {
        lab.stack(&format!(
            r#"
[repositories.corp]
url = "oci://{host}/charts"
plain_http = true
{credentials}
[charts.base]
chart = "corp/app"
version = "1.1.0"
values = {{ kind = "none" }}
[charts.web]
chart = "oci://{host}/charts/app"
version = "^1"
needs = ["base"]
values = {{ kind = "none" }}
"#
        ));
    };

    // Nobody may read it, and nobody is told a password that does not fit.
    stack("");
    lab.stackctl(&["up"]).exits(1).says(&["base: ", "401"]);
    stack("username = \"ada\"\npassword = \"${env.REGISTRY_PASSWORD}\"");
    let wrong = [("REGISTRY_PASSWORD", "wrong-pony")];
    let up = lab.stackctl_with(&wrong, &["up"]).exits(1);
    let up = up.says(&["web: ", "401", "the user or the password is wrong"]);
    assert!(!up.stderr.contains("wrong-pony"), "{up}");
    lab.has_releases(&[]);

    let right = [("REGISTRY_PASSWORD", PASSWORD)];
    lab.stackctl_with(&right, &["fetch"]).exits(0).says(&[
        "fetched base 1.1.0",
        "corp/app",
        "wrote ./stack.lock",
    ]);
    let lock = fs::read_to_string(lab.path().join("stack.lock")).expect("fetch writes it");
    assert!(lock.contains("1.1.0") && lock.contains("sha256:"), "{lock}");
    assert!(!lock.contains(PASSWORD), "{lock}");

    // With Helm's own login no password is needed, and what is locked stays.
    push(&lab, &registry, &config, "1.2.0");
    stack("");
    let login = config.to_str().expect("temporary folders are UTF-8");
    let login = [("HELM_REGISTRY_CONFIG", login)];
    lab.stackctl_with(&login, &["up", "--frozen"])
        .exits(0)
        .ended(&[("base", "succeeded"), ("web", "succeeded")]);
    lab.has_releases(&["base 1 deployed", "web 1 deployed"]);
    installed(&lab, "web", "1.1.0");

    // A range moves when asked to, a version does not. Another machine has an empty cache.
    lab.stackctl_with(&login, &["fetch", "--update"])
        .exits(0)
        .says(&["fetched web 1.2.0"]);
    let cache = lab.path().join("another-cache");
    let cache = cache.to_str().expect("temporary folders are UTF-8");
    let elsewhere = [login[0], ("STACKCTL_CACHE_DIR", cache)];
    lab.stackctl_with(&elsewhere, &["up", "--frozen"])
        .exits(0)
        .says(&["fetched base 1.1.0", "fetched web 1.2.0"]);
    lab.has_releases(&["base 1 deployed", "web 2 deployed"]);
    installed(&lab, "base", "1.1.0");
    installed(&lab, "web", "1.2.0");

    // On the way down the registry is not asked.
    drop(registry);
    lab.stackctl(&["down", "--yes"]).exits(0);
    lab.has_releases(&[]);
}

/// Asserts the chart's version in what Helm installed.
#[track_caller]
fn installed(lab: &Lab, release: &str, version: &str) {
    let map = lab.get(&["configmap", release]);
    assert_eq!(map["data"]["chart"], version, "chart of {release}");
}

fn charts_of_a_repository_and_of_a_registry_are_installed_with_helm_3() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let lab = Lab::on(Target::shared(), Helm::Three, "registry-3");
    let repository = Repository::start();
    for version in ["1.1.0", "1.2.0"] {
        lab.version("app", version);
    }
    repository.serve(&lab, &["1.1.0"]);
    let config = log_in(&lab, &registry);
    push(&lab, &registry, &config, "1.2.0");
    lab.stack(&format!(
        r#"
[repositories]
private = {{ url = "{}", username = "ann", password = "${{env.REPOSITORY_PASSWORD}}" }}
corp = {{ url = "oci://{}/charts", plain_http = true }}
[charts.base]
chart = "private/app"
values = {{ kind = "none" }}
[charts.web]
chart = "corp/app"
needs = ["base"]
values = {{ kind = "none" }}
"#,
        repository.url(),
        registry.host
    ));
    let login = config.to_str().expect("temporary folders are UTF-8");
    let env = [ENV[0], ("HELM_REGISTRY_CONFIG", login)];
    lab.stackctl_with(&env, &["up"])
        .exits(0)
        .says(&["fetched base 1.1.0", "fetched web 1.2.0"])
        .ended(&[("base", "succeeded"), ("web", "succeeded")]);
    lab.has_releases(&["base 1 deployed", "web 1 deployed"]);
    installed(&lab, "base", "1.1.0");
    installed(&lab, "web", "1.2.0");
    lab.stackctl_with(&env, &["down", "--yes"]).exits(0);
    lab.has_releases(&[]);
}
