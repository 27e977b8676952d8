//! `fetch = "late"`: charts that come from something the stack itself installs.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use flate2::{Compression, write::GzEncoder};
use stackctl::name::Milestone;
use tokio::runtime::Runtime;

use crate::{
    server::{Reply, Server},
    support::{Lab, Run},
};

tests![
    a_late_chart_is_fetched_after_its_needs_and_with_patience,
    a_late_chart_follows_the_lock_file,
    a_late_chart_is_judged_before_anything_of_it_is_installed,
    a_late_chart_brings_its_crds_itself,
];

/// A repository that is not there until the lab's file `served` is; then it needs a moment more.
struct Repository {
    runtime: Runtime,
    server: Server,
}

impl Repository {
    /// Serves the lab's `charts/FOLDER`, packed when it is asked for, as `name` 1.0.0.
    fn start(lab: &Lab, name: &'static str) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let root = lab.path().to_owned();
        let asked = Arc::new(AtomicUsize::new(0));
        let server = runtime.block_on(Server::start(move |seen| {
            if !root.join("served").exists() || asked.fetch_add(1, Ordering::SeqCst) == 0 {
                return Reply::status(404);
            }
            let index = format!(
                "apiVersion: v1\nentries:\n  {name}:\n  - version: 1.0.0\n    urls: [chart.tgz]\n"
            );
            match seen.path.as_str() {
                "/index.yaml" => Reply::ok(index),
                "/chart.tgz" => {
                    let gzip = GzEncoder::new(Vec::new(), Compression::fast());
                    let mut tar = tar::Builder::new(gzip);
                    tar.append_dir_all(name, root.join("charts").join(name))
                        .expect("the chart is readable");
                    let gzip = tar.into_inner().expect("memory is writable");
                    Reply::ok(gzip.finish().expect("memory is writable"))
                }
                _ => Reply::status(404),
            }
        }));
        Self { runtime, server }
    }

    fn requests(&self) -> usize {
        let _guard = self.runtime.enter();
        self.server.seen().len()
    }

    /// A stack of what serves charts, a chart that comes from it, and one that needs that.
    fn stack(&self, lab: &Lab, chart: &str, more: &str) {
        lab.stack(&format!(
            r#"
[repositories]
own = "{}"
nobody = "http://127.0.0.1:1"
[charts.registry]
chart = "./charts/app"
values = {{ kind = "none" }}
[[charts.registry.post]]
run = "touch served"
[charts.guest]
chart = "{chart}"
version = "^1"
fetch = "late"
needs = ["registry"]
{more}
[charts.last]
chart = "./charts/app"
values = {{ kind = "none" }}
needs = ["guest"]
"#,
            self.server.url
        ));
    }
}

fn cache(lab: &Lab, name: &str) -> String {
    let path = lab.path().join(name);
    path.to_str()
        .expect("temporary folders are UTF-8")
        .to_owned()
}

fn a_late_chart_is_fetched_after_its_needs_and_with_patience() {
    let lab = Lab::new("late");
    let repository = Repository::start(&lab, "app");
    repository.stack(&lab, "own/app", "values = { kind = \"none\" }");

    // Nobody asks for it beforehand.
    lab.stackctl(&["check"]).exits(0).says(&["no problems"]);
    lab.stackctl(&["fetch"])
        .exits(0)
        .says(&["left for later: guest"]);
    for args in [&["plan"][..], &["plan", "--offline"]] {
        lab.stackctl(args)
            .exits(0)
            .says(&["fetched late: its version is known then"]);
    }
    assert_eq!(repository.requests(), 0);
    lab.stackctl(&["up", "--frozen"])
        .exits(1)
        .says(&["guest: ", "not in the lock file"]);
    lab.has_releases(&[]);

    let up = lab.stackctl(&["up"]).exits(0).ended(&[
        ("registry", "succeeded"),
        ("guest", "succeeded"),
        ("last", "succeeded"),
    ]);
    up.starts_after("guest", "registry", Milestone::Validated);
    assert!(
        up.ran_step("guest", "fetch") && !up.ran_step("last", "fetch"),
        "{up}"
    );
    assert!(repository.requests() > 2, "it was asked again: {up}");
    let status = lab.stackctl(&["status", "-o", "json"]).exits(0);
    let rows = status.json();
    let rows = rows.as_array().expect("rows");
    let guest = rows
        .iter()
        .find(|row| row["chart"] == "guest")
        .expect("a row");
    assert_eq!(guest["installed"], "1.0.0", "{status}");
    lab.stackctl(&["down", "--yes"]).exits(0);
    lab.has_releases(&[]);
}

fn a_late_chart_follows_the_lock_file() {
    let lab = Lab::new("late-locked");
    let repository = Repository::start(&lab, "app");
    repository.stack(
        &lab,
        "own/app",
        "values = { kind = \"none\" }\ntimeout = \"10s\"",
    );
    lab.stackctl(&["up"]).exits(0);
    lab.stackctl(&["fetch", "--late"])
        .exits(0)
        .says(&["1.0.0", "wrote ./stack.lock"]);
    let lock = fs::read_to_string(lab.path().join("stack.lock")).expect("just written");
    // What is left for later stays locked.
    lab.stackctl(&["fetch", "--update"]).exits(0);
    let kept = fs::read_to_string(lab.path().join("stack.lock")).expect("still there");
    assert_eq!(lock, kept);

    // In the cache it is as any other chart.
    let before = repository.requests();
    lab.stackctl(&["plan"]).exits(0).says(&["own/app 1.0.0"]);
    let up = lab.stackctl(&["up", "--frozen"]).exits(0);
    assert!(!up.ran_step("guest", "fetch"), "{up}");
    assert_eq!(repository.requests(), before);

    // Elsewhere it is fetched, and must be the same.
    lab.write("charts/app/values.yaml", "kind: none\n# changed\n");
    let elsewhere = cache(&lab, "elsewhere");
    let env = [("STACKCTL_CACHE_DIR", elsewhere.as_str())];
    lab.stackctl_with(&env, &["plan"])
        .exits(0)
        .says(&["fetched late, at 1.0.0 as locked"]);
    let up = lab.stackctl_with(&env, &["up"]).exits(1).ended(&[
        ("registry", "succeeded"),
        ("guest", "failed"),
        ("last", "not run because guest"),
    ]);
    failed_to_fetch(&up, "but the lock file says sha256:");
    assert!(up.stderr.contains("fetch --update guest"), "{up}");
}

fn a_late_chart_is_judged_before_anything_of_it_is_installed() {
    let lab = Lab::new("late-judged");
    let repository = Repository::start(&lab, "app");
    for (chart, more, message) in [
        (
            "own/app",
            "values = { kind = \"sideways\" }",
            "the values violate the chart's schema",
        ),
        // What does not answer may still come up, for as long as the chart has time.
        (
            "nobody/app",
            "timeout = \"3s\"",
            "could not be fetched within 3s",
        ),
    ] {
        repository.stack(&lab, chart, more);
        let up = lab.stackctl(&["up"]).exits(1).ended(&[
            ("registry", "succeeded"),
            ("guest", "failed"),
            ("last", "not run because guest"),
        ]);
        failed_to_fetch(&up, message);
        lab.has_releases(&["registry 1 deployed"]);
        lab.stackctl(&["down", "--yes"]).exits(0);
    }
}

fn a_late_chart_brings_its_crds_itself() {
    let lab = Lab::new("late-crds");
    for (path, text) in [
        (
            "Chart.yaml",
            "apiVersion: v2\nname: gadgets\nversion: 1.0.0\n",
        ),
        ("crds/gadget.yaml", CRD),
        (
            "templates/gadget.yaml",
            "apiVersion: late.example.com/v1\nkind: Gadget\nmetadata: {name: one}\n",
        ),
    ] {
        let path = lab.path().join("charts/gadgets").join(path);
        fs::create_dir_all(path.parent().expect("in a folder")).expect("a new folder");
        fs::write(path, text).expect("the lab's folder is writable");
    }
    let repository = Repository::start(&lab, "gadgets");
    repository.stack(&lab, "own/gadgets", "");
    let up = lab.stackctl(&["up"]).exits(0).ended(&[
        ("registry", "succeeded"),
        ("guest", "succeeded"),
        ("last", "succeeded"),
    ]);
    assert!(up.ran_step("guest", "crds"), "{up}");
    assert_eq!(lab.objects("gadgets.late.example.com").len(), 1);
    // They stay, as any chart's, and are known to be ours.
    lab.stackctl(&["down", "--yes", "--purge"]).exits(0);
    let crds = lab.kubectl(&["get", "crd", "-o", "name"]);
    assert!(!crds.contains("late.example.com"), "{crds}");

    // Nobody can wait for what is not known.
    let stack = fs::read_to_string(lab.path().join("stack.toml")).expect("just written");
    lab.write("stack.toml", &stack.replace("\"guest\"", "\"guest:crds\""));
    lab.stackctl(&["check"]).exits(65).says(&[
        "waits for the CRDs of `guest`, which is fetched late",
        "guest:deployed",
    ]);
}

const CRD: &str = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.late.example.com}
spec:
  group: late.example.com
  scope: Namespaced
  names: {kind: Gadget, plural: gadgets, singular: gadget}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object}}
";

/// The chart failed before any of its own steps.
#[track_caller]
fn failed_to_fetch(run: &Run, message: &str) {
    let failure = run.failure("guest");
    assert_eq!(failure.step, "fetch", "{run}");
    let said = format!("{}\n{}", failure.error, failure.cause.join("\n"));
    assert!(said.contains(message), "`{message}` in {said}");
    assert!(!run.ran_step("guest", "check_prerequisites"), "{run}");
}
