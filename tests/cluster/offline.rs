//! What needs no cluster and no Helm: sound files, plans made offline, the words for unsound ones.

use serde_json::{Value, json};

use crate::support::{Lab, fixture, repository};

tests![
    the_quickstart_file_is_sound,
    production_eks_is_planned_in_seven_waves_with_karpenter_and_four_without,
    a_wrong_command_line_exits_64_and_a_wrong_file_65,
];

fn the_quickstart_file_is_sound() {
    let lab = Lab::offline("quickstart");
    lab.copy(&repository("stacks"), ".");
    let check = lab.stackctl(&["check", "-f", "quickstart.toml"]).exits(0);
    assert!(!check.stderr.contains("warning"), "{check}");
    let plan = lab
        .stackctl(&["plan", "--offline", "-o", "json", "-f", "quickstart.toml"])
        .exits(0);
    let json = plan.json();
    assert_eq!(
        json["waves"],
        json!([
            ["bucket-operator:crds", "database", "cache", "metrics", "ingress"],
            ["bucket-operator", "buckets"],
            ["api"],
            ["web"]
        ]),
        "{plan}"
    );
}

fn production_eks_is_planned_in_seven_waves_with_karpenter_and_four_without() {
    let lab = Lab::offline("qovery");
    lab.copy(&fixture("qovery"), ".");
    for (file, charts, waves) in [("karpenter.toml", 28, 7), ("no-karpenter.toml", 25, 4)] {
        let check = lab.stackctl(&["check", "-f", file]).exits(0);
        assert!(!check.stderr.contains("warning"), "{check}");
        let plan = lab
            .stackctl(&["plan", "--offline", "-o", "json", "-f", file])
            .exits(0);
        let json = plan.json();
        assert_eq!(length(&json["waves"]), waves, "waves of {plan}");
        assert_eq!(length(&json["charts"]), charts, "charts of {plan}");
        assert_eq!(
            length(&json["critical_path"]),
            waves,
            "longest path of {plan}"
        );
    }
}

fn a_wrong_command_line_exits_64_and_a_wrong_file_65() {
    let lab = Lab::offline("wrong");
    lab.stackctl(&["up", "--no-such-flag"])
        .exits(64)
        .says(&["--no-such-flag"]);
    lab.stackctl(&["sideways"]).exits(64).says(&["sideways"]);
    lab.stackctl(&["check"]).exits(65).says(&["stack.toml"]);
    lab.stack(
        r#"
[charts.web]
chart = "./charts/app"
needs = ["databse"]
[charts.database]
chart = "./charts/nowhere"
nedes = ["web"]
"#,
    );
    for verb in ["check", "plan", "up"] {
        // All problems at once, each with its place and what was probably meant.
        lab.stackctl(&[verb]).exits(65).says(&[
            "stack.toml",
            "databse",
            "`database`",
            "charts/nowhere",
            "nedes",
            "`needs`",
        ]);
    }
    lab.stack(
        r#"
[charts.a]
chart = "./charts/app"
needs = ["b"]
[charts.b]
chart = "./charts/app"
needs = ["c"]
[charts.c]
chart = "./charts/app"
needs = ["a"]
"#,
    );
    lab.stackctl(&["check"]).exits(65).says(&["a → b → c → a"]);
}

fn length(value: &Value) -> usize {
    value.as_array().map_or(0, Vec::len)
}
