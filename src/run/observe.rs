//! From Helm's records to what a plan needs to know.

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;

use crate::{
    cluster::LiveCrd,
    lifecycle,
    lock::{Intent, is_unfinished, judge},
    name::{ReleaseId, parse_version},
    plan::{Observed, ObservedCrd, ObservedRelease},
    release::{Releases, Revision, StoreError},
    stack::Stack,
};

/// Payloads fetched at once.
const AT_ONCE: usize = 8;

/// The newest revision of each listed release of the stack. The installed chart's version comes
/// from our own label where that holds; the payload is fetched only where a `reinstall_below`
/// needs the version and no label tells it, and where an operation did not end: the payload is what
/// Helm goes by, then.
pub(super) async fn observed(
    stack: &Stack,
    releases: &Releases,
    listed: &BTreeMap<ReleaseId, Vec<Revision>>,
    intents: &BTreeMap<ReleaseId, Intent>,
) -> Result<Observed, StoreError> {
    let wanted = stack.charts.values().filter_map(|chart| {
        let last = listed.get(&chart.release)?.last()?;
        Some((chart, last))
    });
    let found: Vec<(ReleaseId, ObservedRelease)> = futures::stream::iter(wanted)
        .map(|(chart, last)| async move {
            let mut observed = lifecycle::observed(last);
            let versionless = chart.reinstall_below.is_some() && observed.chart_version.is_none();
            let mut record = None;
            if versionless || is_unfinished(last.status) {
                record = releases.get(&chart.release, last.revision).await?;
            }
            if let (true, Some(record)) = (versionless, &record) {
                observed.chart_version = parse_version(record.chart_version());
            }
            let newest = lifecycle::newest(last, record.as_ref());
            let intent = intents.get(&chart.release);
            let now = Timestamp::now();
            observed.status = newest.status;
            observed.verdict = judge(Some(&newest), intent, now, lifecycle::is_gone);
            Ok::<_, StoreError>((chart.release.clone(), observed))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(Observed {
        releases: found.into_iter().collect(),
        crds: BTreeMap::new(),
    })
}

/// What the marks of CRDs tell.
pub(super) fn observed_crds(listed: BTreeMap<String, LiveCrd>) -> BTreeMap<String, ObservedCrd> {
    let observed = |(name, live): (String, LiveCrd)| {
        let crd = ObservedCrd {
            digest: live.digest,
            created_by: live.created_by,
            chart: live.chart,
        };
        (name, crd)
    };
    listed.into_iter().map(observed).collect()
}
