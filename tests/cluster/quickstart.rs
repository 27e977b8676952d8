//! The example stack, from nothing to running and back.

use std::{
    fs,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use stackctl::name::Milestone;

use crate::{
    support::{Lab, Run, eventually, repository, sorted_lines},
    target::{Helm, Target},
};

tests![
    quickstart_goes_up_again_and_down_with_helm_4,
    quickstart_goes_up_again_and_down_with_helm_3,
];

/// The stack has fixed namespaces and cluster-wide objects.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

const PASSWORD: &str = "correct-horse-battery";

/// Chart, namespace, version.
const CHARTS: [(&str, &str, &str); 8] = [
    ("api", "quickstart", "2.1.0"),
    ("bucket-operator", "quickstart-system", "0.3.0"),
    ("buckets", "quickstart", "0.1.0"),
    ("cache", "quickstart", "0.4.1"),
    ("database", "quickstart", "1.2.0"),
    ("ingress", "quickstart-system", "0.5.0"),
    ("metrics", "quickstart-system", "0.2.0"),
    ("web", "quickstart", "1.0.0"),
];

fn quickstart_goes_up_again_and_down_with_helm_4() {
    goes_up_again_and_down(Helm::Four);
}

fn quickstart_goes_up_again_and_down_with_helm_3() {
    goes_up_again_and_down(Helm::Three);
}

fn goes_up_again_and_down(helm: Helm) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let shop = Lab::on(Target::shared(), helm, "quickstart");
    let system = Lab::on(Target::shared(), helm, "quickstart-system");
    shop.copy(&repository("stacks"), ".");

    let up = stackctl(&shop, &["up", "-v"])
        .exits(0)
        .ended(&all("succeeded"));
    for (chart, on, until) in EDGES {
        up.starts_after(chart, on, until);
    }
    shop.has_releases(&[
        "api 1 deployed",
        "buckets 1 deployed",
        "cache 1 deployed",
        "database 1 deployed",
        "web 1 deployed",
    ]);
    system.has_releases(&[
        "bucket-operator 1 deployed",
        "ingress 1 deployed",
        "metrics 1 deployed",
    ]);
    what_the_file_says_is_there(&shop);
    assert!(
        up.stderr
            .contains("the shop answers at http://shop.localhost/"),
        "the post step's words in {up}"
    );
    no_secret_outside_the_cluster(shop.path(), &up);

    let status = stackctl(&shop, &["status"]).exits(0);
    for (chart, namespace, version) in CHARTS {
        assert!(
            status.stdout.lines().any(|line| {
                [chart, namespace, version, "deployed"]
                    .iter()
                    .all(|word| line.contains(word))
            }),
            "no line of {chart} in {status}"
        );
    }
    assert!(
        stackctl(&shop, &["status", "-o", "json"])
            .exits(0)
            .json()
            .to_string()
            .contains("bucket-operator")
    );

    stackctl(&shop, &["up"]).exits(0).ended(&all("unchanged"));
    assert!(
        shop.releases()
            .values()
            .chain(system.releases().values())
            .all(|release| release.status == "deployed"),
        "{:?}",
        shop.releases()
    );

    let down = stackctl(&shop, &["down", "-y"])
        .exits(0)
        .ended(&charts("succeeded"));
    for (chart, on, _) in EDGES.into_iter().filter(|edge| edge.2 != Milestone::Crds) {
        down.starts_after(on, chart, Milestone::Gone);
    }
    nothing_but_what_is_kept_is_left(&shop, &system);
    down.says(&["CRDs", "namespaces"]);

    stackctl(&shop, &["down", "-y"]).exits(0);
    shop.free_claims();
    for namespace in ["quickstart", "quickstart-system"] {
        shop.kubectl(&["delete", "namespace", namespace, "--wait"]);
    }
    shop.kubectl(&["delete", "crd", "buckets.quickstart.stackctl.io"]);
}

#[track_caller]
fn stackctl(lab: &Lab, args: &[&str]) -> Run {
    let args = [args, &["-f", "quickstart.toml"]].concat();
    lab.stackctl_with(&[("DATABASE_PASSWORD", PASSWORD)], &args)
}

fn charts(outcome: &str) -> Vec<(&str, &str)> {
    CHARTS.map(|(chart, ..)| (chart, outcome)).to_vec()
}

/// All charts, and the CRDs of the only one that has any.
fn all(outcome: &str) -> Vec<(&str, &str)> {
    let mut all = charts(outcome);
    all.push(("bucket-operator:crds", outcome));
    all
}

/// Every edge of the file.
const EDGES: [(&str, &str, Milestone); 6] = [
    ("buckets", "bucket-operator:crds", Milestone::Crds),
    ("api", "database", Milestone::Validated),
    ("api", "cache", Milestone::Ready),
    ("api", "buckets", Milestone::Deployed),
    ("web", "api", Milestone::Validated),
    ("web", "ingress", Milestone::Deployed),
];

#[track_caller]
fn what_the_file_says_is_there(shop: &Lab) {
    let namespace = shop.get(&["namespace", "quickstart"]);
    assert_eq!(
        namespace["metadata"]["labels"]["pod-security.kubernetes.io/warn"], "baseline",
        "{namespace:#}"
    );
    let api = shop.get(&["deployment", "api"]);
    assert_eq!(api["spec"]["replicas"], 2, "an input keeps its type");
    assert_eq!(
        api["status"]["readyReplicas"], 2,
        "up waits for the workloads"
    );
    let environment = api["spec"]["template"]["spec"]["containers"][0]["env"].to_string();
    assert!(
        environment.contains("FEATURE_CHECKOUT"),
        "set: {environment}"
    );
    assert!(
        !environment.contains("FEATURE_PREVIEW"),
        "unset: {environment}"
    );
    let secret = shop.kubectl(&[
        "get",
        "secret",
        "database",
        "-o",
        "go-template={{.data.password | base64decode}}",
    ]);
    assert_eq!(secret, PASSWORD, "a secret input reaches the chart");
    let cache = shop.get(&["configmap", "cache"])["data"].to_string();
    assert!(cache.contains("maxmemory 128mb"), "values_yaml: {cache}");
    let web = shop.get(&["configmap", "web"])["data"].to_string();
    assert!(web.contains("Open all night"), "values_files: {web}");
    assert_eq!(shop.objects("buckets.quickstart.stackctl.io").len(), 2);
    assert_eq!(
        shop.objects("jobs"),
        [""; 0],
        "the hook's Job is deleted when it succeeded"
    );
}

/// The password is in no file that stackctl left, and in nothing it said.
#[track_caller]
fn no_secret_outside_the_cluster(folder: &Path, run: &Run) {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("ours") {
            let path = entry.expect("ours").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = fs::read(&path).expect("ours");
                let holds = bytes
                    .windows(PASSWORD.len())
                    .any(|window| window == PASSWORD.as_bytes());
                assert!(!holds, "the password is in {}", path.display());
            }
        }
    }
    assert!(
        !run.to_string().contains(PASSWORD),
        "the password is in {run}"
    );
}

/// `down` keeps namespaces, CRDs and the claims of stateful sets, and nothing else.
#[track_caller]
fn nothing_but_what_is_kept_is_left(shop: &Lab, system: &Lab) {
    const KINDS: &str = "configmaps,secrets,serviceaccounts,services,deployments,replicasets,\
        statefulsets,daemonsets,jobs,pods,ingresses,persistentvolumeclaims,\
        buckets.quickstart.stackctl.io";
    let of_kubernetes = ["configmap/kube-root-ca.crt", "serviceaccount/default"];
    let minute = Duration::from_mins(1);
    // Pods go a moment after their owners.
    eventually("the shop is empty but for its claim", minute, || {
        shop.objects(KINDS)
            == sorted_lines(
                &[
                    of_kubernetes.as_slice(),
                    &["persistentvolumeclaim/data-database-0"],
                ]
                .concat()
                .join("\n"),
            )
    });
    eventually("the system is empty", minute, || {
        system.objects(KINDS) == of_kubernetes
    });
    let wide = shop.objects("clusterroles,clusterrolebindings,ingressclasses");
    assert!(
        !wide
            .iter()
            .any(|name| name.contains("quickstart") || name.ends_with("/shop")),
        "{wide:?}"
    );
    shop.kubectl(&["get", "crd", "buckets.quickstart.stackctl.io"]);
}
