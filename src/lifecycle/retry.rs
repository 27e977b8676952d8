//! Another attempt at what failed: of a declared step, and of exec with what belongs to it.
//!
//! Only failures of the classes that the file names (`retry.on`), and only where that may help: no
//! class that stays as it is can be named (engine.md W10).

use tokio::time::Instant;

use super::{Context, StepError, words::in_words};
use crate::stack::Retry;

/// Waits for the next attempt, counted from 1 up.
///
/// # Errors
/// There is none: the failure of this one, or that the run was interrupted.
pub(super) async fn again(
    cx: &Context<'_>,
    retry: &Retry,
    attempt: u32,
    error: StepError,
) -> Result<(), StepError> {
    let pause = retry.pause_after(attempt);
    let may = attempt < retry.attempts
        && retry.on.contains(&error.class())
        && !cx.is_over_at(Instant::now() + pause);
    if error.cancelled || !may {
        return Err(match attempt {
            1 => error,
            n => StepError {
                message: format!("{} (after {n} attempts)", error.message),
                ..error
            },
        });
    }
    cx.status(&format!(
        "attempt {attempt} of {}: {error}; again in {}",
        retry.attempts,
        in_words(pause)
    ));
    cx.pause(pause).await
}
