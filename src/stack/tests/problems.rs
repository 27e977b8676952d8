//! Everything that can be wrong with a file, and how it is said.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::stack::Overrides;

#[test]
fn namespaces_that_no_chart_is_in_and_labels_that_the_server_would_refuse() {
    insta::assert_snapshot!(drawn(r#"
[stack]
name = "demo"
[namespaces.wehn]
labels = { "pod-security.kubernetes.io/enforce" = "restricted" }
[namespaces.when]
labels = { "bad key!" = "x y", "a.b/c" = "", "A/b" = "${env.NOT_SET}" }
annotations = { "x/y/z" = "any text at all", "A/b" = "as the server takes it" }
[charts.db]
chart = "./charts/db"
namespace = "when"
"#), @r#"
    warning: no chart is in namespace `wehn`
     --> stack.toml:4:13
      |
    4 | [namespaces.wehn]
      |             ^^^^ it is not made, and gets none of this
      |
      = help: did you mean `when`?

    error: `bad key!` is no key of a label or annotation
     --> stack.toml:7:12
      |
    7 | labels = { "bad key!" = "x y", "a.b/c" = "", "A/b" = "${env.NOT_SET}" }
      |            ^^^^^^^^^^ up to 63 letters, digits, `-`, `_` and `.`, a letter or digit at both ends
      |
      = help: a DNS name and `/` may come before it: `app.example.com/tier`

    error: `x y` is no value of a label
     --> stack.toml:7:25
      |
    7 | labels = { "bad key!" = "x y", "a.b/c" = "", "A/b" = "${env.NOT_SET}" }
      |                         ^^^^^ up to 63 letters, digits, `-`, `_` and `.`, a letter or digit at both ends

    error: `A/b` is no key of a label or annotation
     --> stack.toml:7:46
      |
    7 | labels = { "bad key!" = "x y", "a.b/c" = "", "A/b" = "${env.NOT_SET}" }
      |                                              ^^^^^ up to 63 letters, digits, `-`, `_` and `.`, a letter or digit at both ends
      |
      = help: a DNS name and `/` may come before it: `app.example.com/tier`

    error: environment variable `NOT_SET` is not set
     --> stack.toml:7:54
      |
    7 | labels = { "bad key!" = "x y", "a.b/c" = "", "A/b" = "${env.NOT_SET}" }
      |                                                      ^^^^^^^^^^^^^^^^ this must be known while loading
      |
      = help: set `NOT_SET`, or use an input with a default

    error: `x/y/z` is no key of a label or annotation
     --> stack.toml:8:17
      |
    8 | annotations = { "x/y/z" = "any text at all", "A/b" = "as the server takes it" }
      |                 ^^^^^^^ up to 63 letters, digits, `-`, `_` and `.`, a letter or digit at both ends
      |
      = help: a DNS name and `/` may come before it: `app.example.com/tier`
    "#);
}

#[test]
fn several_problems_are_reported_in_one_go() {
    insta::assert_snapshot!(drawn(r#"
[stack]
name = "Demo"
requires = ">=9"
# a remark

[settings]
concurrency = "many"
failure_policy = "rolback"

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
retry = { attempts = 3, on = ["schema"] }
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

    error: `concurrency`: expected an integer, found a string
     --> stack.toml:8:15
      |
    8 | concurrency = "many"
      |               ^^^^^^

    error: `rolback` is not a value of `failure_policy`
     --> stack.toml:9:18
      |
    9 | failure_policy = "rolback"
      |                  ^^^^^^^^^ expected one of `stop`, `continue` and `rollback`
      |
      = help: did you mean `rollback`?

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

    error: `schema` errors are never worth another attempt
      --> stack.toml:24:31
       |
    24 | retry = { attempts = 3, on = ["schema"] }
       |                               ^^^^^^^^ the same would happen again
    "#);
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
bad = { default = "${env.X}" }
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
    stack.toml:8: a default cannot refer to anything (write `$${` for the text itself)
    stack.toml:11: input `domain` has no value: give it with `--input domain=…` (this must be known while loading) | give input `domain` a default
    stack.toml:12: environment variable `NOPE` is not set (this must be known while loading) | set `NOPE`, or use an input with a default
    stack.toml:13: undefined input `regoin` | did you mean `region`? | defined inputs: `region`, `domain`, `api_token` and `bad`
    stack.toml:13: undefined reference `${foo}` | defined are `${inputs.NAME}`, `${env.NAME}`, `${capture.NAME}`, `${charts.NAME.namespace}`, `${charts.NAME.release}` and `${charts.NAME.outputs.NAME}` | write `$${` for the text itself
    stack.toml:15: undefined chart `wbe` | did you mean `web`? | defined charts: `off` and `web`
    stack.toml:15: chart `off` is disabled
    stack.toml:17: a secret cannot be part of a name (this is shown in plans, events and labels)
    stack.toml:18: `${` is not closed; write `$${` for the text itself
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
            failure_policy: Some("rolback".into()),
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
    error: `rolback` is not a value of `failure_policy`
     --> command line:2:18
      |
    2 | --failure-policy rolback
      |                  ^^^^^^^ expected one of `stop`, `continue` and `rollback`
      |
      = help: did you mean `rollback`?

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
