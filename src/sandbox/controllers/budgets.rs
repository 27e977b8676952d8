//! PodDisruptionBudgets and autoscalers: a status that says that all is well.

use serde_json::{Value, json};

use super::{
    Again,
    conditions::{Conditions, counts},
    integer,
    template::{is_active, is_ready, selects},
    text,
    world::World,
};
use crate::sandbox::refusal::Refusal;

pub(super) const RESOURCE: &str = "poddisruptionbudgets.policy";
pub(super) const AUTOSCALERS: &str = "horizontalpodautoscalers.autoscaling";

pub(super) async fn budget(world: &World, budget: &Value) -> Result<Again, Refusal> {
    let selector = &budget["spec"]["selector"];
    let pods = world.list("pods", text(budget, "/metadata/namespace"));
    let chosen = pods
        .iter()
        .filter(|pod| !selector.is_null() && selects(selector, pod));
    let chosen: Vec<_> = chosen.filter(|pod| is_active(pod)).collect();
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let expected = number(chosen.len());
    let healthy = number(chosen.iter().filter(|pod| is_ready(pod)).count());
    let share = |field: &str| match &budget["spec"][field] {
        Value::Number(count) => count.as_i64(),
        Value::String(text) => {
            let percent: i64 = text.trim_end_matches('%').parse().ok()?;
            Some((expected * percent + 99) / 100)
        }
        _ => None,
    };
    let desired = match (share("minAvailable"), share("maxUnavailable")) {
        (Some(least), _) => least,
        (None, Some(missing)) => (expected - missing).max(0),
        (None, None) => expected,
    };
    let allowed = (healthy - desired).max(0);
    let mut status = counts([(
        "observedGeneration",
        integer(budget, "/metadata/generation").unwrap_or(0),
    )]);
    for (field, count) in [
        ("currentHealthy", healthy),
        ("desiredHealthy", desired),
        ("disruptionsAllowed", allowed),
        ("expectedPods", expected),
    ] {
        status[field] = count.into();
    }
    let mut conditions = Conditions::of(budget, false);
    let reason = if allowed > 0 {
        "SufficientPods"
    } else {
        "InsufficientPods"
    };
    conditions.set("DisruptionAllowed", allowed > 0, reason, "");
    conditions.write(&mut status);
    world.set_status(RESOURCE, budget, status).await?;
    Ok(None)
}

/// Nothing is measured, so nothing is scaled.
pub(super) async fn autoscaler(world: &World, autoscaler: &Value) -> Result<Again, Refusal> {
    let least = integer(autoscaler, "/spec/minReplicas").unwrap_or(1);
    let mut status = json!({"currentReplicas": least, "desiredReplicas": least});
    let mut conditions = Conditions::of(autoscaler, false);
    let (reason, message) = (
        "SucceededGetScale",
        "the sandbox measures and scales nothing",
    );
    conditions.set("AbleToScale", true, reason, message);
    conditions.write(&mut status);
    world.set_status(AUTOSCALERS, autoscaler, status).await?;
    Ok(None)
}
