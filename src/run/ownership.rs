//! Whose a release is. A run never touches what another stack, or another environment of this one,
//! has installed: where names and namespaces overlap, `down` in one would remove the other's.

use std::collections::BTreeMap;

use crate::{
    name::{Action, ReleaseId, ReleaseStatus, identity},
    plan::Plan,
    release::Revision,
    stack::Stack,
};

/// Bars the nodes of a plan whose release belongs to somebody else.
pub(super) fn bar(stack: &Stack, listed: &BTreeMap<ReleaseId, Vec<Revision>>, plan: &mut Plan) {
    for node in &mut plan.nodes {
        let last = listed.get(&node.release).and_then(|history| history.last());
        let owner = last.and_then(|last| owner(stack, last));
        if let Some(owner) = owner.filter(|_| node.action != Action::Skip) {
            node.action = Action::Blocked;
            node.reason = format!(
                "the release belongs to {owner}: give this one another `namespace` or `release`, \
                 or, if it is to be of {} from now on, {}",
                identity(&stack.name, stack.environment.as_ref()),
                takeover(stack, &node.release)
            );
        }
    }
}

/// The stack and environment a release belongs to, unless it is this one. Releases that stackctl
/// did not install belong to nobody. Helm carries labels from one revision to the next, so what
/// they say of the owner holds for revisions made by hand, too.
pub(super) fn owner(stack: &Stack, last: &Revision) -> Option<String> {
    let marks = &last.marks;
    let name = marks.stack.as_ref()?;
    let ours = *name == stack.name && marks.environment == stack.environment;
    let gone = last.status == ReleaseStatus::Uninstalled;
    (!ours && !gone).then(|| identity(name, marks.environment.as_ref()))
}

/// The command that hands a release over.
fn takeover(stack: &Stack, release: &ReleaseId) -> String {
    let ReleaseId { namespace, name } = release;
    let environment = match &stack.environment {
        Some(environment) => format!("stackctl.io/environment={environment}"),
        None => "stackctl.io/environment-".to_owned(),
    };
    format!(
        "`kubectl label secret -n {namespace} -l owner=helm,name={name} --overwrite \
         stackctl.io/stack={} {environment}`",
        stack.name
    )
}
