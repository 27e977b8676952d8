//! Reads the declared steps of a chart: `pre`, `post`, `validate`, `on_failure`.

use std::time::Duration;

use crate::{
    name::Action,
    stack::{
        findings::{Finding, Findings, list},
        layers::{
            node::{Node, Table, Value},
            origin::{Origin, Text},
        },
        raw::{
            RawRetry, read_retry,
            reader::{self, Reader, table, wrong},
        },
    },
};

/// The steps a file declares for one chart.
#[derive(Debug, Default)]
pub(crate) struct RawSteps<'a> {
    pub(crate) pre: Vec<RawStep<'a>>,
    pub(crate) post: Vec<RawStep<'a>>,
    pub(crate) validate: Vec<RawStep<'a>>,
    pub(crate) on_failure: Vec<RawStep<'a>>,
    /// All of them, as they are written, by phase.
    pub(crate) said: serde_json::Value,
}

/// One step.
#[derive(Debug)]
pub(crate) struct RawStep<'a> {
    pub(crate) name: Option<Text<'a>>,
    pub(crate) verb: RawVerb<'a>,
    /// `when.action`.
    pub(crate) actions: Option<Vec<Action>>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) retry: RawRetry,
    pub(crate) origin: Origin,
}

/// What a step does.
#[derive(Debug)]
pub(crate) enum RawVerb<'a> {
    Run {
        command: Vec<Text<'a>>,
        env: Vec<(Text<'a>, Text<'a>)>,
    },
    Pods {
        selector: Text<'a>,
        namespace: Option<Text<'a>>,
        min: u32,
    },
    Http {
        target: RawTarget<'a>,
        status: Option<u16>,
        body: Option<Text<'a>>,
    },
}

/// Where an `http` check goes.
#[derive(Debug)]
pub(crate) enum RawTarget<'a> {
    Url(Text<'a>),
    Service {
        service: Text<'a>,
        namespace: Option<Text<'a>>,
        port: String,
        path: Option<Text<'a>>,
    },
}

const VERBS: [&str; 3] = ["run", "pods", "http"];

/// Verbs and keys of the design that come with later versions.
const LATER: &[&str] = &[
    "apply", "capture", "delete", "patch", "restart", "scale", "wait",
];

/// Actions a step can be limited to.
const ACTIONS: [(&str, Action); 6] = [
    ("install", Action::Install),
    ("upgrade", Action::Upgrade),
    ("reinstall", Action::Reinstall),
    ("uninstall", Action::Uninstall),
    ("unchanged", Action::Unchanged),
    ("skip", Action::Skip),
];

/// Without `when`: everything but the way down.
pub(crate) fn default_actions() -> Vec<Action> {
    ACTIONS
        .iter()
        .map(|(_, action)| *action)
        .filter(|action| *action != Action::Uninstall)
        .collect()
}

pub(crate) fn read_steps<'a>(chart: &mut Reader<'a>, f: &mut Findings) -> RawSteps<'a> {
    let mut said = serde_json::Map::new();
    let mut phase = |phase: &'static str| {
        let node = chart.node(phase);
        said.extend(node.map(|node| (phase.to_owned(), node.to_json())));
        node.map_or_else(Vec::new, |node| read_phase(node, phase, f))
    };
    RawSteps {
        pre: phase("pre"),
        post: phase("post"),
        validate: phase("validate"),
        on_failure: phase("on_failure"),
        said: said.into(),
    }
}

fn read_phase<'a>(node: &'a Node, phase: &'static str, f: &mut Findings) -> Vec<RawStep<'a>> {
    let Value::List(items) = &node.value else {
        let found = node.value.kind();
        f.add(
            Finding::error(format!(
                "`{phase}`: expected an array of tables, found {found}"
            ))
            .at(node.origin, "")
            .help(format!("begin each step with `[[charts.NAME.{phase}]]`")),
        );
        return Vec::new();
    };
    items
        .iter()
        .filter_map(|item| read_step(item, phase, f))
        .collect()
}

fn read_step<'a>(node: &'a Node, phase: &'static str, f: &mut Findings) -> Option<RawStep<'a>> {
    let mut step = Reader::new("a step", table(node, phase, f)?).later(LATER);
    let verb = read_verb(&mut step, node, f);
    let name = step.text("name", f);
    let actions = step.node("when").and_then(|node| read_when(node, f));
    let timeout = step.duration("timeout", f);
    let retry = step.node("retry").and_then(|node| read_retry(node, f));
    step.finish(f);
    Some(RawStep {
        name,
        verb: verb?,
        actions,
        timeout,
        retry: retry.unwrap_or_default(),
        origin: node.origin,
    })
}

fn read_verb<'a>(step: &mut Reader<'a>, node: &'a Node, f: &mut Findings) -> Option<RawVerb<'a>> {
    let said: Vec<&str> = VERBS.into_iter().filter(|verb| step.has(verb)).collect();
    if said.len() > 1 {
        let message = format!("a step does one thing, this one has {}", list(said));
        f.add(
            Finding::error(message)
                .at(node.origin, "")
                .help("write one step for each"),
        );
    } else if said.is_empty() && !LATER.iter().any(|verb| step.has(verb)) {
        let message = format!("a step needs one of {}", list(VERBS));
        f.add(Finding::error(message).at(node.origin, ""));
    }
    let run = step.node("run").map(|node| read_run(node, f));
    let pods = step.node("pods").map(|node| read_pods(node, f));
    let http = step.node("http").map(|node| read_http(node, f));
    run.or(pods).or(http).flatten()
}

fn read_when(node: &Node, f: &mut Findings) -> Option<Vec<Action>> {
    let mut when = Reader::new("`when`", table(node, "when", f)?).later(&["changed", "exists"]);
    let said = when.texts("action", f);
    when.finish(f);
    let said = said?;
    if said.is_empty() {
        f.add(Finding::error("`action` is empty: the step would never run").at(node.origin, ""));
    }
    Some(
        said.iter()
            .filter_map(|one| reader::word(*one, "action", &ACTIONS, f))
            .collect(),
    )
}

fn read_run<'a>(node: &'a Node, f: &mut Findings) -> Option<RawVerb<'a>> {
    let (command, env) = match &node.value {
        Value::Table(table) => {
            let mut run = Reader::new("`run`", table);
            let present = run.has("command");
            let command = run.node("command").and_then(|node| command(node, "run", f));
            let env = run.text_table("env", f).unwrap_or_default();
            run.finish(f);
            let command = reader::required(command, "`run`", "command", present, node.origin, f);
            (command?, env)
        }
        _ => (command(node, "run", f)?, Vec::new()),
    };
    Some(RawVerb::Run { command, env })
}

/// A text is a shell's command line; an array is a program and its arguments.
pub(crate) fn command<'a>(
    node: &'a Node,
    key: &'static str,
    f: &mut Findings,
) -> Option<Vec<Text<'a>>> {
    let command = match &node.value {
        Value::Text(_) => {
            let line = reader::text(node, key, f)?;
            let word = |value: &'static str| Text {
                value,
                origin: node.origin,
            };
            if line.value.trim().is_empty() {
                Vec::new()
            } else {
                vec![word("sh"), word("-c"), line]
            }
        }
        Value::List(_) => reader::texts(node, key, f)?,
        _ if key == "run" => {
            return wrong(f, key, "a string, an array of strings or a table", node);
        }
        _ => return wrong(f, key, "a string or an array of strings", node),
    };
    if command
        .first()
        .is_none_or(|program| program.value.is_empty())
    {
        f.add(Finding::error(format!("`{key}` names no command")).at(node.origin, ""));
        return None;
    }
    Some(command)
}

fn read_pods<'a>(node: &'a Node, f: &mut Findings) -> Option<RawVerb<'a>> {
    let mut pods = Reader::new("`pods`", table(node, "pods", f)?);
    let present = pods.has("selector");
    let selector = pods.text("selector", f);
    let namespace = pods.text("namespace", f);
    let min = pods.number("min", "a whole number, at least 1", f);
    if min == Some(0) {
        let origin = pods.origin_or("min", node.origin);
        f.add(Finding::error("`min` must be at least 1").at(
            origin,
            "no pod at all would pass, even with a misspelt selector",
        ));
    }
    pods.finish(f);
    let selector = reader::required(selector, "`pods`", "selector", present, node.origin, f)?;
    if selector.value.trim().is_empty() {
        f.add(Finding::error("`selector` is empty").at(selector.origin, "it would match any pod"));
    }
    Some(RawVerb::Pods {
        selector,
        namespace,
        min: min.unwrap_or(1),
    })
}

fn read_http<'a>(node: &'a Node, f: &mut Findings) -> Option<RawVerb<'a>> {
    let table = table(node, "http", f)?;
    let mut http = Reader::new("`http`", table);
    let url = http.text("url", f);
    let service = http.text("service", f);
    let namespace = http.text("namespace", f);
    let port = http.node("port").and_then(|node| read_port(node, f));
    let path = http.text("path", f);
    let status = http.number("status", "an HTTP status, 100 to 599", f);
    let body = http.text("body", f);
    if let Some(wrong) = status.filter(|status| !(100..=599).contains(status)) {
        let origin = http.origin_or("status", node.origin);
        f.add(Finding::error(format!("{wrong} is not an HTTP status")).at(origin, ""));
    }
    let target = match (table.get("url").is_some(), table.get("service").is_some()) {
        (true, false) => {
            for key in ["namespace", "port", "path"] {
                if let Some(origin) = table.key_origin(key) {
                    f.add(
                        Finding::error(format!("`{key}` goes with `service`, not with `url`"))
                            .at(origin, ""),
                    );
                }
            }
            url.map(RawTarget::Url)
        }
        (false, true) => target_service(table, node, service, namespace, port, path, f),
        (both, _) => {
            let message = if both { "one, not both, of" } else { "one of" };
            let message = format!("`http` needs {message} `url` and `service`");
            f.add(Finding::error(message).at(node.origin, ""));
            None
        }
    };
    http.finish(f);
    Some(RawVerb::Http {
        target: target?,
        status,
        body,
    })
}

fn target_service<'a>(
    table: &'a Table,
    node: &'a Node,
    service: Option<Text<'a>>,
    namespace: Option<Text<'a>>,
    port: Option<String>,
    path: Option<Text<'a>>,
    f: &mut Findings,
) -> Option<RawTarget<'a>> {
    let present = table.get("port").is_some();
    let port = reader::required(
        port,
        "`http` with `service`",
        "port",
        present,
        node.origin,
        f,
    );
    if let Some(path) = &path
        && !path.value.starts_with('/')
    {
        f.add(Finding::error("`path` must start with `/`").at(path.origin, ""));
    }
    Some(RawTarget::Service {
        service: service?,
        namespace,
        port: port?,
        path,
    })
}

/// A number or a Service's port name.
fn read_port(node: &Node, f: &mut Findings) -> Option<String> {
    match &node.value {
        Value::Integer(Some(port @ 1..=65535)) => Some(port.to_string()),
        Value::Integer(_) => {
            f.add(Finding::error("`port` must be between 1 and 65535").at(node.origin, ""));
            None
        }
        Value::Text(name) if !name.is_empty() => Some(name.clone()),
        _ => wrong(f, "port", "a number or the name of a port", node),
    }
}
