//! The steps a stack file declares.
//!
//! - this file: which of them run, and what their failures mean; `when` judges their conditions;
//! - `attempt`: one attempt of one step: its deadline, its texts, what it waits for;
//! - `objects` finds the objects a step names, `field` reads and compares their fields;
//! - one file per verb. Those that check have one function `check`, which says what was seen and
//!   what was wanted.

mod absent;
mod adopt;
mod apply;
mod attempt;
mod capture;
mod contains;
mod count;
mod delete;
mod equals;
mod exists;
mod field;
mod helm_test;
mod http;
mod objects;
mod patch;
mod pods;
mod restart;
mod run;
mod scale;
#[cfg(test)]
mod tests;
mod wait;
mod when;

use attempt::Attempt;

pub(super) use self::{capture::field_of, objects::View};

use super::{Context, Payload, StepError, retry};
use crate::stack::{OnError, Step};

/// Runs the entries of one phase that are meant for this chart now, in order. Each gets the
/// payload of the one before; the first failure that counts ends the phase.
pub(super) async fn run(
    cx: &Context<'_>,
    phase: &str,
    steps: &[Step],
    mut payload: Payload,
) -> Result<Payload, StepError> {
    for step in steps {
        if !step.when.actions.contains(&cx.told_action()) {
            continue;
        }
        let name = format!("{phase}/{}", step.name);
        let done = match when::holds(cx, step).await {
            Ok(false) => continue,
            Ok(true) => cx.step(&name, attempts(cx, phase, step, &payload)).await,
            Err(error) => Err(error),
        };
        match done {
            Ok(after) => payload = after,
            Err(error) if error.cancelled || step.on_error == OnError::Fail => {
                return Err(error.in_step(&name));
            }
            Err(error) if step.on_error == OnError::Warn => {
                cx.warn(&format!("{name} failed, and the chart goes on: {error}"));
            }
            Err(error) => cx.status(&format!("{name} failed, which is ignored: {error}")),
        }
    }
    Ok(payload)
}

/// Tries a step as often as it says, if its failures are such that it may help.
async fn attempts(
    cx: &Context<'_>,
    phase: &str,
    step: &Step,
    payload: &Payload,
) -> Result<Payload, StepError> {
    let mut attempt = 1;
    loop {
        match Attempt::new(cx, phase, step, payload).make().await {
            Ok(payload) => return Ok(payload),
            Err(error) => retry::again(cx, &step.retry, attempt, error).await?,
        }
        attempt += 1;
    }
}
