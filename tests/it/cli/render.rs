//! `render`: what Helm makes of a stack's charts.

use std::{fs, os::unix::fs::PermissionsExt as _};

use insta::assert_snapshot;

use super::{SHOP, Shell};
use crate::support::fake_helm::FakeHelm;

/// Says which release it renders, and the values it gets.
const TEMPLATE: &str = "keep_stdin; printf -- '---\\n# Source: %s/x.yaml\\nvalues: ' \"$2\"; cat \"$call/stdin\"; echo";

fn shop(fake: &FakeHelm) -> Shell {
    let shell = Shell::with_shop();
    shell.file(
        "stack.toml",
        SHOP.replace(
            "needs = [\"api\"]",
            "needs = [\"api\"]\nvalues = { key = \"${env.KEY_TOKEN}\" }",
        ),
    );
    shell
        .var("HELM_BINARY", fake.binary())
        .var("KEY_TOKEN", "hunter2")
        .var("PATH", "/usr/bin:/bin")
}

fn files(shell: &Shell, folder: &str) -> Vec<(String, u32, String)> {
    let entries = fs::read_dir(shell.path().join(folder)).unwrap();
    let read = |entry: fs::DirEntry| {
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        let text = fs::read_to_string(entry.path()).unwrap();
        (entry.file_name().into_string().unwrap(), mode, text)
    };
    let mut files: Vec<_> = entries.map(|entry| read(entry.unwrap())).collect();
    files.sort();
    files
}

#[test]
fn manifests_come_in_the_order_of_the_graph_with_their_secrets() {
    let fake = FakeHelm::new("v4.3.1").on("template", TEMPLATE);
    let shell = shop(&fake);
    assert_snapshot!(shell.run("render"), @r#"
    ---
    # Source: db/x.yaml
    values: {}
    ---
    # Source: api/x.yaml
    values: {}
    ---
    # Source: web/x.yaml
    values: {"key":"hunter2"}
    exit 0
    "#);
    assert_snapshot!(shell.run("render web --with-needs -l name=nothing"), @r"
    stderr:
    error: no chart matched web with -l name=nothing
    exit 64
    ");
    let calls = fake.calls();
    let args = |release: &str| {
        let mut calls = calls
            .iter()
            .filter(|call| call.args.get(1).is_some_and(|arg| arg == release));
        calls.next().unwrap().args.join(" ")
    };
    assert_eq!(
        args("db"),
        "template db ./charts/db --namespace shop --values -"
    );

    shell.run("render db --kube-version 1.33 --include-crds");
    let last = fake.calls().pop().unwrap().args.join(" ");
    assert!(
        last.contains("--kube-version 1.33 --include-crds"),
        "{last}"
    );
}

#[test]
fn files_are_for_their_owner_and_replaced_as_a_whole() {
    let fake = FakeHelm::new("v4.3.1").on("template", TEMPLATE);
    let shell = shop(&fake);
    shell.file(
        "out/web.yaml",
        "older and longer than what comes\n".repeat(99),
    );
    shell.file("out/mine.yaml", "of the user\n");
    assert_snapshot!(shell.run("render --output-dir out"), @r"
    stderr:
    wrote out/db.yaml
    wrote out/api.yaml
    wrote out/web.yaml
    exit 0
    ");
    let files = files(&shell, "out");
    let names: Vec<&str> = files.iter().map(|(name, _, _)| name.as_str()).collect();
    assert_eq!(names, ["api.yaml", "db.yaml", "mine.yaml", "web.yaml"]);
    for (name, mode, text) in files.iter().filter(|(name, _, _)| name != "mine.yaml") {
        assert_eq!(*mode, 0o600, "{name}");
        assert!(
            text.starts_with("---\n# Source: ") && !text.contains("older"),
            "{text}"
        );
    }
    shell.file("blocked/out", "a file");
    assert_snapshot!(shell.run("render --output-dir blocked/out"), @r"
    stderr:
    error: could not write blocked/out: File exists (os error 17)
    exit 1
    ");
}

#[test]
fn all_charts_are_tried_and_nothing_is_written_when_one_fails() {
    let script = "case $2 in
        db) echo 'Error: execution error at (db/templates/x.yaml:3:4): size is hunter2' >&2; exit 1 ;;
        api) echo 'Error: values don'\\''t meet the specifications of the schema(s) in the following chart(s):' >&2; echo 'api:' >&2; echo '- at '\\''/replicas'\\'': got string, want integer' >&2; exit 1 ;;
        *) echo 'kind: X' ;;
    esac";
    let fake = FakeHelm::new("v4.3.1").on("template", script);
    let shell = shop(&fake);
    shell.file("out/web.yaml", "older\n");
    assert_snapshot!(shell.run("render --output-dir out"), @r"
    stderr:
    error: 2 charts failed
      db: a template of the chart failed: execution error at (db/templates/x.yaml:3:4): size is ***
      api: the values violate the chart's schema: values don't meet the specifications of the schema(s) in the following chart(s):
        api:
        - at '/replicas': got string, want integer
        hint: correct the chart's values
    exit 1
    ");
    assert_eq!(files(&shell, "out").len(), 1);
    assert_eq!(
        fs::read_to_string(shell.path().join("out/web.yaml")).unwrap(),
        "older\n"
    );
    assert!(
        shell.run("render").starts_with("stderr:"),
        "nothing of web is printed"
    );
}

#[test]
fn what_up_does_not_install_is_not_rendered() {
    let fake = FakeHelm::new("v3.22.0").on("template", TEMPLATE);
    let shell = shop(&fake);
    shell.file(
        "stack.toml",
        SHOP.replace("labels =", "action = \"skip\"\nlabels ="),
    );
    assert_snapshot!(shell.run("render"), @r"
    ---
    # Source: db/x.yaml
    values: {}
    ---
    # Source: api/x.yaml
    values: {}
    stderr:
    not rendered, since `up` does not install them: web
    exit 0
    ");
    // A Helm that the stack does not accept is refused, as by `up`.
    shell.file(
        "stack.toml",
        SHOP.replace("name = \"shop\"\n\n", "name = \"shop\"\nhelm = \">=4\"\n\n"),
    );
    let refused = shell.run("render");
    assert!(
        refused.contains("is helm 3.22.0, the stack wants >=4") && refused.ends_with("exit 1"),
        "{refused}"
    );
}

#[test]
fn a_late_chart_is_rendered_only_if_it_is_named() {
    let fake = FakeHelm::new("v4.3.1").on("template", TEMPLATE);
    let shell = shop(&fake);
    let late = "chart = \"http://127.0.0.1:1/web.tgz\"\nfetch = \"late\"";
    shell.file("stack.toml", SHOP.replace("chart = \"./charts/web\"", late));
    assert_snapshot!(shell.run("render -q"), @r"
    ---
    # Source: db/x.yaml
    values: {}
    ---
    # Source: api/x.yaml
    values: {}
    exit 0
    ");
    let named = shell.run("render web");
    assert!(
        named.contains("no answer from 127.0.0.1:1") && named.ends_with("exit 1"),
        "{named}"
    );
    assert_snapshot!(shell.run("render"), @r"
    ---
    # Source: db/x.yaml
    values: {}
    ---
    # Source: api/x.yaml
    values: {}
    stderr:
    not rendered, since they are fetched late; those that are named are fetched now: web
    exit 0
    ");
    assert_snapshot!(shell.run("plan --offline web"), @r"
    stack      shop
    direction  up
    cluster    not looked at (offline): as if nothing were installed
    selected   1 of 3 charts: web
    left out   db, api

    wave 1
      web  install  shop/web  http://127.0.0.1:1/web.tgz
           fetched late: its version is known then

    1 to install
    exit 0
    ");
}
