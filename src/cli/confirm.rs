//! Whether a plan may be carried out: granted, to be asked, or refused.

use std::io::{self, BufRead, Write};

use crate::{
    name::{Action, Direction},
    plan::{Node, Plan},
};

/// The answer, as far as it can be given without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Consent {
    /// Go on.
    Granted,
    /// A person must say yes to this question.
    Ask(String),
    /// Nobody can be asked; why that matters, and what to do.
    Refused(String),
}

/// Who can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answerer {
    /// `--yes` did.
    Flag,
    /// A person at a terminal.
    Person,
    /// Nobody.
    Nobody,
}

/// Decides about a plan. A plan that changes nothing needs no consent. Nobody being there, a plan
/// may add and change releases, but not remove any.
pub(super) fn consent(plan: &Plan, answerer: Answerer) -> Consent {
    let changes: Vec<(&'static str, usize)> = [
        (Action::Install, "install"),
        (Action::Upgrade, "upgrade"),
        (Action::Reinstall, "remove and reinstall"),
        (Action::Uninstall, "uninstall"),
        (Action::Decide, "deploy"),
    ]
    .into_iter()
    .map(|(action, word)| {
        let of_action = |node: &&Node| node.action == action;
        (word, plan.nodes.iter().filter(of_action).count())
    })
    .filter(|&(_, count)| count > 0)
    .collect();
    if changes.is_empty() {
        return Consent::Granted;
    }
    match answerer {
        Answerer::Flag => Consent::Granted,
        Answerer::Person => Consent::Ask(question(plan, &changes)),
        Answerer::Nobody => match removed(plan).as_slice() {
            [] => Consent::Granted,
            charts => Consent::Refused(format!(
                "this removes releases ({}) and there is no terminal to ask: confirm it with --yes",
                charts.join(", ")
            )),
        },
    }
}

fn removed(plan: &Plan) -> Vec<&str> {
    plan.nodes
        .iter()
        .filter(|node| matches!(node.action, Action::Reinstall | Action::Uninstall))
        .map(|node| node.key.as_str())
        .collect()
}

fn question(plan: &Plan, changes: &[(&str, usize)]) -> String {
    let changes: Vec<String> = changes
        .iter()
        .map(|(word, count)| format!("{word} {count}"))
        .collect();
    let place = match &plan.context {
        Some(context) => format!(" in {context}"),
        None => String::new(),
    };
    let what = match plan.direction {
        Direction::Up => "up",
        Direction::Down => "down",
    };
    let noun = if plan.nodes.len() == 1 {
        "release"
    } else {
        "releases"
    };
    format!(
        "{what} {}: {} {noun}{place}?",
        plan.stack,
        changes.join(", ")
    )
}

/// Asks; anything but `y` or `yes` is a no, the end of input too.
pub(super) fn ask(
    question: &str,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> io::Result<bool> {
    write!(output, "{question} [y/N] ")?;
    output.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(matches!(
        answer.trim().to_ascii_lowercase().as_str(),
        "y" | "yes"
    ))
}
