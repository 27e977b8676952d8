//! `helm_test`: the tests that the chart brings.

use super::{StepError, attempt::Attempt};
use crate::{helm::Test, release::Hook, stack::ErrorClass};

/// Runs them as `helm test` does. A chart without tests fails: nothing was tested.
pub(super) async fn check(
    at: &Attempt<'_>,
    filter: &[String],
    logs: bool,
) -> Result<(), StepError> {
    let cx = at.cx;
    // Helm minds its time itself.
    at.until(at.limit.until, look(at, filter)).await?;
    let test = Test {
        release: cx.chart.release.clone(),
        timeout: at.limit.timeout,
        filter: filter.to_vec(),
        logs,
    };
    cx.unpark().await?;
    let helm = cx.run.helm()?;
    let tested = cx.helm(async |call| helm.test(call, &test).await).await;
    cx.park();
    Ok(tested?)
}

/// Whether the release has tests, and those that are named.
async fn look(at: &Attempt<'_>, filter: &[String]) -> Result<(), StepError> {
    let cx = at.cx;
    let release = &cx.chart.release;
    let history = cx.run.releases.history(release).await?;
    let record = match history.last() {
        Some(last) => cx.run.releases.get(release, last.revision).await?,
        None => None,
    };
    let Some(record) = record else {
        let message = format!("release {release} is not installed");
        return Err(StepError::new(message).of_class(ErrorClass::NotFound));
    };
    let hooks = record.hooks();
    let tests: Vec<&str> = hooks
        .iter()
        .filter(|hook| is_test(hook))
        .map(|hook| hook.name.as_str())
        .collect();
    if tests.is_empty() {
        let message = format!("release {release} has no tests");
        return Err(StepError::new(message).of_class(ErrorClass::Mismatch));
    }
    if let Some(unknown) = filter.iter().find(|name| !tests.contains(&name.as_str())) {
        let message = format!(
            "release {release} has no test `{unknown}`, only {}",
            tests.join(", ")
        );
        return Err(StepError::new(message).of_class(ErrorClass::Mismatch));
    }
    Ok(())
}

/// `test-success` is the word of Helm 2, which Helm still reads.
fn is_test(hook: &Hook) -> bool {
    hook.events
        .iter()
        .any(|event| matches!(event.as_str(), "test" | "test-success"))
}
