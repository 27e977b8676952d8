//! `pods`: all pods that match are ready, and enough of them match.

use serde_json::Value;

use super::{Context, StepError, expand};
use crate::{
    cluster::{Readiness, ready::readiness},
    name::Namespace,
    stack::Template,
};

/// An empty match fails: a selector that matches nothing proves nothing (engine.md W18).
pub(super) async fn check(
    cx: &Context<'_>,
    selector: &Template,
    namespace: Option<&Template>,
    min: u32,
) -> Result<(), StepError> {
    let selector = expand(cx, selector)?;
    let namespace = namespace_of(cx, namespace)?;
    let namespace_text = Some(namespace.as_str());
    let pods = cx
        .run
        .cluster
        .list("v1", "Pod", namespace_text, &selector)
        .await?;
    // A pod on its way out says nothing about the ones that replace it.
    let leaving = |pod: &&Value| pod["metadata"]["deletionTimestamp"].is_string();
    let live: Vec<&Value> = pods.iter().filter(|pod| !leaving(pod)).collect();
    let seen = live.len();
    if seen < min as usize {
        return Err(StepError::new(format!(
            "{seen} pods in {namespace} match `{selector}`, at least {min} must"
        )));
    }
    let waiting: Vec<String> = live
        .iter()
        .filter_map(|&pod| match readiness(Some(pod)) {
            Readiness::Ready => None,
            Readiness::Progressing(text) | Readiness::Failed(text) => Some(format!(
                "{}: {text}",
                pod["metadata"]["name"].as_str().unwrap_or("?")
            )),
        })
        .collect();
    if waiting.is_empty() {
        return Ok(());
    }
    Err(StepError::new(format!(
        "{} of {seen} pods in {namespace} that match `{selector}` are not ready",
        waiting.len()
    ))
    .cause(waiting.join("\n")))
}

pub(super) fn namespace_of(
    cx: &Context<'_>,
    namespace: Option<&Template>,
) -> Result<Namespace, StepError> {
    let Some(template) = namespace else {
        return Ok(cx.chart.release.namespace.clone());
    };
    let text = expand(cx, template)?;
    Namespace::new(&text).map_err(|error| StepError::new(error.to_string()))
}
