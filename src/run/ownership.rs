//! Whose a release is. A run never touches what another stack, or another environment of this one,
//! has installed, unless it is told to take it over: where names and namespaces overlap, `down` in
//! one would remove the other's. What nobody's stack has installed may be taken over by any.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    name::{Action, Direction, ReleaseId, ReleaseStatus, identity},
    plan::{Node, Plan},
    release::Revision,
    stack::Stack,
};

/// Bars the nodes of a plan whose release belongs to somebody else, or says that it is taken over.
pub(super) fn settle(
    stack: &Stack,
    listed: &BTreeMap<ReleaseId, Vec<Revision>>,
    take_over: bool,
    plan: &mut Plan,
) {
    let direction = plan.direction;
    for node in &mut plan.nodes {
        let last = listed.get(&node.release).and_then(|history| history.last());
        let Some(last) = last.filter(|_| node.action != Action::Skip) else {
            continue;
        };
        match owner(stack, last) {
            Some(owner) if take_over => say(node, direction, &format!("it belongs to {owner}")),
            Some(owner) => {
                node.action = Action::Blocked;
                node.reason = format!(
                    "the release belongs to {owner}: give this one another `namespace` or \
                     `release`, or, if it is to be of {} from now on, say --take-over",
                    identity(&stack.name, stack.environment.as_ref()),
                );
            }
            None if is_nobodys(last) => say(node, direction, "stackctl did not install it"),
            None => {}
        }
    }
}

/// Releases that this stack has installed and that its file does not name: charts that were taken
/// out of it, switched off, or are called otherwise now.
pub(super) fn strays(stack: &Stack, listed: &BTreeMap<ReleaseId, Vec<Revision>>) -> Option<String> {
    let named: BTreeSet<_> = stack.charts.values().map(|chart| &chart.release).collect();
    let is_stray = |(release, history): &(&ReleaseId, &Vec<Revision>)| {
        history.last().is_some_and(|last| {
            is_ours(stack, last)
                && last.status != ReleaseStatus::Uninstalled
                && !named.contains(release)
        })
    };
    let strays: Vec<_> = listed.iter().filter(is_stray).collect();
    let (first, _) = strays.first()?;
    let all: Vec<String> = strays.iter().map(|(name, _)| name.to_string()).collect();
    Some(format!(
        "releases of this stack that its file does not name: {}. They stay as they are; `helm \
         uninstall {} -n {}` removes one, or a chart of that name with `action = \"destroy\"`",
        all.join(", "),
        first.name,
        first.namespace
    ))
}

/// Whose it was is said with the chart, not with its CRDs.
fn say(node: &mut Node, direction: Direction, whose: &str) {
    if node.key.is_crds() || node.action == Action::Blocked {
        return;
    }
    let then = match (direction, node.action) {
        (Direction::Up, Action::Uninstall) | (Direction::Down | Direction::Rollback, _) => "",
        (Direction::Up, _) => ", and is taken over",
    };
    node.reason = format!("{}; {whose}{then}", node.reason);
}

/// Whether no stackctl made it: Helm by hand, or another tool.
fn is_nobodys(last: &Revision) -> bool {
    last.marks.stack.is_none() && last.status != ReleaseStatus::Uninstalled
}

/// The stack and environment a release belongs to, unless it is this one. Releases that stackctl
/// did not install belong to nobody. Helm carries labels from one revision to the next, so what
/// they say of the owner holds for revisions made by hand, too.
pub(super) fn owner(stack: &Stack, last: &Revision) -> Option<String> {
    let marks = &last.marks;
    let name = marks.stack.as_ref()?;
    let gone = last.status == ReleaseStatus::Uninstalled;
    (!is_ours(stack, last) && !gone).then(|| identity(name, marks.environment.as_ref()))
}

fn is_ours(stack: &Stack, last: &Revision) -> bool {
    let marks = &last.marks;
    marks.stack.as_ref() == Some(&stack.name) && marks.environment == stack.environment
}
