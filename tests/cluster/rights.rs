//! Users who may not do everything: what they may do works, what they may not is told in time.

use std::fs;

use crate::support::{Lab, Run, fixture};

tests![
    who_may_do_the_least_in_one_namespace_brings_a_stack_up_there,
    everything_that_is_not_allowed_is_told_before_anything_is_changed,
    who_may_not_see_crds_can_do_everything_but_bring_them,
];

/// Runs stackctl as somebody else than the admin.
fn stackctl_as(lab: &Lab, user: &str, args: &[&str]) -> Run {
    let admin = fs::read_to_string(&lab.target().kubeconfig).expect("ours");
    let kubeconfig = admin.replace("token: ", &format!("as: {user}, token: "));
    let file = format!("kubeconfig-{user}");
    lab.write(&file, &kubeconfig);
    lab.stackctl_with(&[("KUBECONFIG", &file)], args)
}

/// Lets a user do this in the lab's namespace.
fn allow(lab: &Lab, user: &str, role: &str, rules: &[&str]) {
    lab.kubectl(&[&["create", "role", role], rules].concat());
    let (of, to) = (format!("--role={role}"), format!("--user={user}"));
    lab.kubectl(&["create", "rolebinding", role, &of, &to]);
}

fn who_may_do_the_least_in_one_namespace_brings_a_stack_up_there() {
    let lab = Lab::new("rights-tenant");
    lab.kubectl(&["create", "namespace", "rights-tenant"]);
    let kinds = "--resource=secrets,configmaps,events,pods,deployments.apps,replicasets.apps";
    allow(&lab, "tenant", "deploy", &["--verb=*", kinds]);
    // Its own lease only: what is created has no name yet.
    let lease = "--resource=leases.coordination.k8s.io";
    allow(&lab, "tenant", "lock", &["--verb=create", lease]);
    let own = [
        "--verb=get,update,delete",
        lease,
        "--resource-name=stackctl-tenant",
    ];
    allow(&lab, "tenant", "own-lock", &own);
    let stack = r#"
[stack]
name = "tenant"
state_namespace = "rights-tenant"
[defaults]
namespace = "rights-tenant"
timeout = "60s"
[charts.db]
chart = "./charts/app"
[charts.web]
chart = "./charts/app"
needs = ["db"]
"#;
    lab.write("stack.toml", stack);
    stackctl_as(&lab, "tenant", &["up"])
        .exits(0)
        .ended(&[("db", "succeeded"), ("web", "succeeded")]);
    lab.has_releases(&["db 1 deployed", "web 1 deployed"]);
    assert_eq!(lab.objects("leases"), [""; 0], "it was given back");

    // That user may not even look at the namespace, so nothing can be set on it.
    let labelled = format!("{stack}[namespaces.rights-tenant]\nlabels = {{ tier = \"base\" }}\n");
    lab.write("stack.toml", &labelled);
    let refused = stackctl_as(&lab, "tenant", &["up"]).exits(1).says(&[
        "1 problem was found",
        "you may not get namespace rights-tenant, whose labels and annotations",
    ]);
    assert!(refused.events.is_empty(), "nothing was begun: {refused}");
    // A namespace is in itself: a role in it is enough.
    let label = ["--verb=get,patch", "--resource=namespaces"];
    allow(&lab, "tenant", "label", &label);
    stackctl_as(&lab, "tenant", &["up"]).exits(0);
    let namespace = lab.get(&["namespace", "rights-tenant"]);
    assert_eq!(namespace["metadata"]["labels"]["tier"], "base");
    stackctl_as(&lab, "tenant", &["down", "--yes"]).exits(0);
    lab.has_releases(&[]);
}

fn who_may_not_see_crds_can_do_everything_but_bring_them() {
    let lab = Lab::new("rights-crds");
    lab.kubectl(&["create", "namespace", "rights-crds"]);
    allow(&lab, "owner", "all", &["--verb=*", "--resource=*.*"]);
    lab.copy(&fixture("charts/prometheus-operator"), "charts/operator");
    let stack = |crds: &str| {
        let state = "state_namespace = \"rights-crds\"";
        let stack = format!(
            "[stack]\nname = \"rights-crds\"\n{state}\n[charts.operator]\n\
             chart = \"./charts/operator\"\nnamespace = \"rights-crds\"\ncrds = \"{crds}\"\n"
        );
        lab.write("stack.toml", &stack);
    };
    stack("upgrade");
    stackctl_as(&lab, "owner", &["up"]).exits(1).says(&[
        "operator: it brings CRDs, and you may not see them",
        "with `crds = \"skip\"` they are left to those who may",
    ]);
    stack("skip");
    stackctl_as(&lab, "owner", &["plan"]).exits(0);
    stackctl_as(&lab, "owner", &["plan", "--down"])
        .exits(0)
        .says(&["warning: CRDs stay, but you may not see which"]);
    stackctl_as(&lab, "owner", &["plan", "--down", "--purge"]).exits(1);
}

fn everything_that_is_not_allowed_is_told_before_anything_is_changed() {
    let lab = Lab::new("rights-few");
    lab.kubectl(&["create", "namespace", "rights-few"]);
    // What a plan is made of can be read, everywhere.
    let reads = ["--verb=get,list", "--resource=secrets,namespaces"];
    lab.kubectl(&[&["create", "clusterrole", "rights-few"], &reads[..]].concat());
    let binding = ["create", "clusterrolebinding", "rights-few"];
    lab.kubectl(&[&binding[..], &["--clusterrole=rights-few", "--user=reader"]].concat());
    lab.stack(
        r#"
[namespaces.rights-few]
labels = { tier = "base" }
[charts.web]
chart = "./charts/app"
[charts.api]
chart = "./charts/app"
namespace = "rights-few-api"
[charts.db]
chart = "./charts/app"
namespace = "rights-few-db"
"#,
    );
    let up = stackctl_as(&lab, "reader", &["up"]).exits(1).says(&[
        "5 problems were found before anything was changed",
        "you may not create, update, delete secrets in namespaces rights-few, rights-few-api, \
         rights-few-db, where Helm keeps its records",
        "`kubectl auth can-i create secrets -n rights-few`",
        "you may not get, create, update, delete the lease stackctl-rights-few in namespace default",
        "`kubectl auth can-i get leases.coordination.k8s.io/stackctl-rights-few -n default`",
        "you may not get, create, patch, delete the ConfigMap stackctl-rights-few in namespace \
         default",
        "`kubectl auth can-i get configmaps/stackctl-rights-few -n default`",
        "you may not patch namespace rights-few, whose labels and annotations",
        "`kubectl auth can-i patch namespaces/rights-few -n rights-few`",
        "namespaces rights-few-api, rights-few-db are missing, and you may not create namespaces",
        "`kubectl auth can-i create namespaces`",
    ]);
    assert!(up.events.is_empty(), "nothing was begun: {up}");
    lab.has_releases(&[]);
    lab.kubectl(&["delete", "clusterrolebinding,clusterrole", "rights-few"]);
}
