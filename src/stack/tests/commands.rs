//! Commands that give inputs and values.

use serde_json::json;

use super::{
    environments::{drawn_in, files, sound_in},
    *,
};
use crate::stack::{DataCommand, Parse, Scope, ValuesLayer};

#[test]
fn a_layer_gives_an_input_another_source() {
    let root = files(&[(
        "stack.toml",
        r#"
[stack]
name = "x"
[inputs]
vpc = { default = "vpc-0" }
zone = { command = ["terraform", "output", "zone"], parse = "json", timeout = "9s" }
[charts]
[environments.prod.inputs]
vpc = { command = ["./vpc", "${env.HOME}"] }
zone = { default = "a" }
"#,
    )]);
    let mut options = LoadOptions::new(FileSource::Path(root.path().join("stack.toml")));
    options.env.insert("HOME".into(), "/home/ada".into());
    let plain = load(options.clone()).unwrap().stack.inputs;
    let command = plain["zone"].command.as_ref().unwrap();
    assert_eq!(command.words, ["terraform", "output", "zone"]);
    assert_eq!(command.timeout.as_secs(), 9);
    assert_eq!(plain["zone"].parse, Parse::Json);
    options.environment = Some("prod".into());
    let prod = load(options).unwrap().stack.inputs;
    let command = prod["vpc"].command.as_ref().unwrap();
    assert_eq!(command.words, ["./vpc", "/home/ada"]);
    assert_eq!(command.dir, root.path());
    assert_eq!(prod["vpc"].default, None);
    assert_eq!(prod["zone"].default, Some(json!("a")));
    assert_eq!(prod["zone"].command, None);
}

#[test]
fn what_is_wrong_with_commands_is_said() {
    let text = r#"
[stack]
name = "x"
[inputs]
both = { default = 1, command = ["a"] }
alone = { parse = "json", timeout = "1s" }
empty = { command = [] }
form = { command = ["a"], parse = "xml" }
key = { env = "KEY", secret = true, default = "hunter2" }
leaks = { command = ["a", "${inputs.key}"] }
chain = { command = ["a", "${inputs.form}"] }
[charts.web]
chart = "./charts/web"
namespace = "${inputs.form}"
values_files = [{ secret = true }, { command = "sops -d x", secrt = true }, "unclear.yaml"]
"#;
    let root = files(&[("stack.toml", text), ("unclear.yaml", "a: 1\nb: yes\n")]);
    insta::assert_snapshot!(drawn_in(&root, None), @r#"
    error: input `both` has a `default` and a `command`
     --> ROOT/stack.toml:5:33
      |
    5 | both = { default = 1, command = ["a"] }
      |                    -            ^^^^^ this gives it a value whenever a run needs one
      |                    |
      |                    so this would never be used

    error: `parse` is about the output of a `command`
     --> ROOT/stack.toml:6:19
      |
    6 | alone = { parse = "json", timeout = "1s" }
      |                   ^^^^^^ this input has none

    error: `timeout` is about the output of a `command`
     --> ROOT/stack.toml:6:37
      |
    6 | alone = { parse = "json", timeout = "1s" }
      |                                     ^^^^ this input has none

    error: `command` names no command
     --> ROOT/stack.toml:7:21
      |
    7 | empty = { command = [] }
      |                     ^^

    error: `xml` is not a value of `parse`
     --> ROOT/stack.toml:8:35
      |
    8 | form = { command = ["a"], parse = "xml" }
      |                                   ^^^^^ expected one of `text`, `json` and `yaml`

    error: an argument cannot hold a secret
      --> ROOT/stack.toml:10:27
       |
    10 | leaks = { command = ["a", "${inputs.key}"] }
       |                           ^^^^^^^^^^^^^^^ every user of the machine can see it
       |
       = help: the command has the environment of stackctl: let it read that

    error: input `form` has no value: give it with `--input form=…`
      --> ROOT/stack.toml:11:27
       |
    11 | chain = { command = ["a", "${inputs.form}"] }
       |                           ^^^^^^^^^^^^^^^^ this must be known while loading
       |
       = help: commands run when a run begins: use an input with a default here

    error: input `form` has no value: give it with `--input form=…`
      --> ROOT/stack.toml:14:13
       |
    14 | namespace = "${inputs.form}"
       |             ^^^^^^^^^^^^^^^^ this must be known while loading
       |
       = help: commands run when a run begins: use an input with a default here

    error: an entry of `values_files` has no `command`
      --> ROOT/stack.toml:15:17
       |
    15 | values_files = [{ secret = true }, { command = "sops -d x", secrt = true }, "unclear.yaml"]
       |                 ^^^^^^^^^^^^^^^^^

    error: unknown key `secrt`
      --> ROOT/stack.toml:15:61
       |
    15 | values_files = [{ secret = true }, { command = "sops -d x", secrt = true }, "unclear.yaml"]
       |                                                             ^^^^^ not a key of an entry of `values_files`
       |
       = help: did you mean `secret`?

    error: a values file behind a command must leave nothing to guess
      --> ROOT/stack.toml:15:77
       |
    15 | values_files = [{ secret = true }, { command = "sops -d x", secrt = true }, "unclear.yaml"]
       |                                                -----------                  ^^^^^^^^^^^^^^ line 2: `yes` is ambiguous: Helm reads true; quote it if it is a text
       |                                                |
       |                                                Helm gets this, and what is to win over it, as one document
       |
       = help: make that line clear, or put the file before the command if the order does not matter
    "#);
}

#[test]
fn files_behind_a_command_win_over_it_and_it_over_files_before_it() {
    let text = r#"
[stack]
name = "x"
[charts.web]
chart = "./charts/web"
values_files = ["before.yaml", { command = ["sops", "-d", "s.yaml"], secret = true }, "behind.yaml"]
values = { c = "values" }
"#;
    let root = files(&[
        ("stack.toml", text),
        ("before.yaml", "a: yes\n"),
        ("behind.yaml", "b: behind\nt: {q: 2}\n"),
    ]);
    let stack = sound_in(&root, None);
    let values = &stack.charts["web"].values;
    assert_eq!(values.files, [root.path().join("before.yaml")]);
    assert!(matches!(values.layers[1], ValuesLayer::File(_)));
    let command = DataCommand {
        words: ["sops", "-d", "s.yaml"].map(str::to_owned).into(),
        dir: root.path().to_owned(),
        timeout: std::time::Duration::from_mins(1),
    };
    let mut scope = Scope::default();
    let missing = values.compose(&scope).unwrap_err().to_string();
    assert_eq!(missing, "what `sops` prints is not known");
    scope.documents.insert(
        command,
        json!({"a": "s3cret", "b": "sops", "c": "sops", "t": {"p": 1, "q": 1}}),
    );
    let composed = values.compose(&scope).unwrap();
    assert_eq!(
        composed.document,
        json!({"a": "s3cret", "b": "behind", "c": "values", "t": {"p": 1, "q": 2}})
    );
    let secrets: Vec<_> = composed
        .secrets
        .iter()
        .map(|one| one.expose().to_owned())
        .collect();
    assert_eq!(secrets, ["s3cret", "sops", "sops", "1", "1"]);
}
