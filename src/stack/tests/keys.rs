//! What is said about each wrong key of a chart.

use super::*;

/// Chart keys, what is said about them.
#[test]
fn each_wrong_chart_key_says_why() {
    let cases = [
        r#"chart = "jetstack/cert-manager""#,
        r#"chart = "web.tgz""#,
        r#"chart = "./stack.toml""#,
        r#"chart = "./empty""#,
        r#"chart = """#,
        "chart = 3",
        "",
        r#"version = "latest""#,
        r#"namespace = "Web_1""#,
        r#"release = "web..1""#,
        "timeout = 0",
        "timeout = -1",
        "timeout = true",
        r#"wait = "yes""#,
        "rollback_on_failure = true",
        r#"rollback_on_failure = "upgrade""#,
        "atomic = true\nrollback_on_failure = \"never\"",
        r#"unlock = "allways""#,
        "unlock_after = 0",
        "force_conflicts = true\nserver_side = false",
        "force_replace = true\nserver_side = true",
        r#"on_live_objects = "keep""#,
        r#"on_live_objects = { policy = "delete", kinds = [] }"#,
        "values_if_absent = 3",
        "deadline = \"1s\"",
        r#"reinstall_below = "1.2""#,
        "reinstall_below = { accept_data_loss = true }",
        "history_max = -1",
        r#"labels = { name = "x", "a=b" = "c,d" }"#,
        "labels = { tier = 1 }",
        r#"values = "a: 1""#,
        "values = { a = inf }",
        "values = { a = 1000000, b = 999999 }",
        r#"values_files = ["nope.yaml", { command = ["sops"] }, "empty"]"#,
        r#"values_yaml = "a: yes\nb: [1""#,
        "values_yaml = '''\na: 1\nb: [no, 012]\n'''",
        r#"set = { "a..b" = 1 }"#,
        "set = { \"a.b\" = 1 }\nunset = [\"a\"]",
        r#"crds = "upgrad""#,
        r#"needs = "db""#,
        "needs = [1]",
        "enabled = \"no\"",
    ];
    let mut said = Vec::new();
    for case in cases {
        let chart = if case.contains("chart =") || case.is_empty() {
            ""
        } else {
            "chart = \"./charts/web\"\n"
        };
        let text = format!("[stack]\nname = \"demo\"\n[charts.web]\n{chart}{case}\n");
        let root = folder(&text);
        write(root.path(), "empty/x", "");
        write(root.path(), "stack.toml", "");
        let shown = messages_in(&root, &text);
        said.push(format!("{case}\n  {}", shown.join("\n  ")));
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    chart = "jetstack/cert-manager"
      error: undefined repository `jetstack` / chart = "jetstack/cert-manager" / ^^^^^^^^^^^^^^^^^^^^^^^ not in `[repositories]`
    chart = "web.tgz"
      error: chart `ROOT/web.tgz` does not exist / chart = "web.tgz" / ^^^^^^^^^
    chart = "./stack.toml"
      error: `ROOT/stack.toml` is not a folder / chart = "./stack.toml" / ^^^^^^^^^^^^^^ a packed chart ends in `.tgz`
    chart = "./empty"
      error: `ROOT/empty` holds no Chart.yaml / chart = "./empty" / ^^^^^^^^^ so it is not a chart
    chart = ""
      error: `chart` is empty / chart = "" / ^^
    chart = 3
      error: `chart`: expected a string, found an integer / chart = 3 / ^

      error: chart `web` has no `chart` / [charts.web] / ^^^ / help: say where it is: `chart = "./charts/NAME"`
    version = "latest"
      error: `latest` is not a version range / version = "latest" / ^^^^^^^^ `latest` is not a version / help: examples: `1.2.3`, `>=4.1, <5`, `^1.2 || ~2.0`
    namespace = "Web_1"
      error: namespace `Web_1` is not valid / namespace = "Web_1" / ^^^^^^^ use lower-case letters, digits and `-`, starting and ending with a letter or digit
    release = "web..1"
      error: release name `web..1` is not valid / release = "web..1" / ^^^^^^^^ it is empty
    timeout = 0
      error: `timeout` is not valid / timeout = 0 / ^ a duration must be longer than nothing
    timeout = -1
      error: `timeout` is not valid / timeout = -1 / ^^ a duration cannot be negative
    timeout = true
      error: `timeout`: expected a duration, found a boolean / timeout = true / ^^^^
    wait = "yes"
      error: `wait` is not valid / wait = "yes" / ^^^^^ expected `true`, `false` or `"helm"`
    rollback_on_failure = true
      error: `rollback_on_failure`: expected a string, found a boolean / rollback_on_failure = true / ^^^^
    rollback_on_failure = "upgrade"
      error: `upgrade` is not a value of `rollback_on_failure` / rollback_on_failure = "upgrade" / ^^^^^^^^^ expected one of `never`, `upgrades` and `always` / help: did you mean `upgrades`?
    atomic = true
    rollback_on_failure = "never"
      error: `atomic` and `rollback_on_failure` are the same setting / atomic = true / ^^^^^^ `true` means `always`, `false` means `never` / rollback_on_failure = "never" / ------------------- said here, too
    unlock = "allways"
      error: `allways` is not a value of `unlock` / unlock = "allways" / ^^^^^^^^^ expected one of `never`, `stale` and `always` / help: did you mean `always`?
    unlock_after = 0
      error: `unlock_after` is not valid / unlock_after = 0 / ^ a duration must be longer than nothing
    force_conflicts = true
    server_side = false
      error: `force_conflicts` goes with `server_side = true` / force_conflicts = true / ^^^^ from the client's side there are no conflicts
    force_replace = true
    server_side = true
      error: `force_replace` cannot be done server-side / force_replace = true / ^^^^ Helm replaces from the client's side only
    on_live_objects = "keep"
      error: `keep` is not a value of `on_live_objects` / on_live_objects = "keep" / ^^^^^^ expected one of `ignore`, `refuse` and `delete`
    on_live_objects = { policy = "delete", kinds = [] }
      error: unknown key `kinds` / on_live_objects = { policy = "delete", kinds = [] } / ^^^^^ not a key of `on_live_objects`
    values_if_absent = 3
      error: `values_if_absent`: expected a table, found an integer / values_if_absent = 3 / ^
    deadline = "1s"
      warning: `deadline` is shorter than `timeout` / deadline = "1s" / ^^^^ no operation of the chart can take as long as `timeout` says
    reinstall_below = "1.2"
      error: `1.2` is not a version / reinstall_below = "1.2" / ^^^^^ expected a version such as `1.2.3`: unexpected end of input while parsing minor version number
    reinstall_below = { accept_data_loss = true }
      error: `reinstall_below` has no `version` / reinstall_below = { accept_data_loss = true } / ^^^^^^^^^^^^^^^^^^^^^^^^^^^
    history_max = -1
      error: `history_max` must be a whole number of revisions, 0 for all of them / history_max = -1 / ^^
    labels = { name = "x", "a=b" = "c,d" }
      error: the label `name` is taken / labels = { name = "x", "a=b" = "c,d" } / ^^^^ every chart has it: its own name
      error: `a=b` cannot be part of a label / labels = { name = "x", "a=b" = "c,d" } / ^^^^^ use letters, digits, `.`, `_`, `-` and `/`
      error: `c,d` cannot be part of a label / labels = { name = "x", "a=b" = "c,d" } / ^^^^^ use letters, digits, `.`, `_`, `-` and `/`
    labels = { tier = 1 }
      error: `tier`: expected a string, found an integer / labels = { tier = 1 } / ^
    values = "a: 1"
      error: `values`: expected a table, found a string / values = "a: 1" / ^^^^^^
    values = { a = inf }
      error: this cannot be a value / values = { a = inf } / ^^^ Helm's values cannot hold infinities and not-a-number
    values = { a = 1000000, b = 999999 }
      warning: Helm prints 1000000 as 1e+06 / values = { a = 1000000, b = 999999 } / ^^^^^^^ numbers in values become floats / help: quote it, or let the chart's template convert it with `int64`
    values_files = ["nope.yaml", { command = ["sops"] }, "empty"]
      error: values file `ROOT/nope.yaml` does not exist / values_files = ["nope.yaml", { command = ["sops"] }, "empty"] / ^^^^^^^^^^^
      error: `ROOT/empty` is a folder / values_files = ["nope.yaml", { command = ["sops"] }, "empty"] / ^^^^^^^ expected a values file
    values_yaml = "a: yes\nb: [1"
      error: the YAML cannot be read: unclosed bracket '[' / values_yaml = "a: yes\nb: [1" / ^^^^^^^^^^^^^^^ line 2 of the YAML
    values_yaml = '''
    a: 1
    b: [no, 012]
    '''
      error: `no` is ambiguous: Helm reads false; quote it if it is a text / b: [no, 012] / ^^
      error: `012` is ambiguous: Helm reads 10; quote it if it is a text / b: [no, 012] / ^^^
    set = { "a..b" = 1 }
      error: `a..b` is not a path into values / set = { "a..b" = 1 } / ^^^^^^ a part of the path is empty / help: as Helm's `--set`: `a.b`, `list[0].c`, `a\.b` for a key with a dot
    set = { "a.b" = 1 }
    unset = ["a"]
      error: `a` is unset, but `a.b` is set / unset = ["a"] / ^^^ only one of them can be
    crds = "upgrad"
      error: `upgrad` is not a value of `crds` / crds = "upgrad" / ^^^^^^^^ expected one of `upgrade`, `create` and `skip` / help: did you mean `upgrade`?
    needs = "db"
      error: `needs`: expected an array of strings, found a string / needs = "db" / ^^^^ / help: write `["db"]`
    needs = [1]
      error: `needs`: expected an array of strings, found an integer / needs = [1] / ^
    enabled = "no"
      error: `enabled`: expected a boolean, found a string / enabled = "no" / ^^^^
    "#);
}

fn messages_in(root: &TempDir, text: &str) -> Vec<String> {
    let shown = drawn_with(root, |root| options(root, text));
    shown
        .split("\n\n")
        .map(|one| {
            let lines = one.lines().filter(|line| {
                let line = line.trim_start();
                !line.starts_with("-->") && line != "|" && !line.starts_with("...")
            });
            let marks = lines.map(|line| {
                let line = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
                line.trim_start_matches(['|', '=']).trim()
            });
            marks.collect::<Vec<_>>().join(" / ")
        })
        .collect()
}
