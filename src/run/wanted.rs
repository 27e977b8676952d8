//! What the releases of a plan would be made of, and which values differ from those installed.

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::Value;

use super::{PlanRequest, RunError, Session, session::Charts};
use crate::{
    lifecycle::{self, Setting},
    name::{ChartName, Direction, ReleaseId, ReleaseStatus},
    plan::Wanted,
    release::Revision,
    stack::Scope,
};

/// Records read at once.
const AT_ONCE: usize = 8;

/// Paths that are spelled out before it says `and n more`.
const SPELLED_OUT: usize = 5;

/// What is known of the charts whose release is deployed; of all others it does not matter.
pub(super) async fn of(
    session: &Session,
    request: &PlanRequest,
    charts: &Charts,
    scope: &Scope,
    listed: &BTreeMap<ReleaseId, Vec<Revision>>,
) -> Result<BTreeMap<ChartName, Wanted>, RunError> {
    if request.direction == Direction::Down || request.no_skip {
        return Ok(BTreeMap::new());
    }
    let deployed = charts.iter().filter_map(|(name, chart)| {
        let entry = session.stack.charts.get(name)?;
        let last = listed.get(&entry.release)?.last()?;
        (last.status == ReleaseStatus::Deployed).then_some((entry, chart, last))
    });
    let deployed: Vec<_> = deployed.collect();
    // These are, as `values_if_installed` means it.
    let scope = &Scope {
        installed: true,
        ..scope.clone()
    };
    let opened = deployed.iter().map(|(_, chart, _)| *chart);
    let setting = Setting::of(&session.cluster, &session.version, opened).await?;
    let judged = deployed.into_iter().map(|(entry, chart, last)| {
        let setting = &setting;
        async move {
            let name = entry.name.clone();
            // Without what only commands tell.
            let Ok(values) = entry.values.merged(scope) else {
                return Ok((name, Wanted::Later));
            };
            let stack = &session.stack;
            let digests = lifecycle::digests(stack, entry, chart, &values, scope, setting);
            let mut wanted = lifecycle::wanted(entry, chart, digests);
            if let Wanted::Known {
                digests,
                changed_values,
            } = &mut wanted
                && let Some(installed) = &last.marks.digest
                && installed.values != digests.values
            {
                let record = session.releases.get(&entry.release, last.revision).await?;
                if let Some(record) = record {
                    *changed_values = changed(record.config(), &values);
                }
            }
            Ok::<_, RunError>((name, wanted))
        }
    });
    futures::stream::iter(judged)
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// Paths of the values that differ, as `set` writes them.
fn changed(old: &Value, new: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    compare("", old, new, &mut paths);
    let n_more = paths.len().saturating_sub(SPELLED_OUT);
    paths.truncate(SPELLED_OUT);
    if n_more > 0 {
        paths.push(format!("and {n_more} more"));
    }
    paths
}

fn compare(path: &str, old: &Value, new: &Value, paths: &mut Vec<String>) {
    if old == new {
        return;
    }
    let empty = serde_json::Map::new();
    let table = |value: &'_ Value| value.is_null() && path.is_empty() || value.is_object();
    if !(table(old) && table(new)) {
        paths.push(path.to_owned());
        return;
    }
    let (old, new) = (
        old.as_object().unwrap_or(&empty),
        new.as_object().unwrap_or(&empty),
    );
    let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        let escaped = key.replace('.', "\\.");
        let path = match path {
            "" => escaped,
            path => format!("{path}.{escaped}"),
        };
        let of = |table: &serde_json::Map<String, Value>| table.get(key).cloned();
        match (of(old), of(new)) {
            (Some(old), Some(new)) => compare(&path, &old, &new, paths),
            _ => paths.push(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn changed_values_are_named_by_their_paths() {
        let old = json!({ "a": 1, "b": { "c": [1], "d.e": "x" }, "gone": null });
        let new = json!({ "a": 1, "b": { "c": [2], "d.e": "y" }, "new": { "deep": 1 } });
        assert_eq!(changed(&old, &new), ["b.c", "b.d\\.e", "gone", "new"]);
        assert_eq!(changed(&Value::Null, &json!({ "a": 1 })), ["a"]);
        let many: Value = (0..8).map(|n| (n.to_string(), json!(n))).collect();
        assert_eq!(changed(&Value::Null, &many)[4..], ["4", "and 3 more"]);
    }
}
