//! Outputs of other charts that this one refers to, read from the cluster when its turn comes: its
//! needs are there by then.

use super::{
    Context, StepError,
    steps::{View, field_of},
};
use crate::{
    name::{Action, ChartName},
    stack::{Late, Resolved},
};

/// Whether there is anything to read.
pub(super) fn are_used(cx: &Context<'_>) -> bool {
    !cx.chart.outputs_in_use(cx.action).is_empty()
}

/// Reads them all. On the way down one that is not there any more is only a warning: a clean-up
/// step that needs it will say so, all others do their work.
pub(super) async fn read(cx: &Context<'_>) -> Result<(), StepError> {
    for (chart, name) in cx.chart.outputs_in_use(cx.action) {
        let late = Late::Output(chart.clone(), name.to_owned());
        if cx.memory().late.contains_key(&late) {
            continue;
        }
        match output(cx, chart, name).await {
            Ok(resolved) => cx.remember(|memory| {
                memory.late.insert(late, resolved);
            }),
            Err(error) if cx.action == Action::Uninstall && !error.cancelled => {
                cx.warn(&error.to_string());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn output(cx: &Context<'_>, chart: &ChartName, name: &str) -> Result<Resolved, StepError> {
    let owner = cx.run.stack.charts.get(chart);
    let output = owner.and_then(|owner| Some((owner, owner.outputs.get(name)?)));
    let Some((owner, output)) = output else {
        return Err(StepError::new(format!(
            "chart {chart} has no output `{name}`"
        )));
    };
    let view = View {
        cx,
        namespace: &owner.release.namespace,
    };
    let found = field_of(view, &output.objects, &output.field).await;
    let mut resolved = found.map_err(|error| StepError {
        message: format!(
            "output `{name}` of chart {chart} cannot be read: {}",
            error.message
        ),
        ..error
    })?;
    resolved.secret |= output.secret;
    if resolved.secret {
        view.hide(&resolved.value);
    }
    Ok(resolved)
}
