//! What the steps of a chart mean.

use std::time::Duration;

use super::*;
use crate::{
    name::Action,
    stack::{
        CaptureSource, Count, ErrorClass, HttpTarget, Late, Objects, OnError, PatchKind,
        Propagation, Reference, Scope, Step, Until, Verb, Which, Within,
    },
};

/// A stack whose one chart has these steps, given as the rest of its table.
pub(super) fn with(steps: &str) -> String {
    format!("[stack]\nname = \"demo\"\n[charts.web]\nchart = \"./charts/web\"\n{steps}")
}

/// The one step of `post`.
#[track_caller]
fn post(step: &str) -> Step {
    let stack = sound(&with(&format!("[[charts.web.post]]\n{step}\n")));
    stack.charts["web"].steps.post[0].clone()
}

#[test]
fn a_step_says_when_how_often_and_how_long() {
    let stack = sound(&with(
        r#"
timeout = "10m"
[[charts.web.pre]]
name = "migrate"
run = { command = "make migrate", env = { DSN = "${env.DSN}" } }
retry = { attempts = 4, delay = "2s", backoff = 1.5, on = ["command", "no-match"] }
on_error = "warn"
[[charts.web.validate]]
http = { url = "https://example.org/${inputs.path}", status = 204, body = "ok" }
when = { installed = false, input = { path = "x", size = 3 } }
[[charts.web.validate]]
http = { service = "web", port = 8080 }
timeout = 10
[[charts.web.validate]]
http = { service = "web", namespace = "other", port = "metrics", path = "/healthz" }
[[charts.web.on_failure]]
run = ["./tell", "them"]
when = { action = ["uninstall"] }
[inputs]
path = {}
size = {}
"#,
    ));
    let steps = &stack.charts["web"].steps;
    let migrate = &steps.pre[0];
    assert_eq!(migrate.name, "migrate");
    assert_eq!(migrate.timeout, Duration::from_mins(10));
    assert!(!migrate.when.actions.contains(&Action::Uninstall));
    assert_eq!(migrate.on_error, OnError::Warn);
    assert_eq!(
        (migrate.retry.attempts, migrate.retry.delay),
        (4, Duration::from_secs(2))
    );
    assert!((migrate.retry.backoff - 1.5).abs() < f64::EPSILON);
    assert_eq!(migrate.retry.on, [ErrorClass::Command, ErrorClass::NoMatch]);
    let names: Vec<_> = steps
        .validate
        .iter()
        .map(|step| step.name.as_str())
        .collect();
    assert_eq!(names, ["http", "http-2", "http-3"]);
    let first = &steps.validate[0];
    assert_eq!((first.retry.attempts, first.on_error), (1, OnError::Fail));
    assert!(first.retry.on.contains(&ErrorClass::Mismatch));
    assert!(!first.retry.on.contains(&ErrorClass::Auth));
    assert_eq!(first.timeout, Duration::from_mins(1));
    assert_eq!(first.when.installed, Some(false));
    let inputs: Vec<_> = first
        .when
        .inputs
        .iter()
        .map(|(input, wanted)| (input.to_string(), wanted.to_string()))
        .collect();
    assert_eq!(
        inputs,
        [
            ("${inputs.path}".to_owned(), "\"x\"".to_owned()),
            ("${inputs.size}".to_owned(), "3".to_owned())
        ]
    );
    let Verb::Http {
        target: HttpTarget::Service { port, path, .. },
        ..
    } = &steps.validate[1].verb
    else {
        panic!()
    };
    assert_eq!((port.as_str(), path.as_literal()), ("8080", Some("/")));
    assert_eq!(steps.on_failure[0].when.actions, [Action::Uninstall]);
    let references: Vec<_> = stack
        .uses(|_| Some(Action::Decide))
        .references
        .into_iter()
        .collect();
    assert_eq!(
        references,
        [
            &Reference::Input("path".into()),
            &Reference::Input("size".into()),
            &Reference::Env("DSN".into())
        ]
    );
}

/// An address in one line.
pub(super) fn told(objects: &Objects) -> String {
    let Objects {
        kind,
        api_version,
        within,
        which,
    } = objects;
    let api_version = api_version.as_deref().unwrap_or("-");
    let within = match within {
        Within::Release => "release".to_owned(),
        Within::Namespace(namespace) => namespace.to_string(),
        Within::Everywhere => "everywhere".to_owned(),
    };
    let which = match which {
        Which::Named(names) => {
            let names: Vec<_> = names.iter().map(ToString::to_string).collect();
            names.join("+")
        }
        Which::Matching { selector, fields } => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(path, value)| {
                    let value = value.resolve(&Scope::default()).unwrap().value;
                    format!("{path}={value}")
                })
                .collect();
            let selector = selector.as_ref().map(ToString::to_string);
            format!("[{}] [{}]", selector.unwrap_or_default(), fields.join(" "))
        }
    };
    format!("{api_version} {kind} {within} {which}")
}

#[test]
fn objects_are_named_the_same_way_everywhere() {
    for (said, expected) in [
        (r#""deploy/web""#, "- deploy release web"),
        (r#"{ kind = "Pod", object = "a" }"#, "- Pod release a"),
        (
            r#"{ kind = "Pod", object = ["a", "b"], namespace = "x" }"#,
            "- Pod x a+b",
        ),
        (
            r#"{ kind = "Gateway", api_version = "gateway.networking.k8s.io/v1", selector = "a in (b, c)" }"#,
            "gateway.networking.k8s.io/v1 Gateway release [a in (b, c)] []",
        ),
        (
            r#"{ kind = "Job", namespace = "*", where = { "status.succeeded" = 1, 'metadata.labels.a\.b' = "c" } }"#,
            r#"- Job everywhere [] [status.succeeded=1 metadata.labels.a\.b="c"]"#,
        ),
        (
            r#"{ kind = "Job", selector = "a=b", where = { x = true } }"#,
            "- Job release [a=b] [x=true]",
        ),
        (
            r#"{ kind = "PodDisruptionBudget", namespace = "*", all = true }"#,
            "- PodDisruptionBudget everywhere [] []",
        ),
    ] {
        for word in ["exists", "absent", "delete"] {
            let step = post(&format!("{word} = {said}"));
            let (Verb::Exists { objects }
            | Verb::Absent { objects }
            | Verb::Delete { objects, .. }) = &step.verb
            else {
                panic!("{step:?}")
            };
            let told: Vec<_> = objects.iter().map(told).collect();
            assert_eq!(told, [expected], "{word} = {said}");
        }
    }
    let Verb::Adopt { objects, optional } =
        post(r#"adopt = ["DaemonSet/aws-node", "ClusterRole/aws-node"]"#).verb
    else {
        panic!()
    };
    assert!(!optional);
    let told: Vec<_> = objects.iter().map(told).collect();
    assert_eq!(
        told,
        [
            "- DaemonSet release aws-node",
            "- ClusterRole release aws-node"
        ]
    );
}

#[test]
fn each_verb_is_read_with_its_own_keys() {
    let Verb::Apply { manifests, force } = post(
        r#"apply = { force = true, yaml = """
apiVersion: v1
kind: ConfigMap
metadata: { name: "a-${charts.web.release}" }
---
# nothing
---
apiVersion: v1
kind: ConfigMap
metadata: { name: b }
""", objects = [{ apiVersion = "v1", kind = "ConfigMap", metadata = { name = "c" } }] }"#,
    )
    .verb
    else {
        panic!()
    };
    assert!(force);
    let names: Vec<_> = manifests
        .iter()
        .map(|one| one.resolve(&Scope::default()).unwrap().value["metadata"]["name"].clone())
        .collect();
    assert_eq!(names, ["a-web", "b", "c"]);

    for (said, expected) in [
        (r"merge = { spec = { a = 1 } }", PatchKind::Merge),
        (
            r#"merge = "metadata: { finalizers: null }""#,
            PatchKind::Merge,
        ),
        (r"strategic = { spec = { a = 1 } }", PatchKind::Strategic),
        (
            r#"json = [{ op = "remove", path = "/a/0" }]"#,
            PatchKind::Json,
        ),
    ] {
        let step = post(&format!(
            "patch = {{ kind = \"DaemonSet\", object = \"kube-proxy\", {said} }}"
        ));
        assert!(
            matches!(&step.verb, Verb::Patch { kind, .. } if *kind == expected),
            "{step:?}"
        );
    }

    let step = post(
        r#"delete = { kind = "Pod", all = true, min_restarts = 5, propagation = "orphan", wait_gone = false }"#,
    );
    assert!(matches!(
        step.verb,
        Verb::Delete {
            propagation: Propagation::Orphan,
            min_restarts: Some(5),
            wait_gone: false,
            ..
        }
    ));
    assert_eq!(step.timeout, Duration::from_mins(5));

    let scale = r#"scale = { kind = "Deployment", object = "x", replicas = 0, optional = true }"#;
    assert!(matches!(
        post(scale).verb,
        Verb::Scale {
            wait_rollout: true,
            optional: true,
            ..
        }
    ));
    let restart = r#"restart = { kind = "sts", selector = "a=b", wait_rollout = false }"#;
    assert!(matches!(
        post(restart).verb,
        Verb::Restart {
            wait_rollout: false,
            optional: false,
            ..
        }
    ));

    for (said, expected) in [
        ("condition = \"Ready\"", "Ready is True"),
        ("condition = \"Ready=false\"", "Ready is False"),
        ("field = \"a.b\", value = 3", "a.b"),
        ("gone = true", "gone"),
        ("rollout = true", "rollout"),
        ("min = 2", "at least 2"),
        ("max = 2", "1 to 2"),
        ("equals = 2", "exactly 2"),
        ("min = 2, max = 3", "2 to 3"),
    ] {
        let step = post(&format!("wait = {{ kind = \"Pod\", all = true, {said} }}"));
        let Verb::Wait { until, .. } = &step.verb else {
            panic!("{step:?}")
        };
        let told = match until {
            Until::Condition { name, status } => format!("{name} is {status}"),
            Until::Field { field, .. } => field.to_string(),
            Until::Gone => "gone".to_owned(),
            Until::Rollout => "rollout".to_owned(),
            Until::Count(count) => count.to_string(),
        };
        assert_eq!(told, expected, "{said}");
    }

    let count = r#"count = { kind = "crd", where = { "spec.group" = "x.io" }, equals = 10 }"#;
    assert!(matches!(
        post(count).verb,
        Verb::Count {
            count: Count {
                min: 10,
                max: Some(10)
            },
            ..
        }
    ));
    let pods = post(r#"pods = { selector = "k8s-app=kube-dns" }"#);
    let Verb::Pods { objects, min: 1 } = &pods.verb else {
        panic!("{pods:?}")
    };
    assert_eq!(told(objects), "v1 Pod release [k8s-app=kube-dns] []");

    let test = post(r#"helm_test = { filter = ["smoke"], logs = true }"#);
    assert!(matches!(&test.verb, Verb::HelmTest { filter, logs: true } if filter == &["smoke"]));
    assert!(matches!(
        post("helm_test = true").verb,
        Verb::HelmTest { logs: false, .. }
    ));
}

#[test]
fn what_is_captured_can_be_used_after_it() {
    let stack = sound(&with(
        r#"
values = { replicas = "${capture.replicas}", text = "v-${capture.version}" }
[[charts.web.pre]]
capture = { name = "replicas", kind = "Deployment", object = "web", field = "spec.replicas", default = 1 }
[[charts.web.pre]]
capture = { name = "version", command = ["./version", "${capture.replicas}"], parse = "json", hash = true, secret = true }
[[charts.web.post]]
when = { changed = "version" }
scale = { kind = "Deployment", object = "web", replicas = "${capture.replicas}" }
[[charts.web.on_failure]]
run = "echo ${capture.replicas}"
"#,
    ));
    let web = &stack.charts["web"];
    let Verb::Capture {
        source: CaptureSource::Field { objects, field },
        default: Some(_),
        ..
    } = &web.steps.pre[0].verb
    else {
        panic!()
    };
    assert_eq!(told(objects), "- Deployment release web");
    assert_eq!(field.to_string(), "spec.replicas");
    assert!(matches!(
        &web.steps.pre[1].verb,
        Verb::Capture {
            source: CaptureSource::Command { .. },
            hash: true,
            secret: true,
            ..
        }
    ));
    // Nobody can give these a value before the run.
    let uses = stack.uses(|_| Some(Action::Decide));
    assert!(uses.references.is_empty());
    let late: Vec<_> = web
        .values
        .templates()
        .flat_map(crate::stack::Template::references)
        .cloned()
        .collect();
    let capture = |name: &str| Reference::Late(Late::Capture(name.to_owned()));
    assert_eq!(late, [capture("replicas"), capture("version")]);
}

#[test]
fn manifests_come_from_files_and_folders() {
    let text = with("[[charts.web.pre]]\napply = [\"crds\", \"one.json\"]\n");
    let root = folder(&text);
    let map = |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n");
    write(
        root.path(),
        "crds/b.yaml",
        &format!("{}---\n{}", map("b"), map("c")),
    );
    write(root.path(), "crds/a.yml", &map("a"));
    write(root.path(), "crds/README.md", "no manifest");
    write(
        root.path(),
        "one.json",
        r#"{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Secret","metadata":{"name":"d"}}]}"#,
    );
    let stack = load(options(&root, &text)).unwrap().stack;
    let Verb::Apply { manifests, .. } = &stack.charts["web"].steps.pre[0].verb else {
        panic!()
    };
    let names: Vec<_> = manifests
        .iter()
        .map(|one| one.resolve(&Scope::default()).unwrap().value["metadata"]["name"].clone())
        .collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
    let first = manifests[0].resolve(&Scope::default()).unwrap().value;
    assert_eq!(
        first,
        serde_json::json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" } })
    );
}
