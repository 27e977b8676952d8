//! The whole of it: twelve charts from a repository, a registry and folders, of which two use each
//! other's kinds, come up on an empty cluster, move to a new version of a CRD, and leave nothing.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    fs,
    io::Write as _,
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::{
    docker_registry::Registry,
    server::{Reply, Server},
    support::{Lab, eventually},
    target::{Helm, Target},
};

tests![
    twelve_charts_from_everywhere_come_move_and_go_with_helm_4,
    twelve_charts_from_everywhere_come_move_and_go_with_helm_3,
];

const FROM_REPOSITORY: [&str; 4] = ["alpha", "beta", "web", "api"];
const FROM_REGISTRY: [&str; 4] = ["cache", "queue", "mail", "jobs"];
const FROM_FOLDERS: [&str; 4] = ["base", "database", "ingress", "metrics"];

/// Kinds that change by themselves: heartbeats, elections, what the cluster tells of itself.
const RESTLESS: [&str; 4] = [
    "events",
    "events.events.k8s.io",
    "leases",
    "componentstatuses",
];

/// How long the API server may take for that.
const DERIVED: Duration = Duration::from_mins(1);

fn twelve_charts_from_everywhere_come_move_and_go_with_helm_4() {
    come_move_and_go(Helm::Four, "proof-4");
}

fn twelve_charts_from_everywhere_come_move_and_go_with_helm_3() {
    come_move_and_go(Helm::Three, "proof-3");
}

fn come_move_and_go(helm: Helm, name: &str) {
    // Its own: nobody else may change the cluster meanwhile.
    let lab = Lab::on(Target::own(), helm, name);
    let Some(registry) = Registry::start() else {
        return;
    };
    let repository = Repository::start();
    for chart in FROM_REGISTRY {
        make(&lab, chart, "1.0.0", &[]);
        push(&lab, &registry, chart);
    }
    for chart in FROM_FOLDERS {
        make(&lab, chart, "1.0.0", &[]);
    }
    let widgets = ("crds/widgets.yaml", definition("Widget", &["v1"]));
    let gadgets = ("crds/gadgets.yaml", definition("Gadget", &["v1"]));
    make(&lab, "alpha", "1.0.0", &[widgets, uses("Gadget", "v1")]);
    make(
        &lab,
        "beta",
        "1.0.0",
        &[gadgets.clone(), uses("Widget", "v1")],
    );
    for chart in ["web", "api"] {
        make(&lab, chart, "1.0.0", &[]);
    }
    repository.serve(&lab, &["1.0.0"]);
    lab.stack(&stack(&repository, &registry));
    let before = objects(&lab);

    let up = lab.stackctl(&["up"]).exits(0);
    let outcomes = up.outcomes();
    assert_eq!(
        outcomes.len(),
        12 + 2,
        "twelve charts and two CRD nodes: {up}"
    );
    assert!(outcomes.values().all(|it| it == "succeeded"), "{up}");
    up.starts_after_end("alpha", "beta:crds");
    up.starts_after_end("beta", "alpha:crds");
    assert_eq!(lab.releases().len(), 12, "{up}");

    // A new version of one CRD, and a chart that uses it.
    let widgets = ("crds/widgets.yaml", definition("Widget", &["v1", "v2"]));
    make(&lab, "alpha", "1.1.0", &[widgets, uses("Gadget", "v1")]);
    make(&lab, "beta", "1.1.0", &[gadgets, uses("Widget", "v2")]);
    for chart in ["web", "api"] {
        make(&lab, chart, "1.1.0", &[]);
    }
    repository.serve(&lab, &["1.0.0", "1.1.0"]);
    lab.stackctl(&["fetch", "--update", "alpha", "beta"])
        .exits(0);
    let plan = lab.stackctl(&["plan", "-o", "json"]).exits(0).json();
    assert_eq!(action(&plan, "alpha:crds"), "upgrade", "{plan:#}");
    assert_eq!(action(&plan, "beta:crds"), "unchanged", "{plan:#}");
    let up = lab.stackctl(&["up"]).exits(0);
    assert_eq!(up.outcomes()["beta:crds"], "unchanged", "{up}");
    let widget = lab.get(&["widgets.v2.proof.stackctl.test", "beta"]);
    assert_eq!(widget["apiVersion"], "proof.stackctl.test/v2");

    let down = lab.stackctl(&["down", "--purge", "--yes"]).exits(0);
    // The server takes back what it derived from the CRDs a moment later.
    let mut after = objects(&lab);
    eventually("what it derives from CRDs is gone", DERIVED, || {
        after = objects(&lab);
        !after.keys().any(|key| key.contains("proof.stackctl.test"))
    });
    let left: Vec<&String> = after
        .keys()
        .filter(|key| !before.contains_key(*key))
        .collect();
    assert!(left.is_empty(), "{left:?} are left after {down}");
    assert_eq!(after, before);
}

fn stack(repository: &Repository, registry: &Registry) -> String {
    let mut text = format!(
        "[repositories]\npublic = \"{}\"\n\
         corp = {{ url = \"oci://{}/charts\", plain_http = true }}\n\
         [charts.alpha]\nchart = \"public/alpha\"\nversion = \"^1\"\nneeds = [\"beta:crds\"]\n\
         [charts.beta]\nchart = \"public/beta\"\nversion = \"^1\"\nneeds = [\"alpha:crds\"]\n\
         [charts.web]\nchart = \"public/web\"\nneeds = [\"api\", \"cache:ready\"]\n\
         values = {{ hook = {{ on = \"post-install\", delete = \"hook-succeeded\" }} }}\n\
         [charts.api]\nchart = \"public/api\"\nneeds = [\"database\", \"queue\", \"alpha\"]\n",
        repository.server.url, registry.host
    );
    for chart in FROM_REGISTRY {
        let _ = write!(
            text,
            "[charts.{chart}]\nchart = \"corp/{chart}\"\nneeds = [\"base\"]\n"
        );
    }
    for chart in FROM_FOLDERS {
        let _ = write!(
            text,
            "[charts.{chart}]\nchart = \"./charts/{chart}-1.0.0\"\n"
        );
    }
    text
}

/// A chart at `charts/NAME-VERSION`: a workload, and these files.
fn make(lab: &Lab, name: &str, version: &str, files: &[(&str, String)]) {
    lab.version("app", version);
    let folder = format!("charts/{name}-{version}");
    lab.copy(&lab.path().join(format!("charts/app-{version}")), &folder);
    let meta = format!("apiVersion: v2\nname: {name}\nversion: {version}\n");
    lab.write(&format!("{folder}/Chart.yaml"), &meta);
    for (path, text) in files {
        let path = format!("{folder}/{path}");
        let parent = lab.path().join(&path);
        fs::create_dir_all(parent.parent().expect("a folder")).expect("the lab's folder");
        lab.write(&path, text);
    }
}

/// The first version is stored.
fn definition(kind: &str, versions: &[&str]) -> String {
    let plural = format!("{}s", kind.to_lowercase());
    let mut text = format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n\
         metadata:\n  name: {plural}.proof.stackctl.test\n\
         spec:\n  group: proof.stackctl.test\n  scope: Namespaced\n\
         \x20 names: {{kind: {kind}, plural: {plural}, singular: {}}}\n  versions:\n",
        kind.to_lowercase()
    );
    for (index, version) in versions.iter().enumerate() {
        let _ = write!(
            text,
            "  - name: {version}\n    served: true\n    storage: {}\n    schema:\n      \
             openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}\n",
            index == 0
        );
    }
    text
}

/// A template with an object of a kind.
fn uses(kind: &str, version: &str) -> (&'static str, String) {
    let text = format!(
        "apiVersion: proof.stackctl.test/{version}\nkind: {kind}\n\
         metadata:\n  name: {{{{ .Release.Name }}}}\nspec: {{size: 1}}\n"
    );
    ("templates/custom.yaml", text)
}

/// What people do: log in, package, push. stackctl finds the login.
fn push(lab: &Lab, registry: &Registry, chart: &str) {
    let folder = format!("charts/{chart}-1.0.0");
    let archive = format!("{chart}-1.0.0.tgz");
    let address = format!("oci://{}/charts", registry.host);
    helm(lab, &["package", &folder], "");
    helm(
        lab,
        &[
            "registry",
            "login",
            &registry.host,
            "--plain-http",
            "--username",
            "ada",
            "--password-stdin",
        ],
        "hunter2",
    );
    helm(lab, &["push", &archive, &address, "--plain-http"], "");
}

fn helm(lab: &Lab, args: &[&str], input: &str) {
    let mut child = Command::new(lab.target().helm(Helm::Four))
        .args(args)
        .current_dir(lab.path())
        .env_clear()
        .env("HOME", lab.path().join("home"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("helm starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    // One that does not read its input is no failure.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it is our child");
    assert!(
        output.status.success(),
        "helm {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Everything there is, by kind, namespace and name, without what the server counts.
fn objects(lab: &Lab) -> BTreeMap<String, Value> {
    let listed = lab.kubectl(&["api-resources", "--verbs=list", "--output=name"]);
    let kinds: Vec<&str> = listed
        .lines()
        .map(str::trim)
        .filter(|kind| !RESTLESS.contains(&kind.trim_end_matches(".coordination.k8s.io")))
        .collect();
    let found = lab.kubectl(&["get", &kinds.join(","), "--all-namespaces", "--output=json"]);
    let found: Value = serde_json::from_str(&found).expect("kubectl prints JSON");
    let items = found["items"].as_array().expect("a list");
    items.iter().map(normalized).collect()
}

fn normalized(object: &Value) -> (String, Value) {
    let mut object = object.clone();
    let metadata = &mut object["metadata"];
    let part = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let (namespace, name) = (part(&metadata["namespace"]), part(&metadata["name"]));
    for counted in ["resourceVersion", "managedFields", "generation"] {
        metadata.as_object_mut().map(|it| it.remove(counted));
    }
    let key = format!("{} {namespace}/{name}", part(&object["kind"]));
    if object["kind"] == "Node" {
        object.as_object_mut().map(|it| it.remove("status"));
    }
    (key, object)
}

fn action(plan: &Value, node: &str) -> String {
    let nodes = plan["charts"].as_array().expect("a list");
    let found = nodes.iter().find(|it| it["name"] == node);
    let action = found.map(|it| it["action"].as_str().unwrap_or_default());
    action.unwrap_or_default().to_owned()
}

/// A chart repository, open to all.
struct Repository {
    _runtime: Runtime,
    server: Server,
    files: Arc<Mutex<HashMap<String, Vec<u8>>>>,
}

impl Repository {
    fn start() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let files: Arc<Mutex<HashMap<String, Vec<u8>>>> = Arc::default();
        let shared = Arc::clone(&files);
        let server = runtime.block_on(Server::start(move |seen| {
            let files = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let found = files.get(&seen.path);
            found.map_or_else(|| Reply::status(404), |file| Reply::ok(file.as_slice()))
        }));
        Self {
            _runtime: runtime,
            server,
            files,
        }
    }

    /// Serves its charts in these versions, packed from the lab's folders.
    fn serve(&self, lab: &Lab, versions: &[&str]) {
        let mut index = "apiVersion: v1\nentries:\n".to_owned();
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        for chart in FROM_REPOSITORY {
            let _ = writeln!(index, "  {chart}:");
            for version in versions {
                let file = format!("{chart}-{version}.tgz");
                let _ = writeln!(index, "  - version: {version}\n    urls: [{file}]");
                files.insert(format!("/{file}"), packed(lab, chart, version));
            }
        }
        files.insert("/index.yaml".to_owned(), index.into_bytes());
    }
}

fn packed(lab: &Lab, chart: &str, version: &str) -> Vec<u8> {
    let gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    let folder = lab.path().join(format!("charts/{chart}-{version}"));
    tar.append_dir_all(chart, folder)
        .expect("the chart is readable");
    let gzip = tar.into_inner().expect("memory is writable");
    gzip.finish().expect("memory is writable")
}
