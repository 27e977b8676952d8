//! A plan for people.

use unicode_width::UnicodeWidthStr;

use super::{KeptCrd, Node, NodeIx, Plan, decide::OFFLINE};
use crate::name::{Action, ChartName, Direction, Milestone, Part, identity};

/// The plan as text, without colour: header, waves, critical path, and a count of the actions as
/// its last line.
pub fn text(plan: &Plan) -> String {
    let mut lines = header(plan);
    let rows: Vec<[String; 4]> = plan.nodes.iter().map(row).collect();
    let widths = [0, 1, 2].map(|column| {
        let cells = rows.iter().map(|row| row[column].width());
        cells.max().unwrap_or(0)
    });
    let mut wave = None;
    for (node, row) in plan.nodes.iter().zip(&rows) {
        if wave != Some(node.wave) {
            wave = Some(node.wave);
            lines.push(format!("\nwave {}", node.wave + 1));
        }
        let [name, action, release, chart] = row;
        let cells = [(name, widths[0]), (action, widths[1]), (release, widths[2])];
        let aligned: String = cells.map(|(text, width)| padded(text, width)).concat();
        lines.push(format!("  {aligned}{chart}"));
        let why = explanation(plan, node);
        if !why.is_empty() {
            lines.push(format!("  {}{why}", padded("", widths[0])));
        }
    }
    if plan.critical_path.len() > 1 {
        let names = plan
            .critical_path
            .iter()
            .map(|&ix| plan.node(ix).key.to_string());
        let path = names.collect::<Vec<_>>().join(" -> ");
        let time = plan.expected_ms.map_or_else(String::new, |milliseconds| {
            format!(" (about {}, as in earlier runs)", about(milliseconds))
        });
        lines.push(format!("\ncritical path  {path}{time}"));
    }
    let warnings = plan.warnings.iter();
    lines.extend(warnings.map(|warning| format!("\nwarning: {warning}")));
    lines.push(format!("\n{}\n", counts(plan)));
    lines.join("\n")
}

/// An expected duration, in the units that matter: `4s`, `2m05s`, `1h02m`.
fn about(milliseconds: u64) -> String {
    let seconds = milliseconds.div_ceil(1000);
    let minutes = seconds / 60;
    match (minutes / 60, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{:02}s", seconds % 60),
        (hours, _) => format!("{hours}h{:02}m", minutes % 60),
    }
}

/// CRDs that are spelled out before it says `and n more`.
const CRDS_SPELLED_OUT: usize = 12;

impl Plan {
    /// Which CRDs stay on the way down, and what a purge would do about it. `None` if none do.
    pub fn kept_crds_in_words(&self) -> Option<String> {
        let names = |crds: &[&KeptCrd]| {
            let spelled = crds.iter().take(CRDS_SPELLED_OUT);
            let mut names = spelled.map(|crd| crd.name.as_str()).collect::<Vec<_>>();
            let more = format!("and {} more", crds.len().saturating_sub(CRDS_SPELLED_OUT));
            if crds.len() > CRDS_SPELLED_OUT {
                names.push(&more);
            }
            names.join(", ")
        };
        let all: Vec<&KeptCrd> = self.kept_crds.iter().collect();
        let ours: Vec<&KeptCrd> = self.kept_crds.iter().filter(|crd| crd.is_ours).collect();
        let purge = match (all.len(), ours.len()) {
            (0, _) => return None,
            (_, 0) => "made or used by others".to_owned(),
            (n_all, n_ours) if n_all == n_ours => "--purge removes them".to_owned(),
            _ => format!("--purge removes {}", names(&ours)),
        };
        Some(format!("CRDs {} ({purge})", names(&all)))
    }
}

fn header(plan: &Plan) -> Vec<String> {
    let cluster = match (plan.offline, plan.direction, &plan.context) {
        (true, Direction::Up, _) => "not looked at (offline): as if nothing were installed",
        (true, Direction::Down | Direction::Rollback, _) => {
            "not looked at (offline): as if everything were installed"
        }
        (false, _, Some(context)) => context,
        (false, _, None) => "the one this runs in",
    };
    let mut lines = vec![
        ("stack", identity(&plan.stack, plan.environment.as_ref())),
        ("direction", plan.direction.to_string()),
        ("cluster", cluster.to_owned()),
        ("selected", plan.selection.clone()),
    ];
    if !plan.left_out.is_empty() {
        let names = plan.left_out.iter().map(ChartName::as_str);
        lines.push(("left out", names.collect::<Vec<_>>().join(", ")));
    }
    lines.extend(plan.kept_crds_in_words().map(|crds| ("kept", crds)));
    if plan.purge {
        let purged = "CRDs, and namespaces if empty, that stackctl made";
        lines.push(("purged", purged.to_owned()));
    }
    let lines = lines.into_iter();
    let lines = lines.map(|(key, value)| padded(key, 9) + &value);
    lines.collect()
}

/// Name, action, release (or how many CRDs), chart and version.
fn row(node: &Node) -> [String; 4] {
    let object = match (node.key.part, node.crds.len()) {
        (Part::Chart, _) => node.release.to_string(),
        (Part::Crds, 0) => "CRDs".to_owned(),
        (Part::Crds, 1) => "1 CRD".to_owned(),
        (Part::Crds, n) => format!("{n} CRDs"),
    };
    let version = node
        .version
        .as_ref()
        .map_or(String::new(), |v| format!(" {v}"));
    [
        node.key.to_string(),
        node.action.to_string(),
        object,
        format!("{}{version}", node.chart),
    ]
}

/// Why, and what it waits for. Offline there is one reason for all, and the header says it.
fn explanation(plan: &Plan, node: &Node) -> String {
    let waited_for = |soft: bool| {
        let waits = node.waits.iter().filter(|wait| wait.soft == soft);
        let names: Vec<String> = waits
            .map(|wait| waited(plan, wait.on, wait.until))
            .collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let said_above = plan.offline && node.reason == OFFLINE;
    let mut words: Vec<String> = Vec::new();
    words.extend((!said_above).then(|| node.reason.clone()));
    words.extend(waited_for(false).map(|names| format!("waits for {names}")));
    words.extend(waited_for(true).map(|names| format!("after {names}")));
    words.join("; ")
}

/// The milestone is said when it is not the usual one of the direction.
fn waited(plan: &Plan, on: NodeIx, until: Milestone) -> String {
    let name = &plan.node(on).key;
    match (plan.direction, until) {
        (Direction::Up, Milestone::Validated)
        | (Direction::Down | Direction::Rollback, Milestone::Gone)
        | (_, Milestone::Crds) => name.to_string(),
        _ => format!("{name}:{until}"),
    }
}

/// How many charts, and CRDs, get which action, in words.
pub fn counts(plan: &Plan) -> String {
    let charts = counts_of(plan, Part::Chart);
    let crds = counts_of(plan, Part::Crds);
    match (charts.is_empty(), crds.is_empty()) {
        (true, true) => "nothing to do".into(),
        (false, true) => charts,
        (true, false) => format!("CRDs: {crds}"),
        (false, false) => format!("{charts}; CRDs: {crds}"),
    }
}

fn counts_of(plan: &Plan, part: Part) -> String {
    let words = [
        (Action::Install, "to install"),
        (Action::Upgrade, "to upgrade"),
        (Action::Reinstall, "to reinstall"),
        (Action::Uninstall, "to uninstall"),
        (Action::Rollback, "to roll back"),
        (Action::Decide, "to be decided"),
        (Action::Validate, "to validate"),
        (Action::Unchanged, "unchanged"),
        (Action::Skip, "skipped"),
        (Action::Blocked, "blocked"),
    ];
    let counted = words.iter().filter_map(|(action, word)| {
        let n = plan
            .nodes
            .iter()
            .filter(|node| node.key.part == part && node.action == *action)
            .count();
        (n > 0).then(|| format!("{n} {word}"))
    });
    counted.collect::<Vec<_>>().join(", ")
}

/// The text with blanks up to `width` columns, and two more that end the column.
fn padded(text: &str, width: usize) -> String {
    let blanks = width.saturating_sub(text.width()) + 2;
    format!("{text}{}", " ".repeat(blanks))
}
