//! What needs no cluster and no Helm: sound files, plans made offline, the words for unsound ones.

use std::collections::BTreeMap;

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
            [
                "bucket-operator:crds",
                "database",
                "cache",
                "metrics",
                "ingress"
            ],
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
    lab.copy(&repository("stacks"), "stacks");
    // Stand-in charts, and the same with the true ones.
    for (file, environment, charts, waves) in [
        ("karpenter.toml", "production", 28, 7),
        ("no-karpenter.toml", "staging", 25, 4),
    ] {
        let fixture = sound_plan(&lab, &["-f", file]);
        assert_eq!(length(&fixture["waves"]), waves, "waves of {fixture}");
        assert_eq!(length(&fixture["charts"]), charts, "charts of {fixture}");
        let longest = length(&fixture["critical_path"]);
        assert_eq!(longest, waves, "longest path of {fixture}");
        let stack = sound_plan(&lab, &["-f", "stacks/eks-platform.toml", "-e", environment]);
        assert_eq!(shape(&stack), shape(&fixture));
    }
}

/// The offline plan of a file that `check` has nothing to say about.
fn sound_plan(lab: &Lab, file: &[&str]) -> Value {
    let check = lab.stackctl(&[&["check"], file].concat()).exits(0);
    assert!(!check.stderr.contains("warning"), "{check}");
    let plan = ["plan", "--offline", "-o", "json"];
    lab.stackctl(&[&plan, file].concat()).exits(0).json()
}

/// What a plan says of each chart, but for what chart it is: release, action, wave and edges.
fn shape(plan: &Value) -> BTreeMap<String, Value> {
    let charts = plan["charts"].as_array().expect("a list of charts");
    let shape = |chart: &Value| {
        let fields = ["release", "namespace", "action", "wave", "needs"];
        let mut fields = fields.map(|field| (field.to_owned(), chart[field].clone()));
        if let Some(needs) = fields[4].1.as_array_mut() {
            needs.sort_by_key(Value::to_string);
        }
        Value::Object(fields.into_iter().collect())
    };
    let name = |chart: &Value| chart["name"].as_str().expect("a name").to_owned();
    charts
        .iter()
        .map(|chart| (name(chart), shape(chart)))
        .collect()
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
