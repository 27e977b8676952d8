//! Who said what of a chart's values.

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    environments::{files, sound_in},
    *,
};
use crate::{
    secret::{Redactor, Secret},
    stack::{ChartDependency, ChartValues, Explained, Resolved, Scope},
};

const STACK: &str = r#"
[stack]
name = "shop"
include = ["common.toml"]
[inputs]
password = { secret = true }
limits = { secret = true }
[charts.web]
chart = "./charts/web"
values_files = ["values/web.yaml", { command = ["sops", "-d", "x"], secret = true }, "after.yaml"]
values_yaml = """
# by hand
ingress:
  hosts:
    - a.example
    - b.example
  path: /
"""
set = { "ingress.hosts[1]" = "c.example", "files[0].mode" = 7 }
unset = ["sidecar", "db.size"]
[charts.web.values]
replicas = 3
db = { url = "pg://u:${inputs.password}@db", limits = "${inputs.limits}" }
[environments.prod.charts.web]
values.replicas = 5
[environments.prod.defaults.values.common]
tier = "gold"
"#;

const COMMON: &str = "[defaults.values.common]\nteam = \"core\"\n";

const WEB: &str = "debug: yes\nfiles:\n  - mode: 1\n  - mode: 2\nnote: not hunter2\n";

fn explained(root: &TempDir, environment: Option<&str>) -> Explained {
    let stack = sound_in(root, environment);
    let values = &stack.charts["web"].values;
    let secret = |value| Resolved {
        value,
        secret: true,
    };
    let scope = Scope {
        inputs: [
            ("password".to_owned(), secret(json!("hunter2"))),
            (
                "limits".to_owned(),
                secret(json!({"cpu": 2, "burst": true})),
            ),
        ]
        .into(),
        env: BTreeMap::new(),
        documents: values
            .commands()
            .map(|said| (said.command.clone(), json!({"key": "s3cr3t", "n": 1})))
            .collect(),
        installed: false,
        late: BTreeMap::new(),
    };
    let explained = values.explain(&scope, stack.environment.as_ref());
    let redactor = Redactor::default();
    redactor.add(&Secret::new("hunter2"));
    explained.unwrap().masked(&redactor)
}

fn shop() -> TempDir {
    files(&[
        ("stack.toml", STACK),
        ("common.toml", COMMON),
        ("values/web.yaml", WEB),
        ("after.yaml", "last: 1\n"),
    ])
}

fn shown(root: &TempDir, text: &str) -> String {
    text.replace(&root.path().display().to_string(), "ROOT")
}

#[test]
fn every_value_says_where_it_comes_from_and_secrets_do_not_show() {
    let root = shop();
    let explained = explained(&root, Some("prod"));
    insta::assert_snapshot!(shown(&root, &explained.to_yaml(true)), @r#"
    common:
      team: core  # ROOT/common.toml:2 (values, defaults)
      tier: gold  # ROOT/stack.toml:27 (values, environments.prod.defaults)
    db:
      limits:
        burst: "***"  # ROOT/stack.toml:23 (values)
        cpu: "***"  # ROOT/stack.toml:23 (values)
      size: null  # ROOT/stack.toml:20 (unset)
      url: "***"  # ROOT/stack.toml:23 (values)
    debug: true  # ROOT/values/web.yaml:1; `yes` is ambiguous: Helm reads true; quote it if it is a text
    files:  # ROOT/values/web.yaml:2
    - mode: 7  # ROOT/stack.toml:19 (set)
    - mode: 2
    ingress:
      hosts:  # ROOT/stack.toml:14 (values_yaml)
      - a.example
      - c.example  # ROOT/stack.toml:19 (set)
      path: /  # ROOT/stack.toml:17 (values_yaml)
    key: "***"  # output of sops (ROOT/stack.toml:10)
    last: 1  # ROOT/after.yaml:1
    "n": "***"  # output of sops (ROOT/stack.toml:10)
    note: not ***  # ROOT/values/web.yaml:5
    replicas: 5  # ROOT/stack.toml:25 (values, environments.prod)
    sidecar: null  # ROOT/stack.toml:20 (unset)
    "#);
    let plain = explained.to_yaml(false);
    assert!(
        !plain.contains('#') && plain.contains("\nreplicas: 5\n"),
        "{plain}"
    );
    let notes: Vec<_> = explained
        .notes()
        .iter()
        .map(|note| shown(&root, note))
        .collect();
    assert_eq!(
        notes,
        [
            "ROOT/values/web.yaml, line 1: `yes` is ambiguous: Helm reads true; quote it if it is a text"
        ]
    );
}

#[test]
fn a_list_is_one_value_but_for_what_others_changed_in_it() {
    let leaves = explained(&shop(), None).leaves();
    let of = |path: &str| {
        let mut found = leaves
            .iter()
            .filter(|leaf| leaf.path.to_string().starts_with(path));
        found
            .by_ref()
            .map(|leaf| (leaf.path.to_string(), leaf.value.clone().unwrap()))
            .collect::<Vec<_>>()
    };
    let hosts = json!(["a.example", "c.example"]);
    assert_eq!(
        of("ingress.hosts"),
        [
            ("ingress.hosts".to_owned(), hosts),
            ("ingress.hosts[1]".to_owned(), json!("c.example"))
        ]
    );
}

#[test]
fn the_charts_own_values_lie_below_and_what_was_removed_is_told() {
    let own = |name: &str, text: &str| ChartValues {
        name: name.into(),
        version: "1.0.0".into(),
        file: format!("{name}/values.yaml"),
        text: text.into(),
        dependencies: None,
        subcharts: Vec::new(),
    };
    let db = ChartDependency {
        name: "db".into(),
        version: None,
        alias: None,
        condition: vec!["db.enabled".into()],
        tags: Vec::new(),
        imports: Vec::new(),
    };
    let cache = ChartDependency {
        name: "cache".into(),
        condition: vec!["cache.enabled".into()],
        ..db.clone()
    };
    let chart = ChartValues {
        dependencies: Some(vec![db, cache]),
        subcharts: vec![own("db", "size: 10\nport: 5432\n"), own("cache", "x: 1\n")],
        ..own(
            "web",
            "replicas: 1\nsidecar: {image: x}\nimage: nginx\ncache: {enabled: false}\n",
        )
    };
    let root = shop();
    let all = explained(&root, None).over(&chart).unwrap();
    insta::assert_snapshot!(shown(&root, &all.to_yaml(true)), @r#"
    cache:
      enabled: false  # web/values.yaml:4 (chart)
    common:
      team: core  # ROOT/common.toml:2 (values, defaults)
    db:
      global: {}  # Helm
      limits:
        burst: "***"  # ROOT/stack.toml:23 (values)
        cpu: "***"  # ROOT/stack.toml:23 (values)
      port: 5432  # db/values.yaml:2 (chart)
      # size: removed by ROOT/stack.toml:20 (unset)
      url: "***"  # ROOT/stack.toml:23 (values)
    debug: true  # ROOT/values/web.yaml:1; `yes` is ambiguous: Helm reads true; quote it if it is a text
    files:  # ROOT/values/web.yaml:2
    - mode: 7  # ROOT/stack.toml:19 (set)
    - mode: 2
    image: nginx  # web/values.yaml:3 (chart)
    ingress:
      hosts:  # ROOT/stack.toml:14 (values_yaml)
      - a.example
      - c.example  # ROOT/stack.toml:19 (set)
      path: /  # ROOT/stack.toml:17 (values_yaml)
    key: "***"  # output of sops (ROOT/stack.toml:10)
    last: 1  # ROOT/after.yaml:1
    "n": "***"  # output of sops (ROOT/stack.toml:10)
    note: not ***  # ROOT/values/web.yaml:5
    replicas: 3  # ROOT/stack.toml:22 (values)
    # sidecar: removed by ROOT/stack.toml:20 (unset)
    "#);
    assert_eq!(all.to_json()["sidecar"], json!(null));
    assert_eq!(all.to_json()["cache"], json!({"enabled": false}));
    let removed: Vec<_> = all
        .leaves()
        .into_iter()
        .filter(|leaf| leaf.value.is_none())
        .collect();
    assert_eq!(
        removed
            .iter()
            .map(|leaf| leaf.path.to_string())
            .collect::<Vec<_>>(),
        ["db.size", "sidecar"]
    );

    let table = ChartValues {
        subcharts: vec![own("replicas", "")],
        ..own("web", "")
    };
    let error = explained(&root, None).over(&table).unwrap_err().to_string();
    assert!(error.contains("`replicas` must be a table"), "{error}");
}
