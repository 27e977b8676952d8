//! Values as Helm coalesces them: `values --all` against what templates really see.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use base64::Engine as _;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use serde_json::{Map, Value, json};
use stackctl::{
    chart,
    stack::{FileSource, LoadOptions, Scope, load},
};

use crate::{
    support::Lab,
    target::{Helm, Target},
};

tests![all_values_are_those_that_templates_see];

/// Charts that are made up, each with other values.
const CHARTS: u64 = 60;

/// Prints what its chart sees.
const TEMPLATE: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: values}\n\
                        data:\n  values: {{ .Values | toJson | b64enc }}\n";

fn all_values_are_those_that_templates_see() {
    let lab = Lab::offline("values");
    let target = Target::shared();
    let mut refused = 0;
    for seed in 0..CHARTS {
        let folder = lab.path().join(format!("{seed}"));
        invent(&folder, &mut StdRng::seed_from_u64(seed));
        let ours = ours(&folder);
        for helm in [Helm::Three, Helm::Four] {
            let theirs = theirs(&target.helm(helm), &folder);
            assert_eq!(ours.as_ref().ok(), theirs.as_ref(), "{helm}, seed {seed}");
        }
        refused += u64::from(ours.is_err());
    }
    assert!(refused < CHARTS / 4, "{refused} charts say nothing");
}

fn ours(folder: &Path) -> Result<Value, String> {
    let text =
        "[stack]\nname = \"x\"\n[charts.top]\nchart = \"./top\"\nvalues_files = [\"given.yaml\"]\n";
    let loaded = load(LoadOptions::new(FileSource::Text {
        name: "stack.toml".into(),
        text: text.into(),
        root: folder.into(),
    }));
    let stack = loaded.expect("a sound stack").stack;
    let given = stack.charts["top"].values.explain(&Scope::default(), None);
    let own = chart::values(&folder.join("top"), "top").map_err(|error| error.to_string())?;
    let all = given.and_then(|given| given.over(&own));
    all.map(|all| all.to_json())
        .map_err(|error| error.to_string())
}

/// `None` if Helm refuses them.
fn theirs(helm: &Path, folder: &Path) -> Option<Value> {
    let output = Command::new(helm)
        .args(["template", "top", "./top", "-f", "given.yaml"])
        .current_dir(folder)
        .output()
        .expect("helm starts");
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8(output.stdout).expect("helm prints UTF-8");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("  values: "));
    let line = line.expect("the template prints it");
    let bytes = base64::engine::general_purpose::STANDARD.decode(line);
    serde_json::from_slice(&bytes.expect("base64")).ok()
}

/// What becomes of the nulls of a chart's own values depends on Helm's version.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, value)| !value.is_null());
            kept.map(|(key, value)| (key, without_nulls(value)))
                .collect()
        }
        other => other,
    }
}

/// A chart at `top` with subcharts, and values for it at `given.yaml`.
fn invent(folder: &Path, rng: &mut StdRng) {
    let write = |path: &str, text: String| {
        let path: PathBuf = folder.join(path);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a new folder");
        fs::write(path, text).expect("the lab's folder is writable");
    };
    let aliases = ["sub", "other", "ali"];
    let dependencies: Vec<Value> = ["sub", "other"].map(|name| dependency(name, rng)).into();
    let mut top = json!({ "apiVersion": "v2", "name": "top", "version": "1.0.0" });
    if rng.random_bool(0.8) {
        top["dependencies"] = dependencies.into();
    }
    write("top/Chart.yaml", top.to_string());
    write("top/templates/values.yaml", TEMPLATE.to_owned());
    let own = without_nulls(values(rng, 3, &aliases));
    write("top/values.yaml", own.to_string());
    for (path, name) in [
        ("sub", "sub"),
        ("other", "other"),
        ("sub/charts/deep", "deep"),
    ] {
        let chart = format!("apiVersion: v2\nname: {name}\nversion: 1.2.0\n");
        let folder = format!("top/charts/{path}");
        write(&format!("{folder}/Chart.yaml"), chart);
        let own = without_nulls(values(rng, 2, &["deep"]));
        write(&format!("{folder}/values.yaml"), own.to_string());
    }
    write("given.yaml", values(rng, 3, &aliases).to_string());
}

fn dependency(name: &str, rng: &mut StdRng) -> Value {
    let mut said = json!({ "name": name, "version": "1.x" });
    if name == "sub" && rng.random_bool(0.3) {
        said["alias"] = "ali".into();
    }
    if rng.random_bool(0.3) {
        said["condition"] = format!("{name}.a,switch").into();
    }
    if rng.random_bool(0.3) {
        said["tags"] = json!(["a", "b"]);
    }
    // Of two that import, Helm tells the one what the other exports.
    if name == "sub" && rng.random_bool(0.4) {
        said["import-values"] = json!(["x", { "child": "b", "parent": "imported.b" }]);
    }
    said
}

/// A table of values, with tables for these subcharts.
fn values(rng: &mut StdRng, depth: usize, subcharts: &[&str]) -> Value {
    let mut values = any_values(rng, depth, subcharts);
    flatten_globals(&mut values);
    values
}

/// Charts share what is deeper in their globals: what one of them says there, Helm tells all.
fn flatten_globals(values: &mut Value) {
    let tables = values.as_object_mut().into_iter().flatten();
    for (key, value) in tables {
        flatten_globals(value);
        let globals = value.as_object_mut().filter(|_| key == "global");
        for (_, global) in globals.into_iter().flatten() {
            if let Value::Object(table) = global {
                table.retain(|_, value| !value.is_object());
            }
        }
    }
}

fn any_values(rng: &mut StdRng, depth: usize, subcharts: &[&str]) -> Value {
    let mut table = Map::new();
    for key in ["a", "b", "c", "switch"] {
        if rng.random_bool(0.6) {
            table.insert(key.to_owned(), value(rng, depth));
        }
    }
    for key in subcharts.iter().chain(&["global", "tags", "exports"]) {
        if depth > 0 && rng.random_bool(0.4) {
            let depth = depth - 1;
            let mut inner = any_values(rng, depth, if depth > 1 { &["deep"] } else { &[] });
            if *key == "exports" {
                inner = json!({ "x": inner });
            }
            // Mostly a table, as Helm wants it.
            let odd = rng.random_bool(0.03);
            table.insert((*key).to_owned(), if odd { value(rng, 0) } else { inner });
        }
    }
    table.into()
}

fn value(rng: &mut StdRng, depth: usize) -> Value {
    if depth > 0 && rng.random_bool(0.4) {
        let mut table = Map::new();
        for key in ["a", "b"] {
            if rng.random_bool(0.7) {
                table.insert(key.to_owned(), value(rng, depth - 1));
            }
        }
        return table.into();
    }
    let leaves = [
        json!(null),
        json!(1),
        json!("x"),
        json!(true),
        json!(false),
        json!([1, null]),
    ];
    leaves.choose(rng).cloned().unwrap_or_default()
}
