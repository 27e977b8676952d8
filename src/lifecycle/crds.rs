//! CRD nodes: the CRDs of one chart, applied before it, or removed after everything.
//!
//! Nothing here starts Helm, so the node gives its slot back at once. Ready means that the server
//! offers every served version of every CRD, as Helm will ask it: a chart that starts then finds
//! its kinds.

use std::{collections::BTreeMap, sync::Arc};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    Context, StepError,
    patience::{Look, Patience, some_of},
    ready::interruptible,
};
use crate::{
    chart::Crd,
    cluster::{ClusterError, CrdMarks, LiveCrd, ObjectRef, Readiness, Remaining, ready::readiness},
    engine::Done,
    event::Failure,
    name::Milestone,
    stack::CrdPolicy,
};

/// Requests under way at once.
const AT_ONCE: usize = 8;

/// The one step of such a node.
const STEP: &str = "crds";

/// Applies the chart's CRDs of these names, and waits until they are served.
pub(super) async fn apply(cx: &Context<'_>, names: &[String]) -> Result<Done, Failure> {
    cx.park();
    cx.phase(STEP, || Box::pin(interrupted(cx, apply_all(cx, names))))
        .await?;
    cx.reached(Milestone::Crds);
    Ok(Done::Succeeded)
}

/// Waits until CRDs that are left as they are are served: the run that applied them may have ended
/// before they were.
pub(super) async fn look(cx: &Context<'_>, names: &[String]) -> Result<Done, Failure> {
    cx.park();
    cx.phase(STEP, || Box::pin(interrupted(cx, look_at_all(cx, names))))
        .await?;
    Ok(Done::Unchanged)
}

/// The same as [`apply`], as a step of a chart that was fetched late: nobody knew of its CRDs before.
pub(super) async fn apply_own(cx: &Context<'_>, names: &[String]) -> Result<(), Failure> {
    let work = || async {
        cx.park();
        Box::pin(interrupted(cx, apply_all(cx, names))).await?;
        cx.unpark().await
    };
    cx.phase(STEP, work).await
}

/// Removes the CRDs of these names, once no objects of their kinds are left.
pub(super) async fn remove(cx: &Context<'_>, names: &[String]) -> Result<Done, Failure> {
    cx.park();
    cx.phase(STEP, || Box::pin(interrupted(cx, remove_all(cx, names))))
        .await?;
    cx.reached(Milestone::Gone);
    Ok(Done::Succeeded)
}

/// Nothing in here is half done when it is dropped: what was sent to the server is whole.
async fn interrupted(
    cx: &Context<'_>,
    work: impl Future<Output = Result<(), StepError>>,
) -> Result<(), StepError> {
    interruptible(cx, work).await?
}

async fn apply_all(cx: &Context<'_>, names: &[String]) -> Result<(), StepError> {
    let deadline = Instant::now() + cx.chart.timeout;
    let crds = wanted(cx, names)?;
    await_leaving(cx, names, deadline).await?;
    cx.run.changes.note_crds(&cx.chart.name);
    let applied = apply_each(cx, &crds).await?;
    await_served(cx, &crds, applied, deadline).await
}

async fn look_at_all(cx: &Context<'_>, names: &[String]) -> Result<(), StepError> {
    let deadline = Instant::now() + cx.chart.timeout;
    let found = definitions(cx, names).await?;
    await_served(cx, &wanted(cx, names)?, found, deadline).await
}

/// The definitions, as the opened chart has them.
fn wanted(cx: &Context<'_>, names: &[String]) -> Result<Vec<Arc<Crd>>, StepError> {
    let chart = cx.opened();
    let carried = chart.map(|chart| chart.crds.as_slice()).unwrap_or_default();
    let find = |name: &String| {
        let found = carried.iter().find(|crd| crd.name == *name).cloned();
        found.ok_or_else(|| {
            StepError::new(format!("the chart does not carry the CRD {name} any more"))
                .hint("it was changed after the plan was made: plan again")
        })
    };
    names.iter().map(find).collect()
}

/// What is applied to a CRD on its way out goes with it.
async fn await_leaving(
    cx: &Context<'_>,
    names: &[String],
    deadline: Instant,
) -> Result<(), StepError> {
    let held = |error: StepError| {
        error.hint(
            "the server keeps a CRD that is being deleted as long as there are objects of its \
             kind: find out what holds them with `kubectl get NAME_OF_THE_CRD -A -o yaml`",
        )
    };
    let mut patience = Patience::new(cx, deadline, "gone");
    while !patience
        .is_over(leaving(cx, names).await)
        .await
        .map_err(held)?
    {}
    Ok(())
}

/// Those on their way out.
async fn leaving(cx: &Context<'_>, names: &[String]) -> Result<Look, ClusterError> {
    let live = looked_up(cx, names).await?;
    let leaving = live.into_iter().filter(|(_, live)| live.leaving);
    let leaving = leaving.map(|(name, _)| format!("{name} is being deleted"));
    Ok(Look::Waiting(leaving.collect()))
}

/// Those that are there.
async fn looked_up(
    cx: &Context<'_>,
    names: &[String],
) -> Result<Vec<(String, LiveCrd)>, ClusterError> {
    let looks = names.iter().cloned().map(|name| async move {
        let live = cx.run.cluster.crd(&name).await?;
        Ok(live.map(|live| (name, live)))
    });
    let found: Vec<Option<_>> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// Applies them, several at once. What the server made of them, by name.
async fn apply_each(
    cx: &Context<'_>,
    crds: &[Arc<Crd>],
) -> Result<BTreeMap<String, Value>, StepError> {
    cx.status(&match crds {
        [one] => format!("applying {}", one.name),
        several => format!("applying {} CRDs", several.len()),
    });
    let requests = crds.iter().cloned().map(|crd| async move {
        let applied = apply_one(cx, &crd).await;
        (crd.name.clone(), applied)
    });
    let results: Vec<_> = stream::iter(requests).buffered(AT_ONCE).collect().await;
    let mut applied = BTreeMap::new();
    let mut failed = Vec::new();
    for (name, result) in results {
        match result {
            Ok(Some(live)) => {
                applied.insert(name, live);
            }
            Ok(None) => {}
            Err(error) => failed.push((name, error)),
        }
    }
    let Some((_, first)) = failed.first() else {
        return Ok(applied);
    };
    let names: Vec<String> = failed.iter().map(|(name, _)| name.clone()).collect();
    let mut error = StepError::new(format!("could not apply {}", some_of(&names)));
    error.hints.extend(first.hint().map(str::to_owned));
    for (name, cause) in &failed {
        error = error.cause(format!("{name}: {cause}"));
    }
    Err(error)
}

/// `None` if it is there, and the stack says to leave it as it is.
async fn apply_one(cx: &Context<'_>, crd: &Crd) -> Result<Option<Value>, ClusterError> {
    let cluster = &cx.run.cluster;
    let before = cluster.crd(&crd.name).await?;
    if before.is_some() && cx.chart.crds == CrdPolicy::Create {
        return Ok(None);
    }
    let chart = cx.opened();
    let marks = CrdMarks {
        owner: cx.owner(),
        chart: cx.chart.name.clone(),
        chart_version: chart.map(|it| it.version.to_string()).unwrap_or_default(),
        digest: crd.digest.clone(),
    };
    let applied = cluster.apply_crd(&crd.document, &marks, before.as_ref());
    applied.await.map(Some)
}

/// Waits until those that were applied are established, and all their served versions offered.
async fn await_served(
    cx: &Context<'_>,
    crds: &[Arc<Crd>],
    applied: BTreeMap<String, Value>,
    deadline: Instant,
) -> Result<(), StepError> {
    let crds = crds.iter().filter(|crd| applied.contains_key(&crd.name));
    let kinds = crds.flat_map(|crd| {
        let versions = crd.versions.iter();
        versions.map(|version| (format!("{}/{version}", crd.group), crd.kind.clone()))
    });
    let kinds: Vec<(String, String)> = kinds.collect();
    let names: Vec<String> = applied.keys().cloned().collect();
    // Those that were there before are established in the server's answer already.
    let mut found = Ok(applied);
    let mut patience = Patience::new(cx, deadline, "served");
    while !patience
        .is_over(found.map(|it| established(&names, &it)))
        .await?
    {
        found = definitions(cx, &names).await;
    }
    while !patience.is_over(offered(cx, &kinds).await).await? {}
    Ok(())
}

fn established(names: &[String], live: &BTreeMap<String, Value>) -> Look {
    let mut waiting = Vec::new();
    for name in names {
        match readiness(live.get(name)) {
            Readiness::Ready => {}
            Readiness::Progressing(why) => waiting.push(format!("{name}: {why}")),
            Readiness::Failed(why) => {
                return Look::Failed(StepError::new(format!("{name}: {why}")));
            }
        }
    }
    Look::Waiting(waiting)
}

async fn offered(cx: &Context<'_>, kinds: &[(String, String)]) -> Result<Look, ClusterError> {
    let missing = cx.run.cluster.not_served(kinds).await?;
    let words = missing
        .iter()
        .map(|(version, kind)| format!("{kind} of {version} is not offered"));
    Ok(Look::Waiting(words.collect()))
}

async fn definitions(
    cx: &Context<'_>,
    names: &[String],
) -> Result<BTreeMap<String, Value>, ClusterError> {
    let looks = names.iter().cloned().map(|name| async move {
        let object = ObjectRef {
            api_version: "apiextensions.k8s.io/v1".to_owned(),
            kind: "CustomResourceDefinition".to_owned(),
            namespace: None,
            name,
        };
        let live = cx.run.cluster.get(&object).await?;
        Ok(live.map(|live| (object.name, live)))
    });
    let found: Vec<Option<_>> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// Removes what is still there and ours. Nothing is, as long as an object of any of the kinds is
/// left that nobody deletes: with its CRD, the server would delete that, too.
async fn remove_all(cx: &Context<'_>, names: &[String]) -> Result<(), StepError> {
    let deadline = Instant::now() + cx.chart.timeout;
    let doomed = doomed(cx, names).await?;
    let going: Vec<String> = doomed.keys().cloned().collect();
    let mut patience = Patience::new(cx, deadline, "gone");
    while !patience.is_over(remaining(cx, &going).await).await? {}
    delete_each(cx, &doomed).await?;
    let mut patience = Patience::new(cx, deadline, "gone");
    while !patience.is_over(there(cx, &going).await).await? {}
    Ok(())
}

async fn there(cx: &Context<'_>, names: &[String]) -> Result<Look, ClusterError> {
    let live = looked_up(cx, names).await?;
    let there = live.into_iter().map(|(name, _)| format!("CRD {name}"));
    Ok(Look::Waiting(there.collect()))
}

/// The CRDs to be deleted, by name. Looked at once more: since the plan was made, another stack
/// may have taken one over.
async fn doomed(
    cx: &Context<'_>,
    names: &[String],
) -> Result<BTreeMap<String, LiveCrd>, StepError> {
    let live = looked_up(cx, names).await?;
    let is_ours = |live: &LiveCrd| {
        live.created_by == Some(cx.owner()) && live.chart.as_ref() == Some(&cx.chart.name)
    };
    let (ours, others): (Vec<_>, Vec<_>) = live.into_iter().partition(|(_, live)| is_ours(live));
    for (name, _) in others {
        cx.warn(&format!(
            "CRD {name} stays: it is not this chart's any more, somebody else has applied it since"
        ));
    }
    Ok(ours.into_iter().collect())
}

/// The objects that are on their way out; a failure if others are left.
async fn remaining(cx: &Context<'_>, crds: &[String]) -> Result<Look, ClusterError> {
    let looks = crds.iter().cloned().map(|name| async move {
        let found = cx.run.cluster.instances(&name).await?;
        Ok::<_, ClusterError>((name, found))
    });
    let found: Vec<_> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
    let mut leaving = Vec::new();
    let mut staying = Vec::new();
    let mut held = Vec::new();
    for (name, objects) in found {
        for object in objects {
            let words = in_words(&object);
            if object.leaving {
                leaving.push(format!("{words} is being deleted"));
            } else {
                staying.push(words);
                held.push(name.clone());
            }
        }
    }
    if staying.is_empty() {
        return Ok(Look::Waiting(leaving));
    }
    held.dedup();
    let still = some_of(&staying);
    let error = StepError::new(format!("objects of its kinds remain: {still}"));
    let hint = format!(
        "the CRDs stay, since the objects would be deleted with them. Delete the objects first \
         (`kubectl delete {} --all --all-namespaces`), or leave the CRDs: `down` without --purge",
        held.join(",")
    );
    Ok(Look::Failed(error.hint(hint)))
}

/// `Widget/a in shop`.
pub(super) fn in_words(remaining: &Remaining) -> String {
    let object = &remaining.object;
    match &object.namespace {
        Some(namespace) => format!("{object} in {namespace}"),
        None => object.to_string(),
    }
}

async fn delete_each(cx: &Context<'_>, crds: &BTreeMap<String, LiveCrd>) -> Result<(), StepError> {
    let deletions = crds
        .iter()
        .map(|(name, live)| (name.clone(), live.uid.clone()));
    let deletions = deletions.map(|(name, uid)| async move {
        let deleted = cx.run.cluster.delete_crd(&name, &uid).await;
        deleted.map_err(|error| {
            let hint = error.hint().map(str::to_owned);
            let error =
                StepError::new(format!("could not delete CRD {name}")).cause(error.to_string());
            hint.into_iter().fold(error, StepError::hint)
        })
    });
    let deletions: Vec<_> = deletions.collect();
    stream::iter(deletions)
        .buffered(AT_ONCE)
        .try_collect()
        .await
}
