//! Everything that can be wrong with a step, and how it is said.

use super::{steps::with, *};

#[test]
fn each_wrong_step_says_why() {
    let cases = [
        "name = \"x\"",
        "run = \"\"",
        "run = []",
        "run = { env = { A = 1 } }",
        "run = \"x\"\npods = { selector = \"a=b\" }",
        "runn = \"x\"",
        "pods = { selector = \"\", min = 0 }",
        "pods = { selectr = \"a=b\" }",
        "http = {}",
        "http = { url = \"ftp://x\", port = 1 }",
        "http = { url = \"\" }",
        "http = { url = \"https://x\", service = \"y\" }",
        "http = { service = \"y\", port = 70000, path = \"x\" }",
        "http = { url = \"https://x\", status = 99 }",
        "run = \"x\"\nname = \"a/b\"",
        "run = \"x\"\nwhen = { action = [\"instal\"], changed = \"x\", input = { a = 1, b = [] } }",
        "run = \"x\"\nwhen = { action = [], installed = 1, exists = true }",
        "run = \"x\"\nretry = { attempts = 0, delay = \"x\", backoff = 0.5, on = [\"webhok\", \"auth\", \"lock\"] }",
        "run = \"x\"\nretry = { on = [] }",
        "run = \"x\"\ntimeout = \"\"\non_error = \"stop\"",
        "run = \"echo ${inputs.nope} ${capture.x}\"",
    ];
    insta::assert_snapshot!(said_of("post", &cases), @r#"
    name = "x"
      stack.toml:5: this step does nothing | a step has one of `adopt`, `apply`, `patch`, `delete`, `scale`, `restart`, `run`, `capture`, `wait`, `exists`, `absent`, `count`, `equals`, `contains`, `pods`, `http` and `helm_test`
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
    runn = "x"
      stack.toml:5: this step does nothing | a step has one of `adopt`, `apply`, `patch`, `delete`, `scale`, `restart`, `run`, `capture`, `wait`, `exists`, `absent`, `count`, `equals`, `contains`, `pods`, `http` and `helm_test`
      stack.toml:6: unknown key `runn` (not a key of a step) | did you mean `run`?
    pods = { selector = "", min = 0 }
      stack.toml:6: `selector` is empty (it would match everything) | `all = true` says so
      stack.toml:6: `min` must be at least 1 (no pod at all would pass, even with a misspelt selector)
    pods = { selectr = "a=b" }
      stack.toml:6: `pods` names no objects | say `object = "NAME"`, `selector = "LABEL=VALUE"`, `where = { FIELD = VALUE }` or `all = true`
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
    when = { action = ["instal"], changed = "x", input = { a = 1, b = [] } }
      stack.toml:7: `instal` is not a value of `action` (expected one of `install`, `upgrade`, `reinstall`, `uninstall`, `unchanged` and `skip`) | did you mean `install`?
      stack.toml:7: nothing captures `x` before this step | add a step to `pre`: capture = { name = "x", kind = …, object = …, field = … }
      stack.toml:7: undefined input `a` | no inputs are declared; add `a = { default = … }` to `[inputs]`
      stack.toml:7: `b`: expected a string, a boolean or a number, found an array
    run = "x"
    when = { action = [], installed = 1, exists = true }
      stack.toml:7: `action` is empty: the step would never run
      stack.toml:7: `installed`: expected a boolean, found an integer
      stack.toml:7: unknown key `exists` (not a key of `when`)
    run = "x"
    retry = { attempts = 0, delay = "x", backoff = 0.5, on = ["webhok", "auth", "lock"] }
      stack.toml:7: `attempts` must be at least 1
      stack.toml:7: `delay` is not valid (expected a duration such as `90s`, `5m`, `1h30m` or `300ms`, or a whole number of seconds)
      stack.toml:7: `backoff` must be from 1 to 100
      stack.toml:7: `webhok` is not a value of `on` (expected one of `webhook`, `no-match`, `lock`, `network`, `timeout`, `conflict`, `not-found`, `hook`, `mismatch`, `command`, `refused` and `other`) | did you mean `webhook`?
      stack.toml:7: `auth` errors are never worth another attempt (the same would happen again)
    run = "x"
    retry = { on = [] }
      stack.toml:7: `on` is empty (nothing would be tried again)
    run = "x"
    timeout = ""
    on_error = "stop"
      stack.toml:7: `timeout` is not valid (expected a duration such as `90s`, `5m`, `1h30m` or `300ms`, or a whole number of seconds)
      stack.toml:8: `stop` is not a value of `on_error` (expected one of `fail`, `warn` and `ignore`)
    run = "echo ${inputs.nope} ${capture.x}"
      stack.toml:6: undefined input `nope` | no inputs are declared; add `nope = { default = … }` to `[inputs]`
      stack.toml:6: undefined capture `x` | nothing is captured before this; add a step `capture = { name = "x", … }`
    "#);
}

#[test]
fn each_wrong_way_to_name_objects_says_why() {
    let cases = [
        r#"exists = "web""#,
        r#"exists = "apps/v1/Deployment""#,
        r"exists = []",
        r"exists = 3",
        r#"exists = { object = "x" }"#,
        r#"exists = { kind = "Deployment.apps", object = "x" }"#,
        r#"exists = { kind = "Deployment", api_version = "apps", object = "x" }"#,
        r#"exists = { kind = "Deployment" }"#,
        r#"exists = { kind = "Deployment", object = "x", selector = "a=b" }"#,
        r#"exists = { kind = "Deployment", all = true, where = { a = 1 } }"#,
        r#"exists = { kind = "Deployment", all = false }"#,
        r#"exists = { kind = "Deployment", object = [] }"#,
        r#"exists = { kind = "Deployment", object = "a b" }"#,
        r#"exists = { kind = "Deployment", object = "x", namespace = "*" }"#,
        r#"exists = { kind = "Deployment", selector = "app in web" }"#,
        r#"exists = { kind = "Deployment", where = { "a..b" = 1 } }"#,
        r#"exists = { kind = "Deployment", where = {} }"#,
        r#"exists = { kind = "Deployment", objects = "x" }"#,
        r#"adopt = { kind = "Pod", selector = "a=b" }"#,
        r#"capture = { name = "x", kind = "Pod", object = ["a", "b"], field = "a" }"#,
    ];
    insta::assert_snapshot!(said_of("post", &cases), @r#"
    exists = "web"
      stack.toml:6: `web` names no object (expected `KIND/NAME`)
    exists = "apps/v1/Deployment"
      stack.toml:6: `v1/Deployment` is not the name of an object
    exists = []
      stack.toml:6: `exists` is empty (it names nothing)
    exists = 3
      stack.toml:6: `exists`: expected `"KIND/NAME"`, an array of these, or a table, found an integer
    exists = { object = "x" }
      stack.toml:6: `exists` has no `kind`
    exists = { kind = "Deployment.apps", object = "x" }
      stack.toml:6: `Deployment.apps` is not a kind (expected one such as `Deployment`) | its group and version go into `api_version`
    exists = { kind = "Deployment", api_version = "apps", object = "x" }
      stack.toml:6: `apps` is not an API version (expected `v1` or `GROUP/VERSION`)
    exists = { kind = "Deployment" }
      stack.toml:6: `exists` names no objects | say `object = "NAME"`, `selector = "LABEL=VALUE"`, `where = { FIELD = VALUE }` or `all = true`
    exists = { kind = "Deployment", object = "x", selector = "a=b" }
      stack.toml:6: `object` and `selector` cannot go together
    exists = { kind = "Deployment", all = true, where = { a = 1 } }
      stack.toml:6: `where` and `all` cannot go together
    exists = { kind = "Deployment", all = false }
      stack.toml:6: `all` can only be `true` (say `object = "NAME"`, `selector = "LABEL=VALUE"`, `where = { FIELD = VALUE }` or `all = true`)
    exists = { kind = "Deployment", object = [] }
      stack.toml:6: `object` is empty (it names nothing)
    exists = { kind = "Deployment", object = "a b" }
      stack.toml:6: `a b` is not the name of an object
    exists = { kind = "Deployment", object = "x", namespace = "*" }
      stack.toml:6: an object is named within one namespace (`*` goes with `selector`, `where` and `all`)
    exists = { kind = "Deployment", selector = "app in web" }
      stack.toml:6: `app in web` is not a label selector (`app in web` is not the name of a label) | for example `app=web`, `tier!=base`, `env in (a, b)`, `!legacy`, joined by `,`
    exists = { kind = "Deployment", where = { "a..b" = 1 } }
      stack.toml:6: `a..b` is not a path to a field (a part of the path is empty) | for example `spec.clusterIP`, `spec.ports[0].port`, `metadata.annotations.a\.b`
    exists = { kind = "Deployment", where = {} }
      stack.toml:6: `where` is empty (it would match everything)
    exists = { kind = "Deployment", objects = "x" }
      stack.toml:6: `exists` names no objects | say `object = "NAME"`, `selector = "LABEL=VALUE"`, `where = { FIELD = VALUE }` or `all = true`
      stack.toml:6: unknown key `objects` (not a key of `exists`) | did you mean `object`?
    adopt = { kind = "Pod", selector = "a=b" }
      stack.toml:6: `adopt` names its objects: `selector` cannot be used here | say `object = "NAME"`
    capture = { name = "x", kind = "Pod", object = ["a", "b"], field = "a" }
      stack.toml:6: `object`: expected a string, found an array
    "#);
}

#[test]
fn each_wrong_verb_says_why() {
    let cases = [
        "apply = {}",
        "apply = \"missing.yaml\"",
        "apply = \"bad.yaml\"",
        "apply = \"empty\"",
        "apply = { yaml = \"kind: X\" }",
        "apply = { objects = [{ apiVersion = \"v1\", kind = \"X\" }] }",
        "apply = { yaml = \"a: yes\" }",
        "patch = { kind = \"Pod\", object = \"x\" }",
        "patch = { kind = \"Pod\", object = \"x\", merge = {}, json = [] }",
        "patch = { kind = \"Pod\", object = \"x\", merge = 3 }",
        "patch = { kind = \"Pod\", object = \"x\", json = [{ op = \"delete\", path = \"a\" }, {}] }",
        "delete = { kind = \"Job\", all = true, min_restarts = 0 }",
        "delete = { kind = \"Job\", all = true, propagation = \"none\" }",
        "scale = { kind = \"Deployment\", object = \"x\" }",
        "scale = { kind = \"Deployment\", object = \"x\", replicas = -1 }",
        "scale = { kind = \"Deployment\", object = \"x\", replicas = \"two\" }",
        "restart = \"ConfigMap/x\"",
        "capture = {}",
        "capture = { name = \"a b\", kind = \"Pod\", object = \"x\" }",
        "capture = { name = \"x\", command = \"date\", kind = \"Pod\", parse = \"xml\" }",
        "wait = { kind = \"Pod\", all = true }",
        "wait = { kind = \"Pod\", all = true, gone = true, rollout = true }",
        "wait = { kind = \"Pod\", all = true, gone = false }",
        "wait = { kind = \"Pod\", all = true, field = \"a\" }",
        "wait = { kind = \"Pod\", all = true, condition = \"Ready=yes\" }",
        "count = { kind = \"Pod\", all = true }",
        "count = { kind = \"Pod\", all = true, equals = 0 }",
        "count = { kind = \"Pod\", all = true, equals = 2, min = 1 }",
        "count = { kind = \"Pod\", all = true, min = 3, max = 2 }",
        "equals = { kind = \"Pod\", object = \"x\" }",
        "contains = { kind = \"Pod\", object = \"x\", field = \"a[\", value = 1 }",
        "helm_test = false",
        "helm_test = { filters = [] }",
    ];
    insta::assert_snapshot!(said_of("post", &cases), @r#"
    apply = {}
      stack.toml:6: `apply` needs `files`, `yaml` or `objects`
    apply = "missing.yaml"
      stack.toml:6: manifest `ROOT/missing.yaml` does not exist
    apply = "bad.yaml"
      stack.toml:6: manifest `ROOT/bad.yaml` cannot be read (line 4: `yes` is ambiguous: Helm reads true; quote it if it is a text)
    apply = "empty"
      stack.toml:6: `ROOT/empty` holds no manifests (no file there ends in `.yaml`, `.yml`, `.json`)
    apply = { yaml = "kind: X" }
      stack.toml:6: `yaml` is not an object of Kubernetes (it has no `apiVersion`)
    apply = { objects = [{ apiVersion = "v1", kind = "X" }] }
      stack.toml:6: this is not an object of Kubernetes (it has no `metadata.name`)
    apply = { yaml = "a: yes" }
      stack.toml:6: `yaml` is not an object of Kubernetes (it has no `apiVersion`)
      stack.toml:6: `yes` is ambiguous: Helm reads true; quote it if it is a text
    patch = { kind = "Pod", object = "x" }
      stack.toml:6: `patch` needs one of `merge`, `strategic` and `json`
    patch = { kind = "Pod", object = "x", merge = {}, json = [] }
      stack.toml:6: `patch` needs only one of `merge`, `strategic` and `json`
    patch = { kind = "Pod", object = "x", merge = 3 }
      stack.toml:6: `patch`: expected a table, or YAML in a text, found an integer
    patch = { kind = "Pod", object = "x", json = [{ op = "delete", path = "a" }, {}] }
      stack.toml:6: `delete` is not a value of `op` (expected one of `add`, `remove`, `replace`, `move`, `copy` and `test`)
      stack.toml:6: `a` is not a JSON pointer (expected `/a/b/0`)
      stack.toml:6: an operation has no `op`
      stack.toml:6: an operation has no `path`
    delete = { kind = "Job", all = true, min_restarts = 0 }
      stack.toml:6: `min_restarts` must be at least 1
      stack.toml:6: `min_restarts` goes with `kind = "Pod"`
    delete = { kind = "Job", all = true, propagation = "none" }
      stack.toml:6: `none` is not a value of `propagation` (expected one of `background`, `foreground` and `orphan`)
    scale = { kind = "Deployment", object = "x" }
      stack.toml:6: `scale` has no `replicas`
    scale = { kind = "Deployment", object = "x", replicas = -1 }
      stack.toml:6: `replicas` cannot be negative or huge
    scale = { kind = "Deployment", object = "x", replicas = "two" }
      stack.toml:6: `replicas`: expected a number, or a text that refers to one, found a string
    restart = "ConfigMap/x"
      stack.toml:6: a ConfigMap cannot be restarted (only Deployments, StatefulSets and DaemonSets can)
    capture = {}
      stack.toml:6: `capture` has no `name`
      stack.toml:6: `capture` has no `kind`
      stack.toml:6: `capture` names no objects | say `object = "NAME"`
      stack.toml:6: `capture` has no `field`
    capture = { name = "a b", kind = "Pod", object = "x" }
      stack.toml:6: `capture` has no `field`
      stack.toml:6: `a b` is not a name (use letters, digits, `-` and `_`)
    capture = { name = "x", command = "date", kind = "Pod", parse = "xml" }
      stack.toml:6: unknown key `kind` (not a key of `capture`)
      stack.toml:6: `xml` is not a value of `parse` (expected one of `text`, `json` and `yaml`)
    wait = { kind = "Pod", all = true }
      stack.toml:6: `wait` waits for one thing | say `condition = "Ready"`, `field = …` with `value = …`, `gone = true`, `rollout = true`, or how many with `min`, `max` or `equals`
    wait = { kind = "Pod", all = true, gone = true, rollout = true }
      stack.toml:6: `wait` waits for only one thing | say `condition = "Ready"`, `field = …` with `value = …`, `gone = true`, `rollout = true`, or how many with `min`, `max` or `equals`
    wait = { kind = "Pod", all = true, gone = false }
      stack.toml:6: `gone` can only be `true`
    wait = { kind = "Pod", all = true, field = "a" }
      stack.toml:6: `wait` for a `field` has no `value`
    wait = { kind = "Pod", all = true, condition = "Ready=yes" }
      stack.toml:6: `Ready=yes` is not a condition (expected `Ready`, or `Ready=False`)
    count = { kind = "Pod", all = true }
      stack.toml:6: `count` needs `min`, `max` or `equals`
    count = { kind = "Pod", all = true, equals = 0 }
      stack.toml:6: `equals` must be at least 1 (none at all would pass, even of a misspelt selection) | `absent` makes sure that there is none
    count = { kind = "Pod", all = true, equals = 2, min = 1 }
      stack.toml:6: `equals` says it all (leave out `min` and `max`)
    count = { kind = "Pod", all = true, min = 3, max = 2 }
      stack.toml:6: `max` is less than `min`
    equals = { kind = "Pod", object = "x" }
      stack.toml:6: `equals` has no `field`
      stack.toml:6: `equals` has no `value`
    contains = { kind = "Pod", object = "x", field = "a[", value = 1 }
      stack.toml:6: `a[` is not a path to a field (`[` is not closed) | for example `spec.clusterIP`, `spec.ports[0].port`, `metadata.annotations.a\.b`
    helm_test = false
      stack.toml:6: `helm_test`: expected `true` or a table, found a boolean
    helm_test = { filters = [] }
      stack.toml:6: unknown key `filters` (not a key of `helm_test`) | did you mean `filter`?
    "#);
    let cases = [
        "restart = \"Deployment/x\"",
        "delete = \"Job/x\"",
        "exists = \"Job/x\"",
    ];
    insta::assert_snapshot!(said_of("validate", &cases), @r#"
    restart = "Deployment/x"
      stack.toml:6: `restart` changes the cluster, and `validate` only looks | make it a step of `post`
    delete = "Job/x"
      stack.toml:6: `delete` changes the cluster, and `validate` only looks | make it a step of `post`
    exists = "Job/x"
    "#);
}

#[test]
fn a_capture_cannot_be_used_before_it_is_made_or_where_nobody_makes_it() {
    insta::assert_snapshot!(
        drawn(&with(
            r#"
values = { a = "${capture.later}", b = "${capture.earlyer}" }
namespace = "${capture.early}"
[[charts.web.pre]]
run = "echo ${capture.early}"
[[charts.web.pre]]
capture = { name = "early", command = "date" }
[[charts.web.pre]]
capture = { name = "early", command = "date" }
[[charts.web.post]]
capture = { name = "later", command = "date" }
[[charts.web.on_failure]]
run = "echo ${capture.later}"
when = { changed = "later" }
"#
        )),
        @r#"
    error: undefined capture `later`
     --> stack.toml:6:17
      |
    6 | values = { a = "${capture.later}", b = "${capture.earlyer}" }
      |                 ^^^^^^^^^^^^^^^^
      |
      = help: captured before this: `early`

    error: undefined capture `earlyer`
     --> stack.toml:6:41
      |
    6 | values = { a = "${capture.later}", b = "${capture.earlyer}" }
      |                                         ^^^^^^^^^^^^^^^^^^
      |
      = help: did you mean `early`?
      = help: captured before this: `early`

    error: `${capture.early}` cannot be used here
     --> stack.toml:7:14
      |
    7 | namespace = "${capture.early}"
      |              ^^^^^^^^^^^^^^^^
      |
      = help: what is read from the cluster may be used in a chart's values and steps

    error: undefined capture `early`
     --> stack.toml:9:13
      |
    9 | run = "echo ${capture.early}"
      |             ^^^^^^^^^^^^^^^^
      |
      = help: nothing is captured before this; add a step `capture = { name = "early", … }`

    error: `early` is captured twice
      --> stack.toml:13:20
       |
    13 | capture = { name = "early", command = "date" }
       |                    ^^^^^^^ a step before this captures it

    error: undefined capture `later`
      --> stack.toml:17:13
       |
    17 | run = "echo ${capture.later}"
       |             ^^^^^^^^^^^^^^^^
       |
       = help: captured before this: `early`

    error: nothing captures `later` before this step
      --> stack.toml:18:20
       |
    18 | when = { changed = "later" }
       |                    ^^^^^^^
       |
       = help: captured before this: `early`
    "#
    );
}

fn said_of(phase: &str, cases: &[&str]) -> String {
    let mut said = Vec::new();
    for case in cases {
        let text = with(&format!("[[charts.web.{phase}]]\n{case}\n"));
        let root = folder(&text);
        write(root.path(), "bad.yaml", "# x\n---\na: 1\nb: yes\n");
        write(root.path(), "empty/README.md", "");
        let found = match load(options(&root, &text)) {
            Ok(loaded) => loaded.warnings,
            Err(problems) => problems.0,
        };
        said.push(format!(
            "{case}\n  {}",
            messages_of(&root, &found).join("\n  ")
        ));
    }
    said.join("\n")
}
