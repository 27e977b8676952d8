//! What is done about an operation on the release that began and did not end.
//!
//! Helm's upgrade refuses to run beside another operation, living or dead; its rollback and its
//! uninstall look at nothing (helm.md section 2). So each of ours asks [`clear_way`] first, and is
//! [`announced`] while it runs. Whose an unfinished operation is, and whether it may still be
//! alive, is judged by [`lock`](crate::lock); recovering it is one write that fails if anybody else
//! wrote in between.

use std::{future::Future, time::Duration};

use jiff::Timestamp;

use super::{
    Context, Intents, StepError,
    intents::Undertaking,
    ready::{FAILED, Limit},
    remove,
    words::in_words,
};
use crate::{
    cluster::{Cluster, ClusterError},
    helm::{self, HelmError},
    lock::{Intent, Newest, Verdict, is_unfinished, judge},
    name::ReleaseStatus,
    plan::remedy,
    process::mark,
    release::{Payload, Record, Releases, Revision, StoreError},
    stack::Unlock,
};

/// How often a release is looked at that somebody else works on.
const POLL: Duration = Duration::from_secs(2);

/// Descriptions of revisions whose operation died. An install that died is done anew, with its
/// install hooks, which an upgrade of a failed release would not run.
const DIED: &str = "recovered: its Helm ended without closing the record";
const INSTALL_DIED: &str = "recovered: the Helm of the install ended without closing the record";

/// What is to be done to the release once nothing is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Deploy,
    RollBack,
    Remove,
}

/// Where the status is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// The label, which agrees with the payload unless somebody changed it by hand. Helm itself
    /// will look closer.
    Label,
    /// The payload, as Helm.
    Payload,
}

/// The newest revision, and its record if it was read.
struct Found<'a> {
    revision: &'a Revision,
    newest: Newest,
    record: Option<Record>,
}

/// What a record tells of who works on the release. Without its payload only the label does.
pub fn newest(revision: &Revision, payload: Option<&Payload>) -> Newest {
    let status = payload.map_or(revision.status, Payload::status);
    let marks = &revision.marks;
    Newest {
        revision: revision.revision,
        status,
        run: marks
            .run
            .clone()
            .filter(|_| marks.revision == Some(revision.revision)),
        began: payload.and_then(|payload| match status {
            ReleaseStatus::Uninstalling => payload.deleted(),
            _ => payload.last_deployed(),
        }),
    }
}

/// Whether the process behind an intent, with its helms, is known to be gone.
pub fn is_gone(intent: &Intent) -> bool {
    intent.process.as_deref().is_some_and(mark::is_gone)
}

/// Makes sure that nobody else works on the release: waits for who does, recovers what died. The
/// release's history then, oldest first. The chart holds a slot before and after, but not while it
/// waits.
pub(super) async fn clear_way(
    cx: &Context<'_>,
    next: Next,
    depth: Depth,
    limit: &Limit,
) -> Result<Vec<Revision>, StepError> {
    let releases = &cx.run.releases;
    let (mut parked, mut awaited) = (false, false);
    loop {
        let history = releases.history(&cx.chart.release).await?;
        let found = match find(cx, &history, depth).await? {
            Ok(found) => found,
            Err(Changed) => continue,
        };
        let verdict = judge_found(cx, found.as_ref());
        let left = left_leaving(cx).await.filter(|_| !awaited);
        if let (Verdict::Free, None, Some(intent)) = (&verdict, &found, left) {
            cx.status(&format!(
                "run {} uninstalled it; not all of it is gone yet",
                intent.run
            ));
            remove::gone(cx, intent.deletes).await?;
            (parked, awaited) = (true, true);
            continue;
        }
        let recovered = match (&verdict, found) {
            (Verdict::Free, found) if parked => {
                // A slot may be long in coming: look again then.
                cx.unpark().await?;
                parked = false;
                drop(found);
                continue;
            }
            (Verdict::Free, found) => match found.filter(|_| next == Next::Deploy) {
                Some(found) if died_installing(&found) => reinstall(cx, found).await,
                _ => return Ok(history),
            },
            (Verdict::Live(intent, until), _) => {
                parked = true;
                pause(cx, &live(intent, *until)).await?;
                continue;
            }
            (Verdict::Foreign, Some(found)) if !may_unlock(cx, &found) => {
                if limit.is_over() {
                    return Err(locked(cx, &found));
                }
                parked = true;
                pause(cx, &foreign(cx, &found)).await?;
                continue;
            }
            (Verdict::Dead(_) | Verdict::Foreign, Some(found)) => {
                if found.newest.status == ReleaseStatus::Uninstalling {
                    if next != Next::Deploy {
                        return Ok(history);
                    }
                    say(
                        cx,
                        &verdict,
                        &found.newest,
                        "it is uninstalled to the end first",
                    );
                    parked = true;
                    Box::pin(remove::finish(cx, &history)).await?;
                    continue;
                }
                recover(cx, next, &verdict, found).await
            }
            // Without a record nobody is at work.
            (Verdict::Dead(_) | Verdict::Foreign, None) => return Ok(history),
        };
        match recovered {
            // It lives, or somebody else was faster: what is there now is judged anew.
            Err(StoreError::Cluster(
                ClusterError::Conflict { .. } | ClusterError::NotFound { .. },
            )) => {}
            result => result?,
        }
    }
}

/// The history changed while it was being read.
struct Changed;

/// The newest revision, with its record where that may tell more than the label.
async fn find<'a>(
    cx: &Context<'_>,
    history: &'a [Revision],
    depth: Depth,
) -> Result<Result<Option<Found<'a>>, Changed>, StepError> {
    let Some(revision) = history.last() else {
        return Ok(Ok(None));
    };
    let good = |revision: &Revision| {
        matches!(
            revision.status,
            ReleaseStatus::Deployed | ReleaseStatus::Superseded
        )
    };
    let needed = depth == Depth::Payload
        || is_unfinished(revision.status)
        || (revision.status == ReleaseStatus::Failed && !history.iter().any(good));
    let mut record = None;
    if needed {
        record = cx
            .run
            .releases
            .record(&cx.chart.release, revision.revision)
            .await?;
        if record.is_none() {
            return Ok(Err(Changed));
        }
    }
    Ok(Ok(Some(Found {
        revision,
        newest: newest(revision, record.as_ref().map(|record| &record.payload)),
        record,
    })))
}

/// What was announced, whose objects may still be on their way out. Not what this run has just seen
/// gone.
async fn left_leaving(cx: &Context<'_>) -> Option<Intent> {
    let (intents, release) = (&cx.run.intents, &cx.chart.release);
    intents.settled(release).await;
    let intent = intents.of(release);
    intent.filter(|intent| !intent.deletes.is_empty())
}

fn judge_found(cx: &Context<'_>, found: Option<&Found<'_>>) -> Verdict {
    let intent = cx.run.intents.of(&cx.chart.release);
    let newest = found.map(|found| &found.newest);
    // One chart does one thing at a time: what this run announced before has ended.
    let gone = |intent: &Intent| intent.run == cx.run.id || is_gone(intent);
    judge(newest, intent.as_ref(), Timestamp::now(), gone)
}

/// When the operation began: by the server's clock where there is one.
fn began(found: &Found<'_>) -> Option<Timestamp> {
    match found.newest.status {
        ReleaseStatus::Uninstalling => found.newest.began,
        _ => found.revision.created,
    }
}

fn may_unlock(cx: &Context<'_>, found: &Found<'_>) -> bool {
    match cx.chart.unlock {
        Unlock::Never => false,
        Unlock::Stale => began(found).is_some_and(|began| {
            let age = Timestamp::now().duration_since(began);
            Duration::try_from(age).is_ok_and(|age| age >= cx.chart.unlock_after)
        }),
        Unlock::Always => true,
    }
}

/// A moment, without a slot.
pub(super) async fn pause(cx: &Context<'_>, text: &str) -> Result<(), StepError> {
    cx.park();
    cx.status(text);
    cx.pause(POLL).await
}

fn live(intent: &Intent, until: Timestamp) -> String {
    format!(
        "run {} on {} may still be at its {}: waiting until it is done, or {until:.0}",
        intent.run, intent.host, intent.operation
    )
}

fn foreign(cx: &Context<'_>, found: &Found<'_>) -> String {
    format!(
        "{}, begun by somebody else: waiting up to {}",
        state(found),
        in_words(cx.chart.timeout)
    )
}

/// `revision 3 is pending-upgrade since 2026-11-22T10:00:00Z`.
fn state(found: &Found<'_>) -> String {
    let Newest {
        revision, status, ..
    } = found.newest;
    let since = began(found).map_or(String::new(), |began| format!(" since {began:.0}"));
    format!("revision {revision} is {status}{since}")
}

/// Somebody else's operation did not end.
fn locked(cx: &Context<'_>, found: &Found<'_>) -> StepError {
    let release = &cx.chart.release;
    let remedy = remedy(found.newest.status, release);
    StepError::new(format!(
        "release {release} is locked: {}, begun by somebody else, and was not done within {}",
        state(found),
        in_words(cx.chart.timeout)
    ))
    .hint(format!(
        "when nothing works on it any more, {remedy}; or let stackctl clear it: `unlock = \"stale\"` (older than `unlock_after`) or `unlock = \"always\"` in the chart's table"
    ))
}

/// Tells what is recovered, and how.
fn say(cx: &Context<'_>, verdict: &Verdict, newest: &Newest, how: &str) {
    let by = match verdict {
        Verdict::Dead(intent) => format!("left behind by run {}", intent.run),
        _ => "begun by somebody else".to_owned(),
    };
    let Newest {
        revision, status, ..
    } = newest;
    cx.warn(&format!("revision {revision} is {status}, {by}: {how}"));
}

/// Makes an unfinished revision one that Helm goes on from.
async fn recover(
    cx: &Context<'_>,
    next: Next,
    verdict: &Verdict,
    found: Found<'_>,
) -> Result<(), StoreError> {
    let Some(record) = found.record else {
        return Ok(());
    };
    if (found.newest.status, next) == (ReleaseStatus::PendingInstall, Next::Deploy) {
        say(cx, verdict, &found.newest, "it is installed anew");
        return cx.run.releases.forget(&record).await;
    }
    say(cx, verdict, &found.newest, "it is marked as failed");
    let releases = &cx.run.releases;
    releases
        .mark_failed(record, &format!("{FAILED}{DIED}"))
        .await
}

/// Whether an install died in a run that lived on: then it was marked, so that it could be looked
/// at, and is installed anew all the same.
fn died_installing(found: &Found<'_>) -> bool {
    let record = found.record.as_ref();
    found.newest.status == ReleaseStatus::Failed
        && record.is_some_and(|record| {
            let description = record.payload.description();
            description.strip_prefix(FAILED) == Some(INSTALL_DIED)
        })
}

async fn reinstall(cx: &Context<'_>, found: Found<'_>) -> Result<(), StoreError> {
    let Some(record) = found.record else {
        return Ok(());
    };
    let revision = found.newest.revision;
    cx.warn(&format!(
        "the install that made revision {revision} died: it is installed anew"
    ));
    cx.run.releases.forget(&record).await
}

/// Runs helm with its operation announced. What it left unfinished is recovered at once: nobody
/// knows better that it is dead. It stays announced while what it deletes may be there.
pub(super) async fn announced<T>(
    cx: &Context<'_>,
    mut undertaking: Undertaking,
    work: impl Future<Output = Result<T, HelmError>>,
) -> Result<Result<T, HelmError>, StepError> {
    let (intents, release) = (&cx.run.intents, &cx.chart.release);
    let deletes = !undertaking.deletes.is_empty();
    let operation = undertaking.operation;
    undertaking.lasts = undertaking.lasts.saturating_add(helm::GRACE);
    intents.announce(release, undertaking).await?;
    cx.run.changes.note(cx, operation);
    let result = work.await;
    let settled = match &result {
        Ok(_) if deletes => Ok(()),
        Ok(_) => {
            intents.clear_soon(release);
            Ok(())
        }
        // Whatever it said: if the API server was away, it could not close its record either.
        Err(_) => settle(cx).await,
    };
    if let Err(error) = settled {
        // The next run finds it announced by one that is gone.
        cx.warn(&format!(
            "what helm left of {release} could not be put in order: {error}"
        ));
    }
    Ok(result)
}

/// Our own helm has ended: a record that it left open is closed. A half-done uninstall stays as it
/// is, announced, so that the next run knows it for ours and brings it to its end; so does one that
/// failed after it had removed the record, for what it deletes.
async fn settle(cx: &Context<'_>) -> Result<(), StepError> {
    let (intents, release) = (&cx.run.intents, &cx.chart.release);
    let history = cx.run.releases.history(release).await?;
    let found = find(cx, &history, Depth::Payload).await?.unwrap_or(None);
    if found.is_none() && left_leaving(cx).await.is_some() {
        return intents.ended(release).await;
    }
    let verdict = judge_found(cx, found.as_ref());
    if let (Verdict::Dead(_), Some(found)) = (verdict, found)
        && let Some(record) = found.record
    {
        let why = match found.newest.status {
            ReleaseStatus::Uninstalling => return intents.ended(release).await,
            ReleaseStatus::PendingInstall => INSTALL_DIED,
            _ => DIED,
        };
        cx.run
            .releases
            .mark_failed(record, &format!("{FAILED}{why}"))
            .await?;
    }
    intents.clear(release).await
}

/// Forgets what earlier runs announced and what has ended since: their helm was quicker than their
/// death, and nothing was left to do for this run. To be called before [`Intents::close`].
///
/// Whatever cannot be read stays announced.
pub async fn forget_ended(intents: &Intents, cluster: &Cluster, releases: &Releases) {
    for (release, intent) in intents.of_others() {
        let ended = async {
            let history = releases.history(&release).await?;
            let newest = history.last().map(|revision| newest(revision, None));
            let verdict = judge(newest.as_ref(), Some(&intent), Timestamp::now(), is_gone);
            let left = remove::leaving(cluster, intent.deletes).await.leaving;
            if verdict == Verdict::Free && left.is_empty() {
                intents.clear(&release).await?;
            }
            Ok::<_, StepError>(())
        };
        if let Err(error) = ended.await {
            tracing::debug!(%release, %error, "its operation stays announced");
        }
    }
}
