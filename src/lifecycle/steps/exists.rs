//! `exists`: what is named is there.

use super::{StepError, attempt::Attempt};
use crate::stack::{ErrorClass, Objects};

/// Every name, and something of each selection.
pub(super) async fn check<'a>(at: &Attempt<'a>, objects: &'a [Objects]) -> Result<(), StepError> {
    for one in objects {
        at.view.need(one).await.map_err(as_mismatch)?;
    }
    Ok(())
}

/// To a check it is a finding that an object is not there.
pub(super) fn as_mismatch(error: StepError) -> StepError {
    if error.class() == ErrorClass::NotFound {
        return error.of_class(ErrorClass::Mismatch);
    }
    error
}
