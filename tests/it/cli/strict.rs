//! `check --strict`: values that a chart does not know.

use insta::assert_snapshot;

use super::Shell;

fn shell() -> Shell {
    let shell = Shell::new();
    shell.file(
        "charts/web/Chart.yaml",
        "apiVersion: v2\nname: web\nversion: 0.3.0\ndependencies:\n- { name: redis, version: 1.0.0, alias: cache }\n",
    );
    shell.file(
        "charts/web/values.yaml",
        "image: { name: nginx, tag: latest }\nnodeSelector: {}\nextra:\npodLabels: { app: web }\n",
    );
    shell.file(
        "charts/web/values.schema.json",
        r#"{ "properties": { "probes": { "properties": { "path": {} } } } }"#,
    );
    shell.file(
        "charts/web/charts/redis/Chart.yaml",
        "apiVersion: v2\nname: redis\nversion: 1.0.0\n",
    );
    shell.file("charts/web/charts/redis/values.yaml", "auth: { user: x }\n");
    shell
}

#[test]
fn values_that_a_chart_does_not_know_are_told_with_their_lines() {
    let shell = shell();
    shell.file(
        "stack.toml",
        r#"[stack]
name = "shop"
[inputs]
tag = {}
[charts.web]
chart = "./charts/web"
set = { "image.nmae" = "x", "cache.auth.usr" = "y" }
[charts.web.values]
image.tagg = "${inputs.tag}"
nodeSelector.anything = "goes"
extra.too = 1
podLabels.tier = "base"
probes = { path = "/", prot = 80 }
cache.auth.user = "z"
global.region = "here"
"#,
    );
    assert_snapshot!(shell.run("check"), @r"
    shop: 1 chart, no problems
    exit 0
    ");
    assert_snapshot!(shell.run("check --strict"), @r#"
    stderr:
    error: chart `web` does not know the value `image.tagg`
     --> stack.toml:9:14
      |
    9 | image.tagg = "${inputs.tag}"
      |              ^^^^^^^^^^^^^^^ neither values.yaml nor schema of web 0.3.0 has it
      |
      = help: did you mean `tag`?

    error: chart `web` does not know the value `probes.prot`
      --> stack.toml:13:31
       |
    13 | probes = { path = "/", prot = 80 }
       |                               ^^ neither values.yaml nor schema of web 0.3.0 has it

    error: chart `web` does not know the value `image.nmae`
     --> stack.toml:7:24
      |
    7 | set = { "image.nmae" = "x", "cache.auth.usr" = "y" }
      |                        ^^^ neither values.yaml nor schema of web 0.3.0 has it
      |
      = help: did you mean `name`?

    error: chart `web` does not know the value `cache.auth.usr`
     --> stack.toml:7:48
      |
    7 | set = { "image.nmae" = "x", "cache.auth.usr" = "y" }
      |                                                ^^^ neither values.yaml nor schema of web 0.3.0 has it
      |
      = help: did you mean `user`?
    exit 65
    "#);
}

#[test]
fn values_files_are_judged_with_their_lines() {
    let shell = shell();
    shell.file(
        "values/web.yaml",
        "# Of the web.\nimage:\n  tag: 1.2\n  pulPolicy: Always\nnodeSelector: { a: b }\nreplicsa: 2\n",
    );
    shell.file(
        "values/common.yaml",
        "image: { tag: 1.3 }\nqueue: { size: 3 }\nnobody: {}\n",
    );
    shell.file(
        "charts/worker/Chart.yaml",
        "apiVersion: v2\nname: worker\nversion: 0.1.0\n",
    );
    shell.file("charts/worker/values.yaml", "queue: {}\nimage: {}\n");
    shell.file(
        "stack.toml",
        r#"[stack]
name = "shop"
[charts.web]
chart = "./charts/web"
values_files = ["values/common.yaml", { command = ["sops"] }, "values/web.yaml"]
[charts.worker]
chart = "./charts/worker"
values_files = ["values/common.yaml"]
"#,
    );
    // What one of the charts knows that read a file is right; what none knows each of them says.
    assert_snapshot!(shell.run("check --strict"), @r"
    stderr:
    error: chart `web` does not know the value `nobody`
     --> ./values/common.yaml:3:1
      |
    3 | nobody: {}
      | ^^^^^^^^^ neither values.yaml nor schema of web 0.3.0 has it

    error: chart `web` does not know the value `image.pulPolicy`
     --> ./values/web.yaml:4:3
      |
    4 |   pulPolicy: Always
      |   ^^^^^^^^^^^^^^^^^ neither values.yaml nor schema of web 0.3.0 has it

    error: chart `web` does not know the value `replicsa`
     --> ./values/web.yaml:6:1
      |
    6 | replicsa: 2
      | ^^^^^^^^^^^ neither values.yaml nor schema of web 0.3.0 has it

    error: chart `worker` does not know the value `nobody`
     --> ./values/common.yaml:3:1
      |
    3 | nobody: {}
      | ^^^^^^^^^ neither values.yaml nor schema of worker [version] has it
    exit 65
    ");
}
