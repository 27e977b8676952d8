//! `restart`: the pods of workloads are replaced, as by `kubectl rollout restart`.

use jiff::Timestamp;
use serde_json::json;

use super::{
    StepError,
    attempt::Attempt,
    objects::{listed, refs},
};
use crate::{cluster::Patched, lifecycle::ready, stack::Objects};

pub(super) async fn restart<'a>(
    at: &Attempt<'a>,
    objects: &'a [Objects],
    wait_rollout: bool,
    optional: bool,
) -> Result<(), StepError> {
    let live = at.view.need_all(objects, optional).await?;
    if live.is_empty() {
        return Ok(());
    }
    at.cx.status(&format!("restarting {}", listed(&live)));
    let now = Timestamp::now().to_string();
    // Its annotation: whoever looks knows what happened.
    let patch = json!({ "spec": { "template": { "metadata": { "annotations": {
        "kubectl.kubernetes.io/restartedAt": now,
    } } } } });
    for one in &live {
        let cluster = &at.cx.run.cluster;
        cluster.patch(&one.object, Patched::Merge, &patch).await?;
    }
    if wait_rollout {
        ready::ready_within(at.cx, &refs(&live), at.limit).await?;
    }
    Ok(())
}
