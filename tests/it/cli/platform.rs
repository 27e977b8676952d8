//! The plan of a true platform, as a person reads it who has neither its cluster nor its charts.

use std::{fs, path::Path};

use insta::assert_snapshot;

use super::Shell;

#[test]
fn the_platform_is_planned_offline_with_karpenter_and_without() {
    let shell = Shell::new();
    let stacks = Path::new(env!("CARGO_MANIFEST_DIR")).join("stacks");
    copy(&stacks, &shell.path().join("stacks"));
    let file = "-f stacks/eks-platform.toml";
    assert_snapshot!(shell.run(&format!("check {file}")), @r"
    eks-platform (staging): 25 charts, no problems
    eks-platform (production): 28 charts, no problems
    exit 0
    ");
    for (environment, name) in [("production", "karpenter"), ("staging", "no_karpenter")] {
        let line = format!("plan --offline {file} -e {environment}");
        let plan = shell.command(&line).output().unwrap();
        assert!(plan.status.success());
        // Versions of charts stay in, also those that are ours by chance.
        assert_snapshot!(name, String::from_utf8(plan.stdout).unwrap());
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}
