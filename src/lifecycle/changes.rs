//! What a run has done to releases, so that it can be taken back when the run fails.
//!
//! Noted right before each Helm begins. What came of it is asked of Helm's records when it matters:
//! they know best, also of what others have done meanwhile.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{Context, context::Before};
use crate::{
    lock::{Change, Operation},
    name::{Action, ChartName, ReleaseId, ReleaseStatus, RunId},
    release::{Releases, Revision, StoreError},
    stack::Stack,
};

/// What one run has done to releases so far.
#[derive(Debug, Default)]
pub struct Changes(Mutex<BTreeMap<ChartName, Changed>>);

/// What was done to one release first.
#[derive(Debug, Clone, Copy)]
enum Changed {
    /// Installed or upgraded; how it was before.
    Deployed(Before),
    /// Removed, to be installed anew.
    Reinstalled,
    /// Removed.
    Uninstalled,
}

/// What of a run's changes can be taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToTakeBack {
    /// The changes, by chart.
    pub changes: BTreeMap<ChartName, Change>,
    /// Releases that stay as they are, with the reason, by chart.
    pub stays: BTreeMap<ChartName, (ReleaseId, String)>,
}

/// What there is still to do about a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is to be taken back.
    Due,
    /// It is back.
    Done,
    /// It stays; why, in words.
    Lost(String),
}

impl Changes {
    /// A helm is about to begin.
    pub(super) fn note(&self, cx: &Context<'_>, operation: Operation) {
        let changed = match (cx.action, operation) {
            (Action::Reinstall, Operation::Uninstall) => Changed::Reinstalled,
            (Action::Uninstall, Operation::Uninstall) => Changed::Uninstalled,
            (_, Operation::Upgrade) => match cx.memory().before {
                Some(before) => Changed::Deployed(before),
                None => return,
            },
            // Takes back what is noted already, or brings a dead uninstall to its end first.
            (_, Operation::Uninstall | Operation::Rollback) => return,
        };
        self.lock().entry(cx.chart.name.clone()).or_insert(changed);
    }

    /// The chart has taken back itself what was done to it.
    pub(super) fn forget(&self, chart: &ChartName) {
        self.lock().remove(chart);
    }

    /// What has come of the changes of this run, and can be taken back.
    pub async fn to_take_back(
        &self,
        stack: &Stack,
        releases: &Releases,
        run: &RunId,
    ) -> Result<ToTakeBack, StoreError> {
        let changed = self.lock().clone();
        let mut found = ToTakeBack::default();
        for (name, changed) in changed {
            let release = &stack.charts[&name].release;
            match changed {
                Changed::Deployed(before) => {
                    let history = releases.history(release).await?;
                    match outcome(before, &history, run) {
                        Some(Ok((made, before))) => {
                            let release = release.clone();
                            let change = Change {
                                release,
                                made,
                                before,
                            };
                            found.changes.insert(name, change);
                        }
                        Some(Err(why)) => {
                            found.stays.insert(name, (release.clone(), why));
                        }
                        None => {}
                    }
                }
                Changed::Reinstalled => {
                    let why = "reinstalled by this run: what was there before is gone";
                    found.stays.insert(name, (release.clone(), why.to_owned()));
                }
                Changed::Uninstalled => {
                    let why = "uninstalled by this run: what was there before is gone";
                    found.stays.insert(name, (release.clone(), why.to_owned()));
                }
            }
        }
        Ok(found)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ChartName, Changed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The newest revision now and the one to go back to; nothing, if the run has not changed the
/// release after all; or why it stays.
fn outcome(
    before: Before,
    history: &[Revision],
    run: &RunId,
) -> Option<Result<(u32, Option<u32>), String>> {
    let newest = history.last()?;
    if before.last_revision == Some(newest.revision) || newest.status == ReleaseStatus::Uninstalled
    {
        return None;
    }
    let marks = &newest.marks;
    let ours = marks.run.as_ref() == Some(run) && marks.revision == Some(newest.revision);
    Some(match before.good_revision.filter(|_| before.is_installed) {
        // What failed on top of ours is not worth keeping either.
        _ if !ours && newest.status == ReleaseStatus::Deployed => Err(made_by_others(newest)),
        None if before.is_installed => {
            Err("it had failed before this run, too: there is no good revision".to_owned())
        }
        good => Ok((newest.revision, good)),
    })
}

fn made_by_others(newest: &Revision) -> String {
    format!("somebody else has made revision {} since", newest.revision)
}

/// What there is still to do about a change. Asked again whenever time has passed: it may have been
/// taken back by a run that died before it could say so, and others may have come.
///
/// `of` is the run that made the change.
pub async fn standing(
    releases: &Releases,
    of: &RunId,
    change: &Change,
) -> Result<Standing, StoreError> {
    let release = &change.release;
    let history = releases.history(release).await?;
    let newest = history.last();
    let Some(newest) = newest.filter(|newest| newest.status != ReleaseStatus::Uninstalled) else {
        return Ok(match change.before {
            None => Standing::Done,
            Some(_) => Standing::Lost("it is not installed any more".to_owned()),
        });
    };
    if newest.revision != change.made && newest.status == ReleaseStatus::Deployed {
        let record = releases.get(release, newest.revision).await?;
        let said = record.as_ref().map(|record| record.description());
        return Ok(match change.before {
            // Helm's own words.
            Some(before) if said == Some(&format!("Rollback to {before}")) => Standing::Done,
            _ => Standing::Lost(made_by_others(newest)),
        });
    }
    let marks = &newest.marks;
    if marks.revision == Some(newest.revision) && marks.run.as_ref() != Some(of) {
        return Ok(Standing::Lost(made_by_others(newest)));
    }
    let is_kept = |wanted: u32| history.iter().any(|one| one.revision == wanted);
    Ok(match change.before {
        Some(before) if !is_kept(before) => Standing::Lost(format!(
            "revision {before} is no longer in its history (`history_max`)"
        )),
        _ => Standing::Due,
    })
}
