//! How long charts take, out of the runs there were.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use super::{PastRun, past_runs, write::EVENTS};
use crate::{
    event::{ChartOutcome, Event, EventKind},
    name::{Action, EnvironmentName, NodeName, StackName},
};

/// Runs of the stack that are looked at: the newest ones.
const RUNS: usize = 10;

/// Times that count for a chart and an action: the newest ones. Fewer runs, and one odd run would
/// say too much; more, and what changed weeks ago still would.
const TIMES: usize = 5;

/// The longest first line of a journal that is read to find out whose it is: it names every chart.
const LONGEST_START: u64 = 16 * 1024 * 1024;

/// How long a node took for an action, in milliseconds: the median of the newest times it ended
/// well, in runs of this stack and environment below `base` (`.stackctl/runs`). A run that cannot
/// be read teaches nothing.
pub fn learned(
    base: &Path,
    stack: &StackName,
    environment: Option<&EnvironmentName>,
) -> BTreeMap<(NodeName, Action), u64> {
    let runs = past_runs(base).unwrap_or_default();
    let of_stack = runs.iter().filter(|run| is_of(run, stack, environment));
    let mut times: BTreeMap<_, Vec<u64>> = BTreeMap::new();
    for run in of_stack.take(RUNS) {
        let events = run.outline().map(|recorded| recorded.events);
        for (what, time) in ended_well(&events.unwrap_or_default()) {
            let times = times.entry(what).or_default();
            if times.len() < TIMES {
                times.push(time);
            }
        }
    }
    let medians = times.into_iter();
    medians.map(|(what, times)| (what, median(times))).collect()
}

/// Whether a run is of this stack, as its first event says.
fn is_of(run: &PastRun, stack: &StackName, environment: Option<&EnvironmentName>) -> bool {
    let mut line = Vec::new();
    let Ok(file) = File::open(run.folder.join(EVENTS)) else {
        return false;
    };
    let read = BufReader::new(file.take(LONGEST_START)).read_until(b'\n', &mut line);
    let first = read.ok().and_then(|_| serde_json::from_slice(&line).ok());
    matches!(
        first,
        Some(Event { kind: EventKind::RunStarted { stack: of, environment: in_, .. }, .. })
            if of == *stack && in_.as_ref() == environment
    )
}

/// Each node that did what was planned, with what that was and how long it took.
fn ended_well(events: &[Event]) -> Vec<((NodeName, Action), u64)> {
    let mut actions = BTreeMap::new();
    let mut ended = Vec::new();
    for event in events {
        let Some(node) = &event.chart else { continue };
        match event.kind {
            EventKind::ChartStarted { action } => {
                actions.insert(node, action);
            }
            EventKind::ChartFinished {
                outcome,
                duration_ms,
                ..
            } => {
                let action = actions.get(node).copied();
                if let Some(action) = action.filter(|&action| is_done(action, outcome)) {
                    ended.push(((node.clone(), action), duration_ms));
                }
            }
            _ => {}
        }
    }
    ended
}

/// Whether the action was carried out. An upgrade that turned out to be needless is none.
fn is_done(action: Action, outcome: ChartOutcome) -> bool {
    match action {
        Action::Unchanged => outcome == ChartOutcome::Unchanged,
        Action::Skip => outcome == ChartOutcome::Skipped,
        _ => outcome == ChartOutcome::Succeeded,
    }
}

/// Of at least one time; of two in the middle their mean.
fn median(mut times: Vec<u64>) -> u64 {
    times.sort_unstable();
    let (low, high) = (times[(times.len() - 1) / 2], times[times.len() / 2]);
    low.midpoint(high)
}
