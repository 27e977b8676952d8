//! What a purge removes around the charts: their namespaces, where we made them and nothing is left
//! in them. (CRDs are nodes of their own, see `crds`.)

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use tokio::time::Instant;

use super::{
    Context, StepError,
    patience::{Look, Patience, some_of},
    ready::interruptible,
};
use crate::{
    cluster::ClusterError,
    name::{Action, Namespace},
    plan::Node,
};

/// What a run with `--purge` keeps track of.
#[derive(Debug, Default)]
pub struct Purge {
    /// Releases of each namespace that are still to be uninstalled.
    left: Mutex<BTreeMap<Namespace, usize>>,
}

impl Purge {
    /// For the nodes of a plan: the charts that it uninstalls.
    pub fn of(nodes: &[Node]) -> Self {
        let mut left = BTreeMap::new();
        let charts = nodes.iter().filter(|node| !node.key.is_crds());
        for node in charts.filter(|node| node.action == Action::Uninstall) {
            *left.entry(node.release.namespace.clone()).or_default() += 1;
        }
        Self {
            left: Mutex::new(left),
        }
    }

    /// Counts a release that is gone; whether it was the last of its namespace. A failed one is
    /// never counted, so that its namespace stays.
    fn is_last(&self, namespace: &Namespace) -> bool {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let left = left.entry(namespace.clone()).or_default();
        *left = left.saturating_sub(1);
        *left == 0
    }
}

/// Whether it is now the release's namespace's turn.
pub(super) fn is_due(cx: &Context<'_>) -> bool {
    let purge = cx.run.purge.as_ref();
    purge.is_some_and(|purge| purge.is_last(&cx.chart.release.namespace))
}

/// Deletes the release's namespace, if this stack made it and it is empty; says so if it is not.
pub(super) async fn namespace(cx: &Context<'_>) -> Result<(), StepError> {
    interruptible(cx, delete_if_empty(cx)).await?
}

async fn delete_if_empty(cx: &Context<'_>) -> Result<(), StepError> {
    let deadline = Instant::now() + cx.chart.timeout;
    let (cluster, namespace) = (&cx.run.cluster, &cx.chart.release.namespace);
    let live = match cluster.live_namespace(namespace).await {
        Ok(Some(live)) => live,
        // Who may not read it has not made it either.
        Ok(None) | Err(ClusterError::Forbidden { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if live.created_by != Some(cx.owner()) {
        cx.status(&format!(
            "namespace {namespace} stays: this stack did not make it"
        ));
        return Ok(());
    }
    if live.leaving.is_none() {
        if let Some(why) = kept(cx, deadline).await? {
            cx.warn(&format!("namespace {namespace} stays: {why}"));
            return Ok(());
        }
        cluster.delete_namespace(namespace, &live.uid).await?;
    }
    let mut patience = Patience::new(cx, deadline, "gone");
    while !patience.is_over(leaving(cx).await).await? {}
    Ok(())
}

async fn leaving(cx: &Context<'_>) -> Result<Look, ClusterError> {
    let namespace = &cx.chart.release.namespace;
    let live = cx.run.cluster.live_namespace(namespace).await?;
    let words = live.map(|live| match live.leaving.as_deref() {
        None | Some("") => format!("namespace {namespace}"),
        Some(holds) => format!("namespace {namespace}: {holds}"),
    });
    Ok(Look::Waiting(words.into_iter().collect()))
}

/// Why the namespace has to stay; `None` if it is empty. What is on its way out, or goes with an
/// owner that is gone, is waited for.
async fn kept(cx: &Context<'_>, deadline: Instant) -> Result<Option<String>, StepError> {
    let mut patience = Patience::new(cx, deadline, "gone");
    loop {
        let contents = cx.run.cluster.contents(&cx.chart.release.namespace).await?;
        let names = contents.objects.iter().map(|it| it.object.to_string());
        let names: Vec<String> = names.collect();
        let staying = contents.objects.iter().any(|it| !it.leaving && !it.owned);
        let says = match (names.as_slice(), contents.unknown.as_slice()) {
            ([], []) => return Ok(None),
            ([], unknown) => {
                return Ok(Some(format!(
                    "what else it holds is not known: {}",
                    some_of(unknown)
                )));
            }
            (names, _) => format!("it still holds {}", some_of(names)),
        };
        // What does not go in time keeps the namespace, and is no failure.
        if staying || patience.is_over(Ok(Look::Waiting(names))).await.is_err() {
            return Ok(Some(says));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::NodeName;

    #[test]
    fn a_namespace_is_due_after_the_last_of_its_releases() {
        let node = |key: &str, namespace: &str, action| {
            let key: NodeName = key.parse().unwrap();
            let mut node = Node::install(key.chart.clone());
            node.key = key;
            node.release.namespace = Namespace::new(namespace).unwrap();
            node.action = action;
            node
        };
        let purge = Purge::of(&[
            node("a", "apps", Action::Uninstall),
            node("b", "apps", Action::Uninstall),
            node("b:crds", "apps", Action::Uninstall),
            node("c", "apps", Action::Skip),
            node("d", "data", Action::Uninstall),
        ]);
        let namespace = |text| Namespace::new(text).unwrap();
        assert!(!purge.is_last(&namespace("apps")));
        assert!(purge.is_last(&namespace("data")));
        assert!(purge.is_last(&namespace("apps")));
    }
}
