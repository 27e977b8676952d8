//! The charts that needed code around them in the original engine (engine.md section 4.1), as
//! stack files around charts as their authors wrote them. Each comes, is looked at, changes and
//! goes.
//!
//! Others of that table are elsewhere: coredns in `verbs`, cert-manager-configs, the load balancer
//! controller and karpenter in `community`; reinstalls with consent, and companions that go with
//! their chart, in `changes`.

use std::fmt::Write as _;

use crate::{
    support::{Lab, Run},
    target::{Helm, Target},
};

tests![
    aws_vpc_cni_is_adopted_with_the_values_of_its_live_objects,
    prometheus_operator_is_reinstalled_below_a_version_and_its_crds_go_with_it,
    vertical_pod_autoscaler_scales_itself_from_its_second_time_on_and_others_at_once,
    what_a_user_mapper_and_classes_must_have_made_is_looked_at,
    what_cannot_be_changed_is_deleted_before_its_upgrade,
    pods_of_a_database_that_crash_over_and_over_make_way_for_the_new_ones,
];

/// Writes a chart of one template.
fn chart(lab: &Lab, name: &str, version: &str, template: &str) {
    let head = format!("apiVersion: v2\nname: {name}\nversion: {version}\n");
    lab.write(&format!("charts/{name}/Chart.yaml"), &head);
    lab.write(&format!("charts/{name}/templates/all.yaml"), template);
}

/// Makes objects without Helm.
fn make(lab: &Lab, manifests: &str) {
    lab.write("made.yaml", manifests);
    let file = lab.path().join("made.yaml");
    lab.kubectl(&["apply", "-f", file.to_str().expect("a path of ours")]);
}

fn uid(lab: &Lab, object: &[&str]) -> String {
    lab.get(object)["metadata"]["uid"].to_string()
}

fn up(lab: &Lab, stack: &str) -> Run {
    lab.stack(stack);
    lab.stackctl(&["up", "--yes"])
}

/// The label that it selects by, which cannot be changed, is the values' to say.
const CNI: &str = "
apiVersion: v1
kind: ServiceAccount
metadata: { name: aws-node }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: 'aws-node-{{ .Release.Namespace }}' }
rules: [{ apiGroups: [''], resources: [pods], verbs: [list] }]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: aws-node, labels: { helm.sh/chart: 'aws-vpc-cni-{{ .Chart.Version }}' } }
spec:
  selector: { matchLabels: { k8s-app: '{{ .Values.label }}' } }
  template:
    metadata: { labels: { k8s-app: '{{ .Values.label }}' } }
    spec: { containers: [{ name: main, image: 'cni:{{ .Chart.Version }}' }] }
";

const CNI_STACK: &str = r#"
[charts.aws-vpc-cni]
chart = "./charts/aws-vpc-cni"
values = { label = "${capture.label}" }
[[charts.aws-vpc-cni.pre]]
capture = { name = "label", kind = "DaemonSet", object = "aws-node", field = "spec.selector.matchLabels.k8s-app" }
[[charts.aws-vpc-cni.pre]]
adopt = ["DaemonSet/aws-node", "ServiceAccount/aws-node", "ClusterRole/aws-node-NAMESPACE"]
[[charts.aws-vpc-cni.validate]]
exists = { kind = "DaemonSet", selector = "helm.sh/chart=aws-vpc-cni-VERSION" }
"#;

fn aws_vpc_cni_is_adopted_with_the_values_of_its_live_objects() {
    for (helm, name) in [(Helm::Four, "vpc-cni-4"), (Helm::Three, "vpc-cni-3")] {
        let lab = Lab::on(Target::shared(), helm, name);
        lab.kubectl(&["create", "namespace", name]);
        let made = CNI
            .replace("{{ .Release.Namespace }}", name)
            .replace("{{ .Chart.Version }}", "0.9.0")
            .replace("{{ .Values.label }}", "of-the-cloud");
        make(&lab, &made);
        let before = uid(&lab, &["daemonset", "aws-node"]);
        for (version, revision) in [("1.0.0", 1), ("1.0.0", 1), ("1.1.0", 2)] {
            chart(&lab, "aws-vpc-cni", version, CNI);
            let stack = CNI_STACK.replace("VERSION", version);
            let up = up(&lab, &stack.replace("NAMESPACE", name)).exits(0);
            let live = lab.get(&["daemonset", "aws-node"]);
            let image = &live["spec"]["template"]["spec"]["containers"][0]["image"];
            assert_eq!(*image, format!("cni:{version}"), "{up}");
            lab.has_releases(&[&format!("aws-vpc-cni {revision} deployed")]);
        }
        assert_eq!(uid(&lab, &["daemonset", "aws-node"]), before);
        lab.stackctl(&["down", "--yes"]).exits(0);
        assert_eq!(lab.objects("daemonsets"), [""; 0]);
    }
}

/// CRDs of a group of one test, one for each kind.
fn crds(group: &str, kinds: &[&str]) -> String {
    let mut text = String::new();
    for kind in kinds {
        let one = kind.to_lowercase();
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{ name: {one}s.{group} }}
spec:
  group: {group}
  scope: Namespaced
  names: {{ kind: {kind}, plural: {one}s, singular: {one} }}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {{ openAPIV3Schema: {{ type: object, x-kubernetes-preserve-unknown-fields: true }} }}
"
        );
    }
    text
}

const MONITORING: [&str; 6] = [
    "Overseer",
    "OverseerRule",
    "ServiceOverseer",
    "PodOverseer",
    "AlertOverseer",
    "RulerOverseer",
];

/// The seed's own example; `seed` has it as the program that it was.
fn prometheus_operator_is_reinstalled_below_a_version_and_its_crds_go_with_it() {
    let lab = Lab::new("original-operator");
    let group = "operator.original.stackctl.test";
    let names = MONITORING.map(|kind| format!("{}s.{group}", kind.to_lowercase()));
    let stack = |version: &str| {
        lab.version("app", version);
        let folder = format!("charts/app-{version}/crds/all.yaml");
        lab.write(&folder, &crds(group, &MONITORING));
        format!(
            r#"
[charts.prometheus-operator]
chart = "./charts/app-{version}"
reinstall_below = "67.0.0"
# What is not there any more needs no deleting: a teardown that was interrupted ends here, too.
[[charts.prometheus-operator.post]]
name = "crds"
when = {{ action = ["uninstall"] }}
delete = {{ kind = "crd", object = {names:?}, wait_gone = false }}
"#
        )
    };
    up(&lab, &stack("66.0.0")).exits(0);
    lab.has_releases(&["prometheus-operator 1 deployed"]);
    let kept = format!(
        "apiVersion: {group}/v1\nkind: Overseer\nmetadata: {{ name: kept, labels: {{ a: b }} }}\n"
    );
    make(&lab, &kept);
    let before = uid(&lab, &["deployment", "prometheus-operator"]);

    // Its first revision again, with what its kinds describe.
    up(&lab, &stack("67.3.1")).exits(0);
    lab.has_releases(&["prometheus-operator 1 deployed"]);
    assert_ne!(uid(&lab, &["deployment", "prometheus-operator"]), before);
    assert_eq!(lab.objects("overseers").len(), 1);
    // Not below any more.
    up(&lab, &stack("68.0.0")).exits(0);
    lab.has_releases(&["prometheus-operator 2 deployed"]);

    let crds_that_stay = || {
        let live = lab.get(&["crds"]);
        let items = live["items"].as_array().expect("a list").iter();
        let ours = items.filter(|crd| crd["spec"]["group"] == group);
        let stay = ours.filter(|crd| crd["metadata"]["deletionTimestamp"].is_null());
        stay.count()
    };
    assert_eq!(crds_that_stay(), 6);
    for _ in 0..2 {
        let down = lab.stackctl(&["down", "--yes"]).exits(0);
        assert!(down.ran_step("prometheus-operator", "post/crds"), "{down}");
        assert_eq!(crds_that_stay(), 0, "{down}");
    }
    lab.has_releases(&[]);
}

/// Describes how much pods of something may take.
const SCALER: &str = "
{{- range .Values.scales }}
---
apiVersion: GROUP/v1
kind: PodScaler
metadata: { name: '{{ . }}' }
{{- end }}
---
apiVersion: v1
kind: ConfigMap
metadata: { name: '{{ .Release.Name }}' }
";

/// The original installed it twice, and a release beside each of eleven charts.
const SCALER_STACK: &str = r#"
[charts.vertical-pod-autoscaler]
chart = "./charts/scaler"
values_if_installed = { scales = ["itself"] }

[charts.web]
chart = "./charts/app"
[charts.vpa-web]
chart = "./charts/scales"
needs = ["web:deployed", "vertical-pod-autoscaler:crds"]
values = { scales = ["web"] }
"#;

fn vertical_pod_autoscaler_scales_itself_from_its_second_time_on_and_others_at_once() {
    let lab = Lab::new("original-scaler");
    let group = "scaler.original.stackctl.test";
    let template = SCALER.replace("GROUP", group);
    chart(&lab, "scaler", "1.0.0", &template);
    chart(&lab, "scales", "1.0.0", &template);
    lab.write("charts/scaler/crds/all.yaml", &crds(group, &["PodScaler"]));
    let scaled = |name: &str| format!("podscaler.{group}/{name}");

    up(&lab, SCALER_STACK).exits(0);
    assert_eq!(lab.objects("podscalers"), [scaled("web")]);
    for _ in 0..2 {
        let up = up(&lab, SCALER_STACK).exits(0);
        assert_eq!(
            lab.objects("podscalers"),
            [scaled("itself"), scaled("web")],
            "{up}"
        );
    }
    lab.has_releases(&[
        "vertical-pod-autoscaler 2 deployed",
        "vpa-web 1 deployed",
        "web 1 deployed",
    ]);
}

const MAPPER: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: eks-configmap-modifier }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: eks-configmap-modifier }
subjects: [{ kind: ServiceAccount, name: '{{ .Values.account }}', namespace: kube-system }]
";

const CLASSES: &str = "
{{- range list \"standard\" \"high\" }}
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: { name: '{{ . }}-{{ $.Release.Namespace }}', labels: { original: '{{ . }}' } }
value: 1000
{{- end }}
{{- range list \"hdd\" \"ssd\" }}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: '{{ . }}-{{ $.Release.Namespace }}'
  labels: { original: '{{ . }}' }
  annotations: { storageclass.kubernetes.io/is-default-class: 'false' }
provisioner: ebs.csi.aws.com
{{- end }}
";

const CHECKED: &str = r#"
[settings]
failure_policy = "continue"
[charts.iam-eks-user-mapper]
chart = "./charts/mapper"
values = { account = "ACCOUNT" }
[[charts.iam-eks-user-mapper.validate]]
equals = { kind = "RoleBinding", object = "eks-configmap-modifier", field = "roleRef.name", value = "eks-configmap-modifier" }
[[charts.iam-eks-user-mapper.validate]]
contains = { kind = "RoleBinding", object = "eks-configmap-modifier", field = "subjects", value = { kind = "ServiceAccount", name = "user-mapper" } }

[charts.classes]
chart = "./charts/classes"
[[charts.classes.validate]]
contains = { kind = "PriorityClass", selector = "original in (standard,high)", field = "metadata.name", value = ["standard-original-classes", "high-original-classes"] }
[[charts.classes.validate]]
count = { kind = "StorageClass", selector = "original=ssd", equals = 1 }
[[charts.classes.validate]]
equals = { kind = "StorageClass", selector = "original", field = 'metadata.annotations.storageclass\.kubernetes\.io/is-default-class', value = "DEFAULT" }
"#;

fn what_a_user_mapper_and_classes_must_have_made_is_looked_at() {
    let lab = Lab::new("original-classes");
    chart(&lab, "mapper", "1.0.0", MAPPER);
    chart(&lab, "classes", "1.0.0", CLASSES);
    let stack = |account: &str, default: &str| {
        let text = CHECKED.replace("ACCOUNT", account);
        up(&lab, &text.replace("DEFAULT", default))
    };
    stack("user-mapper", "false").exits(0);
    let up = stack("nobody", "true").exits(1);
    for (name, step, said) in [
        (
            "iam-eks-user-mapper",
            "validate/contains",
            "does not contain",
        ),
        ("classes", "validate/equals", "\"true\" is wanted"),
    ] {
        let failure = up.failure(name);
        assert_eq!(failure.step, step, "{up}");
        assert!(failure.error.contains(said), "{}", failure.error);
    }
    // What failed its validation is deployed all the same.
    lab.has_releases(&["classes 2 deployed", "iam-eks-user-mapper 2 deployed"]);
    stack("user-mapper", "false").exits(0);
    lab.stackctl(&["down", "--yes"]).exits(0);
    assert_eq!(lab.objects("rolebindings"), [""; 0]);
}

const NGINX: &str = "
apiVersion: v1
kind: Service
metadata:
  name: nginx
  labels: { app: nginx }
  annotations: { aws-load-balancer-type: '{{ .Values.type }}' }
spec: { type: LoadBalancer, selector: { app: nginx }, ports: [{ port: 80 }] }
";

/// A load balancer cannot become one of another type, and a Job cannot change at all.
const IMMUTABLE: &str = r#"
[settings]
failure_policy = "continue"
[inputs]
type = { default = "TYPE" }

[charts.nginx]
chart = "./charts/nginx"
values = { type = "${inputs.type}" }
[[charts.nginx.pre]]
when = { action = ["upgrade"], input = { type = "nlb" } }
delete = { kind = "Service", selector = "app=nginx", where = { "metadata.annotations.aws-load-balancer-type" = "classic" } }

[charts.migration]
chart = "./charts/app"
values = { kind = "none", job = { readyAfter = "TIME" } }
DELETE
"#;

const DELETE_JOB: &str = r#"
[[charts.migration.pre]]
when = { action = ["upgrade"] }
delete = "Job/migration"
"#;

fn what_cannot_be_changed_is_deleted_before_its_upgrade() {
    for (helm, name) in [(Helm::Four, "immutable-4"), (Helm::Three, "immutable-3")] {
        let lab = Lab::on(Target::shared(), helm, name);
        chart(&lab, "nginx", "1.0.0", NGINX);
        let stack = |kind: &str, time: &str, delete: &str| {
            let text = IMMUTABLE.replace("TYPE", kind).replace("TIME", time);
            up(&lab, &text.replace("DELETE", delete))
        };
        let service = || uid(&lab, &["service", "nginx"]);
        let job = || uid(&lab, &["job", "migration"]);
        stack("classic", "0s", DELETE_JOB).exits(0);
        let (first, first_job) = (service(), job());
        stack("nlb", "1ms", "").exits(1).says(&["immutable"]);
        let second = service();
        assert_ne!(second, first);
        assert_eq!(job(), first_job);
        stack("nlb", "1ms", DELETE_JOB).exits(0);
        assert_ne!(job(), first_job);
        assert_eq!(service(), second);
        lab.stackctl(&["down", "--yes"]).exits(0);
        assert_eq!(lab.objects("services,jobs"), [""; 0]);
    }
}

/// A StatefulSet replaces a pod only when the one before is ready, which it never gets: so who
/// waits for it before the pod is deleted waits for ever.
const DATABASE: &str = r#"
[charts.db]
chart = "./charts/app"
wait = false
values = { kind = "StatefulSet", fail = "FAIL" }
[[charts.db.post]]
delete = { kind = "Pod", selector = "app=db", min_restarts = 5, wait_gone = false }
[[charts.db.validate]]
wait = { kind = "StatefulSet", object = "db", rollout = true }
timeout = "TIMEOUT"
"#;

fn pods_of_a_database_that_crash_over_and_over_make_way_for_the_new_ones() {
    let lab = Lab::new("original-database");
    let stack = |fail: &str, timeout: &str| {
        let text = DATABASE.replace("FAIL", fail);
        up(&lab, &text.replace("TIMEOUT", timeout))
    };
    stack("CrashLoopBackOff", "1s")
        .exits(1)
        .says(&["not ready after 1s"]);
    let first = uid(&lab, &["pod", "db-0"]);
    stack("", "60s").exits(0);
    assert_ne!(uid(&lab, &["pod", "db-0"]), first);
    lab.has_releases(&["db 2 deployed"]);
    lab.stackctl(&["down", "--yes"]).exits(0);
}
