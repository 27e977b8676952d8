//! The stack of a true platform (`stacks/eks-platform.toml`), as far as it needs neither AWS nor the
//! repositories of its charts.

use crate::{
    support::{Lab, repository},
    target::{Helm, Target},
};

tests![what_the_cloud_made_is_adopted_and_restarted_only_if_it_changed];

/// Charts of its own that need no others.
const OWN: [&str; 4] = [
    "coredns",
    "q-storageclass",
    "qovery-priority-class",
    "shell-agent",
];

fn what_the_cloud_made_is_adopted_and_restarted_only_if_it_changed() {
    // A default StorageClass is for a whole cluster.
    let target = Target::own();
    for helm in [Helm::Four, Helm::Three] {
        let lab = Lab::on(target.clone(), helm, "kube-system");
        lab.copy(&repository("stacks"), ".");
        let env = [("AGENT_IMAGE", "agent"), ("AGENT_TOKEN", "s3cr3t-t0k3n")];
        let file = ["-f", "eks-platform.toml", "-e", "staging", "-y"];

        // As EKS leaves a new cluster.
        let corefile = "--from-literal=Corefile=.:53 { errors }";
        lab.kubectl(&["create", "configmap", "coredns", corefile]);
        lab.kubectl(&["create", "deployment", "coredns", "--image=coredns"]);
        let label = r#"[{"op": "add", "path": "/spec/template/metadata/labels/k8s-app", "value": "kube-dns"}]"#;
        lab.kubectl(&["patch", "deployment", "coredns", "--type=json", "-p", label]);
        let restarts = || {
            let template = &lab.get(&["deployment", "coredns"])["spec"]["template"];
            template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"].clone()
        };
        assert!(restarts().is_null());

        let up = [&["up"], &file[..], &OWN].concat();
        let run = lab.stackctl_with(&env, &up).exits(0);
        assert!(!run.to_string().contains(env[1].1), "{run}");
        let corefile = lab.get(&["configmap", "coredns"])["data"]["Corefile"].to_string();
        assert!(corefile.contains("cluster.local"), "{corefile}");
        let restarted = restarts();
        assert!(!restarted.is_null());
        lab.stackctl_with(&env, &up).exits(0);
        assert_eq!(restarts(), restarted, "nothing had changed");

        // Only what the stack brought goes; the cluster keeps its DNS.
        let down = [&["down"], &file[..], &OWN].concat();
        lab.stackctl_with(&env, &down).exits(0);
        lab.has_releases(&[]);
        lab.kubectl(&["delete", "configmap/coredns", "deployment/coredns"]);
    }
}
