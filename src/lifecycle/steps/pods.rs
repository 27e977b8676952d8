//! `pods`: all pods that match are ready, and enough of them match.

use super::{StepError, attempt::Attempt, objects::Live};
use crate::{
    cluster::{Readiness, ready::readiness},
    stack::{ErrorClass, Objects},
};

/// An empty match fails: a selector that matches nothing proves nothing (engine.md W18).
pub(super) async fn check<'a>(
    at: &Attempt<'a>,
    objects: &'a Objects,
    min: u32,
) -> Result<(), StepError> {
    let named = at.view.named(objects).await?;
    let found = at.view.find(&named).await?;
    // A pod on its way out says nothing about the ones that replace it.
    let leaving = |pod: &&Live| pod.value["metadata"]["deletionTimestamp"].is_string();
    let live: Vec<&Live> = found.live.iter().filter(|pod| !leaving(pod)).collect();
    let seen = live.len();
    if seen < min as usize {
        let message = format!("there are {seen} {named}, at least {min} must be");
        return Err(StepError::new(message).of_class(ErrorClass::Mismatch));
    }
    let waiting: Vec<String> = live
        .iter()
        .filter_map(|pod| match readiness(Some(&pod.value)) {
            Readiness::Ready => None,
            Readiness::Progressing(text) | Readiness::Failed(text) => {
                Some(format!("{}: {text}", pod.object.name))
            }
        })
        .collect();
    if waiting.is_empty() {
        return Ok(());
    }
    let message = format!("{} of {seen} {named} are not ready", waiting.len());
    Err(StepError::new(message)
        .of_class(ErrorClass::Mismatch)
        .cause(waiting.join("\n")))
}
