//! Whether we may do what every run does: keep Helm's records, and hold the stack's lock. Part of
//! preflight, like [`namespaces`](super::namespaces), which asks about what it finds missing there.

use std::collections::{BTreeMap, BTreeSet};

use futures::{TryStreamExt as _, future::try_join_all, stream, try_join};

use super::{Problem, namespaces::named};
use crate::{
    cluster::{Access, Cluster, ClusterError},
    lock,
    name::{Action, Namespace},
    plan::{Node, Plan},
    stack::Stack,
};

/// Namespaces asked about at once.
pub(super) const AT_ONCE: usize = 8;

/// What Helm does with its records (`pkg/storage/driver/secrets.go`).
const RECORDS: [&str; 5] = ["get", "list", "create", "update", "delete"];

/// What is done to the lease: taken, renewed, given back. One that cannot be given back keeps the
/// next run waiting until it expires.
const LEASE: Kept = Kept {
    group: "coordination.k8s.io",
    resource: "leases",
    kind: "lease",
    verbs: ["get", "create", "update", "delete"],
    purpose: "which keeps two runs of the stack apart",
};

/// What is done to the announced operations beside the lease ([`Intents`](crate::lifecycle::Intents)).
const INTENTS: Kept = Kept {
    group: "",
    resource: "configmaps",
    kind: "ConfigMap",
    verbs: ["get", "create", "patch", "delete"],
    purpose: "in which a run announces what it is about to do to a release",
};

/// One of the two objects that a stack's lock is made of.
struct Kept {
    group: &'static str,
    resource: &'static str,
    kind: &'static str,
    verbs: [&'static str; 4],
    purpose: &'static str,
}

const DEFINITIONS: &str = "customresourcedefinitions";

/// Everything we may not do, for all namespaces of the plan. A run without a lock (`no_lock`) needs
/// no rights for it.
pub(super) async fn problems(
    cluster: &Cluster,
    stack: &Stack,
    plan: &Plan,
    no_lock: bool,
) -> Result<Vec<Problem>, ClusterError> {
    let works = plan.nodes.iter().filter(|node| is_at_work(node));
    let namespaces = works.map(|node| &node.release.namespace).collect();
    let lock = async {
        if no_lock {
            return Ok(Vec::new());
        }
        lock_of(cluster, stack).await
    };
    let (definitions, records, lock) = try_join!(
        definitions(cluster, plan),
        records(cluster, namespaces),
        lock
    )?;
    Ok([definitions, records, lock].concat())
}

/// Whether Helm will be asked to do something about the node's release.
fn is_at_work(node: &Node) -> bool {
    !node.key.is_crds()
        && !matches!(
            node.action,
            Action::Skip | Action::Unchanged | Action::Blocked
        )
}

/// Who may do it everywhere is not asked for each namespace.
async fn records(
    cluster: &Cluster,
    namespaces: BTreeSet<&Namespace>,
) -> Result<Vec<Problem>, ClusterError> {
    if namespaces.len() > 1 {
        let everywhere = RECORDS.map(|verb| cluster.can(secrets(verb, None)));
        let everywhere = try_join_all(everywhere).await?;
        if everywhere.into_iter().all(|allowed| allowed) {
            return Ok(Vec::new());
        }
    }
    let asked = namespaces.into_iter().map(|namespace| async move {
        let wanted = RECORDS.map(|verb| secrets(verb, Some(namespace)));
        let denied = cluster.denied(namespace, wanted).await?;
        let denied: Vec<&str> = denied.iter().map(|access| access.verb).collect();
        Ok((namespace.as_str(), denied))
    });
    let found: Vec<(&str, Vec<&str>)> = stream::iter(asked.map(Ok))
        .try_buffered(AT_ONCE)
        .try_collect()
        .await?;
    let mut alike: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
    for (namespace, denied) in found {
        alike.entry(denied).or_default().push(namespace);
    }
    Ok(alike.into_iter().filter_map(no_records).collect())
}

fn secrets<'a>(verb: &'a str, namespace: Option<&'a Namespace>) -> Access<'a> {
    Access {
        verb,
        group: "",
        resource: "secrets",
        namespace: namespace.map(Namespace::as_str),
        name: None,
    }
}

/// One finding for all namespaces that lack the same rights.
fn no_records((denied, namespaces): (Vec<&str>, Vec<&str>)) -> Option<Problem> {
    Some(Problem {
        chart: None,
        hint: Some(format!(
            "check with `kubectl auth can-i {} secrets -n {}`",
            denied.first()?,
            namespaces.first()?
        )),
        message: format!(
            "you may not {} secrets in {}, where Helm keeps its records",
            denied.join(", "),
            named(&namespaces)
        ),
    })
}

/// Both objects of the lock have the same name. An object that is created has none yet when its
/// creation is judged.
async fn lock_of(cluster: &Cluster, stack: &Stack) -> Result<Vec<Problem>, ClusterError> {
    let namespace = &stack.state_namespace;
    let name = lock::lease_name(&stack.name, stack.environment.as_ref());
    let each = |kept: &Kept| {
        let Kept {
            group, resource, ..
        } = *kept;
        kept.verbs.map(|verb| Access {
            verb,
            group,
            resource,
            namespace: Some(namespace.as_str()),
            name: (verb != "create").then_some(name.as_str()),
        })
    };
    let wanted = [each(&LEASE), each(&INTENTS)].concat();
    let denied = cluster.denied(namespace, wanted).await?;
    let problem = |kept: &Kept| no_lock_object(kept, &denied, namespace, &name);
    Ok([LEASE, INTENTS].iter().filter_map(problem).collect())
}

/// One finding for all that we may not do to one of the lock's objects.
fn no_lock_object(
    kept: &Kept,
    denied: &[Access<'_>],
    namespace: &Namespace,
    name: &str,
) -> Option<Problem> {
    let denied = denied
        .iter()
        .filter(|access| access.resource == kept.resource);
    let first = denied.clone().next()?;
    let verbs: Vec<&str> = denied.map(|access| access.verb).collect();
    let object = first
        .name
        .map_or_else(String::new, |name| format!("/{name}"));
    let dot = if kept.group.is_empty() { "" } else { "." };
    Some(Problem {
        chart: None,
        message: format!(
            "you may not {} the {} {name} in namespace {namespace}, {}",
            verbs.join(", "),
            kept.kind,
            kept.purpose
        ),
        hint: Some(format!(
            "check with `kubectl auth can-i {} {}{dot}{}{object} -n {namespace}`; \
             `state_namespace` in [stack] keeps the lock elsewhere, `--no-lock` does without",
            first.verb, kept.resource, kept.group
        )),
    })
}

/// Whether we may do to CRDs what the plan says.
async fn definitions(cluster: &Cluster, plan: &Plan) -> Result<Vec<Problem>, ClusterError> {
    let nodes = || plan.nodes.iter().filter(|node| node.key.is_crds());
    let applies = nodes().find(|node| node.action.deploys());
    let removes = nodes().find(|node| node.action == Action::Uninstall);
    let asked: [(Option<&Node>, &[&str]); 2] = [
        (applies, &["get", "create", "patch"]),
        (removes, &["get", "delete"]),
    ];
    let mut problems = Vec::new();
    for (node, verbs) in asked {
        let Some(node) = node else { continue };
        let answers = verbs.iter().map(|&verb| {
            cluster.can(Access {
                verb,
                group: "apiextensions.k8s.io",
                resource: DEFINITIONS,
                namespace: None,
                name: None,
            })
        });
        let answers = try_join_all(answers).await?;
        let denied = verbs.iter().copied().zip(answers).filter(|(_, may)| !may);
        let denied: Vec<&str> = denied.map(|(verb, _)| verb).collect();
        if let [first, ..] = denied.as_slice() {
            problems.push(Problem {
                chart: Some(node.key.chart.clone()),
                message: format!("you may not {} {DEFINITIONS}", denied.join(", ")),
                hint: Some(format!(
                    "check with `kubectl auth can-i {first} {DEFINITIONS}`; with `crds = \"skip\"` \
                     CRDs are left to those who may"
                )),
            });
        }
    }
    Ok(problems)
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        cluster::testing::{Answer, Script},
        graph::fixture,
        name::{ChartName, Direction},
    };

    /// A plan that does this in each of these namespaces.
    pub(in crate::run) fn plan(namespaces: &[&str], action: Action) -> Plan {
        let nodes = namespaces.iter().map(|namespace| {
            let mut node = Node::install(ChartName::new(namespace).unwrap());
            node.release.namespace = Namespace::new(namespace).unwrap();
            node.action = action;
            node
        });
        let stack = fixture::stack(&[]).name;
        Plan::from_nodes(stack, Direction::Up, nodes.collect()).unwrap()
    }

    const MANY: [&str; 4] = ["a", "b", "c", "d"];

    fn allowed(allowed: bool) -> Answer {
        Answer::json(&json!({ "status": { "allowed": allowed } }))
    }

    /// Rules that allow everything on these resources.
    fn rules(resources: &[&str]) -> Answer {
        let rule = json!({ "verbs": ["*"], "apiGroups": ["*"], "resources": resources });
        Answer::json(&json!({ "status": { "resourceRules": [rule] } }))
    }

    #[tokio::test(start_paused = true)]
    async fn who_may_everything_is_asked_a_handful_of_times() {
        let (cluster, script) = Script::cluster(|_, call| {
            if call.path.contains("rules") {
                rules(&["*"])
            } else {
                allowed(true)
            }
        });
        let stack = fixture::stack(&[]);
        let found = problems(&cluster, &stack, &plan(&MANY, Action::Upgrade), false).await;
        assert_eq!(found, Ok(Vec::new()));
        assert_eq!(script.count(), RECORDS.len() + 1);
        // Nothing is asked for what nothing is done to.
        let (cluster, script) = Script::cluster(|_, _| rules(&["leases", "configmaps"]));
        let unchanged = plan(&MANY, Action::Unchanged);
        let found = problems(&cluster, &stack, &unchanged, false).await;
        assert_eq!(found, Ok(Vec::new()));
        assert_eq!(script.count(), 1);
        // Nor for a lock that is not taken.
        let found = problems(&cluster, &stack, &unchanged, true).await;
        assert_eq!(found, Ok(Vec::new()));
        assert_eq!(script.count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_may_something_is_asked_once_for_each_namespace() {
        let (cluster, script) = Script::cluster(|_, call| match &call.body["spec"]["namespace"] {
            _ if call.path.contains("accessreviews") => allowed(false),
            namespace if namespace == "b" || namespace == "c" => rules(&[]),
            namespace if namespace == "default" => rules(&["leases", "configmaps"]),
            _ => rules(&["secrets"]),
        });
        let stack = fixture::stack(&[]);
        let found = problems(&cluster, &stack, &plan(&MANY, Action::Upgrade), false).await;
        let said: Vec<String> = found.unwrap().into_iter().map(|one| one.message).collect();
        let expected = "you may not get, list, create, update, delete secrets in namespaces b, c, \
                        where Helm keeps its records";
        assert_eq!(said, [expected]);
        // Everywhere, each namespace and that of the lease, and once more what no rule said.
        assert_eq!(script.count(), RECORDS.len() * 3 + MANY.len() + 1);
    }
}
