//! The steps a stack file declares: which of them run, how often they are tried, and their verbs.

mod http;
mod pods;
mod run;

use super::{Context, Payload, StepError};
use crate::stack::{Step, Template, Verb};

/// Runs the entries of one phase that are meant for the chart's action, in order. Each gets the
/// payload of the one before; the first failure ends the phase.
pub(super) async fn run(
    cx: &Context<'_>,
    phase: &str,
    steps: &[Step],
    mut payload: Payload,
) -> Result<Payload, StepError> {
    for step in steps
        .iter()
        .filter(|step| step.actions.contains(&cx.action))
    {
        let name = format!("{phase}/{}", step.name);
        let work = attempts(cx, phase, step, &payload);
        payload = cx
            .step(&name, work)
            .await
            .map_err(|error| error.in_step(&name))?;
    }
    Ok(payload)
}

async fn attempts(
    cx: &Context<'_>,
    phase: &str,
    step: &Step,
    payload: &Payload,
) -> Result<Payload, StepError> {
    let mut attempt = 1;
    loop {
        let error = match once(cx, phase, step, payload).await {
            Ok(payload) => return Ok(payload),
            Err(error) => error,
        };
        if error.cancelled || attempt >= step.retry.attempts {
            return Err(match attempt {
                1 => error,
                n => StepError {
                    message: format!("{} (after {n} attempts)", error.message),
                    ..error
                },
            });
        }
        cx.status(&format!(
            "attempt {attempt} of {}: {error}",
            step.retry.attempts
        ));
        cx.pause(step.retry.delay).await?;
        attempt += 1;
    }
}

async fn once(
    cx: &Context<'_>,
    phase: &str,
    step: &Step,
    payload: &Payload,
) -> Result<Payload, StepError> {
    let check = async {
        match &step.verb {
            Verb::Run { command, env } => run::run(cx, phase, step, command, env, payload).await,
            Verb::Pods {
                selector,
                namespace,
                min,
            } => {
                pods::check(cx, selector, namespace.as_ref(), *min).await?;
                Ok(payload.clone())
            }
            Verb::Http {
                target,
                status,
                body,
            } => {
                http::check(cx, step, target, *status, body.as_ref()).await?;
                Ok(payload.clone())
            }
        }
    };
    tokio::select! {
        result = check => result,
        // `run` ends its own child, and says so better.
        () = tokio::time::sleep(step.timeout), if !matches!(step.verb, Verb::Run { .. }) => {
            Err(StepError::new(format!("no result within {:?}", step.timeout)))
        }
    }
}

fn expand(cx: &Context<'_>, template: &Template) -> Result<String, StepError> {
    let expanded = template
        .expand(&cx.run.scope)
        .map_err(|error| StepError::new(error.to_string()))?;
    Ok(expanded.text)
}
