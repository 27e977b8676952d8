//! What is taken back after a failure, and what is not.

use crate::{
    support::Lab,
    target::{Helm, Target},
};

tests![
    a_failed_upgrade_is_rolled_back_when_asked_for,
    a_failed_first_install_is_left_for_inspection_by_upgrades_and_removed_by_always,
    a_second_failed_upgrade_is_rolled_back_to_what_was_good,
    what_helm_was_not_asked_to_change_is_not_taken_back,
];

fn a_failed_upgrade_is_rolled_back_when_asked_for() {
    for (name, helm) in [("rollback-4", Helm::Four), ("rollback-3", Helm::Three)] {
        let lab = Lab::on(Target::shared(), helm, name);
        let stack = |values: &str| {
            lab.stack(&format!(
                "[charts.web]\nchart = \"./charts/app\"\ntimeout = \"5s\"\n\
                 rollback_on_failure = \"upgrades\"\nvalues = {{ {values} }}\n"
            ));
        };
        stack(r#"note = "good""#);
        lab.stackctl(&["up"]).exits(0);
        stack(r#"note = "bad", fail = "CrashLoopBackOff""#);
        let up = lab.stackctl(&["up"]).exits(1).ended(&[("web", "failed")]);
        // The dossier is made before what it describes is taken back.
        let failure = up.failure("web");
        assert!(
            failure.dossier.join("\n").contains("CrashLoopBackOff"),
            "{up}"
        );
        lab.has_releases(&["web 3 deployed"]);
        let note = &lab.get(&["configmap", "web"])["data"]["note"];
        assert_eq!(note, "good", "{up}");
    }
}

fn a_failed_first_install_is_left_for_inspection_by_upgrades_and_removed_by_always() {
    let lab = Lab::new("rollback-first");
    lab.stack(
        r#"
[charts.inspect]
chart = "./charts/app"
values = { fail = "CrashLoopBackOff" }
timeout = "4s"
rollback_on_failure = "upgrades"
[charts.remove]
chart = "./charts/app"
values = { fail = "CrashLoopBackOff" }
timeout = "4s"
rollback_on_failure = "always"
"#,
    );
    lab.stackctl(&["up", "--failure-policy", "continue"])
        .exits(1)
        .ended(&[("inspect", "failed"), ("remove", "failed")]);
    lab.has_releases(&["inspect 1 failed"]);
    assert_eq!(lab.objects("deployments"), ["deployment.apps/inspect"]);
}

fn a_second_failed_upgrade_is_rolled_back_to_what_was_good() {
    let lab = Lab::new("rollback-second");
    let up = |policy: &str, values: &str| {
        lab.stack(&format!(
            "[charts.web]\nchart = \"./charts/app\"\ntimeout = \"3s\"\n\
             rollback_on_failure = \"{policy}\"\nvalues = {{ {values} }}\n"
        ));
        lab.stackctl(&["up"])
    };
    up("never", r#"note = "good""#).exits(0);
    // Helm takes these for done, so that its records hold no deployed revision afterwards, and
    // the first failure counts as superseded.
    for note in ["bad", "worse"] {
        let values = format!(r#"note = "{note}", fail = "CrashLoopBackOff""#);
        up("never", &values).exits(1);
    }
    let up = up("always", r#"note = "worst", fail = "CrashLoopBackOff""#).exits(1);
    lab.has_releases(&["web 5 deployed"]);
    assert_eq!(
        lab.get(&["configmap", "web"])["data"]["note"],
        "good",
        "{up}"
    );
}

fn what_helm_was_not_asked_to_change_is_not_taken_back() {
    let lab = Lab::new("rollback-untouched");
    let chart = "[charts.web]\nchart = \"./charts/app\"\nrollback_on_failure = \"always\"\n";
    lab.stack(chart);
    lab.stackctl(&["up"]).exits(0);
    // The API server refuses the namespace: the chart fails before its turn at Helm.
    let many = "x".repeat(300 << 10);
    lab.stack(&format!(
        "{chart}[namespaces.rollback-untouched]\nannotations = {{ note = \"{many}\" }}\n"
    ));
    let up = lab.stackctl(&["up"]).exits(1).ended(&[("web", "failed")]);
    assert_eq!(up.failure("web").step, "namespace", "{up}");
    lab.has_releases(&["web 1 deployed"]);
}
