//! Every verb of the steps, on a real API server: what it does, and what it says when it fails.
//!
//! One run for all of them. Charts with `action = "skip"` start no Helm: they are their steps.

use serde_json::json;

use crate::{
    support::Lab,
    target::{Helm, Target},
};

tests![
    every_verb_does_its_work_with_helm_4,
    every_verb_does_its_work_with_helm_3,
    every_verb_says_what_is_wrong,
    a_config_made_without_helm_is_adopted_and_its_readers_restarted_if_it_changed,
];

/// A kind of these tests.
const DEFINITION: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: widgets.NAMESPACE.stackctl.test }
spec:
  group: NAMESPACE.stackctl.test
  names: { kind: Widget, plural: widgets, singular: widget }
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true }
";

const WORK: &str = r#"
[charts.web]
chart = "./charts/app"
outputs.version = { kind = "ConfigMap", object = "web", field = "data.chart" }

[charts.objects]
chart = "./charts/app"
action = "skip"
[[charts.objects.pre]]
apply = "crd.yaml"
[[charts.objects.pre]]
wait = { kind = "crd", object = "widgets.NAMESPACE.stackctl.test", condition = "Established" }
[[charts.objects.pre]]
apply = { yaml = '''
apiVersion: NAMESPACE.stackctl.test/v1
kind: Widget
metadata: { name: a, labels: { tier: base } }
spec: { size: 1, parts: [{ name: wheel, number: 4 }] }
---
apiVersion: NAMESPACE.stackctl.test/v1
kind: Widget
metadata: { name: b, labels: { tier: base } }
spec: { size: 2 }
''' }
retry = { attempts = 60, delay = "500ms", on = ["no-match", "not-found"] }
[[charts.objects.pre]]
count = { kind = "Widget", selector = "tier=base", equals = 2 }
retry = { attempts = 60, delay = "500ms", on = ["no-match"] }
[[charts.objects.pre]]
count = { kind = "widgets", where = { "spec.size" = 2 }, equals = 1 }
[[charts.objects.pre]]
patch = { kind = "Widget", object = "a", merge = { spec = { size = 5 }, metadata = { finalizers = ["stackctl.test/held"] } } }
[[charts.objects.pre]]
patch = { kind = "Widget", object = "a", json = [{ op = "replace", path = "/spec/parts/0/number", value = 6 }] }
[[charts.objects.pre]]
equals = { kind = "Widget", object = "a", field = "spec.size", value = 5 }
[[charts.objects.pre]]
contains = { kind = "Widget", object = "a", field = "spec.parts", value = { name = "wheel", number = 6 } }
[[charts.objects.pre]]
contains = { kind = "Widget", all = true, field = "metadata.name", value = ["a", "b"] }
[[charts.objects.pre]]
delete = { kind = "Widget", selector = "tier=base", wait_gone = false }
[[charts.objects.pre]]
wait = { kind = "Widget", object = "b", gone = true }
[[charts.objects.pre]]
exists = { kind = "Widget", object = "a", api_version = "NAMESPACE.stackctl.test/v1" }
[[charts.objects.pre]]
patch = { kind = "Widget", object = "a", merge = "metadata: { finalizers: null }" }
[[charts.objects.pre]]
wait = { kind = "Widget", all = true, gone = true }
[[charts.objects.post]]
# The API server may take a minute to finalize a kind that it has just begun to serve.
delete = "crd/widgets.NAMESPACE.stackctl.test"
timeout = "3m"
[[charts.objects.validate]]
absent = "CustomResourceDefinition/widgets.NAMESPACE.stackctl.test"

[charts.workloads]
chart = "./charts/app"
action = "skip"
needs = ["web"]
[[charts.workloads.pre]]
capture = { name = "replicas", kind = "Deployment", object = "web", field = "spec.replicas" }
[[charts.workloads.pre]]
scale = { kind = "deploy", object = "web", replicas = 0 }
[[charts.workloads.pre]]
wait = { kind = "Pod", selector = "app=web", gone = true }
[[charts.workloads.post]]
scale = { kind = "Deployment", object = "web", replicas = "${capture.replicas}" }
[[charts.workloads.post]]
pods = { selector = "app=web" }
[[charts.workloads.post]]
capture = { name = "template", kind = "Deployment", object = "web", field = "spec.template", hash = true }
[[charts.workloads.post]]
restart = "deployment/web"
[[charts.workloads.post]]
name = "changed"
when = { changed = "template" }
wait = { kind = "Deployment", object = "web", condition = "Available" }
[[charts.workloads.post]]
wait = { kind = "Pod", selector = "app=web", where = { "status.phase" = "Running" }, equals = 1 }
[[charts.workloads.validate]]
equals = { kind = "Deployment", object = "web", field = "status.availableReplicas", value = 1 }

[charts.services]
chart = "./charts/app"
action = "skip"
needs = ["web"]
[[charts.services.pre]]
apply = { objects = [{ apiVersion = "v1", kind = "Service", metadata = { name = "ports" }, spec = { ports = [{ name = "a", port = 1 }, { name = "b", port = 2 }] } }] }
[[charts.services.pre]]
patch = { kind = "svc", object = "ports", strategic = { spec = { ports = [{ port = 3, name = "c" }] } } }
[[charts.services.pre]]
contains = { kind = "svc", object = "ports", field = "spec.ports", value = [{ port = 1 }, { port = 2 }, { port = 3 }] }
[[charts.services.pre]]
delete = { kind = "Service", object = "ports", propagation = "foreground" }

[charts.crashing]
chart = "./charts/app"
wait = false
values = { fail = "CrashLoopBackOff" }
[[charts.crashing.post]]
wait = { kind = "Pod", selector = "app=crashing", where = { "status.containerStatuses[0].state.waiting.reason" = "CrashLoopBackOff" }, min = 1 }
[[charts.crashing.post]]
capture = { name = "pods", command = "kubectl get pod -n NAMESPACE -l app=crashing -o name" }
[[charts.crashing.post]]
name = "too-few"
delete = { kind = "Pod", selector = "app=crashing", min_restarts = 99 }
[[charts.crashing.post]]
name = "nothing"
when = { changed = "pods" }
run = "exit 1"
[[charts.crashing.post]]
delete = { kind = "Pod", selector = "app=crashing", min_restarts = 5 }
[[charts.crashing.post]]
name = "replaced"
when = { changed = "pods" }
run = "true"

[charts.tested]
chart = "./charts/app"
values = { kind = "none", hook = { on = "test" } }
[[charts.tested.validate]]
helm_test = { filter = ["tested-hook"] }

[charts.fed]
chart = "./charts/app"
needs = ["web"]
values = { kind = "none", note = "${capture.uid} ${charts.web.outputs.version}" }
[[charts.fed.pre]]
capture = { name = "uid", kind = "Namespace", object = "NAMESPACE", field = "metadata.uid" }
[[charts.fed.validate]]
equals = { kind = "ConfigMap", object = "fed", field = "data.note", value = "${capture.uid} 1.0.0" }
"#;

fn every_verb_does_its_work_with_helm_4() {
    every_verb_does_its_work(Helm::Four, "verbs", "sprocket");
}

fn every_verb_does_its_work_with_helm_3() {
    every_verb_does_its_work(Helm::Three, "verbs-3", "flange");
}

/// The kind is one of no other test: a word that two groups know is no name of a kind.
fn every_verb_does_its_work(helm: Helm, namespace: &str, kind: &str) {
    let named = |text: &str| {
        let capital = format!("{}{}", kind[..1].to_uppercase(), &kind[1..]);
        let text = text.replace("NAMESPACE", namespace);
        text.replace("widget", kind).replace("Widget", &capital)
    };
    let lab = Lab::on(Target::shared(), helm, namespace);
    lab.write("crd.yaml", &named(DEFINITION));
    lab.stack(&named(WORK));
    let kubectl = lab
        .target()
        .bin
        .to_str()
        .expect("a path of ours")
        .to_owned();
    let path = format!("{kubectl}:/usr/bin:/bin");
    lab.stackctl(&["plan"])
        .exits(0)
        .says(&["not installed; refers to what is known after web"]);
    let up = lab.stackctl_with(&[("PATH", &path)], &["up"]).exits(0);
    for (chart, step, ran) in [
        ("workloads", "post/changed", true),
        ("crashing", "post/nothing", false),
        ("crashing", "post/replaced", true),
    ] {
        assert_eq!(up.ran_step(chart, step), ran, "{chart} {step} in {up}");
    }
}

/// Steps that fail, each of a chart of its own, and what is said of them.
const WRONG: &[(&str, &str, &[&str])] = &[
    (
        "adopt",
        r#"adopt = "ConfigMap/web""#,
        &[
            "ConfigMap/web in wrong-verbs belongs to release wrong-verbs/web, not to wrong-verbs/adopt",
        ],
    ),
    (
        "apply",
        r#"apply = { yaml = "{ apiVersion: v1, kind: ConfigMap, metadata: { name: web }, data: { note: mine } }" }"#,
        &[
            "ConfigMap/web cannot be applied",
            "conflict with \"helm\"",
            ".data.note",
            "`force = true`",
        ],
    ),
    (
        "apply-invalid",
        r#"apply = { yaml = "{ apiVersion: v1, kind: Service, metadata: { name: bad }, spec: { ports: [{ port: 99999 }] } }" }"#,
        &[
            "Service/bad cannot be applied",
            "spec.ports[0].port",
            "99999",
        ],
    ),
    (
        "patch",
        r#"patch = { kind = "Deployment", object = "web", merge = { spec = { replicas = "two" } } }"#,
        &["Deployment/web in wrong-verbs cannot be patched"],
    ),
    (
        "patch-strategic",
        r#"patch = { kind = "crd", selector = "app=nobody", strategic = { spec = { x = 1 } }, optional = false }"#,
        &["there are no customresourcedefinitions"],
    ),
    (
        "delete",
        "delete = \"ConfigMap/held\"\ntimeout = \"2s\"",
        &[
            "not gone after 2s",
            "ConfigMap/held in wrong-verbs waits for whoever clears its finalizers: stackctl.test/held",
        ],
    ),
    (
        "scale",
        r#"scale = { kind = "ConfigMap", object = "web", replicas = 1 }"#,
        &["not found"],
    ),
    (
        "restart",
        "restart = { kind = \"Deployment\", selector = \"app=nobody\" }",
        &["there are no deployments in wrong-verbs with `app=nobody`"],
    ),
    (
        "run",
        r#"run = "echo no luck >&2; exit 3""#,
        &["exit status 3", "no luck"],
    ),
    (
        "capture",
        r#"capture = { name = "x", kind = "ConfigMap", object = "web", field = "data.nope" }"#,
        &[
            "`data.nope` of ConfigMap/web in wrong-verbs is not there",
            "`default",
        ],
    ),
    (
        "wait",
        "wait = { kind = \"Deployment\", object = \"web\", condition = \"Progressing=False\" }\ntimeout = \"2s\"",
        &[
            "not within 2s: condition Progressing of Deployment/web in wrong-verbs is True",
            "False is wanted",
        ],
    ),
    (
        "exists",
        r#"exists = "cm/nope""#,
        &["ConfigMap/nope in wrong-verbs is not there"],
    ),
    (
        "kind",
        r#"exists = "Widgit/x""#,
        &["the cluster knows no kind Widgit"],
    ),
    (
        "absent",
        r#"absent = "cm/web""#,
        &["ConfigMap/web in wrong-verbs is there"],
    ),
    (
        "count",
        r#"count = { kind = "Deployment", all = true, min = 2 }"#,
        &["there are 1 deployments in wrong-verbs, at least 2 must be"],
    ),
    (
        "equals",
        r#"equals = { kind = "Deployment", object = "web", field = "spec.replicas", value = 2 }"#,
        &["`spec.replicas` of Deployment/web in wrong-verbs is 1, 2 is wanted"],
    ),
    (
        "contains",
        r#"contains = { kind = "ConfigMap", object = "web", field = "data.chart", value = "9" }"#,
        &[
            "`data.chart` of ConfigMap/web in wrong-verbs is \"1.0.0\", which does not contain \"9\"",
        ],
    ),
    (
        "pods",
        r#"pods = { selector = "app=web", min = 2 }"#,
        &["there are 1 pods in wrong-verbs with `app=web`, at least 2 must be"],
    ),
    (
        "http",
        r#"http = { service = "nope", port = 80 }"#,
        &["nope"],
    ),
    (
        "helm-test",
        "helm_test = true",
        &["release wrong-verbs/helm-test is not installed"],
    ),
];

fn every_verb_says_what_is_wrong() {
    let lab = Lab::new("wrong-verbs");
    let mut text = r#"
[settings]
failure_policy = "continue"
[charts.web]
chart = "./charts/app"
[[charts.web.pre]]
apply = { objects = [{ apiVersion = "v1", kind = "ConfigMap", metadata = { name = "held", finalizers = ["stackctl.test/held"] } }] }
[charts.untested]
chart = "./charts/app"
values = { kind = "none" }
[[charts.untested.validate]]
helm_test = true
[charts.failing]
chart = "./charts/app"
values = { kind = "none", hook = { on = "test", exitCode = "1" } }
[[charts.failing.validate]]
helm_test = true
[[charts.failing.validate]]
run = "echo never"
"#
    .to_owned();
    for (name, step, _) in WRONG {
        let chart = "chart = \"./charts/app\"\naction = \"skip\"\nneeds = [\"web\"]";
        let table = format!("[charts.{name}]\n{chart}\n[[charts.{name}.post]]\n{step}\n");
        text.push_str(&table);
    }
    lab.stack(&text);
    let up = lab.stackctl(&["up"]).exits(1);
    let free = json!({ "metadata": { "finalizers": null } }).to_string();
    lab.kubectl(&["patch", "configmap", "held", "--type=merge", "-p", &free]);
    let untested = (
        "untested",
        "",
        &["release wrong-verbs/untested has no tests"][..],
    );
    let failing = (
        "failing",
        "",
        &[
            "helm test of wrong-verbs/failing failed: a hook of the chart failed",
            "failing-hook",
        ][..],
    );
    for (name, step, expected) in WRONG.iter().copied().chain([untested, failing]) {
        let failure = up.failure(name);
        let said = format!(
            "{}\n{}\n{}",
            failure.error,
            failure.cause.join("\n"),
            failure.hints.join("\n")
        );
        for words in expected {
            assert!(said.contains(words), "{name}: {step}\n{words}\nin\n{said}");
        }
    }
    lab.has_releases(&[
        "failing 1 deployed",
        "untested 1 deployed",
        "web 1 deployed",
    ]);
}

/// coredns-config, the hardest chart of the original engine (engine.md section 4.1).
fn a_config_made_without_helm_is_adopted_and_its_readers_restarted_if_it_changed() {
    let lab = Lab::new("coredns");
    let made = "
apiVersion: v1
kind: ConfigMap
metadata: { name: config }
data: { note: by hand }
";
    lab.write("made.yaml", made);
    let stack = |note: &str| {
        lab.stack(&format!(
            r#"
[charts.reader]
chart = "./charts/app"
[[charts.reader.pre]]
when = {{ installed = false }}
apply = "made.yaml"
[charts.config]
chart = "./charts/app"
needs = ["reader"]
wait = false
values = {{ kind = "none", note = "{note}" }}
[[charts.config.pre]]
capture = {{ name = "note", kind = "ConfigMap", object = "config", field = "data.note", hash = true }}
[[charts.config.pre]]
adopt = "ConfigMap/config"
[[charts.config.pre]]
adopt = {{ kind = "ConfigMap", object = "config-custom", optional = true }}
[[charts.config.post]]
when = {{ changed = "note" }}
restart = "deployment/reader"
[[charts.config.validate]]
pods = {{ selector = "app=reader", min = 1 }}
retry = {{ attempts = 12, delay = "1s" }}
"#
        ));
        lab.stackctl(&["up"]).exits(0)
    };
    let note = || lab.get(&["configmap", "config"])["data"]["note"].clone();
    for (text, restarts) in [("by helm", true), ("by helm", false), ("again", true)] {
        let up = stack(text);
        assert_eq!(
            up.ran_step("config", "post/restart"),
            restarts,
            "{text}: {up}"
        );
        assert_eq!(note(), text, "{up}");
    }
    lab.has_releases(&["config 2 deployed", "reader 1 deployed"]);
}
