//! A lab for unit tests: steps as a stack file says them, run for one chart against an API server
//! that is a map of objects.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use super::{Context, Intents, Payload, RunContext, StepError, Validation, dossier, steps};
use crate::{
    cluster::{
        ServerVersion, Watches,
        testing::{Answer, Call, Script},
    },
    engine::{self, Done, Execute, Options, Policy, Progress, Sink, SinkError},
    event::{Event, EventKind, Failure, Stream},
    helm::{Helm, Major, Surroundings},
    journal::Journal,
    name::{Action, ChartName, Direction, RunId},
    plan::{Node, NodeIx, Plan},
    release::Releases,
    secret::{Redactor, Secret},
    shutdown::{Shutdown, Trigger},
    stack::{FileSource, LoadOptions, Resolved, Scope, load},
};

/// Objects by URL path.
type Objects = BTreeMap<String, Value>;

/// What the server says to a call before it looks at its objects.
type Answers = Box<dyn Fn(&Call, &mut Objects) -> Option<Answer> + Send + Sync>;

/// An API server of a few kinds.
#[derive(Clone, Default)]
pub(crate) struct Fake(Arc<Mutex<Objects>>);

/// Kinds that it serves: group version, kind, plural, short name, namespaced.
const KINDS: [(&str, &str, &str, &str, bool); 8] = [
    ("v1", "ConfigMap", "configmaps", "cm", true),
    ("v1", "Secret", "secrets", "", true),
    ("v1", "Pod", "pods", "po", true),
    ("v1", "Namespace", "namespaces", "ns", false),
    ("v1", "Service", "services", "svc", true),
    ("apps/v1", "Deployment", "deployments", "deploy", true),
    ("example.com/v1", "Widget", "widgets", "", true),
    ("example.com/v1", "Site", "sites", "", false),
];

impl Fake {
    /// One with these objects.
    pub(crate) fn with(objects: &[Value]) -> Self {
        let fake = Self::default();
        for object in objects {
            fake.put(object.clone());
        }
        fake
    }

    /// Adds or replaces an object.
    pub(crate) fn put(&self, mut object: Value) {
        let path = path_of(&object);
        let metadata = &mut object["metadata"];
        if metadata["uid"].is_null() {
            metadata["uid"] = path.as_str().into();
        }
        self.0.lock().unwrap().insert(path, object);
    }

    /// Takes an object away.
    pub(crate) fn remove(&self, object: &Value) {
        self.0.lock().unwrap().remove(&path_of(object));
    }

    /// An object as it is now.
    pub(crate) fn get(&self, object: &Value) -> Option<Value> {
        self.0.lock().unwrap().get(&path_of(object)).cloned()
    }

    fn answer(&self, call: &Call) -> Answer {
        let mut objects = self.0.lock().unwrap();
        let (path, query) = call.path.split_once('?').unwrap_or((&call.path, ""));
        if let Some(answer) = discovery(path) {
            return answer;
        }
        let (target, subresource) = match path.strip_suffix("/scale") {
            Some(target) => (target, true),
            None => (path, false),
        };
        let is_collection = KINDS
            .iter()
            .any(|kind| path.ends_with(&format!("/{}", kind.2)));
        match call.method.as_str() {
            "GET" if is_collection && query.contains("watch=") => Answer::Watch(Vec::new()),
            "GET" if is_collection => list(&objects, path, query),
            "GET" => objects.get(path).map_or_else(not_found, Answer::json),
            "DELETE" => objects
                .remove(path)
                .as_ref()
                .map_or_else(not_found, Answer::json),
            "PATCH" if call.content_type.contains("apply") && !objects.contains_key(target) => {
                objects.insert(target.to_owned(), call.body.clone());
                Answer::json(&call.body)
            }
            "PATCH" => match objects.get_mut(target) {
                None => not_found(),
                Some(object) => {
                    let change = if subresource {
                        &json!({ "spec": call.body["spec"] })
                    } else {
                        &call.body
                    };
                    merge(object, change);
                    Answer::json(object)
                }
            },
            _ => Answer::status(405, "not allowed"),
        }
    }
}

fn not_found() -> Answer {
    Answer::status(404, "not found")
}

fn path_of(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let api_version = text("/apiVersion").unwrap();
    let kind = text("/kind").unwrap();
    let (_, _, plural, _, namespaced) = KINDS
        .into_iter()
        .find(|known| known.0 == api_version && known.1 == kind)
        .unwrap();
    let root = root_of(api_version);
    let name = text("/metadata/name").unwrap();
    if namespaced {
        let namespace = text("/metadata/namespace").unwrap_or("shop");
        format!("{root}/namespaces/{namespace}/{plural}/{name}")
    } else {
        format!("{root}/{plural}/{name}")
    }
}

fn root_of(api_version: &str) -> String {
    if api_version.contains('/') {
        format!("/apis/{api_version}")
    } else {
        format!("/api/{api_version}")
    }
}

fn discovery(path: &str) -> Option<Answer> {
    let groups = |core: bool| {
        let mut groups: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for (api_version, kind, plural, short, namespaced) in KINDS {
            if core == (api_version == "v1") {
                let scope = if namespaced { "Namespaced" } else { "Cluster" };
                groups.entry(api_version).or_default().push(json!({
                    "resource": plural, "responseKind": { "kind": kind }, "scope": scope,
                    "singularResource": kind.to_lowercase(), "shortNames": [short],
                }));
            }
        }
        let groups = groups.into_iter().map(|(api_version, resources)| {
            let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
            json!({ "metadata": { "name": group },
                    "versions": [{ "version": version, "resources": resources }] })
        });
        Answer::json(&json!({
            "kind": "APIGroupDiscoveryList", "items": groups.collect::<Vec<_>>(),
        }))
    };
    if path == "/api" || path == "/apis" {
        return Some(groups(path == "/api"));
    }
    let served: Vec<Value> = KINDS
        .iter()
        .filter(|kind| root_of(kind.0) == path)
        .map(|(_, kind, plural, short, namespaced)| {
            json!({ "name": plural, "singularName": "", "kind": kind, "namespaced": namespaced,
                    "verbs": [], "shortNames": [short] })
        })
        .collect();
    if served.is_empty() {
        return None;
    }
    Some(Answer::json(
        &json!({ "groupVersion": "", "resources": served }),
    ))
}

/// Objects of a collection, of one or of all namespaces, by labels that equal something.
fn list(objects: &Objects, path: &str, query: &str) -> Answer {
    let (root, plural) = path.rsplit_once('/').unwrap();
    let selector = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("labelSelector="))
        .unwrap_or_default();
    let matches = |object: &Value| {
        let mut labels = selector.split(',').filter(|part| !part.is_empty());
        labels.all(|label| {
            let (key, value) = label.split_once('=').unwrap();
            object["metadata"]["labels"][key] == value
        })
    };
    let items: Vec<&Value> = objects
        .iter()
        .filter(|(path, object)| {
            let within = path.starts_with(root) && path.contains(&format!("/{plural}/"));
            within && matches(object)
        })
        .map(|(_, object)| object)
        .collect();
    Answer::json(&json!({ "metadata": { "resourceVersion": "1" }, "items": items }))
}

/// A JSON merge patch.
fn merge(object: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *object = patch.clone();
        return;
    };
    if !object.is_object() {
        *object = json!({});
    }
    for (key, value) in patch {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(key);
        } else {
            merge(&mut object[key], value);
        }
    }
}

/// Runs steps for one chart, release `web` in `shop`.
pub(crate) struct Lab {
    pub(crate) fake: Fake,
    answers: Answers,
    action: Action,
    scope: Scope,
    secrets: Vec<Secret>,
    trigger: Trigger,
    diagnosed: bool,
}

/// What became of the steps of one phase.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The payload after them, or why they failed.
    pub(crate) result: Result<Payload, Failure>,
    /// Steps that ran, with a `!` if they failed.
    pub(crate) steps: Vec<String>,
    /// What was said.
    pub(crate) said: Vec<(Stream, String)>,
    /// Requests that change something, in short.
    pub(crate) changes: Vec<String>,
    /// How long it took, by the paused clock.
    pub(crate) took: Duration,
    /// The dossier in the run folder.
    pub(crate) dossier: String,
}

impl Lab {
    /// A lab on a server with these objects.
    pub(crate) fn new(objects: &[Value]) -> Self {
        Self {
            fake: Fake::with(objects),
            answers: Box::new(|_, _| None),
            action: Action::Install,
            scope: Scope::default(),
            secrets: Vec::new(),
            trigger: Shutdown::new().0,
            diagnosed: false,
        }
    }

    /// Another action than an install.
    pub(crate) fn action(mut self, action: Action) -> Self {
        self.action = action;
        self
    }

    /// Makes a dossier when a step fails, as when exec does.
    pub(crate) fn diagnosed(mut self) -> Self {
        self.diagnosed = true;
        self
    }

    /// Sees each call first, and may answer it or change the objects.
    pub(crate) fn answers(
        mut self,
        answers: impl Fn(&Call, &mut Objects) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        self.answers = Box::new(answers);
        self
    }

    /// An input with a value.
    pub(crate) fn input(mut self, name: &str, value: Value, secret: bool) -> Self {
        if secret && let Some(text) = value.as_str() {
            self.secrets.push(Secret::new(text));
        }
        let resolved = Resolved { value, secret };
        self.scope.inputs.insert(name.to_owned(), resolved);
        self
    }

    /// Stops the run when raised.
    pub(crate) fn trigger(&self) -> Trigger {
        self.trigger.clone()
    }

    /// Runs the phases of a chart whose table goes on with `steps`, `pre` to `validate`, until one
    /// fails.
    pub(crate) async fn run(self, steps: &str) -> Ran {
        let folder = TempDir::new().unwrap();
        let names = self.scope.inputs.keys();
        let inputs: Vec<String> = names.map(|name| format!("{name} = {{}}\n")).collect();
        let text = format!(
            "[stack]\nname = \"demo\"\n[inputs]\n{}[charts.web]\nchart = \"./web\"\n\
             namespace = \"shop\"\n{steps}\n",
            inputs.concat()
        );
        std::fs::create_dir(folder.path().join("web")).unwrap();
        std::fs::write(folder.path().join("web/Chart.yaml"), "name: web\n").unwrap();
        let loaded = load(LoadOptions::new(FileSource::Text {
            name: "stack.toml".into(),
            text,
            root: folder.path().to_owned(),
        }));
        let stack = loaded
            .unwrap_or_else(|problems| panic!("{}", crate::diagnostic::render(&problems.0, false)));
        let (fake, answers) = (self.fake.clone(), self.answers);
        let (cluster, script) = Script::cluster(move |_, call| {
            let own = answers(call, &mut fake.0.lock().unwrap());
            own.unwrap_or_else(|| fake.answer(call))
        });
        let redactor = Redactor::default();
        for secret in &self.secrets {
            redactor.add(secret);
        }
        let id = RunId::new("r1").unwrap();
        let journal = Journal::create(&folder.path().join("runs"), &id).unwrap();
        let run = RunContext {
            stack: Arc::new(stack.stack),
            id: id.clone(),
            at_hand: self.scope.clone(),
            scope: self.scope,
            version: ServerVersion {
                major: 1,
                minor: 37,
                git: "v1.37.0".to_owned(),
            },
            validation: Validation::default(),
            helm: Some(Helm {
                binary: PathBuf::from("/nowhere/helm"),
                version: semver::Version::new(4, 0, 0),
                major: Major::V4,
            }),
            surroundings: Surroundings {
                env: [("PATH".into(), "/usr/bin:/bin".into())].into(),
                kubeconfig: folder.path().join("kubeconfig"),
                cache: folder.path().join("cache"),
            },
            releases: Releases::new(cluster.clone()),
            watches: Watches::new(cluster.clone()),
            cluster,
            intents: Intents::unshared(id.clone()),
            charts: BTreeMap::new(),
            late: None,
            purge: None,
            changes: Arc::default(),
            folder: journal.folder().clone(),
            redactor: redactor.clone(),
            shutdown: self.trigger.shutdown(),
        };
        let started = Instant::now();
        let shutdown = run.shutdown.clone();
        let outcome = Arc::default();
        let phases = Phases {
            run,
            action: self.action,
            diagnosed: self.diagnosed,
            payload: Arc::clone(&outcome),
        };
        let dossier = phases.run.folder.path().join("dossier-web.txt");
        let options = Options {
            run: id,
            concurrency: 0,
            policy: Policy::Stop,
            waves: false,
            redactor,
        };
        let mut events = Events::default();
        let ran = engine::run(&plan(), Arc::new(phases), options, shutdown, &mut events).await;
        let payload = outcome.lock().unwrap().take();
        let result = match ran.charts.into_iter().next().unwrap().failure {
            Some(failure) => Err(failure),
            None => Ok(payload.unwrap()),
        };
        let changes = script
            .calls()
            .into_iter()
            .filter(|call| call.method != "GET");
        Ran {
            result,
            steps: events.steps,
            said: events.said,
            changes: changes
                .map(|call| {
                    let path = call.path.split('?').next().unwrap_or_default();
                    format!("{} {path} {}", call.method, call.body)
                })
                .collect(),
            took: started.elapsed(),
            dossier: std::fs::read_to_string(dossier).unwrap_or_default(),
        }
    }
}

impl Ran {
    /// The failure as people see it: the step, the error, its cause and its hints.
    #[track_caller]
    pub(crate) fn failure(&self) -> String {
        let failure = self.result.as_ref().expect_err("a step failed");
        let mut text = format!("{}: {}", failure.step, failure.error);
        for line in &failure.cause {
            text = text + "\n  " + line;
        }
        for hint in &failure.hints {
            text = text + "\n  hint: " + hint;
        }
        text
    }

    /// It did what it should.
    #[track_caller]
    pub(crate) fn ok(&self) -> &Payload {
        let done = self.result.as_ref().ok();
        done.unwrap_or_else(|| panic!("{}", self.failure()))
    }
}

struct Phases {
    run: RunContext,
    action: Action,
    diagnosed: bool,
    payload: Arc<Mutex<Option<Payload>>>,
}

impl Execute for Phases {
    async fn execute(&self, _: NodeIx, progress: Progress) -> Result<Done, Failure> {
        let chart = &self.run.stack.charts[0];
        let cx = Context::new(&self.run, chart, self.action, &progress);
        let phases = async {
            let declared = &chart.steps;
            let mut payload = Payload::default();
            for (phase, steps) in [
                ("pre", &declared.pre),
                ("post", &declared.post),
                ("validate", &declared.validate),
            ] {
                payload = steps::run(&cx, phase, steps, payload).await?;
            }
            Ok::<_, StepError>(payload)
        };
        let payload = match phases.await {
            Ok(payload) => payload,
            Err(error) => {
                if self.diagnosed {
                    dossier::collect(&cx, &error.message, &error.cause).await;
                }
                return Err(Failure {
                    dossier: cx.take_dossier(),
                    ..error.into_failure("?", &self.run.redactor)
                });
            }
        };
        *self.payload.lock().unwrap() = Some(payload);
        Ok(Done::Succeeded)
    }
}

#[derive(Default)]
struct Events {
    steps: Vec<String>,
    said: Vec<(Stream, String)>,
}

impl Sink for Events {
    fn event(&mut self, event: &Event) -> Result<(), SinkError> {
        match &event.kind {
            EventKind::StepFinished { step, ok, .. } => {
                self.steps
                    .push(format!("{step}{}", if *ok { "" } else { "!" }));
            }
            EventKind::StepOutput { stream, line, .. } => {
                self.said.push((*stream, line.as_str().to_owned()));
            }
            _ => {}
        }
        Ok(())
    }
}

fn plan() -> Plan {
    let node = Node::install(ChartName::new("web").unwrap());
    let stack = crate::name::StackName::new("demo").unwrap();
    Plan::from_nodes(stack, Direction::Up, vec![node]).unwrap()
}
