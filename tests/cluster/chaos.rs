//! stackctl is killed at any of its writes, and the same command finishes what it began.
//!
//! Points are told by counting the writes to the API server, its own and its Helms'.
//! `STACKCTL_CHAOS=n` tries so many, spread over up, upgrade and down; a tenth as many with Helm 3.
//! In the sandbox, which is quick, a few of the charts go through more points in any case.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    sync::Arc,
    time::Duration,
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;
use stackctl::event::{ChartOutcome, EventKind};

use crate::{
    patches::server::Server,
    proxy::{Fate, Proxy, kill_stackctl},
    support::{Lab, Run, eventually},
    target::{Helm, Target},
};

tests![
    killed_at_any_write_the_same_command_finishes_a_small_job_in_the_sandbox,
    killed_at_any_write_the_same_command_finishes_the_job,
    killed_at_any_write_the_same_command_finishes_the_job_with_helm_3,
];

/// Points without `STACKCTL_CHAOS`.
const POINTS: usize = 12;

/// Points in the sandbox: forty with those.
const SMALL_POINTS: usize = 28;

/// The charts there: of each sort one.
const SMALL: [&str; 7] = ["kinds", "thing", "db", "cache", "queue", "old", "api"];

/// How long deleted objects may take to be gone.
const GOING: Duration = Duration::from_mins(2);

/// What is killed at some point: a first install, a change of most charts, and the way down.
const PHASES: [(&str, &[&str]); 3] = [
    ("v1", &["up", "--yes"]),
    ("v2", &["up", "--yes"]),
    ("v2", &["down", "--yes"]),
];

fn killed_at_any_write_the_same_command_finishes_a_small_job_in_the_sandbox() {
    let lab = Lab::on(Arc::new(Target::sandbox()), Helm::Four, "chaos-small");
    chaos(&lab, &|chart| SMALL.contains(&chart), SMALL_POINTS);
}

fn killed_at_any_write_the_same_command_finishes_the_job() {
    chaos(&Lab::new("chaos"), &|_| true, points());
}

fn killed_at_any_write_the_same_command_finishes_the_job_with_helm_3() {
    let lab = Lab::on(Target::shared(), Helm::Three, "chaos-3");
    chaos(&lab, &|_| true, (points() / 10).max(1));
}

fn points() -> usize {
    number("STACKCTL_CHAOS").map_or(POINTS, |n| n.try_into().expect("few"))
}

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a number")),
    )
}

/// Twelve charts: hooks, a CRD and its users, workloads, validations, steps, and in the second
/// version a reinstall and a chart that has not changed.
fn write_stack(lab: &Lab, is_in: &dyn Fn(&str) -> bool, version: &str) {
    let group = format!("{}.example.com", lab.namespace);
    lab.write(
        "charts/kinds/Chart.yaml",
        "apiVersion: v2\nname: kinds\nversion: 1.0.0\n",
    );
    lab.write(
        "charts/kinds/crds/things.yaml",
        &format!(
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n\
             metadata: {{name: things.{group}}}\nspec:\n  group: {group}\n  scope: Namespaced\n  \
             names: {{kind: Thing, listKind: ThingList, plural: things, singular: thing}}\n  \
             versions:\n  - name: v1\n    served: true\n    storage: true\n    schema:\n      \
             openAPIV3Schema:\n        description: {version}\n        type: object\n        \
             properties: {{spec: {{type: object, properties: {{note: {{type: string}}}}}}}}\n"
        ),
    );
    lab.write(
        "charts/things/Chart.yaml",
        "apiVersion: v2\nname: things\nversion: 1.0.0\n",
    );
    lab.write(
        "charts/things/templates/thing.yaml",
        &format!(
            "apiVersion: {group}/v1\nkind: Thing\nmetadata: {{name: {{{{ .Release.Name }}}}}}\n\
             spec: {{note: {{{{ .Values.note | quote }}}}}}\n"
        ),
    );
    lab.version("app", "2.0.0");
    let app = |values: &str| {
        format!(
            "chart = \"./charts/app\"\nvalues = {{ kind = \"none\", note = \"{version}\"{values} }}\n"
        )
    };
    let hook = |on: &str| app(&format!(", hook = {{ on = \"{on}\" }}"));
    let validated = "[[charts.NAME.validate]]\nrun = { command = [\"true\"] }\n";
    let thing = format!("chart = \"./charts/things\"\nvalues = {{ note = \"{version}\" }}\n");
    let old = match version {
        "v1" => "chart = \"./charts/app\"\n",
        _ => "chart = \"./charts/app-2.0.0\"\nreinstall_below = \"2.0.0\"\n",
    };
    let deployment = format!("chart = \"./charts/app\"\nvalues = {{ note = \"{version}\" }}\n");
    let charts: [(&str, String); 12] = [
        ("kinds", "chart = \"./charts/kinds\"\n".to_owned()),
        ("thing", format!("{thing}needs = [\"kinds\"]\n")),
        (
            "other-thing",
            format!("{thing}needs = [\"kinds:crds\"]\n{validated}"),
        ),
        ("db", hook("pre-install,pre-upgrade")),
        ("cache", hook("post-install,post-upgrade")),
        ("queue", hook("pre-delete")),
        ("old", format!("{old}values = {{ kind = \"none\" }}\n")),
        (
            "still",
            "chart = \"./charts/app\"\nvalues = { kind = \"none\" }\n".to_owned(),
        ),
        (
            "api",
            format!("{deployment}needs = [\"db\", \"cache\"]\n{validated}"),
        ),
        (
            "web",
            format!("{deployment}needs = [\"api:deployed\", \"old\"]\n"),
        ),
        (
            "mail",
            format!(
                "{}needs = [\"queue\"]\n[[charts.mail.pre]]\nrun = {{ command = [\"true\"] }}\n",
                app("")
            ),
        ),
        (
            "last",
            format!(
                "{}needs = [\"web\", \"mail\", \"still\", \"thing\"]\n{validated}",
                app("")
            ),
        ),
    ];
    let mut text = "[settings]\nconcurrency = 4\n".to_owned();
    for (name, chart) in charts.into_iter().filter(|(name, _)| is_in(name)) {
        let chart = chart.replace("NAME", name);
        write!(text, "[charts.{name}]\n{chart}").expect("a String takes everything");
    }
    lab.stack(&text);
}

fn chaos(lab: &Lab, is_in: &dyn Fn(&str) -> bool, points: usize) {
    let server = Server::of(lab.target());
    let seed = number("STACKCTL_TEST_SEED").unwrap_or_else(rand::random);
    eprintln!(
        "STACKCTL_TEST_SEED={seed} ({points} points, {})",
        lab.helm()
    );
    let mut random = StdRng::seed_from_u64(seed);
    let proxy = Proxy::of(lab.target());
    let env = proxy.env();
    let mut undisturbed = Vec::new();
    for (version, command) in PHASES.into_iter().take(points) {
        write_stack(lab, is_in, version);
        proxy.no_faults();
        lab.stackctl_with(&env, command).exits(0);
        undisturbed.push((proxy.writes().len(), objects(&server, lab)));
    }
    if points < PHASES.len() {
        lab.stackctl(&["down", "--yes"]).exits(0);
    }
    for point in 0..points {
        let phase = point % PHASES.len();
        let (version, command) = PHASES[phase];
        if phase == 0 {
            // Hooks of the way down, which outlive their release.
            lab.kubectl(&["delete", "jobs", "--all"]);
        }
        let (n_writes, expected) = &undisturbed[phase];
        write_stack(lab, is_in, version);
        // Anywhere in one of equal parts: together they cover the phase.
        let parts = (points - phase).div_ceil(PHASES.len());
        let part = point / PHASES.len();
        let nth = random.random_range(part * n_writes / parts..(part + 1) * n_writes / parts) + 1;
        let (children, done): (bool, bool) = (random.random(), random.random());
        let folder = lab.path().to_owned();
        proxy.faults(move |seen| {
            if seen.write != nth {
                return Fate::Pass;
            }
            kill_stackctl(&folder, children);
            // A Helm that goes on has done nothing wrong: its write passes.
            if done || !children {
                Fate::Pass
            } else {
                Fate::Cut
            }
        });
        let killed = lab.stackctl_with(&env, command);
        let writes = proxy.writes();
        let at = writes.get(nth - 1).map_or("no write", String::as_str);
        let what = format!(
            "{} point {point}: {version} {command:?} killed at write {nth} of {n_writes} ({at}; with \
             children: {children}, done: {done})",
            lab.helm()
        );
        eprintln!("{what}");
        let code = killed.status.code();
        assert!(matches!(code, None | Some(0)), "{what}: {killed}");
        let finished = finished(&killed);
        let before = marks(&server, lab, &finished);
        proxy.no_faults();
        let again = lab.stackctl_with(&env, command);
        assert_eq!(again.status.code(), Some(0), "{what}: {again}");
        assert_eq!(
            marks(&server, lab, &finished),
            before,
            "{what}: done twice: {again}"
        );
        for (name, release) in lab.releases() {
            assert_eq!(release.status, "deployed", "{what}: {name}");
        }
        let found = objects(&server, lab);
        for (object, wanted) in expected {
            let live = found.get(object);
            assert_eq!(live, Some(wanted), "{what}: {object} after {again}");
        }
        let more: Vec<_> = found
            .keys()
            .filter(|key| !expected.contains_key(*key))
            .collect();
        assert!(more.is_empty(), "{what}: {more:?} after {killed}\n{again}");
        let ours = format!("stackctl-{}", lab.namespace);
        for path in [
            "/apis/coordination.k8s.io/v1/namespaces/default/leases",
            "/api/v1/namespaces/default/configmaps",
        ] {
            let state = server.list(path).into_iter();
            let left: Vec<_> = state.filter(|it| it["metadata"]["name"] == ours).collect();
            assert!(left.is_empty(), "{what}: {left:?}");
        }
    }
    lab.stackctl(&["down", "--yes"]).exits(0);
    lab.kubectl(&[
        "delete",
        "crd",
        &format!("things.{}.example.com", lab.namespace),
    ]);
}

/// Charts that the run had brought to an end before it was killed.
fn finished(run: &Run) -> BTreeSet<String> {
    let done = run.events.iter().filter_map(|event| match &event.kind {
        EventKind::ChartFinished {
            outcome: ChartOutcome::Succeeded | ChartOutcome::Unchanged,
            ..
        } => event.chart.as_ref(),
        _ => None,
    });
    done.map(ToString::to_string).collect()
}

/// What would change if one of these charts were done again: its revision, and its hook's identity.
fn marks(server: &Server, lab: &Lab, charts: &BTreeSet<String>) -> BTreeMap<String, String> {
    let releases = lab.releases();
    let jobs = server.list(&format!("/apis/batch/v1/namespaces/{}/jobs", lab.namespace));
    let mark = |chart: &String| {
        let hook = format!("{chart}-hook");
        let job = jobs.iter().find(|job| job["metadata"]["name"] == *hook);
        let uid = job.map(|job| job["metadata"]["uid"].to_string());
        (chart.clone(), format!("{:?} {uid:?}", releases.get(chart)))
    };
    charts.iter().map(mark).collect()
}

/// Objects as the stack's author sees them: without identities, times, versions and states. Those
/// that Helm deleted before it was killed may take a moment to go: nobody is left who knows of
/// them, and the garbage collector is slow with kinds that are new to it.
fn objects(server: &Server, lab: &Lab) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    eventually("nothing is on its way out", GOING, || {
        found = listed(server, lab);
        let mut objects = found.values();
        objects.all(|object| object["metadata"]["deletionTimestamp"].is_null())
    });
    found.values_mut().for_each(normalise);
    found
}

/// The stack's objects, as they are.
fn listed(server: &Server, lab: &Lab) -> BTreeMap<String, Value> {
    let namespace = &lab.namespace;
    let group = format!("{namespace}.example.com");
    let mut found = BTreeMap::new();
    for (prefix, kind) in [
        ("/api/v1".to_owned(), "configmaps"),
        ("/apis/apps/v1".to_owned(), "deployments"),
        ("/apis/batch/v1".to_owned(), "jobs"),
        // Of nobody, as long as the kind is not there.
        (format!("/apis/{group}/v1"), "things"),
    ] {
        for object in server.list(&format!("{prefix}/namespaces/{namespace}/{kind}")) {
            found.insert(format!("{kind}/{}", object["metadata"]["name"]), object);
        }
    }
    let crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let crd = format!("{crds}/things.{group}");
    if let Ok(object) = server.get(&crd) {
        found.insert(crd, object);
    }
    found
}

/// Takes out what differs from run to run.
fn normalise(value: &mut Value) {
    const VOLATILE: &[&str] = &[
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "generation",
        "managedFields",
        "status",
        "deployment.kubernetes.io/revision",
        "controller-uid",
        "batch.kubernetes.io/controller-uid",
    ];
    match value {
        Value::Object(fields) => {
            fields.retain(|key, _| {
                !VOLATILE.contains(&key.as_str()) && !key.starts_with("stackctl.")
            });
            fields.values_mut().for_each(normalise);
        }
        Value::Array(items) => items.iter_mut().for_each(normalise),
        _ => {}
    }
}
