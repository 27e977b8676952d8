//! `[environments.NAME]`: what is different in one environment.
//!
//! An overlay has the shape of a stack file and may say anything a stack file says but
//! `[stack] include` and environments of its own. The chosen one becomes a layer; of the others
//! only the names are looked at.

use crate::{
    name::EnvironmentName,
    stack::{
        findings::{Finding, list},
        layers::{
            Layers,
            node::{Node, Table},
            origin::{Located, Origin},
        },
    },
};

impl Layers {
    /// Names of the declared environments, in the order of the files. Those that cannot be names
    /// are left out: every [`apply`] reports them.
    pub(crate) fn environments(&self) -> Vec<EnvironmentName> {
        let declared = self.root.get("environments").and_then(Node::as_table);
        declared
            .into_iter()
            .flat_map(Table::iter)
            .filter_map(|(name, _, _)| EnvironmentName::new(name).ok())
            .collect()
    }
}

/// Puts the chosen environment on top of the files, and says what is wrong with any. `None` if
/// there is no such environment, or none was asked for.
pub(crate) fn apply(
    layers: &mut Layers,
    chosen: Option<&Located<String>>,
    wrong: &mut Vec<Finding>,
) -> Option<EnvironmentName> {
    let declared = match layers.root.get("environments") {
        None => Table::default(),
        Some(node) => {
            let Some(table) = node.as_table() else {
                let found = node.value.kind();
                let message = format!("`environments`: expected a table, found {found}");
                wrong.push(Finding::error(message).at(node.origin, ""));
                return None;
            };
            table.clone()
        }
    };
    for (name, origin, node) in declared.iter() {
        wrong.extend(misdeclared(name, origin, node));
    }
    let chosen = chosen?;
    let Some(overlay) = declared.get(&chosen.value) else {
        wrong.push(unknown(chosen, &declared));
        return None;
    };
    if let Some(overlay) = overlay.as_table() {
        let overlay = checked(overlay.clone(), &layers.root, wrong);
        layers.push(overlay);
    }
    EnvironmentName::new(&chosen.value).ok()
}

fn misdeclared(name: &str, origin: Origin, node: &Node) -> Vec<Finding> {
    let mut wrong = Vec::new();
    if let Err(error) = EnvironmentName::new(name) {
        let message = format!("environment name `{name}` is not valid");
        wrong.push(Finding::error(message).at(origin, error.reason()));
    }
    if node.as_table().is_none() {
        let found = node.value.kind();
        let message = format!("environment `{name}`: expected a table, found {found}");
        wrong.push(Finding::error(message).at(node.origin, ""));
    }
    wrong
}

fn unknown(chosen: &Located<String>, declared: &Table) -> Finding {
    let names = || declared.iter().map(|(name, _, _)| name);
    let finding = Finding::error(format!("unknown environment `{}`", chosen.value))
        .at(chosen.origin, "no environment of this name");
    if declared.len() == 0 {
        finding.help("the stack declares none: `[environments.NAME]` with what is different there")
    } else {
        finding
            .suggest(&chosen.value, names())
            .help(format!("declared environments: {}", list(names())))
    }
}

/// The overlay without what cannot be part of one.
fn checked(mut overlay: Table, files: &Table, wrong: &mut Vec<Finding>) -> Table {
    if let Some(origin) = overlay.key_origin("environments") {
        overlay.remove("environments");
        wrong.push(Finding::error("an environment cannot hold environments").at(origin, ""));
    }
    let stack = overlay.get_mut("stack").and_then(Node::as_table_mut);
    if let Some(include) = stack.and_then(|stack| stack.remove("include")) {
        wrong.push(
            Finding::error("an environment cannot include files")
                .at(include.origin, "")
                .help("a file included by the stack can declare environments, too"),
        );
    }
    let declared = files.get("charts").and_then(Node::as_table);
    let known = |name: &str| declared.is_some_and(|charts| charts.get(name).is_some());
    let Some(charts) = overlay.get_mut("charts").and_then(Node::as_table_mut) else {
        return overlay;
    };
    let says_where = |node: &Node| {
        let table = node.as_table();
        table.is_none_or(|table| table.get("chart").is_some())
    };
    let strangers: Vec<(String, Origin)> = charts
        .iter()
        .filter(|(name, _, node)| !known(name) && !says_where(node))
        .map(|(name, origin, _)| (name.to_owned(), origin))
        .collect();
    for (name, origin) in strangers {
        charts.remove(&name);
        let names = declared.into_iter().flat_map(Table::iter);
        wrong.push(
            Finding::error(format!("unknown chart `{name}`"))
                .at(origin, "the stack has no chart of this name")
                .suggest(&name, names.map(|(name, _, _)| name))
                .help("a chart that is only in this environment says its `chart`"),
        );
    }
    overlay
}
