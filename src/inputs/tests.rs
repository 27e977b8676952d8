//! Where values come from, what is said when they do not, and which commands are run.

use serde_json::json;

use super::*;
use crate::{
    diagnostic::render,
    name::Action,
    stack::{FileSource, LoadOptions, load},
};

const STACK: &str = r#"
[stack]
name = "demo"
[inputs]
region = { default = "eu", env = "REGION" }
replicas = { default = 2 }
token = { env = "GRAFANA_TOKEN", secret = true }
unused = {}
[charts.web]
chart = "./Chart"
values = { a = "${inputs.region}", b = "${inputs.token}", c = "${env.DB_PASSWORD}", d = "${inputs.replicas}" }
"#;

fn stack() -> Stack {
    let root = tempfile::TempDir::new().unwrap();
    std::fs::create_dir(root.path().join("Chart")).unwrap();
    std::fs::write(root.path().join("Chart/Chart.yaml"), "").unwrap();
    let options = LoadOptions::new(FileSource::Text {
        name: "stack.toml".into(),
        text: STACK.into(),
        root: root.path().into(),
    });
    load(options).unwrap().stack
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    pairs.iter().map(owned).collect()
}

/// Resolves for a run that installs everything.
async fn resolve_in(
    stack: &Stack,
    env: &[(&str, &str)],
    inputs: &[(&str, &str)],
    redactor: &Redactor,
) -> Result<Scope, InputsError> {
    let env = env.iter().map(|(name, value)| (name.into(), value.into()));
    let given = Given {
        env: &env.collect(),
        inputs: &pairs(inputs),
        redactor,
        shutdown: &Shutdown::new().1,
    };
    resolve(stack, &stack.uses(|_| Some(Action::Install)), given).await
}

#[tokio::test]
async fn values_come_from_where_they_are_given_and_secrets_are_hidden() {
    let env = [
        ("GRAFANA_TOKEN", "from-env"),
        ("DB_PASSWORD", "hunter2"),
        ("REGION", "us"),
    ];
    let given = [("region", "first"), ("region", "asia"), ("replicas", "3")];
    let redactor = Redactor::default();
    let scope = resolve_in(&stack(), &env, &given, &redactor).await.unwrap();
    assert_eq!(scope.inputs["region"].value, json!("asia"));
    assert_eq!(scope.inputs["replicas"].value, json!(3));
    assert_eq!(scope.inputs["token"].value, json!("from-env"));
    assert!(!scope.inputs.contains_key("unused"));
    let shown = redactor.redact("from-env hunter2 asia");
    assert_eq!(shown.as_str(), "*** *** asia");
}

#[tokio::test]
async fn what_has_no_value_is_named_with_its_declaration() {
    let given = [("regoin", "x"), ("replicas", "many")];
    let error = resolve_in(&stack(), &[], &given, &Redactor::default()).await;
    let Err(InputsError::Wrong(Problems(found))) = error else {
        panic!("{error:?}");
    };
    insta::assert_snapshot!(render(&found, false), @r#"
error: undefined input `regoin`
 |
 = help: did you mean `region`?
 = help: defined inputs: `region`, `replicas`, `token` and `unused`

error: the value of input `replicas` is not valid: expected a number, as its default is
 --> stack.toml:6:1
  |
6 | replicas = { default = 2 }
  | ^^^^^^^^ declared here

error: input `token` has no value
 --> stack.toml:7:1
  |
7 | token = { env = "GRAFANA_TOKEN", secret = true }
  | ^^^^^ declared here
  |
  = help: give it with `--input token=…`, or set `GRAFANA_TOKEN`

error: environment variable `DB_PASSWORD` is not set
 |
 = help: the stack refers to it as `${env.DB_PASSWORD}`
"#);
}

const COMMANDS: &str = r#"
[stack]
name = "demo"
[inputs]
text = { command = ["sh", "-c", "echo run >> log; echo ' eu '; echo hunter3 >&2"] }
json = { command = ["cat", "vpc.json"], parse = "json", secret = true }
unused = { command = ["sh", "-c", "echo unused >> log"] }
given = { command = ["sh", "-c", "echo given >> log"], env = "GIVEN" }
[charts.web]
chart = "./Chart"
values = { a = "${inputs.text}", b = "${inputs.text}", c = "${inputs.json}", d = "${inputs.given}" }
values_files = [{ command = "echo sops >> log; echo 'password: s3cret-word'", secret = true }]
[charts.other]
chart = "./Chart"
release = "other"
values_files = [{ command = "echo sops >> log; echo 'password: s3cret-word'", secret = true }]
[charts.left]
chart = "./Chart"
release = "left"
values = { a = "${inputs.unused}", b = "${env.NOT_SET}" }
"#;

fn commands(text: &str) -> (tempfile::TempDir, Stack) {
    let root = tempfile::TempDir::new().unwrap();
    std::fs::create_dir(root.path().join("Chart")).unwrap();
    std::fs::write(root.path().join("Chart/Chart.yaml"), "").unwrap();
    std::fs::write(root.path().join("vpc.json"), "{\"id\": \"vpc-123\"}").unwrap();
    let options = LoadOptions::new(FileSource::Text {
        name: "stack.toml".into(),
        text: text.into(),
        root: root.path().into(),
    });
    let stack = load(options).unwrap().stack;
    (root, stack)
}

async fn resolve_for(
    stack: &Stack,
    action: impl Fn(&str) -> Option<Action>,
    redactor: &Redactor,
) -> Result<Scope, InputsError> {
    let env = [("PATH", "/usr/bin:/bin"), ("GIVEN", "by hand")];
    let given = Given {
        env: &env.map(|(name, value)| (name.into(), value.into())).into(),
        inputs: &[],
        redactor,
        shutdown: &Shutdown::new().1,
    };
    resolve(stack, &stack.uses(|chart| action(chart.as_str())), given).await
}

#[tokio::test]
async fn commands_run_once_in_their_folder_and_only_if_the_run_uses_them() {
    let (root, stack) = commands(COMMANDS);
    let redactor = Redactor::default();
    let installed = |chart: &str| (chart != "left").then_some(Action::Install);
    let scope = resolve_for(&stack, installed, &redactor).await.unwrap();
    assert_eq!(scope.inputs["text"].value, json!("eu"));
    assert_eq!(scope.inputs["json"].value, json!({"id": "vpc-123"}));
    assert_eq!(scope.inputs["given"].value, json!("by hand"));
    let documents: Vec<_> = scope.documents.values().collect();
    assert_eq!(documents, [&json!({"password": "s3cret-word"})]);
    let log = std::fs::read_to_string(root.path().join("log")).unwrap();
    assert_eq!(log, "run\nsops\n");
    let shown = redactor.redact("eu vpc-123 s3cret-word");
    assert_eq!(shown.as_str(), "eu *** ***");
}

#[tokio::test]
async fn a_chart_that_is_removed_needs_no_values() {
    let (root, stack) = commands(COMMANDS);
    let removed = |_: &str| Some(Action::Uninstall);
    let scope = resolve_for(&stack, removed, &Redactor::default())
        .await
        .unwrap();
    assert!(scope.documents.is_empty());
    assert!(!root.path().join("log").exists());
}

#[tokio::test]
async fn every_command_that_fails_is_reported_with_its_words() {
    let (_root, stack) = commands(
        r#"
[stack]
name = "demo"
[inputs]
fails = { command = "echo no state >&2; exit 3" }
token = { command = "echo '{oops'", parse = "json", secret = true }
slow = { command = ["sleep", "60"], timeout = "50ms" }
absent = { command = ["./no-such-program"] }
[charts.web]
chart = "./Chart"
values = { a = "${inputs.fails}", b = "${inputs.token}", c = "${inputs.slow}", d = "${inputs.absent}" }
values_files = [{ command = "echo 'key: 0123'", secret = true }]
"#,
    );
    let error = resolve_for(&stack, |_| Some(Action::Upgrade), &Redactor::default()).await;
    let Err(InputsError::Commands(Problems(found))) = error else {
        panic!("{error:?}");
    };
    insta::assert_snapshot!(render(&found, false), @r#"
    error: input `absent` has no value: could not start `./no-such-program`: No such file or directory (os error 2)
     --> stack.toml:8:1
      |
    8 | absent = { command = ["./no-such-program"] }
      | ^^^^^^ declared here

    error: input `fails` has no value: `sh` failed: exit status: 3
     --> stack.toml:5:1
      |
    5 | fails = { command = "echo no state >&2; exit 3" }
      | ^^^^^ declared here
      |
      = help: it said:
              no state

    error: input `slow` has no value: `sleep` did not end within 50ms
     --> stack.toml:7:1
      |
    7 | slow = { command = ["sleep", "60"], timeout = "50ms" }
      | ^^^^ declared here

    error: input `token` has no value: the output of `sh` cannot be read: key must be a string at line 1 column 2
     --> stack.toml:6:1
      |
    6 | token = { command = "echo '{oops'", parse = "json", secret = true }
      | ^^^^^ declared here

    error: values from a command are missing: the output of `sh` cannot be read: line 1 is not clear YAML: quote what stands there
      --> stack.toml:12:29
       |
    12 | values_files = [{ command = "echo 'key: 0123'", secret = true }]
       |                             ^^^^^^^^^^^^^^^^^^ declared here
    "#);
}
