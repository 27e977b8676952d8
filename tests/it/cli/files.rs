//! Sound and unsound stack files: `check`, `plan --offline`, `graph`.

use insta::assert_snapshot;

use super::Shell;

#[test]
fn a_sound_file_is_one_line() {
    assert_snapshot!(Shell::with_shop().run("check"), @r"
    shop: 3 charts, no problems
    exit 0
    ");
}

#[test]
fn the_example_of_the_readme_is_sound() {
    let readme = include_str!("../../../README.md");
    let (_, rest) = readme.split_once("```toml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let shell = Shell::new();
    shell.file("stack.toml", example);
    shell.file("values/api.yaml", "");
    for chart in ["operator", "buckets", "database", "api", "metrics"] {
        let path = format!("charts/{chart}/Chart.yaml");
        shell.file(
            &path,
            format!("apiVersion: v2\nname: {chart}\nversion: 1.0.0\n"),
        );
    }
    shell.file("charts/operator/crds/buckets.yaml", super::crds::CRD);
    assert_snapshot!(shell.run("check"), @r"
    shop: 5 charts, no problems
    exit 0
    ");
}

#[test]
fn the_shape_of_a_stack_file_is_printed_for_editors_and_people() {
    let shell = Shell::new();
    let printed = |line: &str| {
        let output = shell.command(line).output().unwrap();
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{output:?}"
        );
        String::from_utf8(output.stdout).unwrap()
    };
    let schema: serde_json::Value = serde_json::from_str(&printed("schema")).unwrap();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    let timeout = &schema["definitions"]["chart"]["properties"]["timeout"];
    assert_eq!(
        timeout["description"],
        "For Helm, and again for getting ready."
    );
    assert!(printed("schema -o markdown") == include_str!("../../../docs/stack-file.md"));
}

#[test]
fn every_problem_is_told_in_one_go_under_its_line() {
    let shell = Shell::with_shop();
    shell.file(
        "stack.toml",
        r#"[stack]
name = "shop"

[charts.db]
chart = "./charts/bd"
timeout = "5 minutes"

[charts.api]
chart = "./charts/api"
needs = ["bd"]
nedds = ["db"]
namespace = "${inputs.place}"

[charts.web]
chart = "./charts/web"
needs = "api"
"#,
    );
    assert_snapshot!(shell.run("check"), @r#"
    stderr:
    error: chart `./charts/bd` does not exist
     --> stack.toml:5:9
      |
    5 | chart = "./charts/bd"
      |         ^^^^^^^^^^^^^

    error: `timeout` is not valid
     --> stack.toml:6:11
      |
    6 | timeout = "5 minutes"
      |           ^^^^^^^^^^^ expected a duration such as `90s`, `5m`, `1h30m` or `300ms`, or a whole number of seconds

    error: unknown chart `bd`
      --> stack.toml:10:10
       |
    10 | needs = ["bd"]
       |          ^^^^ no chart of this name
       |
       = help: did you mean `db`?

    error: unknown key `nedds`
      --> stack.toml:11:1
       |
    11 | nedds = ["db"]
       | ^^^^^ not a key of a chart
       |
       = help: did you mean `needs`?

    error: undefined input `place`
      --> stack.toml:12:14
       |
    12 | namespace = "${inputs.place}"
       |              ^^^^^^^^^^^^^^^
       |
       = help: no inputs are declared; add `place = { default = … }` to `[inputs]`

    error: `needs`: expected an array of strings, found a string
      --> stack.toml:16:9
       |
    16 | needs = "api"
       |         ^^^^^
       |
       = help: write `["api"]`
    exit 65
    "#);
}

#[test]
fn a_cycle_is_told_as_its_whole_path() {
    let shell = Shell::with_shop();
    let text = super::SHOP.replace(
        "chart = \"./charts/db\"",
        "chart = \"./charts/db\"\nneeds = [\"web:deployed\"]",
    );
    shell.file("stack.toml", text);
    assert_snapshot!(shell.run("check"), @r#"
    stderr:
    error: charts wait for each other: db → web → db
      --> stack.toml:9:10
       |
     9 | needs = ["web:deployed"]
       |          ^^^^^^^^^^^^^^ `db` needs `web`
    ...
    18 | after = ["db"]
       |          ---- `web` comes after `db`
       |
       = help: remove one of these
    exit 65
    "#);
}

#[test]
fn findings_as_json() {
    let shell = Shell::with_shop();
    shell.file("stack.toml", super::SHOP.replace("\"api\"]", "\"apo\"]"));
    assert_snapshot!(shell.run("check -o json"), @r#"
    {
      "problems": [
        {
          "environments": [],
          "file": "stack.toml",
          "help": [
            "did you mean `api`?"
          ],
          "line": 16,
          "message": "unknown chart `apo`",
          "severity": "error"
        }
      ]
    }
    exit 65
    "#);
}

#[test]
fn a_file_that_is_none() {
    let shell = Shell::new();
    shell.file("empty.toml", " \n");
    shell.file("latin1.toml", b"[stack]\nname = \"gr\xfc\xdfe\"\n");
    shell.file("broken.toml", "[stack]\nname = \"shop\n");
    shell.file("folder/stack.toml", "");
    let lines = [
        "empty.toml",
        "latin1.toml",
        "broken.toml",
        "folder",
        "absent.toml",
    ];
    let all = lines.map(|file| shell.run(&format!("check -f {file}")));
    assert_snapshot!(all.join("\n\n"), @r#"
    stderr:
    error: `empty.toml` is empty
     |
     = help: a minimal stack file is

             [stack]
             name = "demo"

             [charts.web]
             chart = "./charts/web"
    exit 65

    stderr:
    error: `latin1.toml` is not UTF-8 text: the first bad byte is on line 2
    exit 65

    stderr:
    error: the stack file is not valid TOML
     --> broken.toml:2:13
      |
    2 | name = "shop
      |             ^ invalid basic string, expected `"`
    exit 65

    stderr:
    error: `folder` is a folder, not a stack file
     |
     = help: if the file is in it, name it: `--file folder/stack.toml`
    exit 65

    stderr:
    error: there is no stack file `absent.toml`
     |
     = help: name another one with `--file`
    exit 65
    "#);
}

#[test]
fn standard_input_is_a_file_like_any_other() {
    let shell = Shell::with_shop();
    // With a byte order mark and Windows' line ends.
    let windows = format!("\u{feff}{}", super::SHOP.replace('\n', "\r\n"));
    let all = [
        shell.run_with("check -f -", windows.as_bytes()),
        shell.run_with("check -f -", b""),
        shell.run_with("check -f -", b"[stack]\nname = \"\xff\"\n"),
    ];
    assert_snapshot!(all.join("\n\n"), @r#"
    shop: 3 charts, no problems
    exit 0

    stderr:
    error: `standard input` is empty
     |
     = help: a minimal stack file is

             [stack]
             name = "demo"

             [charts.web]
             chart = "./charts/web"
    exit 65

    stderr:
    error: `standard input` is not UTF-8 text: the first bad byte is on line 2
    exit 65
    "#);
}

#[test]
fn a_plan_without_a_cluster() {
    assert_snapshot!(Shell::with_shop().run("plan --offline"), @r"
    stack      shop
    direction  up
    cluster    not looked at (offline): as if nothing were installed
    selected   all 3 charts

    wave 1
      db   install  shop/db   ./charts/db 1.2.0

    wave 2
      api  install  shop/api  ./charts/api 2.0.1
           waits for db:ready

    wave 3
      web  install  shop/web  ./charts/web 0.3.0
           waits for api; after db

    critical path  db -> api -> web

    3 to install
    exit 0
    ");
}

#[test]
fn a_plan_of_the_way_down() {
    assert_snapshot!(Shell::with_shop().run("plan --offline --down api --with-dependents"), @r"
    stack      shop
    direction  down
    cluster    not looked at (offline): as if everything were installed
    selected   2 of 3 charts: api (with what needs it)
    left out   db

    wave 1
      web  uninstall  shop/web  ./charts/web 0.3.0

    wave 2
      api  uninstall  shop/api  ./charts/api 2.0.1
           waits for web

    critical path  web -> api

    2 to uninstall
    exit 0
    ");
}

#[test]
fn a_plan_as_json() {
    assert_snapshot!(Shell::with_shop().run("plan --offline -o json web"), @r#"
    {
      "stack": "shop",
      "environment": null,
      "direction": "up",
      "context": null,
      "waves": [
        [
          "web"
        ]
      ],
      "charts": [
        {
          "name": "web",
          "release": "web",
          "namespace": "shop",
          "chart": "./charts/web",
          "version": "0.3.0",
          "action": "install",
          "reason": "offline: the cluster was not looked at",
          "needs": [],
          "wave": 0
        }
      ],
      "critical_path": [
        "web"
      ],
      "expected_ms": null,
      "warnings": [],
      "kept_crds": []
    }
    exit 0
    "#);
}

#[test]
fn pending_changes_are_an_exit_code() {
    let shell = Shell::with_shop();
    assert!(
        shell
            .run("plan --offline --detailed-exitcode")
            .ends_with("exit 2")
    );
}

#[test]
fn a_selection_that_selects_nothing() {
    let shell = Shell::with_shop();
    let all = ["wbe", "-l tier=back", "-l tier~x"]
        .map(|which| shell.run(&format!("plan --offline {which}")));
    assert_snapshot!(all.join("\n\n"), @r"
    stderr:
    error: the stack has no chart `wbe` (did you mean `web`?)
    exit 64

    stderr:
    error: no chart matched -l tier=back
    exit 64

    stderr:
    error: selector `tier~x` is not valid: `tier~x` compares with nothing; write `tier~x=VALUE` or `tier~x!=VALUE`
    exit 64
    ");
}

#[test]
fn the_graph_in_every_form() {
    let shell = Shell::with_shop();
    let all = ["text", "dot", "mermaid", "json"].map(|form| shell.run(&format!("graph -o {form}")));
    assert_snapshot!(all.join("\n\n"), @r#"
    shop: 3 charts in 3 waves

    wave 1
      db

    wave 2
      api  needs db:ready

    wave 3
      web  needs api; after db
    exit 0

    digraph "shop" {
      rankdir=LR;
      node [shape=box];
      "db";
      "api";
      "web";
      "db" -> "api" [label="ready"];
      "api" -> "web";
      "db" -> "web" [style=dashed];
    }
    exit 0

    flowchart LR
      c0["db"]
      c1["api"]
      c2["web"]
      c0 -->|ready| c1
      c1 --> c2
      c0 -.-> c2
    exit 0

    {
      "stack": "shop",
      "charts": [
        {
          "name": "db",
          "wave": 0,
          "needs": [],
          "after": []
        },
        {
          "name": "api",
          "wave": 1,
          "needs": [
            {
              "chart": "db",
              "until": "ready"
            }
          ],
          "after": []
        },
        {
          "name": "web",
          "wave": 2,
          "needs": [
            {
              "chart": "api",
              "until": "validated"
            }
          ],
          "after": [
            {
              "chart": "db",
              "until": "validated"
            }
          ]
        }
      ]
    }
    exit 0
    "#);
}
