//! `count`: as many objects are there as there must be.

use super::{StepError, attempt::Attempt, objects::listed};
use crate::stack::{Count, ErrorClass, Objects};

pub(super) async fn check<'a>(
    at: &Attempt<'a>,
    objects: &'a Objects,
    count: Count,
) -> Result<(), StepError> {
    let named = at.view.named(objects).await?;
    let found = at.view.find(&named).await?;
    let n = found.live.len();
    if count.holds(n) {
        return Ok(());
    }
    let message = format!("there are {n} {named}, {count} must be");
    let error = StepError::new(message).of_class(ErrorClass::Mismatch);
    Err(if n == 0 {
        error
    } else {
        error.cause(listed(&found.live))
    })
}
