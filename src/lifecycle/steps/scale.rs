//! `scale`: workloads get another number of replicas.

use std::slice;

use serde_json::Value;

use super::{
    StepError,
    attempt::Attempt,
    field::shown,
    objects::{listed, refs},
};
use crate::{
    lifecycle::ready,
    stack::{ErrorClass, Objects, TemplatedValue},
};

pub(super) async fn scale<'a>(
    at: &Attempt<'a>,
    objects: &'a Objects,
    replicas: &TemplatedValue,
    wait_rollout: bool,
    optional: bool,
) -> Result<(), StepError> {
    let replicas = at.view.value(replicas)?;
    let replicas = number(&replicas.value).ok_or_else(|| {
        let shown = shown(&replicas.value, replicas.secret);
        StepError::new(format!("{shown} is no number of replicas")).of_class(ErrorClass::Template)
    })?;
    let live = at.view.need_all(slice::from_ref(objects), optional).await?;
    if live.is_empty() {
        return Ok(());
    }
    at.cx
        .status(&format!("scaling {} to {replicas}", listed(&live)));
    for one in &live {
        at.cx.run.cluster.scale(&one.object, replicas).await?;
    }
    if wait_rollout {
        ready::ready_within(at.cx, &refs(&live), at.limit).await?;
    }
    Ok(())
}

/// A text will do: what a command printed is one.
fn number(value: &Value) -> Option<u32> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_u64().and_then(|number| u32::try_from(number).ok()),
    }
}
