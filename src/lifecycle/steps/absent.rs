//! `absent`: nothing of what is named is there.

use super::{StepError, attempt::Attempt, objects::listed};
use crate::stack::{ErrorClass, Objects};

/// A kind that the cluster does not know has no objects.
pub(super) async fn check<'a>(at: &Attempt<'a>, objects: &'a [Objects]) -> Result<(), StepError> {
    let live = at.view.find_any(objects).await?;
    if live.is_empty() {
        return Ok(());
    }
    let verb = if live.len() == 1 { "is" } else { "are" };
    let message = format!("{} {verb} there, nothing of that must be", listed(&live));
    Err(StepError::new(message).of_class(ErrorClass::Mismatch))
}
