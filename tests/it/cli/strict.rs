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
