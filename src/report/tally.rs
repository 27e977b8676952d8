//! How many charts of a run came to which end.

use super::board::{Board, Chart, State};
use crate::{
    event::ChartOutcome,
    name::{Action, Part},
};

/// Ends of a chart: what was done first, what was not done last.
const WORDS: [&str; 12] = [
    "installed",
    "upgraded",
    "reinstalled",
    "uninstalled",
    "rolled back",
    "deployed",
    "unchanged",
    "skipped",
    "failed",
    "cancelled",
    "unfinished",
    "not run",
];

/// How many there are of each end, without those that no chart came to.
pub(super) fn of(board: &Board, part: Part) -> Vec<(&'static str, usize)> {
    let count = |word: &str| {
        let nodes = board.charts.iter();
        let nodes = nodes.filter(|(name, _)| name.part == part);
        nodes.filter(|(_, chart)| ending(chart) == word).count()
    };
    let counts = WORDS.iter().map(|&word| (word, count(word)));
    counts.filter(|&(_, count)| count > 0).collect()
}

/// `2 installed, 1 failed; CRDs: 1 upgraded`.
pub(super) fn in_words(board: &Board) -> String {
    let words = |part| {
        let counts = of(board, part).into_iter();
        let words: Vec<String> = counts.map(|(word, n)| format!("{n} {word}")).collect();
        (!words.is_empty()).then(|| words.join(", "))
    };
    match (words(Part::Chart), words(Part::Crds)) {
        (None, None) => "nothing to do".to_owned(),
        (Some(charts), None) => charts,
        (None, Some(crds)) => format!("CRDs: {crds}"),
        (Some(charts), Some(crds)) => format!("{charts}; CRDs: {crds}"),
    }
}

/// How a chart ended, in a word for counting.
fn ending(chart: &Chart) -> &'static str {
    let outcome = match chart.state {
        State::Finished { outcome, .. } => outcome,
        State::Running { .. } => return "unfinished",
        State::Waiting => ChartOutcome::NotRun,
    };
    match (outcome, chart.action) {
        (ChartOutcome::Succeeded, Some(Action::Install)) => "installed",
        (ChartOutcome::Succeeded, Some(Action::Upgrade)) => "upgraded",
        (ChartOutcome::Succeeded, Some(Action::Reinstall)) => "reinstalled",
        (ChartOutcome::Succeeded, Some(Action::Uninstall)) => "uninstalled",
        (ChartOutcome::Succeeded, Some(Action::Rollback)) => "rolled back",
        (ChartOutcome::Succeeded, Some(Action::Validate)) => "validated",
        (ChartOutcome::Succeeded, _) => "deployed",
        (other, _) => other.as_str(),
    }
}
