//! Files that include others, and environments.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::stack::{
    Judged, Resolved, Scope, Verb,
    layers::{
        Layers, environment, include,
        node::{Node, Value as Said},
    },
    load_each,
};

/// A folder of files, and a chart for every path any of them mentions.
pub(super) fn files(files: &[(&str, &str)]) -> TempDir {
    let all: String = files.iter().map(|(_, text)| *text).collect();
    let root = folder(&all);
    for (path, text) in files {
        write(root.path(), path, text);
    }
    root
}

fn load_in(root: &TempDir, environment: Option<&str>) -> Result<Loaded, Problems> {
    let mut options = LoadOptions::new(FileSource::Path(root.path().join("stack.toml")));
    options.environment = environment.map(str::to_owned);
    load(options)
}

#[track_caller]
pub(super) fn sound_in(root: &TempDir, environment: Option<&str>) -> Stack {
    match load_in(root, environment) {
        Ok(loaded) => loaded.stack,
        Err(problems) => panic!("{}", render(&problems.0, false)),
    }
}

/// What is said of `stack.toml` and what it includes.
#[track_caller]
pub(super) fn drawn_in(root: &TempDir, environment: Option<&str>) -> String {
    let problems = load_in(root, environment).expect_err("something is wrong");
    render(&problems.0, false).replace(&root.path().display().to_string(), "ROOT")
}

const BASE: &str = r#"
[stack]
name = "platform"
include = ["common/common.toml"]
[settings]
concurrency = 8
[inputs]
region = { default = "eu" }
[charts.web]
chart = "./charts/web"
values_files = ["web.yaml"]
values = { replicas = 1, tags = ["a", "b"], zone = { name = "${inputs.region}" } }
[charts.db]
chart = "./charts/db"
[environments.staging]
settings.concurrency = 2
defaults.namespace = "staging"
inputs.region.default = "us"
charts.web.values = { replicas = 2, tags = ["c"], zone = { id = 1 } }
charts.db.enabled = false
charts.debug.chart = "./charts/debug"
[environments.prod.stack]
state_namespace = "locks"
"#;

const COMMON: &str = r#"
[defaults]
namespace = "apps"
timeout = "9m"
values_files = ["default.yaml"]
[[defaults.post]]
run = ["./notify"]
[settings]
concurrency = 1
history_max = 3
[environments.staging.settings]
history_max = 1
"#;

fn base() -> TempDir {
    let root = files(&[
        ("stack.toml", BASE),
        ("common/common.toml", COMMON),
        ("common/default.yaml", ""),
        ("web.yaml", ""),
    ]);
    write(root.path(), "charts/debug/Chart.yaml", "name: x\n");
    root
}

#[test]
fn an_environment_is_laid_over_the_files_and_these_over_what_they_include() {
    let root = base();
    let plain = sound_in(&root, None);
    assert_eq!(plain.environment, None);
    assert_eq!(plain.settings.concurrency, Some(8));
    assert_eq!(plain.settings.history_max, 3);
    let names = |stack: &Stack| -> Vec<String> {
        stack
            .charts
            .values()
            .map(|c| c.release.to_string())
            .collect()
    };
    assert_eq!(names(&plain), ["apps/web", "apps/db"]);

    let staging = sound_in(&root, Some("staging"));
    assert_eq!(staging.environment.as_ref().unwrap().as_str(), "staging");
    assert_eq!(staging.settings.concurrency, Some(2));
    assert_eq!(staging.settings.history_max, 1);
    assert_eq!(names(&staging), ["staging/web", "staging/debug"]);
    assert_eq!(staging.inputs["region"].default, Some(json!("us")));
    let scope = Scope {
        inputs: [(
            "region".to_owned(),
            Resolved {
                value: json!("us"),
                secret: false,
            },
        )]
        .into(),
        ..Scope::default()
    };
    let values = staging.charts["web"].values.compose(&scope).unwrap();
    assert_eq!(
        values.document,
        json!({"replicas": 2, "tags": ["c"], "zone": {"name": "us", "id": 1}})
    );

    let prod = sound_in(&root, Some("prod"));
    assert_eq!(prod.state_namespace.as_str(), "locks");
    assert_eq!(names(&prod), names(&plain));
}

#[test]
fn paths_and_commands_belong_to_the_file_that_says_them() {
    let root = base();
    let stack = sound_in(&root, Some("staging"));
    let common = root.path().join("common");
    assert_eq!(
        stack.charts["web"].values.files,
        [root.path().join("web.yaml")]
    );
    assert_eq!(
        stack.charts["debug"].values.files,
        [common.join("default.yaml")]
    );
    let Verb::Run(crate::stack::Run { dir, .. }) = &stack.charts["web"].steps.post[0].verb else {
        panic!("a command");
    };
    assert_eq!(*dir, common);
}

#[test]
fn what_cannot_be_an_environment_is_said() {
    let root = files(&[(
        "stack.toml",
        r#"
[stack]
name = "platform"
[charts.web]
chart = "./charts/web"
[environments]
Prod = {}
dev = 3
[environments.staging]
environments.x = {}
stack.include = ["a.toml"]
settngs.concurrency = 2
charts.wbe.timeout = "1m"
charts.web.timeout = "soon"
"#,
    )]);
    insta::assert_snapshot!(drawn_in(&root, Some("staging")), @r#"
    error: environment name `Prod` is not valid
     --> ROOT/stack.toml:7:1
      |
    7 | Prod = {}
      | ^^^^ use lower-case letters, digits and `-`, starting and ending with a letter or digit

    error: environment `dev`: expected a table, found an integer
     --> ROOT/stack.toml:8:7
      |
    8 | dev = 3
      |       ^

    error: an environment cannot hold environments
      --> ROOT/stack.toml:10:1
       |
    10 | environments.x = {}
       | ^^^^^^^^^^^^

    error: an environment cannot include files
      --> ROOT/stack.toml:11:17
       |
    11 | stack.include = ["a.toml"]
       |                 ^^^^^^^^^^
       |
       = help: a file included by the stack can declare environments, too

    error: unknown key `settngs`
      --> ROOT/stack.toml:12:1
       |
    12 | settngs.concurrency = 2
       | ^^^^^^^ not a key of a stack file
       |
       = help: did you mean `settings`?

    error: unknown chart `wbe`
      --> ROOT/stack.toml:13:8
       |
    13 | charts.wbe.timeout = "1m"
       |        ^^^ the stack has no chart of this name
       |
       = help: did you mean `web`?
       = help: a chart that is only in this environment says its `chart`

    error: `timeout` is not valid
      --> ROOT/stack.toml:14:22
       |
    14 | charts.web.timeout = "soon"
       |                      ^^^^^^ expected a duration such as `90s`, `5m`, `1h30m` or `300ms`, or a whole number of seconds
    "#);
    insta::assert_snapshot!(drawn_in(&root, Some("stagin")), @r#"
    error: environment name `Prod` is not valid
     --> ROOT/stack.toml:7:1
      |
    7 | Prod = {}
      | ^^^^ use lower-case letters, digits and `-`, starting and ending with a letter or digit

    error: environment `dev`: expected a table, found an integer
     --> ROOT/stack.toml:8:7
      |
    8 | dev = 3
      |       ^

    error: unknown environment `stagin`
     --> command line:1:15
      |
    1 | --environment stagin
      |               ^^^^^^ no environment of this name
      |
      = help: did you mean `staging`?
      = help: declared environments: `Prod`, `dev` and `staging`
    "#);
    let root = files(&[("stack.toml", "[stack]\nname = \"x\"\n[charts]\n")]);
    insta::assert_snapshot!(drawn_in(&root, Some("prod")), @r#"
    warning: the stack has no charts

    error: unknown environment `prod`
     --> command line:1:15
      |
    1 | --environment prod
      |               ^^^^ no environment of this name
      |
      = help: the stack declares none: `[environments.NAME]` with what is different there
    "#);
}

#[test]
fn what_cannot_be_included_is_said_under_its_item() {
    let root = files(&[
        (
            "stack.toml",
            "[stack]\nname = \"x\"\ninclude = [\"none.toml\", \"sub\", \"sub/a.toml\", \"bad.toml\", 3, \"${env.X}\"]\n\
             [charts.web]\nchart = \"./charts/web\"\n",
        ),
        (
            "sub/a.toml",
            "stack.include = [\"b.toml\", \"../twice.toml\"]\n",
        ),
        (
            "sub/b.toml",
            "stack.include = [\"./a.toml\", \"../stack.toml\", \"../twice.toml\"]\n",
        ),
        ("twice.toml", "[charts.web]\nchart = \"./charts/web\"\n"),
        ("bad.toml", "a = = 1\n"),
    ]);
    insta::assert_snapshot!(drawn_in(&root, None), @r#"
    error: `include`: expected an array of paths, found an integer
     --> ROOT/stack.toml:3:58
      |
    3 | include = ["none.toml", "sub", "sub/a.toml", "bad.toml", 3, "${env.X}"]
      |                                                          ^

    error: included file `ROOT/none.toml` does not exist
     --> ROOT/stack.toml:3:12
      |
    3 | include = ["none.toml", "sub", "sub/a.toml", "bad.toml", 3, "${env.X}"]
      |            ^^^^^^^^^^^

    error: `ROOT/sub` is a folder, not a stack file
     --> ROOT/stack.toml:3:25
      |
    3 | include = ["none.toml", "sub", "sub/a.toml", "bad.toml", 3, "${env.X}"]
      |                         ^^^^^

    error: `ROOT/sub/a.toml` includes itself
     --> ROOT/sub/b.toml:1:18
      |
    1 | stack.include = ["./a.toml", "../stack.toml", "../twice.toml"]
      |                  ^^^^^^^^^^
      |
      = help: the way round: ROOT/sub/a.toml -> ROOT/sub/b.toml -> ROOT/sub/a.toml

    error: `ROOT/stack.toml` includes itself
     --> ROOT/sub/b.toml:1:30
      |
    1 | stack.include = ["./a.toml", "../stack.toml", "../twice.toml"]
      |                              ^^^^^^^^^^^^^^^
      |
      = help: the way round: ROOT/stack.toml -> ROOT/sub/a.toml -> ROOT/sub/b.toml -> ROOT/sub/../stack.toml

    error: the stack file is not valid TOML
     --> ROOT/bad.toml:1:5
      |
    1 | a = = 1
      |     ^ extra `=`, expected nothing

    error: `include` takes paths as they stand
     --> ROOT/stack.toml:3:61
      |
    3 | include = ["none.toml", "sub", "sub/a.toml", "bad.toml", 3, "${env.X}"]
      |                                                             ^^^^^^^^^^ there is nothing yet that it could refer to

    error: chart `web` is declared twice
     --> ROOT/stack.toml:4:9
      |
    4 | [charts.web]
      |         ^^^ here
      |
     ::: ROOT/sub/../twice.toml:1:9
      |
    1 | [charts.web]
      |         --- and here
      |
      = help: declare it in one file; what differs from case to case belongs into `[environments.NAME.charts…]`
    "#);
}

#[test]
fn a_file_that_is_reached_twice_is_read_once() {
    let root = files(&[
        (
            "stack.toml",
            "[stack]\nname = \"x\"\ninclude = [\"a.toml\", \"b.toml\"]\n",
        ),
        ("a.toml", "stack.include = [\"web.toml\"]\n"),
        ("b.toml", "stack.include = [\"./web.toml\"]\n"),
        ("web.toml", "[charts.web]\nchart = \"./charts/web\"\n"),
    ]);
    assert_eq!(sound_in(&root, None).charts.len(), 1);
}

#[test]
fn each_environment_is_judged_and_the_stack_alone_only_if_it_has_none() {
    let judged = |root: &TempDir, environment: Option<&str>| -> Vec<(Option<String>, bool)> {
        let mut options = LoadOptions::new(FileSource::Path(root.path().join("stack.toml")));
        options.environment = environment.map(str::to_owned);
        load_each(&options)
            .unwrap()
            .into_iter()
            .map(
                |Judged {
                     environment,
                     result,
                 }| { (environment.map(|name| name.to_string()), result.is_ok()) },
            )
            .collect()
    };
    let root = base();
    let some = |name: &str| Some(name.to_owned());
    assert_eq!(
        judged(&root, None),
        [(some("staging"), true), (some("prod"), true)]
    );
    assert_eq!(judged(&root, Some("prod")), [(None, true)]);
    let root = files(&[("stack.toml", "[stack]\nname = \"x\"\n[charts]\n")]);
    assert_eq!(judged(&root, None), [(None, true)]);
}

fn as_json(node: &Node) -> Value {
    match &node.value {
        Said::Text(text) => json!(text),
        Said::Integer(integer) => json!(integer),
        Said::List(items) => items.iter().map(as_json).collect(),
        Said::Table(table) => {
            let entries = table.iter();
            Value::Object(
                entries
                    .map(|(key, _, node)| (key.to_owned(), as_json(node)))
                    .collect(),
            )
        }
        Said::Float(_) | Said::Flag(_) | Said::Datetime => Value::Null,
    }
}

/// A tree that TOML and JSON can both hold.
fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        (0..3_i64).prop_map(|number| json!(number)),
        "[xyz]{0,2}".prop_map(|text| json!(text)),
        prop::collection::vec(0..3_i64, 0..3).prop_map(|list| json!(list)),
    ];
    let tree = leaf.prop_recursive(3, 16, 4, |inner| table(inner).boxed());
    table(tree)
}

fn table(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-d]", inner, 0..4).prop_map(|map| json!(map))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Tables deep, everything else replaced: included files in order, the file, the environment.
    #[test]
    fn layers_merge_as_values_do(a in tree(), b in tree(), file in tree(), overlay in tree()) {
        let root = TempDir::new().unwrap();
        let toml = |key: &str, tree: &Value| format!("{key} = {}\n", inline(tree));
        write(root.path(), "a.toml", &toml("x", &a));
        write(root.path(), "b.toml", &toml("x", &b));
        let text = format!(
            "stack.include = [\"a.toml\", \"b.toml\"]\n{}environments.e = {{ {} }}\n",
            toml("x", &file),
            toml("x", &overlay).trim_end(),
        );
        let mut layers: Layers = include::read("stack.toml", text, root.path(), None).unwrap();
        let source = layers.add_source("command line", "e".into());
        let chosen = crate::stack::layers::origin::Located {
            value: "e".to_owned(),
            origin: source.origin(0..1),
        };
        let mut wrong = Vec::new();
        environment::apply(&mut layers, Some(&chosen), &mut wrong);
        prop_assert!(wrong.is_empty());
        let mut expected = a;
        for over in [b, file, overlay] {
            expected = super::values::merged(&expected, &over);
        }
        prop_assert_eq!(as_json(layers.root.get("x").unwrap()), expected);
    }
}

/// As an inline table.
fn inline(tree: &Value) -> String {
    match tree {
        Value::Object(map) => {
            let entries = map
                .iter()
                .map(|(key, value)| format!("{key} = {}", inline(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}
