//! Reads one `[charts.NAME]` table over `[defaults]`.

use std::time::Duration;

use crate::stack::{
    findings::{Finding, Findings},
    grammar,
    layers::{
        Defaults,
        node::{Node, Table, Value},
        origin::{Located, Origin, Text},
    },
    model::{Apply, ApplyMode, CrdPolicy, Intent, LiveObjects, RollbackOnFailure, Unlock, Wait},
    raw::{
        RawRetry,
        data::{RawCommand, RawValuesFile, read_values_files},
        history_max, one_or_more, read_retry,
        reader::{self, Reader, table, wrong},
        steps::{RawSteps, command, read_steps},
    },
};

/// What a file says of one chart.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one key of the file")]
pub(crate) struct RawChart<'a> {
    pub(crate) name: Text<'a>,
    pub(crate) chart: Option<Text<'a>>,
    /// Nobody says where it is, not even wrongly.
    pub(crate) nowhere: bool,
    pub(crate) version: Option<Text<'a>>,
    /// Where it says `fetch = "late"`.
    pub(crate) late: Option<Origin>,
    pub(crate) release: Option<Text<'a>>,
    pub(crate) namespace: Option<Text<'a>>,
    pub(crate) needs: Vec<Text<'a>>,
    pub(crate) after: Vec<Text<'a>>,
    pub(crate) intent: Intent,
    pub(crate) enabled: bool,
    pub(crate) labels: Vec<(Text<'a>, Text<'a>)>,
    pub(crate) protected: bool,
    pub(crate) values: Option<&'a Node>,
    pub(crate) values_files: Vec<RawValuesFile<'a>>,
    pub(crate) values_if: Vec<(bool, &'a Node)>,
    pub(crate) values_yaml: Vec<Text<'a>>,
    pub(crate) set: Vec<(Text<'a>, &'a Node)>,
    pub(crate) unset: Vec<Text<'a>>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) deadline: Option<(Duration, Origin)>,
    pub(crate) retry: RawRetry,
    pub(crate) wait: Wait,
    pub(crate) rollback_on_failure: RollbackOnFailure,
    pub(crate) skip_unchanged: Option<bool>,
    pub(crate) skip_if_installed: bool,
    pub(crate) post_renderer: Option<RawCommand<'a>>,
    pub(crate) on_live_objects: LiveObjects,
    pub(crate) apply: Apply,
    pub(crate) unlock: Unlock,
    pub(crate) unlock_after: Option<Duration>,
    pub(crate) crds: CrdPolicy,
    pub(crate) reinstall_below: Option<RawReinstall<'a>>,
    pub(crate) history_max: Option<u32>,
    pub(crate) outputs: Vec<(Text<'a>, &'a Node)>,
    pub(crate) steps: RawSteps<'a>,
}

/// `reinstall_below`.
#[derive(Debug)]
pub(crate) struct RawReinstall<'a> {
    pub(crate) version: Text<'a>,
    pub(crate) accept_data_loss: bool,
}

/// Finds what is wrong with `[defaults]` itself, whether or not a chart uses it.
pub(crate) fn check_defaults(table: &Table, f: &mut Findings) {
    let origin = table.iter().next().map(|(_, origin, _)| origin);
    if let Some(origin) = table.key_origin("release") {
        f.add(
            Finding::error("`release` cannot be a default")
                .at(origin, "every chart would be the same release"),
        );
    }
    if let Some(origin) = origin {
        let value = "defaults";
        read(Located { value, origin }, table, None, f);
    }
}

/// Reads a chart. `chart` may be missing here: only an enabled chart must have it.
pub(crate) fn read<'a>(
    name: Text<'a>,
    table: &'a Table,
    defaults: Option<Defaults<'a>>,
    f: &mut Findings,
) -> RawChart<'a> {
    let rollback = rollback(table, defaults, f);
    let mut chart = Reader::new(&grammar::CHART, table).over(defaults);
    // Read above, from one layer at a time.
    chart.node("rollback_on_failure");
    chart.node("atomic");
    let raw = RawChart {
        name,
        nowhere: !chart.has("chart"),
        chart: chart.text("chart", f),
        version: chart.text("version", f),
        late: read_late(&mut chart, f),
        release: chart.text("release", f),
        namespace: chart.text("namespace", f),
        needs: chart.texts("needs", f).unwrap_or_default(),
        after: chart.texts("after", f).unwrap_or_default(),
        intent: chart
            .word("action", &grammar::INTENTS, f)
            .unwrap_or_default(),
        enabled: chart.flag("enabled", f).unwrap_or(true),
        labels: chart.text_table("labels", f).unwrap_or_default(),
        protected: chart.flag("protected", f).unwrap_or_default(),
        values: read_values(&mut chart, "values", f),
        values_if: [(true, "values_if_installed"), (false, "values_if_absent")]
            .into_iter()
            .filter_map(|(installed, key)| Some((installed, read_values(&mut chart, key, f)?)))
            .collect(),
        values_files: read_values_files(&mut chart, f),
        values_yaml: chart
            .node("values_yaml")
            .and_then(|node| one_or_more(node, "values_yaml", f))
            .unwrap_or_default(),
        set: read_pairs(&mut chart, "set", f),
        unset: chart.texts("unset", f).unwrap_or_default(),
        timeout: chart.duration("timeout", f),
        deadline: read_deadline(&mut chart, name.origin, f),
        retry: chart
            .node("retry")
            .and_then(|node| read_retry(node, f))
            .unwrap_or_default(),
        wait: read_wait(&mut chart, f),
        rollback_on_failure: rollback,
        skip_unchanged: chart.flag("skip_unchanged", f),
        skip_if_installed: chart.flag("skip_if_installed", f).unwrap_or_default(),
        post_renderer: chart.node("post_renderer").and_then(|node| {
            Some(RawCommand {
                words: command(node, "post_renderer", f)?,
                timeout: None,
                origin: node.origin,
            })
        }),
        on_live_objects: read_live_objects(&mut chart, f),
        apply: read_apply(&mut chart, name.origin, f),
        unlock: chart
            .word("unlock", &grammar::UNLOCKS, f)
            .unwrap_or_default(),
        unlock_after: chart.duration("unlock_after", f),
        crds: chart
            .word("crds", &grammar::CRD_POLICIES, f)
            .unwrap_or_default(),
        reinstall_below: chart
            .node("reinstall_below")
            .and_then(|node| read_reinstall(node, f)),
        history_max: history_max(&mut chart, f),
        outputs: read_pairs(&mut chart, "outputs", f),
        steps: read_steps(&mut chart, f),
    };
    chart.finish(f);
    raw
}

/// `on_live_objects`: a word, or a table.
fn read_live_objects(chart: &mut Reader<'_>, f: &mut Findings) -> LiveObjects {
    const KEY: &str = "on_live_objects";
    let Some(node) = chart.node(KEY) else {
        return LiveObjects::default();
    };
    let Some(table) = node.as_table() else {
        let said = reader::text(node, KEY, f);
        let policy = said.and_then(|said| reader::word(said, KEY, &grammar::LIVE_OBJECTS, f));
        return LiveObjects {
            policy: policy.unwrap_or_default(),
            crds: Vec::new(),
        };
    };
    let mut live = Reader::new(&grammar::LIVE, table);
    let policy = live
        .word("policy", &grammar::LIVE_OBJECTS, f)
        .unwrap_or_default();
    let crds = live.texts("crds", f).unwrap_or_default();
    live.finish(f);
    LiveObjects {
        policy,
        crds: crds.into_iter().map(|one| one.value.to_owned()).collect(),
    }
}

/// `force_replace`, `server_side`, `force_conflicts`, `take_ownership`, `skip_schema_validation`.
fn read_apply(chart: &mut Reader<'_>, whole: Origin, f: &mut Findings) -> Apply {
    let replace = chart.flag("force_replace", f).unwrap_or_default();
    let server_side = chart.flag("server_side", f);
    let force_conflicts = chart.flag("force_conflicts", f).unwrap_or_default();
    let mut at = |key: &str, message: &str, reason: &str| {
        f.add(Finding::error(message).at(chart.origin_or(key, whole), reason));
    };
    if force_conflicts && server_side == Some(false) {
        at(
            "force_conflicts",
            "`force_conflicts` goes with `server_side = true`",
            "from the client's side there are no conflicts",
        );
    }
    if replace && (force_conflicts || server_side == Some(true)) {
        at(
            "force_replace",
            "`force_replace` cannot be done server-side",
            "Helm replaces from the client's side only",
        );
    }
    let mode = match server_side {
        _ if replace => ApplyMode::Replace,
        None if !force_conflicts => ApplyMode::Auto,
        Some(false) => ApplyMode::ClientSide,
        Some(true) | None => ApplyMode::ServerSide { force_conflicts },
    };
    Apply {
        mode,
        take_ownership: chart.flag("take_ownership", f).unwrap_or_default(),
        skip_schema_validation: chart.flag("skip_schema_validation", f).unwrap_or_default(),
    }
}

fn read_late(chart: &mut Reader<'_>, f: &mut Findings) -> Option<Origin> {
    let said = chart.text("fetch", f)?;
    let late = reader::word(said, "fetch", &grammar::FETCHES, f)?;
    late.then_some(said.origin)
}

fn read_values<'a>(
    chart: &mut Reader<'a>,
    key: &'static str,
    f: &mut Findings,
) -> Option<&'a Node> {
    let node = chart.node(key)?;
    table(node, key, f)?;
    Some(node)
}

/// A table whose keys mean something.
fn read_pairs<'a>(
    chart: &mut Reader<'a>,
    key: &'static str,
    f: &mut Findings,
) -> Vec<(Text<'a>, &'a Node)> {
    let Some(node) = chart.node(key) else {
        return Vec::new();
    };
    let pairs = |table: &'a Table| {
        table
            .iter()
            .map(|(path, origin, node)| {
                let value = path;
                (Located { value, origin }, node)
            })
            .collect()
    };
    table(node, key, f).map(pairs).unwrap_or_default()
}

fn read_deadline(
    chart: &mut Reader<'_>,
    whole: Origin,
    f: &mut Findings,
) -> Option<(Duration, Origin)> {
    let origin = chart.origin_or("deadline", whole);
    Some((chart.duration("deadline", f)?, origin))
}

fn read_wait(chart: &mut Reader<'_>, f: &mut Findings) -> Wait {
    let Some(node) = chart.node("wait") else {
        return Wait::default();
    };
    let wait = match &node.value {
        Value::Flag(true) => Some(Wait::Watch),
        Value::Flag(false) => Some(Wait::No),
        Value::Text(word) if word == "helm" => Some(Wait::Helm),
        _ => {
            f.add(
                Finding::error("`wait` is not valid")
                    .at(node.origin, "expected `true`, `false` or `\"helm\"`"),
            );
            None
        }
    };
    wait.unwrap_or_default()
}

/// `rollback_on_failure`, or its alias `atomic`. What a chart says with one word replaces what
/// `[defaults]` say with the other.
fn rollback<'a>(
    table: &'a Table,
    defaults: Option<Defaults<'a>>,
    f: &mut Findings,
) -> RollbackOnFailure {
    let said = |table: &'a Table| table.get("rollback_on_failure").is_some();
    let aliased = |table: &'a Table| table.get("atomic").is_some();
    let layer = [Some(table), defaults.map(|defaults| defaults.table)]
        .into_iter()
        .flatten()
        .find(|table| said(table) || aliased(table));
    let Some(table) = layer else {
        return RollbackOnFailure::default();
    };
    if let (Some(word), Some(alias)) = (
        table.key_origin("rollback_on_failure"),
        table.key_origin("atomic"),
    ) {
        f.add(
            Finding::error("`atomic` and `rollback_on_failure` are the same setting")
                .at(alias, "`true` means `always`, `false` means `never`")
                .at(word, "said here, too"),
        );
    }
    let mut one = Reader::new(&grammar::CHART, table);
    if said(table) {
        one.word("rollback_on_failure", &grammar::ROLLBACKS, f)
    } else {
        one.flag("atomic", f).map(|atomic| {
            if atomic {
                RollbackOnFailure::Always
            } else {
                RollbackOnFailure::Never
            }
        })
    }
    .unwrap_or_default()
}

fn read_reinstall<'a>(node: &'a Node, f: &mut Findings) -> Option<RawReinstall<'a>> {
    if let Value::Text(_) = node.value {
        let version = reader::text(node, "reinstall_below", f)?;
        return Some(RawReinstall {
            version,
            accept_data_loss: false,
        });
    }
    let Some(table) = node.as_table() else {
        return wrong(f, "reinstall_below", "a version or a table", node);
    };
    let mut reader = Reader::new(&grammar::REINSTALL, table);
    let present = reader.has("version");
    let version = reader.text("version", f);
    let version = required_version(version, present, node.origin, f);
    let accept_data_loss = reader.flag("accept_data_loss", f).unwrap_or_default();
    reader.finish(f);
    Some(RawReinstall {
        version: version?,
        accept_data_loss,
    })
}

fn required_version<'a>(
    version: Option<Text<'a>>,
    present: bool,
    origin: Origin,
    f: &mut Findings,
) -> Option<Text<'a>> {
    reader::required(version, "`reinstall_below`", "version", present, origin, f)
}
