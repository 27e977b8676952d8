//! Everything that can be wrong with a file, and how it is said.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::stack::Overrides;

#[test]
fn several_problems_are_reported_in_one_go() {
    insta::assert_snapshot!(drawn(r#"
[stack]
name = "Demo"
requires = ">=9"
include = ["common.toml"]

[settings]
concurrency = "many"
failure_policy = "rollback"

[defaults]
timeuot = "5m"

[charts.web]
chart = "./charts/missing"
needs = ["dbb"]
timeout = "5 minutes"
wait = 3
values = { replicas = 3, since = 2026-01-01 }

[charts.db]
chart = "./charts/db"
action = "instal"
retry = { attempts = 3 }
"#), @r#"
    error: stack name `Demo` is not valid
     --> stack.toml:3:8
      |
    3 | name = "Demo"
      |        ^^^^^^ use lower-case letters, digits and `-`, starting and ending with a letter or digit

    error: this stack requires stackctl >=9
     --> stack.toml:4:12
      |
    4 | requires = ">=9"
      |            ^^^^^ this is stackctl 0.1.0

    error: `include` is not supported by this version of stackctl
     --> stack.toml:5:1
      |
    5 | include = ["common.toml"]
      | ^^^^^^^

    error: `concurrency`: expected an integer, found a string
     --> stack.toml:8:15
      |
    8 | concurrency = "many"
      |               ^^^^^^

    error: failure policy `rollback` is not supported by this version of stackctl
     --> stack.toml:9:18
      |
    9 | failure_policy = "rollback"
      |                  ^^^^^^^^^^
      |
      = help: use `stop` or `continue`; `rollback_on_failure` rolls back single charts

    error: unknown key `timeuot`
      --> stack.toml:12:1
       |
    12 | timeuot = "5m"
       | ^^^^^^^ not a key of a chart
       |
       = help: did you mean `timeout`?

    error: chart `ROOT/charts/missing` does not exist
      --> stack.toml:15:9
       |
    15 | chart = "./charts/missing"
       |         ^^^^^^^^^^^^^^^^^^

    error: unknown chart `dbb`
      --> stack.toml:16:10
       |
    16 | needs = ["dbb"]
       |          ^^^^^ no chart of this name
       |
       = help: did you mean `db`?

    error: `timeout` is not valid
      --> stack.toml:17:11
       |
    17 | timeout = "5 minutes"
       |           ^^^^^^^^^^^ expected a duration such as `90s`, `5m`, `1h30m` or `300ms`, or a whole number of seconds

    error: `wait` is not valid
      --> stack.toml:18:8
       |
    18 | wait = 3
       |        ^ expected `true`, `false` or `"helm"`

    error: this cannot be a value
      --> stack.toml:19:34
       |
    19 | values = { replicas = 3, since = 2026-01-01 }
       |                                  ^^^^^^^^^^ Helm's values have no dates: quote it

    error: `instal` is not a value of `action`
      --> stack.toml:23:10
       |
    23 | action = "instal"
       |          ^^^^^^^^ expected one of `deploy`, `destroy` and `skip`

    error: `retry` is not supported by this version of stackctl
      --> stack.toml:24:1
       |
    24 | retry = { attempts = 3 }
       | ^^^^^
    "#);
}

/// Chart keys, what is said about them.
#[test]
fn each_wrong_chart_key_says_why() {
    let cases = [
        r#"chart = "jetstack/cert-manager""#,
        r#"chart = "oci://registry/charts/web""#,
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
        r#"crds = "upgrade""#,
        r#"needs = "db""#,
        "needs = [1]",
        "enabled = \"no\"",
    ];
    let mut said = String::new();
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
        said += &format!("{case}\n  {}\n", shown.join("\n  "));
    }
    insta::assert_snapshot!(said, @r#"
    chart = "jetstack/cert-manager"
      error: `jetstack/cert-manager` names a chart of a repository / chart = "jetstack/cert-manager" / ^^^^^^^^^^^^^^^^^^^^^^^ this version of stackctl takes a folder (`./…`) or a `.tgz` file
    chart = "oci://registry/charts/web"
      error: charts from `oci://` are not supported by this version of stackctl / chart = "oci://registry/charts/web" / ^^^^^^^^^^^^^^^^^^^^^^^^^^^ / help: use a folder (`./…`) or a `.tgz` file
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
      error: values from a command are not supported by this version of stackctl / values_files = ["nope.yaml", { command = ["sops"] }, "empty"] / ^^^^^^^^^^^^^^^^^^^^^^ expected the path of a file
      error: `ROOT/empty` is a folder / values_files = ["nope.yaml", { command = ["sops"] }, "empty"] / ^^^^^^^ expected a values file
    values_yaml = "a: yes\nb: [1"
      error: unclosed bracket '[' / values_yaml = "a: yes\nb: [1" / ^^^^^^^^^^^^^^^ line 2 of the YAML
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
    crds = "upgrade"
      error: `crds` is not supported by this version of stackctl / crds = "upgrade" / ^^^^
    needs = "db"
      error: `needs`: expected an array of strings, found a string / needs = "db" / ^^^^
    needs = [1]
      error: `needs`: expected an array of strings, found an integer / needs = [1] / ^
    enabled = "no"
      error: `enabled`: expected a boolean, found a string / enabled = "no" / ^^^^
    "#);
}

#[test]
fn each_wrong_step_says_why() {
    let cases = [
        "name = \"x\"",
        "run = \"\"",
        "run = []",
        "run = { env = { A = 1 } }",
        "run = \"x\"\npods = { selector = \"a=b\" }",
        "capture = { name = \"x\" }",
        "pods = { selector = \"\", min = 0 }",
        "pods = { selectr = \"a=b\" }",
        "http = {}",
        "http = { url = \"ftp://x\", port = 1 }",
        "http = { url = \"\" }",
        "http = { url = \"https://x\", service = \"y\" }",
        "http = { service = \"y\", port = 70000, path = \"x\" }",
        "http = { url = \"https://x\", status = 99 }",
        "run = \"x\"\nname = \"a/b\"",
        "run = \"x\"\nwhen = { action = [\"instal\"], changed = \"x\" }",
        "run = \"x\"\nwhen = { action = [] }",
        "run = \"x\"\nretry = { attempts = 0, delay = \"x\", on = [] }",
        "run = \"x\"\ntimeout = \"\"",
        "run = \"echo ${inputs.nope} ${capture.x}\"",
    ];
    let mut said = String::new();
    for case in cases {
        let text = format!(
            "[stack]\nname = \"demo\"\n[charts.web]\nchart = \"./charts/web\"\n[[charts.web.post]]\n{case}\n"
        );
        said += &format!("{case}\n  {}\n", messages(&text).join("\n  "));
    }
    insta::assert_snapshot!(said, @r#"
    name = "x"
      stack.toml:5: a step needs one of `run`, `pods` and `http`
    run = ""
      stack.toml:6: `run` names no command
    run = []
      stack.toml:6: `run` names no command
    run = { env = { A = 1 } }
      stack.toml:6: `run` has no `command`
      stack.toml:6: `A`: expected a string, found an integer
    run = "x"
    pods = { selector = "a=b" }
      stack.toml:5: a step does one thing, this one has `run` and `pods` | write one step for each
    capture = { name = "x" }
      stack.toml:6: `capture` is not supported by this version of stackctl
    pods = { selector = "", min = 0 }
      stack.toml:6: `selector` is empty (it would match any pod)
      stack.toml:6: `min` must be at least 1 (no pod at all would pass, even with a misspelt selector)
    pods = { selectr = "a=b" }
      stack.toml:6: `pods` has no `selector`
      stack.toml:6: unknown key `selectr` (not a key of `pods`) | did you mean `selector`?
    http = {}
      stack.toml:6: `http` needs one of `url` and `service`
    http = { url = "ftp://x", port = 1 }
      stack.toml:6: `ftp://x` is not an HTTP URL (expected `http://…` or `https://…`)
      stack.toml:6: `port` goes with `service`, not with `url`
    http = { url = "" }
      stack.toml:6: `` is not an HTTP URL (expected `http://…` or `https://…`)
    http = { url = "https://x", service = "y" }
      stack.toml:6: `http` needs one, not both, of `url` and `service`
    http = { service = "y", port = 70000, path = "x" }
      stack.toml:6: `port` must be between 1 and 65535
      stack.toml:6: `path` must start with `/`
    http = { url = "https://x", status = 99 }
      stack.toml:6: 99 is not an HTTP status
    run = "x"
    name = "a/b"
      stack.toml:7: step name `a/b` is not valid (use one line of text without `/`)
    run = "x"
    when = { action = ["instal"], changed = "x" }
      stack.toml:7: `instal` is not a value of `action` (expected one of `install`, `upgrade`, `reinstall`, `uninstall`, `unchanged` and `skip`) | did you mean `install`?
      stack.toml:7: `changed` is not supported by this version of stackctl
    run = "x"
    when = { action = [] }
      stack.toml:7: `action` is empty: the step would never run
    run = "x"
    retry = { attempts = 0, delay = "x", on = [] }
      stack.toml:7: `attempts` must be at least 1
      stack.toml:7: `delay` is not valid (expected a duration such as `90s`, `5m`, `1h30m` or `300ms`, or a whole number of seconds)
      stack.toml:7: `on` is not supported by this version of stackctl
    run = "x"
    timeout = ""
      stack.toml:7: `timeout` is not valid (expected a duration such as `90s`, `5m`, `1h30m` or `300ms`, or a whole number of seconds)
    run = "echo ${inputs.nope} ${capture.x}"
      stack.toml:6: undefined input `nope` | no inputs are declared; add `nope = { default = … }` to `[inputs]`
      stack.toml:6: `${capture.x}` is not supported by this version of stackctl
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

#[test]
fn a_finding_in_defaults_is_said_once() {
    let found = messages(
        r#"
[stack]
name = "demo"
[defaults]
timeout = "soon"
namspace = "x"
release = "same"
values = { at = 2026-01-01 }
[charts.a]
chart = "./charts/a"
[charts.b]
chart = "./charts/b"
"#,
    );
    insta::assert_snapshot!(found.join("\n"), @r#"
    stack.toml:5: `timeout` is not valid (expected a duration such as `90s`, `5m`, `1h30m` or `300ms`, or a whole number of seconds)
    stack.toml:6: unknown key `namspace` (not a key of a chart) | did you mean `namespace`?
    stack.toml:7: `release` cannot be a default (every chart would be the same release)
    stack.toml:8: this cannot be a value (Helm's values have no dates: quote it)
    "#);
}

#[test]
fn undefined_references_say_what_is_defined() {
    let found = messages(
        r#"
[stack]
name = "${charts.web.release}"
[inputs]
region = { default = "eu" }
domain = {}
api_token = { default = "x", secret = true }
[charts.web]
chart = "./charts/web"
namespace = "${inputs.domain}"
release = "${env.NOPE}"
values = { a = "x ${inputs.regoin}", b = "${env.UNSET} is fine", c = "${foo}" }
values_yaml = """
a: pre ${charts.wbe.release} ${charts.off.namespace}
"""
labels = { x = "${inputs.api_token}" }
set = { y = "${inputs.region" }
[charts.off]
chart = "./charts/missing-is-fine"
enabled = false
"#,
    );
    insta::assert_snapshot!(found.join("\n"), @r#"
    stack.toml:3: `${charts.…}` cannot be used in a namespace, a release or the stack's own settings
    stack.toml:10: input `domain` has no value: give it with `--input domain=…` (this must be known while loading) | give input `domain` a default
    stack.toml:11: environment variable `NOPE` is not set (this must be known while loading) | set `NOPE`, or use an input with a default
    stack.toml:12: undefined input `regoin` | did you mean `region`? | defined inputs: `region`, `domain` and `api_token`
    stack.toml:12: undefined reference `${foo}` | defined are `${inputs.NAME}`, `${env.NAME}`, `${charts.NAME.namespace}` and `${charts.NAME.release}` | write `$${` for the text itself
    stack.toml:14: undefined chart `wbe` | did you mean `web`?
    stack.toml:14: chart `off` is disabled
    stack.toml:16: a secret cannot be part of a name (this is shown in plans, events and labels)
    stack.toml:17: `${` is not closed; write `$${` for the text itself
    "#);
}

#[test]
fn two_charts_with_one_release() {
    insta::assert_snapshot!(drawn(
        "[stack]\nname = \"demo\"\n[charts.a]\nchart = \"./charts/a\"\n\
         [charts.b]\nchart = \"./charts/a\"\nrelease = \"a\"\n"
    ), @r#"
    error: charts `a` and `b` are the same release `default/a`
     --> stack.toml:7:11
      |
    3 | [charts.a]
      |         - `a`
    ...
    7 | release = "a"
      |           ^^^ `b`
      |
      = help: give one of them another `release` or `namespace`
    "#);
}

#[test]
fn the_command_line_is_checked_like_the_file() {
    let text = "[stack]\nname = \"demo\"\n[inputs]\nreplicas = { default = 3 }\n\
                [charts.web]\nchart = \"./charts/web\"\n";
    let root = folder(text);
    write(root.path(), "bad.yaml", "a: 1\nb: yes\n");
    let shown = drawn_with(&root, |root| LoadOptions {
        inputs: vec![
            ("replicsa".into(), "5".into()),
            ("replicas".into(), "hunter2".into()),
        ],
        set: vec![
            "wbe:a=hunter2".into(),
            "web:a[=hunter2".into(),
            "a=hunter2".into(),
        ],
        values: vec![
            ("web".into(), root.path().join("bad.yaml")),
            ("web".into(), root.path().join("nope.yaml")),
        ],
        overrides: Overrides {
            failure_policy: Some("rollback".into()),
            schedule: Some("wave".into()),
            concurrency: Some(3),
        },
        ..options(root, text)
    });
    assert!(
        !shown.contains("hunter2"),
        "values of the command line are not shown"
    );
    insta::assert_snapshot!(shown, @r#"
    error: failure policy `rollback` is not supported by this version of stackctl
     --> command line:2:18
      |
    2 | --failure-policy rollback
      |                  ^^^^^^^^
      |
      = help: use `stop` or `continue`; `rollback_on_failure` rolls back single charts

    error: `wave` is not a value of `schedule`
     --> command line:3:12
      |
    3 | --schedule wave
      |            ^^^^ expected one of `eager` and `waves`
      |
      = help: did you mean `waves`?

    error: undefined input `replicsa`
     --> command line:4:9
      |
    4 | --input replicsa
      |         ^^^^^^^^
      |
      = help: did you mean `replicas`?
      = help: defined inputs: `replicas`

    error: the value of input `replicas` is not valid
     --> command line:5:9
      |
    5 | --input replicas
      |         ^^^^^^^^ expected a number, as its default is

    error: values file `ROOT/nope.yaml` cannot be read
     --> command line:7:10
      |
    7 | --values web=ROOT/nope.yaml
      |          ^^^ No such file or directory (os error 2)

    error: unknown chart `wbe`
     --> command line:8:7
      |
    8 | --set wbe:a=…
      |       ^^^^^^^ no chart of this name
      |
      = help: did you mean `web`?

    error: `--set` is not valid
     --> command line:9:7
      |
    9 | --set web:a[=…
      |       ^^^^^^^^ `[` is not closed

    error: `--set` is not valid
      --> command line:10:7
       |
    10 | --set a=…
       |       ^^^ expected `CHART:path=value`

    error: `yes` is ambiguous: Helm reads true; quote it if it is a text
     --> ROOT/bad.yaml:2:4
      |
    2 | b: yes
      |    ^^^
    "#);
}

#[test]
fn a_file_that_is_no_stack_is_one_clear_finding() {
    let root = TempDir::new().unwrap();
    write(root.path(), "empty.toml", "\n");
    write(root.path(), "comment.toml", "# nothing\n");
    write(root.path(), "syntax.toml", "[stack]\nname = \"a\nx = 1\n");
    fs::write(
        root.path().join("latin.toml"),
        b"[stack]\nname = \"caf\xe9\"",
    )
    .unwrap();
    let mut said = String::new();
    for name in [
        "nope.toml",
        "",
        "empty.toml",
        "comment.toml",
        "syntax.toml",
        "latin.toml",
    ] {
        let path = root.path().join(name);
        let problems = Stack::load(&path).unwrap_err().0;
        assert_eq!(
            problems
                .iter()
                .filter(|one| one.severity == crate::diagnostic::Severity::Error)
                .count(),
            1
        );
        said += &render(&problems, false);
        said += "\n\n";
    }
    let said = said.replace(&root.path().display().to_string(), "ROOT");
    insta::assert_snapshot!(said, @r#"
    error: there is no stack file `ROOT/nope.toml`
     |
     = help: name another one with `--file`

    error: `ROOT/` is a folder, not a stack file
     |
     = help: if the file is in it, name it: `--file ROOT/stack.toml`

    error: `ROOT/empty.toml` is empty
     |
     = help: a minimal stack file is
             
             [stack]
             name = "demo"
             
             [charts.web]
             chart = "./charts/web"

    error: there is no `[stack]` table with a `name`
     |
     = help: a minimal stack file is
             
             [stack]
             name = "demo"
             
             [charts.web]
             chart = "./charts/web"

    warning: the stack has no charts

    error: the stack file is not valid TOML
     --> ROOT/syntax.toml:2:10
      |
    2 | name = "a
      |          ^ invalid basic string, expected `"`

    error: `ROOT/latin.toml` is not UTF-8 text: the first bad byte is on line 2
    "#);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Lines that look like a stack file, in any order and cut anywhere.
    #[test]
    fn any_text_loads_or_is_refused(
        lines in proptest::collection::vec(prop_oneof![
            Just("[stack]"), Just("name = \"demo\""), Just("[charts.web]"), Just("[charts.db]"),
            Just("[charts.web.values]"), Just("[[charts.web.post]]"), Just("[defaults]"),
            Just("[settings]"), Just("[inputs.x]"), Just("default = [1, { a = \"${inputs.x}\" }]"),
            Just("chart = \"./charts/web\""), Just("needs = [\"db\", \"web:ready\"]"),
            Just("needs = [\"web\"]"), Just("values_yaml = \"a: [yes\""), Just("a.b = 1e400"),
            Just("set = { \"a[0].b\" = \"${charts.db.namespace}\" }"), Just("run = [\"\"]"),
            Just("http.url = \"http://\""), Just("timeout = 99999999999"), Just("x = 0xffffffffffffffff"),
            Just("namespace = \"${env.A}${\""), Just("enabled = false"), Just("[charts]"),
            Just("values = 2026-01-01"), Just("retry.attempts = 1"), Just("[namespaces.\"\"]"),
            Just("labels.é = \"é${\""), Just("[stack.cluster]"), Just("allow = [\"*\"]"),
        ], 0..24),
        noise in ".{0,8}",
        cut in 0..400_usize,
    ) {
        let mut text = lines.join("\n");
        let at = (0..=cut.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        text.insert_str(at, &noise);
        for text in [lines.join("\n"), text] {
            let options = LoadOptions {
                env: BTreeMap::from([("A".into(), "a".into())]),
                ..LoadOptions::new(FileSource::Text {
                    name: "x".into(),
                    text,
                    root: "/nonexistent".into(),
                })
            };
            if let Err(problems) = load(options) {
                prop_assert!(!render(&problems.0, false).is_empty());
                prop_assert!(!problems.to_string().is_empty());
            }
        }
    }
}
