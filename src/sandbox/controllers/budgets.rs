//! PodDisruptionBudgets and autoscalers: a status that says that all is well.

use std::{collections::HashMap, sync::Arc};

use serde_json::{Value, json};

use super::{
    Again,
    conditions::{Conditions, counts},
    integer,
    template::{is_active, is_ready, selects},
    text,
    world::{World, top_of, uid},
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
    let there = number(chosen.len());
    let healthy = number(chosen.iter().filter(|pod| is_ready(pod)).count());
    let wanted = wanted(world, &chosen);
    let share = |field: &str| match &budget["spec"][field] {
        Value::Number(count) => count.as_i64(),
        Value::String(text) => {
            let percent: i64 = text.trim_end_matches('%').parse().ok()?;
            Some((wanted * percent + 99) / 100)
        }
        _ => None,
    };
    let (expected, desired) = match (share("minAvailable"), share("maxUnavailable")) {
        (Some(least), _) if budget["spec"]["minAvailable"].is_number() => (there, least),
        (Some(least), _) => (wanted, least),
        (None, Some(missing)) => (wanted, (wanted - missing).max(0)),
        (None, None) => (there, there),
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
    let mut conditions = Conditions::of(budget, "");
    let reason = if allowed > 0 {
        "SufficientPods"
    } else {
        "InsufficientPods"
    };
    conditions.set("DisruptionAllowed", allowed > 0, reason, "");
    conditions.write(&mut status);
    // Of a newer type than those of other kinds.
    let generation = &budget["metadata"]["generation"];
    status["conditions"][0]["observedGeneration"] = generation.clone();
    status["conditions"][0]["message"] = "".into();
    world.set_status(RESOURCE, budget, status).await?;
    Ok(None)
}

/// How many pods those that control these want together; one that nobody controls counts itself.
fn wanted(world: &World, pods: &[&Arc<Value>]) -> i64 {
    let mut tops: HashMap<String, i64> = HashMap::new();
    for pod in pods {
        let top = top_of(world, pod);
        let wanted = integer(&top, "/spec/replicas").unwrap_or(1);
        tops.insert(uid(&top).to_owned(), wanted);
    }
    tops.values().sum()
}

/// Nothing is measured, so nothing is scaled.
pub(super) async fn autoscaler(world: &World, autoscaler: &Value) -> Result<Again, Refusal> {
    let least = integer(autoscaler, "/spec/minReplicas").unwrap_or(1);
    let generation = &autoscaler["metadata"]["generation"];
    let mut status = json!({
        "currentReplicas": least, "desiredReplicas": least, "observedGeneration": generation,
    });
    let mut conditions = Conditions::of(autoscaler, "");
    let (reason, message) = (
        "SucceededGetScale",
        "the sandbox measures and scales nothing",
    );
    conditions.set("AbleToScale", true, reason, message);
    conditions.write(&mut status);
    world.set_status(AUTOSCALERS, autoscaler, status).await?;
    Ok(None)
}
