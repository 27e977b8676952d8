//! `delete`: objects are deleted, and gone.

use serde_json::Value;

use super::{
    StepError,
    attempt::Attempt,
    objects::{Live, is_gone, listed, refs},
};
use crate::{
    cluster::{Deletion, Propagation},
    lifecycle::{live::finalizers, ready},
    stack::{self, ErrorClass, Verb},
};

/// What is not there needs no deleting: an interrupted clean-up comes to its end.
pub(super) async fn delete(at: &Attempt<'_>) -> Result<(), StepError> {
    let Verb::Delete {
        objects,
        propagation,
        min_restarts,
        wait_gone,
    } = &at.step.verb
    else {
        return Ok(());
    };
    let mut live = at.view.find_any(objects).await?;
    if let Some(min) = min_restarts {
        live.retain(|pod| crashes(&pod.value, *min));
    }
    if live.is_empty() {
        at.cx.status("nothing to delete");
        return Ok(());
    }
    let names = listed(&live);
    at.cx.status(&format!("deleting {names}"));
    for one in &live {
        let deletion = Deletion {
            propagation: match propagation {
                stack::Propagation::Background => Propagation::Background,
                stack::Propagation::Foreground => Propagation::Foreground,
                stack::Propagation::Orphan => Propagation::Orphan,
            },
            uid: one.value["metadata"]["uid"].as_str().map(str::to_owned),
            ..Deletion::default()
        };
        let deleted = at.cx.run.cluster.delete_with(&one.object, &deletion).await;
        if !is_gone(&deleted) {
            // Of another uid by now: what was to be deleted is gone.
            match deleted.map_err(StepError::from) {
                Err(error) if error.class() != ErrorClass::Conflict => return Err(error),
                _ => {}
            }
        }
    }
    if !wait_gone {
        return Ok(());
    }
    match ready::gone_within(at.cx, &refs(&live), at.limit).await {
        Err(error) if error.class() == ErrorClass::Timeout => {
            let holders = holders(at, &live).await;
            Err(error.cause(holders.join("\n")))
        }
        ended => ended,
    }
}

/// Whether a container of a pod crashes over and over, and did so at least this often.
fn crashes(pod: &Value, min_restarts: u32) -> bool {
    let containers = ["containerStatuses", "initContainerStatuses"]
        .into_iter()
        .filter_map(|key| pod["status"][key].as_array())
        .flatten();
    containers.into_iter().any(|container| {
        container["state"]["waiting"]["reason"] == "CrashLoopBackOff"
            && container["restartCount"].as_u64() >= Some(u64::from(min_restarts))
    })
}

/// What keeps objects from going.
async fn holders(at: &Attempt<'_>, live: &[Live]) -> Vec<String> {
    let mut lines = Vec::new();
    for one in live {
        if let Some(finalizers) = finalizers(at.cx, &one.object).await {
            lines.push(format!(
                "{one} waits for whoever clears its finalizers: {finalizers}"
            ));
        }
    }
    lines
}
