//! `values`: what Helm gets, and who said it.

use insta::assert_snapshot;

use super::Shell;

/// A chart with values of its own, and every layer of a stack.
fn shell() -> Shell {
    let shell = Shell::new();
    shell.file(
        "charts/web/Chart.yaml",
        "apiVersion: v2\nname: web\nversion: 0.3.0\n",
    );
    shell.file(
        "charts/web/values.yaml",
        "image: {name: nginx, tag: latest}\nsidecar: {cpu: 1}\nport: 80\n",
    );
    shell.file("values/web.yaml", "debug: yes\nport: 8080\n");
    shell.file(
        "stack.toml",
        r#"[stack]
name = "shop"
[inputs]
password = { env = "WEB_PASSWORD", secret = true }
[charts.web]
chart = "./charts/web"
values_files = ["values/web.yaml", { command = ["./secrets"], secret = true }]
values = { image = { tag = "1.2" }, db = "pg://u:${inputs.password}@db" }
unset = ["sidecar"]
[charts.far]
chart = "oci://127.0.0.1:1/far"
values = { a = 1 }
[environments.staging.charts.web]
values.image.tag = "main"
"#,
    );
    let script = "#!/bin/sh\necho ran >>ran\necho \"key: top-$WEB_PASSWORD\"\necho 'pin: 42'\n";
    shell.file("secrets", script);
    shell.executable("secrets");
    shell
        .var("WEB_PASSWORD", "correct-horse")
        .var("PATH", "/usr/bin:/bin")
}

#[test]
fn the_merged_values_are_printed_and_secrets_are_not() {
    let shell = shell();
    assert_snapshot!(shell.run("values web"), @r#"
    db: "***"
    debug: true
    image:
      tag: "1.2"
    key: "***"
    pin: "***"
    port: 8080
    sidecar: null
    stderr:
    warning: values/web.yaml, line 1: `yes` is ambiguous: Helm reads true; quote it if it is a text
    exit 0
    "#);
    let ran = std::fs::read_to_string(shell.path().join("ran")).unwrap();
    assert_eq!(ran, "ran\n", "the command ran once");
    let all = [
        shell.run("values web --explain --all"),
        shell.run("values web -o json"),
        shell.run("values web -o json --explain --all -v"),
    ];
    for said in all {
        assert!(!said.contains("horse") && !said.contains("42"), "{said}");
    }
}

#[test]
fn each_value_says_who_set_it() {
    let shell = shell();
    let line = "values web -e staging --explain --all -q --set web:image.name=busybox";
    assert_snapshot!(shell.run(line), @r#"
    db: "***"  # stack.toml:8 (values)
    debug: true  # values/web.yaml:1; `yes` is ambiguous: Helm reads true; quote it if it is a text
    image:
      name: busybox  # --set
      tag: main  # stack.toml:14 (values, environments.staging)
    key: "***"  # output of ./secrets (stack.toml:7)
    pin: "***"  # output of ./secrets (stack.toml:7)
    port: 8080  # values/web.yaml:2
    # sidecar: removed by stack.toml:9 (unset)
    exit 0
    "#);
    assert_snapshot!(shell.run("values web -o json --explain -q"), @r#"
    [
      {
        "file": "stack.toml",
        "layer": "values",
        "line": 8,
        "path": "db",
        "value": "***"
      },
      {
        "file": "values/web.yaml",
        "layer": "values_files",
        "line": 1,
        "note": "values/web.yaml, line 1: `yes` is ambiguous: Helm reads true; quote it if it is a text",
        "path": "debug",
        "value": true
      },
      {
        "file": "stack.toml",
        "layer": "values",
        "line": 8,
        "path": "image.tag",
        "value": "1.2"
      },
      {
        "command": "./secrets",
        "file": "stack.toml",
        "layer": "values_files",
        "line": 7,
        "path": "key",
        "value": "***"
      },
      {
        "command": "./secrets",
        "file": "stack.toml",
        "layer": "values_files",
        "line": 7,
        "path": "pin",
        "value": "***"
      },
      {
        "file": "values/web.yaml",
        "layer": "values_files",
        "line": 2,
        "path": "port",
        "value": 8080
      },
      {
        "file": "stack.toml",
        "layer": "unset",
        "line": 9,
        "path": "sidecar",
        "value": null
      }
    ]
    exit 0
    "#);
}

#[test]
fn what_cannot_be_told_says_why() {
    let shell = shell();
    assert_snapshot!(shell.run("values wbe"), @r"
    stderr:
    error: the stack has no chart `wbe` (did you mean `web`?)
    exit 64
    ");
    // Neither cluster nor server is asked for what the stack itself says.
    assert_snapshot!(shell.run("values far"), @r"
    a: 1
    exit 0
    ");
    let far = shell.run("values far --all --frozen");
    assert!(
        far.contains("far: ") && far.contains("not in the lock file") && far.ends_with("exit 1"),
        "{far}"
    );
    shell.file("values/web.yaml", "a: [\n");
    assert_snapshot!(shell.run("values web"), @r"
    stderr:
    error: 1 chart failed
      web: its values cannot be made: ./values/web.yaml, line 1: unclosed bracket '['
    exit 1
    ");
    shell.file("secrets", "#!/bin/sh\necho 'no key' >&2\nexit 3\n");
    assert_snapshot!(shell.run("values web"), @r#"
    stderr:
    error: values from a command are missing: `./secrets` failed: exit status: 3
     --> stack.toml:7:48
      |
    7 | values_files = ["values/web.yaml", { command = ["./secrets"], secret = true }]
      |                                                ^^^^^^^^^^^^^ declared here
      |
      = help: it said:
              no key
    exit 1
    "#);
}
