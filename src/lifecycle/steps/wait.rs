//! `wait`: until something is so.

use std::{slice, time::Duration};

use super::{
    StepError, absent,
    attempt::Attempt,
    count, equals,
    objects::{Live, refs},
};
use crate::{
    lifecycle::ready,
    stack::{ErrorClass, Objects, Until},
};

pub(super) async fn wait<'a>(
    at: &Attempt<'a>,
    objects: &'a Objects,
    until: &'a Until,
) -> Result<(), StepError> {
    let mut pause = Duration::ZERO;
    loop {
        let looked = match until {
            Until::Gone => absent::check(at, slice::from_ref(objects)).await,
            Until::Count(wanted) => count::check(at, objects, *wanted).await,
            Until::Field { field, value } => equals::check(at, objects, field, value).await,
            Until::Condition { name, status } => condition(at, objects, name, status).await,
            Until::Rollout => match at.view.need(objects).await {
                Ok(live) => {
                    return ready::ready_within(at.cx, &refs(&live), at.limit).await;
                }
                Err(error) => Err(error),
            },
        };
        match looked {
            Ok(()) => return Ok(()),
            Err(error) => at.not_yet(error, &mut pause).await?,
        }
    }
}

async fn condition<'a>(
    at: &Attempt<'a>,
    objects: &'a Objects,
    name: &str,
    status: &str,
) -> Result<(), StepError> {
    let live = at.view.need(objects).await?;
    let wrong = live.iter().find_map(|one| {
        let seen = seen(one, name, status)?;
        Some(format!(
            "condition {name} of {one} {seen}, {status} is wanted"
        ))
    });
    match wrong {
        None => Ok(()),
        Some(message) => Err(StepError::new(message).of_class(ErrorClass::Mismatch)),
    }
}

/// What is there instead of the condition.
fn seen(live: &Live, name: &str, status: &str) -> Option<String> {
    let conditions = live.value["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    let Some(found) = conditions.find(|condition| condition["type"] == name) else {
        return Some("is not there".to_owned());
    };
    if found["status"] == status {
        return None;
    }
    let text = |key: &str| found[key].as_str().filter(|text| !text.is_empty());
    let why = text("message").or_else(|| text("reason"));
    let why = why.map_or(String::new(), |why| format!(" ({why})"));
    let is = text("status").unwrap_or("?");
    Some(format!("is {is}{why}"))
}
