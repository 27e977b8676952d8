//! `when`: whether a step runs.

use serde_json::Value;

use super::{Context, StepError, capture, field::same};
use crate::stack::{Late, Step, Verb};

/// Whether everything that `when` says holds. The action is looked at before.
pub(super) async fn holds(cx: &Context<'_>, step: &Step) -> Result<bool, StepError> {
    let when = &step.when;
    if let Some(wanted) = when.installed
        && cx.was_installed().await? != wanted
    {
        return Ok(false);
    }
    for (input, wanted) in &when.inputs {
        let found = input.resolve(&cx.run.scope)?;
        if !same(&found.value, wanted) && !reads_the_same(&found.value, wanted) {
            return Ok(false);
        }
    }
    match &when.changed {
        Some(name) => changed(cx, name).await,
        None => Ok(true),
    }
}

/// What comes from a variable or the command line is a text, whatever it looks like.
fn reads_the_same(found: &Value, wanted: &Value) -> bool {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    };
    text(found).is_some_and(|found| Some(found) == text(wanted))
}

/// Whether what a step captured is something else by now: it is captured once more.
async fn changed(cx: &Context<'_>, name: &str) -> Result<bool, StepError> {
    let before = cx.memory().late.remove(&Late::Capture(name.to_owned()));
    let makes_it =
        |step: &&Step| matches!(&step.verb, Verb::Capture { name: other, .. } if other == name);
    let step = cx.chart.steps.iter().find(makes_it);
    let (Some(before), Some(step)) = (before, step) else {
        return Ok(false);
    };
    let now = capture::look(cx, step).await?;
    Ok(now.value != before.value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_is_the_number_or_switch_that_it_says() {
        for (found, wanted) in [
            (json!("3"), json!(3)),
            (json!(3), json!("3")),
            (json!("true"), json!(true)),
        ] {
            assert!(reads_the_same(&found, &wanted), "{found} {wanted}");
        }
        for (found, wanted) in [
            (json!("4"), json!(3)),
            (json!("3.0"), json!(3)),
            (json!("[3]"), json!([3])),
            (json!("null"), json!(null)),
            (json!(["a"]), json!("a")),
        ] {
            assert!(!reads_the_same(&found, &wanted), "{found} {wanted}");
        }
    }
}
