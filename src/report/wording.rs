//! An event as a line of a log: the words [`Lines`](super::Lines) and
//! [`Terminal`](super::Terminal) share.

use super::{
    Detail,
    board::Board,
    text::{Palette, clean, count, duration, pad, paint, width},
};
use crate::{
    event::{ChartOutcome, Event, EventKind, Stream},
    name::{Action, NodeName, identity},
};

/// Names longer than this are not lined up with.
const WIDEST_NAME: usize = 28;

/// Where lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Into a log: there is nothing else to see.
    Log,
    /// Above live lines, which show what runs and how far it is.
    AboveLive,
}

/// The line for an event; `board` has taken it already. `None` if it has none.
pub(super) fn line(
    board: &Board,
    event: &Event,
    detail: Detail,
    place: Place,
    palette: &Palette,
) -> Option<String> {
    if detail == Detail::Notices {
        return None;
    }
    let everything = detail == Detail::Everything;
    let progress = everything || place == Place::Log;
    let Some(chart) = &event.chart else {
        return run_line(event, palette);
    };
    let words = match &event.kind {
        // That nothing has to be done is said once, by its end.
        EventKind::ChartStarted { action } if progress && *action != Action::Unchanged => {
            action.to_string()
        }
        // Without steps after it, being ready and being done are the same line twice.
        EventKind::Milestone { milestone } if everything => paint(palette.good, milestone.as_str()),
        EventKind::StepStarted { step } if everything => format!("step {}", clean(step)),
        EventKind::StepOutput {
            stream: Stream::Warning,
            line,
            ..
        } => format!("{}: {}", paint(palette.warning, "warning"), clean(line)),
        EventKind::StepOutput {
            stream: Stream::Stdout | Stream::Stderr,
            line,
            ..
        } if everything => return Some(output(board, chart, line, palette)),
        EventKind::ChartFinished {
            outcome,
            because,
            duration_ms,
            failure,
        } => {
            let outcome = finished(*outcome, because.as_ref(), *duration_ms, palette);
            match failure {
                Some(failure) => format!(
                    "{outcome} at {}: {}",
                    clean(&failure.step),
                    clean(&failure.error)
                ),
                None => outcome,
            }
        }
        _ => return None,
    };
    Some(chart_line(board, chart, event.elapsed_ms, &words, palette))
}

/// A line about one chart: when, which, what.
pub(super) fn chart_line(
    board: &Board,
    chart: &NodeName,
    elapsed_ms: u64,
    words: &str,
    palette: &Palette,
) -> String {
    let time = format!("{:>7}", duration(elapsed_ms));
    format!(
        "{}  {}  {words}",
        paint(palette.faint, &time),
        name(board, chart, palette)
    )
}

fn output(board: &Board, chart: &NodeName, line: &str, palette: &Palette) -> String {
    let bar = paint(palette.faint, "│");
    let line = format!("{} {bar} {}", name(board, chart, palette), clean(line));
    line.trim_end().to_owned()
}

fn name(board: &Board, chart: &NodeName, palette: &Palette) -> String {
    let widths = board.charts.keys().map(|name| width(&name.to_string()));
    let columns = widths.max().unwrap_or(0).min(WIDEST_NAME);
    pad(&paint(palette.strong, &chart.to_string()), columns)
}

fn run_line(event: &Event, palette: &Palette) -> Option<String> {
    let EventKind::RunStarted {
        stack,
        environment,
        direction,
        context,
        charts,
        rollback,
    } = &event.kind
    else {
        return None;
    };
    let place = match context {
        Some(context) => format!(" in {}", clean(context)),
        None => String::new(),
    };
    let of = match rollback {
        Some(rollback) => format!(" of run {}", rollback.of),
        None => String::new(),
    };
    let head = format!(
        "{}: {direction}{of}, {}{place}, run {}",
        paint(palette.strong, &identity(stack, environment.as_ref())),
        nodes(charts),
        event.run
    );
    let planned = rollback.iter().flat_map(|rollback| &rollback.plan);
    let planned: Vec<[String; 2]> = planned
        .map(|one| {
            [
                one.chart.to_string(),
                format!("{}: {}", one.action, clean(&one.reason)),
            ]
        })
        .collect();
    let columns = planned
        .iter()
        .map(|[name, _]| width(name))
        .max()
        .unwrap_or(0);
    let columns = columns.min(WIDEST_NAME);
    let lines = planned
        .iter()
        .map(|[name, what]| format!("  {}  {what}", pad(&paint(palette.strong, name), columns)));
    Some(
        std::iter::once(head)
            .chain(lines)
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

/// `4 charts`, `4 charts and the CRDs of 2`.
fn nodes(nodes: &[NodeName]) -> String {
    let n_crds = nodes.iter().filter(|node| node.is_crds()).count();
    let charts = count(nodes.len() - n_crds, "chart");
    match n_crds {
        0 => charts,
        n => format!("{charts} and the CRDs of {n}"),
    }
}

/// How a chart ended, in words.
fn finished(
    outcome: ChartOutcome,
    because: Option<&NodeName>,
    duration_ms: u64,
    palette: &Palette,
) -> String {
    let style = match outcome {
        ChartOutcome::Succeeded => palette.good,
        ChartOutcome::Failed => palette.bad,
        ChartOutcome::NotRun | ChartOutcome::Cancelled => palette.warning,
        ChartOutcome::Unchanged | ChartOutcome::Skipped => palette.faint,
    };
    let word = paint(style, outcome.as_str());
    match (outcome, because) {
        (ChartOutcome::NotRun, Some(because)) => format!("{word}, because of {because}"),
        (ChartOutcome::NotRun, None) | (ChartOutcome::Unchanged, _) => word,
        (ChartOutcome::Failed | ChartOutcome::Cancelled, _) => {
            format!("{word} after {}", duration(duration_ms))
        }
        (ChartOutcome::Succeeded | ChartOutcome::Skipped, _) => {
            format!("{word} in {}", duration(duration_ms))
        }
    }
}

/// What a running chart is doing: its innermost step and what that waits for.
pub(super) fn doing(chart: &super::board::Chart) -> (String, String) {
    let step = chart.steps.last().map(|step| clean(step));
    let status = chart.status.as_deref().map(clean);
    (step.unwrap_or_default(), status.unwrap_or_default())
}
