//! What community charts needed around them (engine.md section 4.1), as stack files.

use serde_json::json;
use stackctl::event::EventKind;

use crate::{
    support::{Lab, fixture},
    target::{Helm, Target},
};

tests![
    exec_is_tried_again_while_a_webhook_does_not_answer,
    only_what_the_file_names_is_tried_again,
    a_chart_that_takes_too_long_as_a_whole_ends_at_its_deadline,
    values_differ_between_the_first_time_and_later,
    what_is_installed_is_left_alone_but_only_if_it_is_sound,
    what_others_own_is_taken_over_where_the_file_says_so,
    fields_of_others_are_taken_over_only_with_force_conflicts,
    a_schema_that_is_wrong_need_not_be_asked,
    live_objects_are_told_refused_or_deleted_before_their_operator_goes,
    an_operator_outlives_the_objects_whose_crds_another_chart_brings,
    rendered_manifests_go_through_a_program_of_the_stack,
];

/// A webhook that nobody serves, for the ConfigMaps of a namespace.
fn webhook(namespace: &str) -> String {
    format!(
        "
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {{ name: {namespace} }}
webhooks:
  - name: {namespace}.stackctl.test
    clientConfig: {{ url: 'https://127.0.0.1:1/' }}
    rules: [{{ apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [configmaps] }}]
    namespaceSelector: {{ matchLabels: {{ kubernetes.io/metadata.name: {namespace} }} }}
    failurePolicy: Fail
    sideEffects: None
    admissionReviewVersions: [v1]
"
    )
}

/// cert-manager-configs: what it makes is judged by a webhook that answers late.
fn exec_is_tried_again_while_a_webhook_does_not_answer() {
    let lab = Lab::new("late-webhook");
    lab.write("webhook.yaml", &webhook("late-webhook"));
    lab.stack(
        r#"
[charts.operator]
chart = "./charts/app"
action = "skip"
[[charts.operator.pre]]
apply = "webhook.yaml"
# It answers (in this test: it is not asked any more) once the first attempt has failed.
[[charts.operator.post]]
wait = { kind = "Secret", selector = "owner=helm,name=configs,status=failed", min = 1 }
[[charts.operator.post]]
delete = "ValidatingWebhookConfiguration/late-webhook"

[charts.configs]
chart = "./charts/app"
needs = ["operator:ready"]
values = { kind = "none" }
retry = { attempts = 60, delay = "500ms" }
"#,
    );
    let up = lab.stackctl(&["up"]).exits(0);
    let tries = up.events.iter().filter(|event| match &event.kind {
        EventKind::StepOutput { line, .. } => {
            line.contains("of 60") && line.contains("failed calling webhook")
        }
        _ => false,
    });
    assert!(tries.count() > 0, "{up}");
    let releases = lab.releases();
    assert_eq!(releases["configs"].status, "deployed", "{releases:?}");
}

fn only_what_the_file_names_is_tried_again() {
    let lab = Lab::new("no-retry");
    lab.stack(
        r#"
[settings]
failure_policy = "continue"
[defaults.values]
readyAfter = "1h"
[charts.once]
chart = "./charts/app"
timeout = "1s"
values = { readyAfter = "1h" }
retry = { attempts = 60 }
[charts.twice]
chart = "./charts/app"
timeout = "1s"
values = { readyAfter = "1h" }
retry = { attempts = 2, delay = "100ms", on = ["timeout"] }
"#,
    );
    let up = lab.stackctl(&["up"]).exits(1);
    let said = |name: &str| up.failure(name).error.clone();
    let once = "not ready after 1s: Deployment/once";
    assert!(said("once").starts_with(once), "{}", said("once"));
    assert!(!said("once").contains("attempts"), "{}", said("once"));
    let twice = said("twice");
    assert!(twice.ends_with("(after 2 attempts)"), "{twice}");
    lab.has_releases(&["once 1 failed", "twice 2 failed"]);
}

fn a_chart_that_takes_too_long_as_a_whole_ends_at_its_deadline() {
    let lab = Lab::new("deadline");
    lab.stack(
        r#"
[charts.slow]
chart = "./charts/app"
deadline = "4s"
values = { readyAfter = "1h" }
timeout = "30s"
rollback_on_failure = "always"
retry = { attempts = 60, delay = "100ms", on = ["timeout"] }
"#,
    );
    let up = lab.stackctl(&["up"]).exits(1);
    let failure = up.failure("slow");
    // Wherever the end of its time meets it.
    let error = &failure.error;
    assert!(
        error.starts_with("not ready after") || error.contains("deadline of 4s is over"),
        "{error}"
    );
    // What the failure makes necessary has its own time.
    let done = failure.attached.join("\n");
    assert!(done.contains("was uninstalled"), "{done}");
    lab.has_releases(&[]);
}

/// A release's manifest, as Helm has it.
fn manifest(lab: &Lab, release: &str) -> String {
    let output = lab.helm_command(&["get", "manifest", release]).output();
    String::from_utf8(output.expect("helm runs").stdout).expect("YAML is UTF-8")
}

/// aws-load-balancer-controller: its webhook must wait for its own pods, so the first installation
/// goes without.
fn values_differ_between_the_first_time_and_later() {
    let lab = Lab::new("two-phases");
    let stack = r#"
[charts.controller]
chart = "./charts/app"
values = { kind = "none", note = "always" }
values_if_absent = { note = "first" }
values_if_installed = { note = "later" }
[[charts.controller.post]]
name = "first-time"
when = { installed = false }
run = "true"
"#;
    lab.stack(stack);
    let note = || lab.get(&["configmap", "controller"])["data"]["note"].clone();
    for (expected, first) in [("first", true), ("later", false), ("later", false)] {
        let up = lab.stackctl(&["up"]).exits(0);
        assert_eq!(note(), expected, "{up}");
        assert_eq!(up.ran_step("controller", "post/first-time"), first, "{up}");
    }
    // As if nothing were installed, without a cluster.
    lab.stackctl(&["values", "controller", "--explain"])
        .exits(0)
        .says(&["note: first", "values_if_absent"]);
    // A reinstall is a first time.
    lab.version("app", "2.0.0");
    let newer = stack.replace("./charts/app", "./charts/app-2.0.0");
    let newer = newer.replace("values =", "reinstall_below = \"2.0.0\"\nvalues =");
    lab.stack(&newer);
    let up = lab.stackctl(&["up", "--yes"]).exits(0);
    assert_eq!(note(), "first", "{up}");
}

/// vertical-pod-autoscaler of the original was declared twice, once for its bootstrap.
fn what_is_installed_is_left_alone_but_only_if_it_is_sound() {
    let lab = Lab::new("left-alone");
    let stack = |values: &str| {
        lab.stack(&format!(
            "[charts.vpa]\nchart = \"./charts/app\"\nskip_if_installed = true\n{values}\n\
             [[charts.vpa.post]]\nrun = \"true\"\n"
        ));
    };
    stack("timeout = \"1s\"\nvalues = { readyAfter = \"1h\" }");
    lab.stackctl(&["up"]).exits(1);
    lab.has_releases(&["vpa 1 failed"]);
    stack("values = { note = \"good\" }");
    lab.stackctl(&["up"]).exits(0);
    lab.has_releases(&["vpa 2 deployed"]);
    stack("values = { note = \"other\" }");
    let up = lab.stackctl(&["up"]).exits(0);
    lab.has_releases(&["vpa 2 deployed"]);
    assert!(up.ran_step("vpa", "post/run"), "{up}");
    lab.stackctl(&["plan"])
        .exits(0)
        .says(&["revision 2 is deployed, and left alone"]);
}

/// Objects that belong to another release, or to nobody.
fn what_others_own_is_taken_over_where_the_file_says_so() {
    for (helm, name) in [(Helm::Four, "taken-4"), (Helm::Three, "taken-3")] {
        let lab = Lab::on(Target::shared(), helm, name);
        let made = "{ apiVersion: v1, kind: ConfigMap, metadata: { name: web } }";
        lab.write("made.yaml", made);
        let stack = |keys: &str| {
            lab.stack(&format!(
                "[charts.web]\nchart = \"./charts/app\"\nvalues = {{ kind = \"none\" }}\n{keys}\n\
                 [[charts.web.pre]]\nwhen = {{ installed = false }}\napply = \"made.yaml\"\n"
            ));
        };
        stack("");
        lab.stackctl(&["up"]).exits(1).says(&["ownership"]);
        stack("take_ownership = true");
        lab.stackctl(&["up"]).exits(0);
        let owner = lab.get(&["configmap", "web"]);
        assert_eq!(
            owner["metadata"]["annotations"]["meta.helm.sh/release-name"], "web",
            "{owner}"
        );
    }
}

/// Helm 4 applies server-side: fields that others own are theirs until the file says otherwise.
fn fields_of_others_are_taken_over_only_with_force_conflicts() {
    let lab = Lab::new("conflicts");
    let stack = |note: &str, keys: &str| {
        lab.stack(&format!(
            "[charts.web]\nchart = \"./charts/app\"\n{keys}\n\
             values = {{ kind = \"none\", note = \"{note}\" }}\n"
        ));
    };
    stack("ours", "server_side = true");
    lab.stackctl(&["up"]).exits(0);
    lab.write(
        "theirs.yaml",
        "{ apiVersion: v1, kind: ConfigMap, metadata: { name: web }, data: { note: theirs } }",
    );
    let file = lab.path().join("theirs.yaml");
    let file = file.to_str().expect("a path of ours");
    let apply = ["apply", "--server-side", "--force-conflicts", "-f", file];
    lab.kubectl(&apply);
    stack("again ours", "server_side = true");
    lab.stackctl(&["up"]).exits(1).says(&["conflict"]);
    stack("again ours", "force_conflicts = true");
    lab.stackctl(&["up"]).exits(0);
    let note = || lab.get(&["configmap", "web"])["data"]["note"].clone();
    assert_eq!(note(), "again ours");
    // Helm 3 cannot apply server-side, and says so before anything is changed.
    let three = Lab::on(Target::shared(), Helm::Three, "conflicts-3");
    three.stack("[charts.web]\nchart = \"./charts/app\"\nserver_side = true\n");
    three
        .stackctl(&["up"])
        .exits(1)
        .says(&["`server_side = true` needs Helm 4, and this is Helm 3."]);
    three.has_releases(&[]);
}

/// A schema that is stricter than the chart.
fn a_schema_that_is_wrong_need_not_be_asked() {
    for (helm, name) in [(Helm::Four, "schema-4"), (Helm::Three, "schema-3")] {
        let lab = Lab::on(Target::shared(), helm, name);
        let stack = |keys: &str| {
            lab.stack(&format!(
                "[charts.web]\nchart = \"./charts/app\"\n{keys}\n\
                 values = {{ kind = \"none\", replicas = \"two\" }}\n"
            ));
        };
        stack("");
        lab.stackctl(&["up"]).exits(1).says(&["replicas"]);
        lab.has_releases(&[]);
        stack("skip_schema_validation = true");
        lab.stackctl(&["up"]).exits(0);
        lab.has_releases(&["web 1 deployed"]);
        assert!(manifest(&lab, "web").contains("ConfigMap"));
    }
}

/// A kind of one test, `Name` in lower case and plural.
fn definition(kind: &str) -> String {
    let lower = kind.to_lowercase();
    format!(
        "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{ name: {lower}s.community.stackctl.test }}
spec:
  group: community.stackctl.test
  names: {{ kind: {kind}, plural: {lower}s, singular: {lower} }}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema: {{ type: object, x-kubernetes-preserve-unknown-fields: true }}
"
    )
}

/// Makes an object of such a kind that somebody must let go.
fn held_object(lab: &Lab, kind: &str, name: &str) {
    let text = format!(
        "apiVersion: community.stackctl.test/v1\nkind: {kind}\n\
         metadata: {{ name: {name}, finalizers: [stackctl.test/held] }}\n"
    );
    lab.write("object.yaml", &text);
    let file = lab.path().join("object.yaml");
    lab.kubectl(&["apply", "-f", file.to_str().expect("a path of ours")]);
}

/// Lets it go, as its controller would.
fn let_go(lab: &Lab, kind: &str, name: &str) {
    let free = json!({ "metadata": { "finalizers": null } }).to_string();
    lab.kubectl(&["patch", kind, name, "--type=merge", "-p", &free]);
}

/// An operator that goes takes with it whoever clears the finalizers of its objects.
fn live_objects_are_told_refused_or_deleted_before_their_operator_goes() {
    let lab = Lab::new("live-objects");
    lab.write("charts/app/crds/valve.yaml", &definition("Valve"));
    let stack = |policy: &str| {
        lab.stack(&format!(
            "[charts.operator]\nchart = \"./charts/app\"\ntimeout = \"20s\"\n{policy}\n"
        ));
    };
    stack("");
    lab.stackctl(&["up"]).exits(0);
    held_object(&lab, "Valve", "a");

    stack("on_live_objects = \"refuse\"");
    lab.stackctl(&["down", "--yes"]).exits(1).says(&[
        "objects of its kinds are still there: Valve/a in live-objects",
        "kubectl delete valves.community.stackctl.test --all",
    ]);
    lab.has_releases(&["operator 1 deployed"]);

    stack("on_live_objects = \"delete\"\ndeadline = \"3s\"");
    let down = lab.stackctl(&["down", "--yes"]).exits(1).says(&[
        "Valve/a in live-objects waits for whoever clears its finalizers: stackctl.test/held",
        "Deployment/operator in live-objects (it is ready: see its logs)",
    ]);
    lab.has_releases(&["operator 1 deployed"]);
    assert!(!down.ran_step("operator", "exec"), "{down}");

    // It is on its way out now, and the controller lets it go.
    let_go(&lab, "valve", "a");
    stack("on_live_objects = \"delete\"");
    held_object(&lab, "Valve", "b");
    let mut running = lab.start(&["down", "--yes"]);
    running.until("the object is being deleted", || {
        let valve = lab.get(&["valve", "b"]);
        !valve["metadata"]["deletionTimestamp"].is_null()
    });
    let_go(&lab, "valve", "b");
    running.end().exits(0);
    lab.has_releases(&[]);
    assert_eq!(lab.objects("valves"), [""; 0]);

    // What is left when the release is gone is removed by the next one.
    lab.stackctl(&["up"]).exits(0);
    held_object(&lab, "Valve", "c");
    stack("");
    lab.stackctl(&["down", "--yes"])
        .exits(0)
        .says(&["objects of its kinds stay, and nobody works on them: Valve/c in live-objects"]);
    lab.has_releases(&[]);
    let_go(&lab, "valve", "c");
    stack("on_live_objects = \"delete\"");
    lab.stackctl(&["down", "--yes"]).exits(0);
    assert_eq!(lab.objects("valves"), [""; 0]);
}

/// karpenter: its CRDs are a chart of their own, and nodes must be drained while it is still there.
fn an_operator_outlives_the_objects_whose_crds_another_chart_brings() {
    let lab = Lab::new("karpenter");
    lab.copy(&fixture("charts/app"), "charts/crds");
    lab.write("charts/crds/crds/pool.yaml", &definition("Pool"));
    lab.stack(
        r#"
[charts.karpenter-crd]
chart = "./charts/crds"
values = { kind = "none" }
[charts.karpenter]
chart = "./charts/app"
needs = ["karpenter-crd:crds"]
on_live_objects = { policy = "delete", crds = ["pools.community.stackctl.test"] }
[charts.karpenter-configuration]
chart = "./charts/app"
needs = ["karpenter"]
values = { kind = "none" }
[[charts.karpenter-configuration.post]]
apply = { objects = [{ apiVersion = "community.stackctl.test/v1", kind = "Pool", metadata = { name = "default" } }] }
"#,
    );
    lab.stackctl(&["up"]).exits(0);
    assert_eq!(
        lab.objects("pools"),
        ["pool.community.stackctl.test/default"]
    );
    let down = lab.stackctl(&["down", "--yes"]).exits(0);
    assert_eq!(lab.objects("pools"), [""; 0], "{down}");
    lab.has_releases(&[]);
}

/// What a chart's values cannot say is said to what it renders.
fn rendered_manifests_go_through_a_program_of_the_stack() {
    for (helm, name) in [(Helm::Four, "rendered-4"), (Helm::Three, "rendered-3")] {
        let lab = Lab::on(Target::shared(), helm, name);
        lab.write("words.sed", "s/by the chart/by the program/\n");
        let stack = |program: &str| {
            lab.stack(&format!(
                "[charts.web]\nchart = \"./charts/app\"\npost_renderer = {program}\n\
                 values = {{ kind = \"none\", note = \"by the chart\" }}\n"
            ));
        };
        stack("[\"sed\", \"-f\", \"words.sed\"]");
        lab.stackctl(&["render"]).exits(0).says(&["by the program"]);
        let up = lab.stackctl(&["up"]).exits(0);
        let note = lab.get(&["configmap", "web"])["data"]["note"].clone();
        assert_eq!(note, "by the program", "{up}");
        // Its own words, whatever Helm does with them.
        stack("\"echo no such key: note >&2; exit 3\"");
        lab.stackctl(&["up"])
            .exits(1)
            .says(&["the post-renderer failed", "no such key: note"]);
        lab.has_releases(&["web 1 deployed"]);
    }
}
