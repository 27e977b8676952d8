//! The sandbox with the real programs: whole stacks, rehearsed failures, kill -9, kubectl.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::{
    support::{Lab, Run, Running, repository, sorted_lines},
    target::{Helm, bin, serve},
};

tests![
    every_example_goes_up_and_down_without_a_cluster,
    without_a_cluster_helm_3_does_the_same,
    an_upgrade_and_a_rollback_need_no_cluster_either,
    a_second_process_is_told_who_holds_the_sandbox,
    a_rehearsal_that_is_killed_is_remembered_and_finished_by_the_next,
    rehearsed_failures_look_like_real_ones,
    rehearsed_readiness_takes_its_time,
    kubectl_works_on_a_served_sandbox,
    an_object_of_any_version_can_wait_for_its_dependents,
    a_doctor_tells_everything_that_would_stop_a_run,
    a_sandbox_forgets_only_when_told,
];

/// How many points `up --sandbox` is killed at, unless `STACKCTL_SANDBOX_KILLS` says it.
const KILLS: usize = 4;

/// A folder with a stack, a Helm, and no cluster.
struct Rehearsal {
    lab: Lab,
    helm: String,
}

impl Rehearsal {
    fn new(name: &str, helm: Helm) -> Self {
        let helm = bin().join(helm.file());
        Self {
            lab: Lab::offline(name),
            helm: helm.into_os_string().into_string().expect("UTF-8"),
        }
    }

    fn start(&self, args: &[&str]) -> Running {
        self.lab.start_with(&[("HELM_BINARY", &self.helm)], args)
    }

    fn run(&self, args: &[&str]) -> Run {
        self.start(args).end()
    }

    /// The state and revision of every chart, as `status --sandbox` says it.
    fn status(&self) -> Vec<String> {
        let status = self.run(&["status", "--sandbox", "-o", "json"]).exits(0);
        let rows = status.json();
        let rows = rows.as_array().expect("a list").iter();
        let installed = rows.filter(|row| !row["revision"].is_null());
        let texts = installed.map(|row| {
            let text = |name: &str| row[name].as_str().expect("a text").to_owned();
            format!("{} {} {}", text("release"), row["revision"], text("state"))
        });
        let mut texts: Vec<String> = texts.collect();
        texts.sort();
        texts
    }

    fn serve(&self) -> Served {
        Served::new(&self.lab.path().join(".stackctl/sandbox"))
    }
}

/// `stackctl sandbox` under way.
struct Served {
    child: Child,
    kubeconfig: PathBuf,
}

impl Served {
    fn new(dir: &Path) -> Self {
        let (child, kubeconfig) = serve(dir);
        Self { child, kubeconfig }
    }

    /// What kubectl says on both, and its exit code.
    fn kubectl(&self, args: &[&str]) -> (String, Option<i32>) {
        let output = Command::new(bin().join("kubectl"))
            .args(args)
            .env("KUBECONFIG", &self.kubeconfig)
            .output()
            .expect("kubectl starts");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).expect("UTF-8");
        (said, output.status.code())
    }

    /// What kubectl says. Panics if it fails.
    #[track_caller]
    fn does(&self, args: &[&str]) -> String {
        let (said, code) = self.kubectl(args);
        assert_eq!(code, Some(0), "kubectl {args:?}: {said}");
        said
    }

    /// Newest revision and status of each release, from Helm's own records.
    fn releases(&self) -> Vec<String> {
        let found = self.does(&["get", "secret", "-A", "-l", "owner=helm", "-o", "json"]);
        let found: Value = serde_json::from_str(&found).expect("JSON");
        let records = found["items"].as_array().expect("a list").iter();
        let records = records.map(|record| {
            let label = |name: &str| {
                record["metadata"]["labels"][name]
                    .as_str()
                    .expect("a label")
            };
            let version: u32 = label("version").parse().expect("a number");
            (label("name"), version, label("status"))
        });
        let mut newest: Vec<(&str, u32, &str)> = records.collect();
        newest.sort_unstable_by(|one, two| (one.0, two.1).cmp(&(two.0, one.1)));
        newest.dedup_by(|later, first| later.0 == first.0);
        let texts = newest.into_iter();
        texts
            .map(|(name, revision, status)| format!("{name} {revision} {status}"))
            .collect()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let asked = kill(
            Pid::from_raw(self.child.id().cast_signed()),
            Signal::SIGTERM,
        );
        let ended = self.child.wait();
        assert!(asked.is_ok() && ended.is_ok_and(|status| status.success()));
    }
}

/// Of these examples only some charts lie in the repository, and need nothing of the others, which
/// come from repositories elsewhere.
const ONLY_CHARTS: [(&str, &[&str]); 1] = [(
    "eks-platform.toml",
    &["qovery-priority-class", "q-storageclass"],
)];

fn every_example_goes_up_and_down_without_a_cluster() {
    let files = fs::read_dir(repository("stacks")).expect("the examples");
    let files = files.map(|file| file.expect("a readable folder").file_name());
    let files = files.filter(|file| Path::new(file).extension().is_some_and(|it| it == "toml"));
    let files = files.map(|file| file.into_string().expect("UTF-8"));
    let mut examples: Vec<String> = files.collect();
    examples.sort();
    for example in &examples {
        up_and_down("rehearse-4", Helm::Four, example);
    }
    let only: Vec<_> = ONLY_CHARTS.iter().map(|(example, _)| *example).collect();
    assert!(only.iter().all(|one| examples.iter().any(|it| it == one)));
}

fn without_a_cluster_helm_3_does_the_same() {
    up_and_down("rehearse-3", Helm::Three, "quickstart.toml");
}

fn up_and_down(name: &str, helm: Helm, example: &str) {
    let it = Rehearsal::new(name, helm);
    it.lab.copy(&repository("stacks"), ".");
    let only = ONLY_CHARTS.iter().find(|(file, _)| *file == example);
    let only = only.map_or(&[][..], |(_, charts)| charts);
    let with = |verb: &str, more: &[&str]| {
        let file = ["-f", example, "--sandbox"];
        it.run(&[&[verb], only, &file, more].concat())
    };
    let plan = with("plan", &["--detailed-exitcode", "-o", "json"]).exits(2);
    let up = with("up", &["--yes"]).exits(0);
    let ends = up.outcomes();
    assert!(ends.values().all(|end| end == "succeeded"), "{plan}{up}");
    if example == "quickstart.toml" {
        up.starts_after("web", "api", stackctl::name::Milestone::Ready);
        let pods = it.serve().does(&["get", "pods", "-A", "-o", "name"]);
        assert!(pods.contains("pod/database-0"), "{pods}");
    }
    let status = it.run(&["status", "-f", example, "--sandbox", "-o", "json"]);
    let rows = status.exits(0).json();
    let rows = rows.as_array().expect("a list").iter();
    let deployed = rows.filter(|row| row["state"] == "deployed").count();
    let charts = ends.keys().filter(|name| !name.ends_with(":crds")).count();
    assert_eq!(deployed, charts, "{example}: {ends:?}");
    let again = with("up", &["--yes"]).exits(0).outcomes();
    assert!(again.values().all(|end| end == "unchanged"), "{again:?}");
    with("down", &["--yes", "--purge"]).exits(0);
    let (kinds, left) = (
        "pods,deployments,statefulsets,daemonsets,jobs,services,secrets,priorityclasses,crds",
        it.serve(),
    );
    let left = sorted_lines(&left.does(&["get", kinds, "-A", "-o", "name"]));
    assert_eq!(left, [""; 0], "{example}");
}

fn an_upgrade_and_a_rollback_need_no_cluster_either() {
    for (name, helm) in [("rollback-s4", Helm::Four), ("rollback-s3", Helm::Three)] {
        let it = Rehearsal::new(name, helm);
        let stack = |values: &str| {
            it.lab.stack(&format!(
                "[charts.web]\nchart = \"./charts/app\"\ntimeout = \"5s\"\n\
                 rollback_on_failure = \"upgrades\"\nvalues = {{ {values} }}\n"
            ));
        };
        stack("note = \"one\"");
        it.run(&["up", "--sandbox"]).exits(0);
        stack("note = \"two\", fail = \"CrashLoopBackOff\"");
        it.run(&["up", "--sandbox", "--yes"]).exits(1);
        assert_eq!(it.status(), ["web 3 deployed"]);
        let note = [
            "get",
            "cm",
            "web",
            "-n",
            name,
            "-o",
            "jsonpath={.data.note}",
        ];
        assert_eq!(it.serve().does(&note), "one");
    }
}

fn a_second_process_is_told_who_holds_the_sandbox() {
    let it = Rehearsal::new("held", Helm::Four);
    it.lab.stack("[charts.web]\nchart = \"./charts/app\"\n");
    let served = it.serve();
    let holder = format!("in use by process {}", served.child.id());
    for args in [
        &["up", "--sandbox"][..],
        &["status", "--sandbox"],
        &["sandbox"],
        &["sandbox", "reset"],
    ] {
        it.run(args).exits(1).says(&[&holder, "--sandbox=DIR"]);
    }
    // Another folder is free.
    it.run(&["status", "--sandbox=elsewhere"]).exits(0);
    let kubeconfig = fs::metadata(&served.kubeconfig).expect("it is there");
    assert_eq!(kubeconfig.permissions().mode() & 0o777, 0o600);
    drop(served);
    it.run(&["status", "--sandbox"]).exits(0);
}

/// Releases in every state: hooks, claims, waits, and one after the other.
const KILLED: &str = r#"
[charts.base]
chart = "./charts/app"
values = { kind = "StatefulSet", claim = true, hook = { on = "pre-install" } }
[charts.web]
chart = "./charts/app"
needs = ["base"]
values = { readyAfter = "300ms" }
[charts.job]
chart = "./charts/app"
values = { job = { readyAfter = "200ms" } }
"#;

fn a_rehearsal_that_is_killed_is_remembered_and_finished_by_the_next() {
    let kills = env::var("STACKCTL_SANDBOX_KILLS").ok();
    let kills: usize = kills.map_or(KILLS, |kills| kills.parse().expect("a number"));
    let it = Rehearsal::new("killed", Helm::Four);
    it.lab.stack(KILLED);
    let whole = it.run(&["up", "--sandbox=whole"]).exits(0);
    // The last ones are written when all is done.
    let events = whole.events.len() * 9 / 10;
    for point in 0..kills {
        // Another point each time, spread over the whole run.
        let at = u64::try_from(point * events / kills).expect("a small number");
        let mut up = it.start(&["up", "--sandbox"]);
        up.until_event("the point is reached", |event| event.seq >= at);
        // By a late point it may be done.
        if !up.has_ended() {
            up.signal(Signal::SIGKILL);
        }
        up.end();
        let records = it.serve().releases();
        let told: Vec<String> = it.status();
        assert_eq!(told, records, "killed at event {at} of {events}");
        it.run(&["up", "--sandbox", "--yes"]).exits(0);
        let all = it.status();
        assert!(
            all.len() == 3 && all.iter().all(|text| text.ends_with(" deployed")),
            "{all:?} after a kill at event {at} of {events}"
        );
        it.run(&["sandbox", "reset"]).exits(0);
    }
}

fn rehearsed_failures_look_like_real_ones() {
    let it = Rehearsal::new("faults", Helm::Four);
    it.lab.stack(
        "[charts.web]\nchart = \"./charts/app\"\ntimeout = \"4s\"\n\
         values = { hook = { on = \"pre-install\" } }\n\
         [charts.below]\nchart = \"./charts/app\"\nneeds = [\"web\"]\n\
         [charts.beside]\nchart = \"./charts/app\"\n",
    );
    for (kind, dossier) in [
        ("crashloop", "CrashLoopBackOff"),
        ("image-pull", "ImagePullBackOff"),
        ("hook", "web-hook"),
        ("never-ready", "0 of 1"),
        ("api-500", "rehearsed"),
    ] {
        let fail = format!("web={kind}");
        let args = ["up", "--sandbox", "--yes", "--failure-policy", "continue"];
        let up = it.run(&[&args[..], &["--rehearse-fail", &fail]].concat());
        let up = up.exits(1).says(&[dossier]).ended(&[
            ("web", "failed"),
            ("below", "not run because web"),
            ("beside", "succeeded"),
        ]);
        let failure = up.failure("web");
        let told = format!("{failure:?}");
        assert!(told.contains(dossier), "{kind}: {told}");
        it.run(&["sandbox", "reset"]).exits(0);
    }
    it.run(&["up", "--sandbox", "--rehearse-fail", "wbe=hook"])
        .exits(1)
        .says(&["wbe"]);
    // Nothing of it could fail so.
    it.run(&["up", "--sandbox", "--rehearse-fail", "below=hook"])
        .exits(1)
        .says(&["below", "runs no hook"]);
    assert_eq!(it.status(), [""; 0]);
    // Nor of what is not touched.
    it.run(&["up", "--sandbox", "web"]).exits(0);
    for (args, why) in [(&["web"][..], "unchanged"), (&["beside"], "not selected")] {
        let up = ["up", "--sandbox", "--rehearse-fail", "web=crashloop"];
        it.run(&[&up, args].concat())
            .exits(0)
            .says(&["nothing of web fail", why]);
    }
    it.run(&["up", "--rehearse-fail", "web=hook"])
        .exits(64)
        .says(&["--sandbox"]);
}

fn rehearsed_readiness_takes_its_time() {
    let it = Rehearsal::new("late-pods", Helm::Four);
    it.lab.stack(
        "[charts.web]\nchart = \"./charts/app\"\nvalues = { kind = \"StatefulSet\" }\n\
         [charts.below]\nchart = \"./charts/app\"\nneeds = [\"web\"]\nvalues = { kind = \"none\" }\n",
    );
    // The fixture's pods say themselves when they are ready: at once. One without says nothing.
    let template = it.lab.path().join("charts/app/templates/workload.yaml");
    let text = fs::read_to_string(&template).expect("the fixture's");
    let line = "        stackctl.test/ready-after: {{ .Values.readyAfter }}\n";
    assert!(text.contains(line), "{text}");
    fs::write(&template, text.replace(line, "")).expect("the lab's folder is writable");
    let wait = Duration::from_secs(2);
    let up = it
        .run(&["up", "--sandbox", "--rehearse-ready-after", "2s"])
        .exits(0);
    up.starts_after("below", "web", stackctl::name::Milestone::Ready);
    assert!(up.elapsed > wait, "{:?}", up.elapsed);
}

/// An object of many kinds, for kubectl.
const MANIFESTS: &str = r"
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
data: {a: '1', b: '2'}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web:1}]}
";

fn kubectl_works_on_a_served_sandbox() {
    let it = Rehearsal::new("kubectl", Helm::Four);
    it.lab.write("all.yaml", MANIFESTS);
    let file = it.lab.path().join("all.yaml");
    let file = file.to_str().expect("UTF-8");
    let served = it.serve();
    let shop = |args: &[&str]| served.does(&[&["-n", "shop"], args].concat());
    let said = |args: &[&str], text: &str| {
        let told = shop(args);
        assert!(
            told.contains(text),
            "`{text}` from kubectl {args:?}: {told}"
        );
    };
    said(&["apply", "-f", file], "deployment.apps/web created");
    said(&["apply", "-f", file], "deployment.apps/web unchanged");
    said(
        &["apply", "--server-side", "-f", file],
        "serverside-applied",
    );
    said(
        &["rollout", "status", "deploy/web", "--timeout=20s"],
        "successfully rolled out",
    );
    said(
        &[
            "wait",
            "--for=condition=Available",
            "deploy/web",
            "--timeout=20s",
        ],
        "met",
    );
    said(&["get", "deploy", "web"], "2/2");
    said(&["scale", "deploy/web", "--replicas=3"], "scaled");
    said(
        &[
            "wait",
            "--for=jsonpath={.status.availableReplicas}=3",
            "deploy/web",
            "--timeout=20s",
        ],
        "met",
    );
    let image = r#"{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"web:2"}]}}}}"#;
    said(&["patch", "deploy/web", "-p", image], "patched");
    said(
        &["rollout", "status", "deploy/web", "--timeout=20s"],
        "successfully rolled out",
    );
    said(&["rollout", "history", "deploy/web"], "2");
    said(&["rollout", "undo", "deploy/web"], "rolled back");
    said(
        &["rollout", "status", "deploy/web", "--timeout=20s"],
        "successfully rolled out",
    );
    let first = ["get", "deploy", "web", "-o", "jsonpath={..image}"];
    said(&first, "web:1");
    said(&["rollout", "restart", "deploy/web"], "restarted");
    said(
        &[
            "patch",
            "cm",
            "settings",
            "--type=merge",
            "-p",
            r#"{"data":{"b":null}}"#,
        ],
        "patched",
    );
    said(
        &["get", "cm", "settings", "-o", "jsonpath={.data}"],
        r#"{"a":"1"}"#,
    );
    said(&["label", "cm", "settings", "tier=base"], "labeled");
    said(
        &["get", "cm", "-l", "tier=base", "-o", "name"],
        "configmap/settings",
    );
    said(&["annotate", "cm", "settings", "note=x"], "annotated");
    said(
        &["create", "configmap", "made", "--from-literal=a=b"],
        "created",
    );
    said(&["describe", "deploy", "web"], "NewReplicaSet");
    // What a cluster refuses is refused in its words.
    for (args, why) in [
        (
            &["get", "cm", "nobody"][..],
            "configmaps \"nobody\" not found",
        ),
        (&["create", "configmap", "made"], "already exists"),
        (&["create", "configmap", "No"], "is invalid"),
        (
            &[
                "patch",
                "deploy/web",
                "--type=merge",
                "-p",
                r#"{"spec":{"selector":{"matchLabels":{"app":"x"}}}}"#,
            ],
            "field is immutable",
        ),
    ] {
        let (told, code) = served.kubectl(&[&["-n", "shop"], args].concat());
        assert!(
            code == Some(1) && told.contains(why),
            "`{why}` from {args:?}: {told}"
        );
    }
    let (told, code) = served.kubectl(&["-n", "nowhere", "create", "configmap", "made"]);
    assert!(
        code == Some(1) && told.contains("namespaces \"nowhere\" not found"),
        "{told}"
    );
    said(&["delete", "deploy", "web", "--wait"], "deleted");
    said(
        &[
            "wait",
            "--for=delete",
            "pod",
            "-l",
            "app=web",
            "--timeout=20s",
        ],
        "",
    );
    served.does(&["delete", "namespace", "shop"]);
    let (told, _) = served.kubectl(&["get", "namespace", "shop"]);
    assert!(told.contains("not found"), "{told}");
}

/// A kind in two versions, and an object of the second.
const VERSIONS: &str = r"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.test}
spec:
  group: example.test
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
  versions:
    - &v
      name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object}}}}
    - {<<: *v, name: v2, storage: false}
";

fn an_object_of_any_version_can_wait_for_its_dependents() {
    let it = Rehearsal::new("versions", Helm::Four);
    let object = "apiVersion: example.test/v2\nkind: Widget\nmetadata: {name: w}\n";
    it.lab.write("crd.yaml", VERSIONS);
    it.lab.write("widget.yaml", object);
    let file = |name: &str| {
        let path = it.lab.path().join(name);
        path.into_os_string().into_string().expect("UTF-8")
    };
    let served = it.serve();
    served.does(&["apply", "-f", &file("crd.yaml")]);
    served.does(&[
        "wait",
        "--for=condition=Established",
        "crd/widgets.example.test",
    ]);
    served.does(&["apply", "-f", &file("widget.yaml")]);
    let uid = served.does(&[
        "get",
        "widgets.v1.example.test",
        "w",
        "-o",
        "jsonpath={.metadata.uid}",
    ]);
    let below = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: below\n  ownerReferences:\n  \
         - {{apiVersion: example.test/v2, kind: Widget, name: w, uid: {uid}, blockOwnerDeletion: true}}\n"
    );
    it.lab.write("below.yaml", &below);
    served.does(&["apply", "-f", &file("below.yaml")]);
    served.does(&[
        "delete",
        "widget",
        "w",
        "--cascade=foreground",
        "--timeout=20s",
    ]);
    let left = served.does(&["get", "cm", "below", "--ignore-not-found"]);
    assert_eq!(left, "");
}

fn a_doctor_tells_everything_that_would_stop_a_run() {
    let it = Rehearsal::new("doctor", Helm::Four);
    let stack = |values: &str| {
        let chart = "chart = \"./charts/app\"\n";
        it.lab.stack(&format!(
            "[charts.web]\n{chart}[charts.api]\n{chart}values = {{ {values} }}\n"
        ));
    };
    let doctor = ["doctor", "--sandbox"];
    stack("");
    it.run(&doctor).exits(0).says(&[
        "is helm 4.",
        "sandbox at https://127.0.0.1:",
        "2 to install",
        "nothing is known that would stop it",
    ]);
    assert_eq!(it.status(), [""; 0], "it only looks");
    // Helm cannot render it.
    stack("hook = \"x\"");
    it.run(&doctor).exits(1).says(&["failed  run      api: "]);
    let nowhere = [("HELM_BINARY", "/nowhere/helm")];
    let run = it.lab.stackctl_with(&nowhere, &doctor);
    run.exits(1)
        .says(&["failed  helm", "/nowhere/helm", "ok      cluster"]);
}

fn a_sandbox_forgets_only_when_told() {
    let it = Rehearsal::new("forget", Helm::Four);
    it.lab
        .stack("[charts.web]\nchart = \"./charts/app\"\nvalues = { kind = \"none\" }\n");
    it.run(&["up", "--sandbox"]).exits(0);
    assert_eq!(it.status(), ["web 1 deployed"]);
    it.run(&["sandbox", "reset"])
        .exits(0)
        .says(&["is empty now"]);
    assert_eq!(it.status(), [""; 0]);
}
