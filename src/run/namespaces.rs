//! Whether the plan's namespaces can be made what the run needs: there, staying, labelled. Part of
//! preflight; what is found here is done by `cluster::ensure_namespace` later.

use std::collections::BTreeMap;

use futures::{TryStreamExt as _, stream};

use super::{Problem, rights::AT_ONCE};
use crate::{
    cluster::{Access, Cluster, ClusterError, Standing},
    name::Namespace,
    plan::Plan,
    stack::{NamespaceSpec, Stack},
};

/// Everything that stands in the way. Who may not look at a namespace is stopped only if something
/// is to be set there.
pub(super) async fn problems(
    cluster: &Cluster,
    stack: &Stack,
    plan: &Plan,
) -> Result<Vec<Problem>, ClusterError> {
    let asked = wanted(stack, plan)
        .into_iter()
        .map(|(namespace, spec)| async move {
            let (labels, annotations) = (&spec.labels, &spec.annotations);
            let standing = cluster.namespace_standing(namespace, labels, annotations);
            let is_plain = labels.is_empty() && annotations.is_empty();
            Ok((namespace, is_plain, standing.await?))
        });
    let found: Vec<(&Namespace, bool, Standing)> = stream::iter(asked.map(Ok))
        .try_buffered(AT_ONCE)
        .try_collect()
        .await?;
    let mut problems = Vec::new();
    let mut missing = Vec::new();
    for (namespace, is_plain, standing) in found {
        match standing {
            Standing::Missing => missing.push(namespace.as_str()),
            Standing::Leaving => problems.push(leaving(namespace)),
            Standing::Hidden if is_plain => {}
            Standing::Hidden => problems.push(cannot("get", namespace)),
            Standing::Different if !cluster.can(patch(namespace)).await? => {
                problems.push(cannot("patch", namespace));
            }
            Standing::Right | Standing::Different => {}
        }
    }
    if !missing.is_empty() && !cluster.can(CREATE).await? {
        problems.push(cannot_create(&missing));
    }
    Ok(problems)
}

/// Where something will be deployed, with what is set there, and where the lease is kept.
fn wanted<'a>(stack: &'a Stack, plan: &'a Plan) -> BTreeMap<&'a Namespace, NamespaceSpec> {
    let mut wanted = BTreeMap::new();
    if stack.state_namespace.as_str() != "default" {
        wanted.insert(&stack.state_namespace, NamespaceSpec::default());
    }
    for node in &plan.nodes {
        if node.action.executes() {
            let namespace = &node.release.namespace;
            let spec = stack.namespaces.get(namespace);
            wanted.insert(namespace, spec.cloned().unwrap_or_default());
        }
    }
    wanted
}

const CREATE: Access<'static> = Access {
    verb: "create",
    group: "",
    resource: "namespaces",
    namespace: None,
    name: None,
};

fn patch(namespace: &Namespace) -> Access<'_> {
    Access {
        verb: "patch",
        namespace: Some(namespace.as_str()),
        name: Some(namespace.as_str()),
        ..CREATE
    }
}

/// Nothing can be made in a namespace that is being deleted.
fn leaving(namespace: &Namespace) -> Problem {
    Problem {
        chart: None,
        message: format!("namespace {namespace} is being deleted"),
        hint: Some(format!(
            "wait until it is gone, or find out what holds it: kubectl get namespace {namespace} -o yaml"
        )),
    }
}

fn cannot(verb: &str, namespace: &Namespace) -> Problem {
    Problem {
        chart: None,
        message: format!(
            "you may not {verb} namespace {namespace}, whose labels and annotations \
             [namespaces.{namespace}] sets"
        ),
        hint: Some(format!(
            "check with `kubectl auth can-i {verb} namespaces/{namespace} -n {namespace}`"
        )),
    }
}

fn cannot_create(missing: &[&str]) -> Problem {
    let verb = if missing.len() == 1 { "is" } else { "are" };
    Problem {
        chart: None,
        message: format!(
            "{} {verb} missing, and you may not create namespaces",
            named(missing)
        ),
        hint: Some("check with `kubectl auth can-i create namespaces`".into()),
    }
}

/// `namespace a`, `namespaces a, b`.
pub(super) fn named(namespaces: &[&str]) -> String {
    let plural = if namespaces.len() == 1 { "" } else { "s" };
    format!("namespace{plural} {}", namespaces.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        cluster::testing::{Answer, Script},
        graph::fixture,
        name::Action,
        run::rights::tests::plan,
    };

    /// What is said of a plan for these namespaces, of which `b` is labelled, when they are
    /// answered with `found` and nothing may be changed.
    async fn said(namespaces: &[&str], found: fn(&str) -> Answer) -> (Vec<String>, Script) {
        let mut stack = fixture::stack(&[]);
        let labels = [("tier".to_owned(), "base".to_owned())].into();
        let spec = NamespaceSpec {
            labels,
            ..NamespaceSpec::default()
        };
        stack.namespaces = [(Namespace::new("b").unwrap(), spec)].into();
        let (cluster, script) = Script::cluster(move |_, call| match call.method.as_str() {
            "GET" => found(call.path.rsplit('/').next().unwrap_or_default()),
            _ => Answer::json(&json!({ "status": { "allowed": false } })),
        });
        let plan = plan(namespaces, Action::Install);
        let problems = problems(&cluster, &stack, &plan).await.unwrap();
        let said = problems.into_iter().map(|problem| problem.message);
        (said.collect(), script)
    }

    #[tokio::test(start_paused = true)]
    async fn all_that_is_missing_is_said_at_once() {
        let (said, script) = said(&["a", "b", "c"], |_| Answer::status(404, "no")).await;
        let expected = "namespaces a, b, c are missing, and you may not create namespaces";
        assert_eq!(said, [expected]);
        assert_eq!(script.count(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_is_to_be_set_must_be_seen_and_changed() {
        let set = "namespace b, whose labels and annotations [namespaces.b] sets";
        let (plain, _) = said(&["a", "b"], |_| Answer::json(&json!({}))).await;
        assert_eq!(plain, [format!("you may not patch {set}")]);
        let (hidden, _) = said(&["a", "b"], |_| Answer::status(403, "no")).await;
        assert_eq!(hidden, [format!("you may not get {set}")]);
        let (right, script) = said(&["b"], |_| {
            Answer::json(&json!({ "metadata": { "labels": { "tier": "base" } } }))
        })
        .await;
        assert_eq!(right, [""; 0]);
        assert_eq!(script.count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_leaving_and_one_for_the_lease_are_seen() {
        let mut stack = fixture::stack(&[]);
        stack.state_namespace = Namespace::new("state").unwrap();
        let (cluster, _) = Script::cluster(|_, call| match call.path.rsplit('/').next() {
            Some("a") => Answer::json(&json!({ "metadata": { "deletionTimestamp": "now" } })),
            Some("state") => Answer::status(404, "no"),
            _ => Answer::json(&json!({ "status": { "allowed": false } })),
        });
        let said = |problems: Vec<Problem>| -> Vec<String> {
            problems
                .into_iter()
                .map(|problem| problem.message)
                .collect()
        };
        let up = problems(&cluster, &stack, &plan(&["a"], Action::Install)).await;
        let missing = "namespace state is missing, and you may not create namespaces";
        assert_eq!(said(up.unwrap()), ["namespace a is being deleted", missing]);
        // What goes may be where everything goes.
        let down = problems(&cluster, &stack, &plan(&["a"], Action::Uninstall)).await;
        assert_eq!(said(down.unwrap()), [missing]);
    }
}
