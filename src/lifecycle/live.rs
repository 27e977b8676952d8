//! Live objects of the kinds that a chart defines, before the chart goes: who would clear their
//! finalizers goes with it.
//!
//! The kinds are those of the CRDs that were applied for the chart, of those in the manifest of its
//! release, and of those that `on_live_objects` names. All but the second are known even if the
//! release is gone already, so that an interrupted removal comes to its end.

use std::collections::BTreeSet;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

use super::{
    Context, StepError,
    crds::in_words,
    patience::{Look, Patience, some_of},
    ready::interruptible,
};
use crate::{
    cluster::{ClusterError, Deletion, ObjectRef, Readiness, Remaining, ready::readiness},
    release::manifest_objects,
    stack::{ErrorClass, OnLiveObjects},
};

/// Requests under way at once.
const AT_ONCE: usize = 8;

/// Kinds whose pods may be controllers.
const WORKLOADS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];

/// Does with them what the file says. Nothing is deleted unless it says so.
pub(super) async fn settle(cx: &Context<'_>) -> Result<(), StepError> {
    interruptible(cx, settle_all(cx)).await?
}

async fn settle_all(cx: &Context<'_>) -> Result<(), StepError> {
    let policy = cx.chart.on_live_objects.policy;
    let own = own_objects(cx).await?;
    let crds = match crds(cx, &own).await {
        // Who may not see CRDs may still remove a chart.
        Err(ClusterError::Forbidden { .. }) if policy == OnLiveObjects::Ignore => return Ok(()),
        crds => crds?,
    };
    let found = match instances(cx, &crds).await {
        Err(ClusterError::Forbidden { .. }) if policy == OnLiveObjects::Ignore => return Ok(()),
        found => found?,
    };
    // What the release brought goes with it, and before it only if all of its kind does.
    let is_own = |one: &&Remaining| own.contains(&one.object);
    let others: Vec<String> = found
        .iter()
        .filter(|one| !is_own(one))
        .map(in_words)
        .collect();
    match policy {
        _ if found.is_empty() => Ok(()),
        OnLiveObjects::Ignore | OnLiveObjects::Refuse if others.is_empty() => Ok(()),
        OnLiveObjects::Ignore => {
            cx.warn(&format!(
                "objects of its kinds stay, and nobody works on them: {}",
                some_of(&others)
            ));
            Ok(())
        }
        OnLiveObjects::Refuse => Err(StepError::new(format!(
            "objects of its kinds are still there: {}",
            some_of(&others)
        ))
        .hint(format!(
            "delete them (`kubectl delete {} --all --all-namespaces`), or say \
             on_live_objects = \"delete\", or \"ignore\" to leave them without their controller",
            crds.iter().cloned().collect::<Vec<_>>().join(",")
        ))),
        OnLiveObjects::Delete => delete(cx, &crds, &found, &own).await,
    }
}

/// The objects of the release; none if it is gone.
async fn own_objects(cx: &Context<'_>) -> Result<Vec<ObjectRef>, StepError> {
    let release = &cx.chart.release;
    let history = cx.run.releases.history(release).await?;
    let Some(last) = history.last() else {
        return Ok(Vec::new());
    };
    let Some(record) = cx.run.releases.get(release, last.revision).await? else {
        return Ok(Vec::new());
    };
    let found = manifest_objects(record.manifest(), &release.namespace)?;
    Ok(found.into_iter().map(|found| found.object).collect())
}

/// Names of the CRDs whose kinds are the chart's.
async fn crds(cx: &Context<'_>, own: &[ObjectRef]) -> Result<BTreeSet<String>, ClusterError> {
    let named = cx.chart.on_live_objects.crds.iter().cloned();
    let rendered = own
        .iter()
        .filter(|object| object.kind == "CustomResourceDefinition")
        .map(|object| object.name.clone());
    let mut crds: BTreeSet<String> = named.chain(rendered).collect();
    let (owner, chart) = (Some(cx.owner()), Some(&cx.chart.name));
    for (name, live) in cx.run.cluster.crds().await? {
        if live.created_by == owner && live.chart.as_ref() == chart {
            crds.insert(name);
        }
    }
    Ok(crds)
}

/// What is there of their kinds, but for what goes with its owner.
async fn instances(
    cx: &Context<'_>,
    crds: &BTreeSet<String>,
) -> Result<Vec<Remaining>, ClusterError> {
    let looks = crds
        .iter()
        .cloned()
        .map(|name| async move { cx.run.cluster.instances(&name).await });
    let looks: Vec<_> = looks.collect();
    let found: Vec<Vec<Remaining>> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
    let found = found.into_iter().flatten();
    Ok(found.filter(|one| !one.owned).collect())
}

async fn delete(
    cx: &Context<'_>,
    crds: &BTreeSet<String>,
    found: &[Remaining],
    own: &[ObjectRef],
) -> Result<(), StepError> {
    let limit = cx.limit(cx.chart.timeout);
    let names: Vec<String> = found.iter().map(in_words).collect();
    cx.status(&format!("deleting {}", some_of(&names)));
    for one in found.iter().filter(|one| !one.leaving) {
        let deletion = Deletion::default();
        cx.run.cluster.delete_with(&one.object, &deletion).await?;
    }
    let mut patience = Patience::new(cx, limit.until, "gone");
    loop {
        let left = instances(cx, crds).await;
        let look = left.map(|left| Look::Waiting(left.iter().map(in_words).collect()));
        match patience.is_over(look).await {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => {
                let held = held(cx, crds).await;
                let error = error.of_class(ErrorClass::Timeout).cause(held.join("\n"));
                return Err(match controllers(cx, own).await {
                    none if none.is_empty() => error,
                    some => error.hint(format!(
                        "their controller should clear the finalizers: {}",
                        some.join(", ")
                    )),
                });
            }
        }
    }
}

/// What holds each object that is left.
async fn held(cx: &Context<'_>, crds: &BTreeSet<String>) -> Vec<String> {
    let mut lines = Vec::new();
    for one in instances(cx, crds).await.unwrap_or_default() {
        if let Some(finalizers) = finalizers(cx, &one.object).await {
            let object = in_words(&one);
            lines.push(format!(
                "{object} waits for whoever clears its finalizers: {finalizers}"
            ));
        }
    }
    lines
}

/// The finalizers of an object that is there and has some.
pub(super) async fn finalizers(cx: &Context<'_>, object: &ObjectRef) -> Option<String> {
    let found = cx.run.cluster.get(object).await.ok()??;
    let list = found["metadata"]["finalizers"].as_array()?;
    let names: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// The workloads of the release, each with its state.
async fn controllers(cx: &Context<'_>, own: &[ObjectRef]) -> Vec<String> {
    let mut lines = Vec::new();
    let workloads = own
        .iter()
        .filter(|object| WORKLOADS.contains(&object.kind.as_str()));
    for object in workloads {
        let Ok(found) = cx.run.cluster.get(object).await else {
            continue;
        };
        let namespace = object.namespace.as_deref().unwrap_or_default();
        lines.push(match readiness(found.as_ref()) {
            Readiness::Ready => format!("{object} in {namespace} (it is ready: see its logs)"),
            Readiness::Progressing(why) | Readiness::Failed(why) => {
                format!("{object} in {namespace} ({why})")
            }
        });
    }
    lines
}
