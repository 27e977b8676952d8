//! The verbs that change the cluster: `adopt`, `apply`, `patch`, `delete`, `scale`, `restart`; and
//! `run`, of which nobody knows.

use crate::stack::{
    findings::{Finding, Findings},
    grammar::{self, OPERATIONS, Shape},
    layers::{
        node::{Node, Value},
        origin::{Origin, Text},
    },
    model::{Objects, PatchKind, Run, Verb},
    raw::{
        one_or_more,
        reader::{self, Reader, table, wrong},
        steps::{RawVerb, command},
    },
    validate::steps::{
        Reading,
        objects::{Accept, Naming},
    },
    values::TemplatedValue,
};

/// Workloads whose pods follow a template, as kubectl knows them.
const RESTARTABLE: [&str; 9] = [
    "deployment",
    "deployments",
    "deploy",
    "statefulset",
    "statefulsets",
    "sts",
    "daemonset",
    "daemonsets",
    "ds",
];

const PODS: [&str; 3] = ["pod", "pods", "po"];

fn naming(verb: &RawVerb<'_>, shape: &'static Shape, accept: Accept) -> Naming {
    Naming {
        shape,
        origin: verb.said.origin,
        accept,
    }
}

impl Reading<'_> {
    pub(super) fn adopt(&self, verb: &RawVerb<'_>, f: &mut Findings) -> Option<Verb> {
        let naming = naming(verb, &grammar::ADOPT, Accept::Names);
        let (objects, optional) = self.targets(verb.said, "adopt", naming, f, |table, f| {
            table.flag("optional", f).unwrap_or_default()
        })?;
        Some(Verb::Adopt { objects, optional })
    }

    pub(super) fn apply(&mut self, verb: &RawVerb<'_>, f: &mut Findings) -> Option<Verb> {
        let mut manifests = Vec::new();
        let mut force = false;
        match &verb.said.value {
            Value::Text(_) | Value::List(_) => {
                let files = one_or_more(verb.said, "apply", f)?;
                self.manifest_files(&files, &mut manifests, f);
            }
            Value::Table(table) => {
                let mut apply = Reader::new(&grammar::APPLY, table);
                if !["files", "yaml", "objects"]
                    .iter()
                    .any(|key| apply.has(key))
                {
                    let message = "`apply` needs `files`, `yaml` or `objects`";
                    f.add(Finding::error(message).at(verb.said.origin, ""));
                }
                let files = apply.node("files");
                let files = files.and_then(|node| one_or_more(node, "files", f));
                self.manifest_files(&files.unwrap_or_default(), &mut manifests, f);
                if let Some(text) = apply.text("yaml", f) {
                    self.manifest_text(text, &mut manifests, f);
                }
                if let Some(node) = apply.node("objects") {
                    self.manifest_tables(node, &mut manifests, f);
                }
                force = apply.flag("force", f).unwrap_or_default();
                apply.finish(f);
            }
            _ => {
                let expected = "a path, an array of paths or a table";
                return wrong(f, "apply", expected, verb.said);
            }
        }
        Some(Verb::Apply { manifests, force })
    }

    pub(super) fn patch(&self, verb: &RawVerb<'_>, f: &mut Findings) -> Option<Verb> {
        let mut patch = Reader::new(&grammar::PATCH, table(verb.said, "patch", f)?);
        let naming = naming(verb, &grammar::PATCH, Accept::Any);
        let objects = self.objects(&mut patch, naming, f);
        let said: Vec<(PatchKind, &Node)> = grammar::PATCHES
            .into_iter()
            .filter_map(|(key, kind)| Some((kind, patch.node(key)?)))
            .collect();
        if said.len() != 1 {
            let one = if said.is_empty() { "one" } else { "only one" };
            let message = format!("`patch` needs {one} of `merge`, `strategic` and `json`");
            f.add(Finding::error(message).at(verb.said.origin, ""));
        }
        let tree = said.first().and_then(|(kind, node)| match kind {
            PatchKind::Json => self.operations(node, f),
            PatchKind::Merge | PatchKind::Strategic => self.patch_tree(node, f),
        });
        let optional = patch.flag("optional", f).unwrap_or_default();
        patch.finish(f);
        Some(Verb::Patch {
            objects: objects?,
            kind: said.first()?.0,
            patch: tree?,
            optional,
        })
    }

    /// A table, or YAML where a null is needed, which TOML does not have.
    fn patch_tree(&self, node: &Node, f: &mut Findings) -> Option<TemplatedValue> {
        match &node.value {
            Value::Table(_) => Some(self.tree(node, f)),
            Value::Text(value) => {
                let origin = node.origin;
                self.yaml(Text { value, origin }, f)
            }
            _ => wrong(f, "patch", "a table, or YAML in a text", node),
        }
    }

    fn operations(&self, node: &Node, f: &mut Findings) -> Option<TemplatedValue> {
        let Value::List(items) = &node.value else {
            return wrong(f, "json", "an array of operations", node);
        };
        for item in items {
            let Some(operation) = table(item, "json", f) else {
                continue;
            };
            let mut operation = Reader::new(&grammar::OPERATION, operation);
            let present = operation.has("op");
            let op = operation.text("op", f);
            let op = reader::required(op, "an operation", "op", present, item.origin, f);
            if let Some(op) = op {
                reader::word(op, "op", &OPERATIONS, f);
            }
            let present = operation.has("path");
            let path = operation.text("path", f);
            let path = reader::required(path, "an operation", "path", present, item.origin, f);
            let from = operation.text("from", f);
            for pointer in path.iter().chain(&from) {
                if !pointer.value.starts_with('/') && !pointer.value.starts_with("${") {
                    let message = format!("`{}` is not a JSON pointer", pointer.value);
                    f.add(Finding::error(message).at(pointer.origin, "expected `/a/b/0`"));
                }
            }
            operation.node("value");
            operation.finish(f);
        }
        Some(self.tree(node, f))
    }

    pub(super) fn delete(&self, verb: &RawVerb<'_>, f: &mut Findings) -> Option<Verb> {
        let naming = naming(verb, &grammar::DELETE, Accept::Any);
        let (objects, (propagation, restarts, wait_gone)) =
            self.targets(verb.said, "delete", naming, f, |table, f| {
                let propagation = table.word("propagation", &grammar::PROPAGATIONS, f);
                let restarts = table.number("min_restarts", "a whole number, at least 1", f);
                let restarts =
                    restarts.map(|n: u32| (n, table.origin_or("min_restarts", naming.origin)));
                (propagation, restarts, table.flag("wait_gone", f))
            })?;
        if let Some((restarts, origin)) = restarts {
            if restarts == 0 {
                f.add(Finding::error("`min_restarts` must be at least 1").at(origin, ""));
            }
            if objects.iter().any(|one| !is_one_of(one, &PODS)) {
                f.add(Finding::error("`min_restarts` goes with `kind = \"Pod\"`").at(origin, ""));
            }
        }
        Some(Verb::Delete {
            objects,
            propagation: propagation.unwrap_or_default(),
            min_restarts: restarts.map(|(n, _)| n),
            wait_gone: wait_gone.unwrap_or(true),
        })
    }

    pub(super) fn scale(&self, verb: &RawVerb<'_>, f: &mut Findings) -> Option<Verb> {
        let mut scale = Reader::new(&grammar::SCALE, table(verb.said, "scale", f)?);
        let naming = naming(verb, &grammar::SCALE, Accept::Any);
        let objects = self.objects(&mut scale, naming, f);
        let present = scale.has("replicas");
        let replicas = scale
            .node("replicas")
            .and_then(|node| self.replicas(node, f));
        let replicas = reader::required(replicas, "`scale`", "replicas", present, naming.origin, f);
        let wait_rollout = scale.flag("wait_rollout", f).unwrap_or(true);
        let optional = scale.flag("optional", f).unwrap_or_default();
        scale.finish(f);
        Some(Verb::Scale {
            objects: objects?,
            replicas: replicas?,
            wait_rollout,
            optional,
        })
    }

    /// A number, or a text that refers to one: what was captured before.
    fn replicas(&self, node: &Node, f: &mut Findings) -> Option<TemplatedValue> {
        match &node.value {
            Value::Integer(Some(0..=1_000_000)) => Some(self.tree(node, f)),
            Value::Text(text) if text.contains("${") => Some(self.tree(node, f)),
            Value::Integer(_) => {
                f.add(Finding::error("`replicas` cannot be negative or huge").at(node.origin, ""));
                None
            }
            _ => wrong(
                f,
                "replicas",
                "a number, or a text that refers to one",
                node,
            ),
        }
    }

    pub(super) fn restart(&self, verb: &RawVerb<'_>, f: &mut Findings) -> Option<Verb> {
        let naming = naming(verb, &grammar::RESTART, Accept::Any);
        let (objects, (wait_rollout, optional)) =
            self.targets(verb.said, "restart", naming, f, |table, f| {
                (table.flag("wait_rollout", f), table.flag("optional", f))
            })?;
        if let Some(other) = objects.iter().find(|one| !is_one_of(one, &RESTARTABLE)) {
            let message = format!("a {} cannot be restarted", other.kind);
            f.add(Finding::error(message).at(
                naming.origin,
                "only Deployments, StatefulSets and DaemonSets can",
            ));
        }
        Some(Verb::Restart {
            objects,
            wait_rollout: wait_rollout.unwrap_or(true),
            optional: optional.unwrap_or_default(),
        })
    }

    pub(super) fn run(&self, verb: &RawVerb<'_>, f: &mut Findings) -> Option<Verb> {
        let node = verb.said;
        let (words, env) = match &node.value {
            Value::Table(table) => {
                let mut run = Reader::new(&grammar::RUN, table);
                let said = command_of(&mut run, "`run`", node.origin, f);
                run.finish(f);
                said?
            }
            _ => (command(node, "run", f)?, Vec::new()),
        };
        Some(Verb::Run(self.command(&words, &env, f)))
    }

    /// A command of a step.
    pub(super) fn command(
        &self,
        words: &[Text<'_>],
        env: &[(Text<'_>, Text<'_>)],
        f: &mut Findings,
    ) -> Run {
        Run {
            command: words
                .iter()
                .filter_map(|word| self.known.argument(*word, f))
                .collect(),
            dir: words
                .first()
                .map(|word| f.sources.folder(word.origin))
                .unwrap_or_default(),
            env: env
                .iter()
                .map(|(name, value)| (name.value.to_owned(), self.template(*value, f)))
                .collect(),
        }
    }
}

type Command<'a> = (Vec<Text<'a>>, Vec<(Text<'a>, Text<'a>)>);

/// `command` and `env` of a table.
pub(super) fn command_of<'a>(
    table: &mut Reader<'a>,
    what: &str,
    whole: Origin,
    f: &mut Findings,
) -> Option<Command<'a>> {
    let present = table.has("command");
    let words = table.node("command");
    let words = words.and_then(|node| command(node, "command", f));
    let env = table.text_table("env", f).unwrap_or_default();
    let words = reader::required(words, what, "command", present, whole, f);
    Some((words?, env))
}

fn is_one_of(objects: &Objects, kinds: &[&str]) -> bool {
    kinds.contains(&objects.kind.to_ascii_lowercase().as_str())
}
