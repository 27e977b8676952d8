//! What a run has done to releases, so that it can be taken back when the run fails.
//!
//! Noted right before each Helm begins. What came of it is asked of Helm's records when it matters:
//! they know best, also of what others have done meanwhile.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{Context, context::Before};
use crate::{
    lock::{Change, Operation},
    name::{Action, ChartName, NodeName, ReleaseStatus, RunId},
    release::{Payload, Records, Releases, Revision, StoreError},
    stack::Stack,
};

/// What one run has done to releases so far.
#[derive(Debug, Default)]
pub struct Changes(Mutex<Noted>);

#[derive(Debug, Default)]
struct Noted {
    releases: BTreeMap<ChartName, Changed>,
    /// Charts whose CRDs were applied.
    crds: BTreeSet<ChartName>,
}

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
    /// The changes, by chart; in which order is not settled.
    pub changes: BTreeMap<ChartName, Change>,
    /// What stays as it is, releases and CRDs, with the reason.
    pub stays: BTreeMap<NodeName, String>,
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
        let mut noted = self.lock();
        let name = cx.chart.name.clone();
        noted.releases.entry(name).or_insert(changed);
    }

    /// CRDs are about to be applied.
    pub(super) fn note_crds(&self, chart: &ChartName) {
        self.lock().crds.insert(chart.clone());
    }

    /// The chart has taken back itself what was done to it.
    pub(super) fn forget(&self, chart: &ChartName) {
        self.lock().releases.remove(chart);
    }

    /// What has come of the changes of this run, and can be taken back. `listed` is what Helm's
    /// records tell now of the stack's releases.
    pub fn to_take_back(&self, stack: &Stack, listed: &Records, run: &RunId) -> ToTakeBack {
        let noted = self.lock();
        let mut found = ToTakeBack::default();
        for (name, &changed) in &noted.releases {
            let release = &stack.charts[name].release;
            let outcome = match changed {
                Changed::Deployed(before) => {
                    let history = listed.get(release).map(Vec::as_slice);
                    outcome(before, history.unwrap_or_default(), run)
                }
                Changed::Reinstalled => Some(Err(
                    "reinstalled by this run: what was there before is gone".to_owned(),
                )),
                Changed::Uninstalled => Some(Err(
                    "uninstalled by this run: what was there before is gone".to_owned(),
                )),
            };
            match outcome {
                Some(Ok((made, before))) => {
                    let change = Change {
                        release: release.clone(),
                        made,
                        before,
                        after: BTreeSet::new(),
                    };
                    found.changes.insert(name.clone(), change);
                }
                Some(Err(why)) => {
                    found.stays.insert(name.clone().into(), why);
                }
                None => {}
            }
        }
        let crds = noted.crds.iter().map(|name| {
            let why = "applied by this run: CRDs are not taken back";
            (NodeName::crds(name.clone()), why.to_owned())
        });
        found.stays.extend(crds);
        found
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
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
/// `of` is the run that made the change, `history` the release's now.
pub async fn standing(
    releases: &Releases,
    of: &RunId,
    change: &Change,
    history: &[Revision],
) -> Result<Standing, StoreError> {
    let good_and_new = |newest: &&Revision| {
        newest.revision != change.made && newest.status == ReleaseStatus::Deployed
    };
    let record = match history.last().filter(good_and_new) {
        Some(newest) => releases.get(&change.release, newest.revision).await?,
        None => None,
    };
    let said = record.as_ref().map_or("", Payload::description);
    Ok(stands(of, change, history, said))
}

/// The same with what Helm says of the newest revision, if it is a good one that is not the run's.
fn stands(of: &RunId, change: &Change, history: &[Revision], said: &str) -> Standing {
    let newest = history.last();
    let Some(newest) = newest.filter(|newest| newest.status != ReleaseStatus::Uninstalled) else {
        return match change.before {
            None => Standing::Done,
            Some(_) => Standing::Lost("it is not installed any more".to_owned()),
        };
    };
    let is_kept = |wanted: u32| history.iter().any(|one| one.revision == wanted);
    let marks = &newest.marks;
    match change.before {
        _ if newest.revision == change.made => {
            let by_others =
                marks.revision == Some(newest.revision) && marks.run.as_ref() != Some(of);
            if by_others {
                return Standing::Lost(made_by_others(newest));
            }
        }
        // Helm's own words.
        Some(before) if said == format!("Rollback to {before}") => return Standing::Done,
        _ if newest.status == ReleaseStatus::Deployed => {
            return Standing::Lost(made_by_others(newest));
        }
        // A rollback that failed, or died.
        _ => {}
    }
    match change.before {
        Some(before) if !is_kept(before) => Standing::Lost(format!(
            "revision {before} is no longer in its history (`history_max`)"
        )),
        _ => Standing::Due,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        release::Marks,
        stack::{FileSource, LoadOptions, load},
    };
    use ReleaseStatus as S;

    fn run(name: &str) -> RunId {
        RunId::new(name).unwrap()
    }

    fn stack(charts: &[&str]) -> Stack {
        let charts = charts
            .iter()
            .map(|name| format!("[charts.{name}]\nchart = \"https://example.com/{name}.tgz\"\n"));
        let text = format!("[stack]\nname = \"shop\"\n{}", charts.collect::<String>());
        let name = "stack.toml".into();
        let root = ".".into();
        let options = LoadOptions::new(FileSource::Text { name, text, root });
        load(options).unwrap().stack
    }

    /// A revision; with marks that were written for the one of that number, by that run.
    fn revision(revision: u32, status: S, marks: Option<(&str, u32)>) -> Revision {
        Revision {
            revision,
            status,
            marks: Marks {
                run: marks.map(|(by, _)| run(by)),
                revision: marks.map(|(_, of)| of),
                ..Marks::default()
            },
            created: None,
            resource_version: String::new(),
        }
    }

    fn before(good: Option<u32>, last: Option<u32>, is_installed: bool) -> Before {
        Before {
            good_revision: good,
            last_revision: last,
            is_installed,
        }
    }

    #[test]
    fn what_a_run_has_made_of_a_release_is_told_from_its_newest_revision() {
        let upgraded = before(Some(3), Some(3), true);
        let installed = before(None, None, false);
        let kept_history = before(Some(1), Some(2), false);
        let never_good = before(None, Some(1), true);
        let ours = |n, status| revision(n, status, Some(("r1", n)));
        let (taken, stays) = (
            |made, to| Some(Ok((made, to))),
            |why: &str| Some(Err(why.to_owned())),
        );
        let others = "somebody else has made revision 5 since";
        for (before, newest, expected) in [
            (upgraded, Some(ours(4, S::Deployed)), taken(4, Some(3))),
            (upgraded, Some(ours(4, S::Failed)), taken(4, Some(3))),
            (
                upgraded,
                Some(ours(4, S::PendingUpgrade)),
                taken(4, Some(3)),
            ),
            // Not touched, or gone since.
            (upgraded, Some(ours(3, S::Deployed)), None),
            (upgraded, None, None),
            // A later revision that inherits our marks is not ours, and is kept if it is good.
            (
                upgraded,
                Some(revision(5, S::Deployed, Some(("r1", 4)))),
                stays(others),
            ),
            (
                upgraded,
                Some(revision(5, S::Deployed, Some(("r9", 5)))),
                stays(others),
            ),
            (
                upgraded,
                Some(revision(5, S::Failed, Some(("r1", 4)))),
                taken(5, Some(3)),
            ),
            (installed, Some(ours(1, S::Deployed)), taken(1, None)),
            (installed, Some(ours(1, S::Failed)), taken(1, None)),
            (installed, None, None),
            // What was uninstalled before is uninstalled again.
            (kept_history, Some(ours(3, S::Deployed)), taken(3, None)),
            (kept_history, Some(ours(2, S::Uninstalled)), None),
            (
                never_good,
                Some(ours(2, S::Deployed)),
                stays("it had failed before this run, too: there is no good revision"),
            ),
        ] {
            let history: Vec<Revision> = newest.into_iter().collect();
            let found = outcome(before, &history, &run("r1"));
            assert_eq!(found, expected, "{before:?} {history:?}");
        }
    }

    #[test]
    fn what_cannot_come_back_and_crds_are_told_to_stay() {
        let stack = stack(&["db", "old", "web"]);
        let name = |name: &str| ChartName::new(name).unwrap();
        let changes = Changes::default();
        {
            let mut noted = changes.lock();
            noted.releases = [
                (name("db"), Changed::Reinstalled),
                (name("old"), Changed::Uninstalled),
                (name("web"), Changed::Deployed(before(None, None, false))),
            ]
            .into();
        }
        changes.note_crds(&name("web"));
        let release = stack.charts["web"].release.clone();
        let made = revision(1, S::Deployed, Some(("r1", 1)));
        let listed: Records = [(release.clone(), vec![made])].into();
        let found = changes.to_take_back(&stack, &listed, &run("r1"));
        let change = Change {
            release,
            made: 1,
            before: None,
            after: BTreeSet::new(),
        };
        assert_eq!(found.changes, [(name("web"), change)].into());
        let stays: Vec<String> = found
            .stays
            .iter()
            .map(|(node, why)| format!("{node}: {why}"))
            .collect();
        assert_eq!(
            stays,
            [
                "db: reinstalled by this run: what was there before is gone",
                "old: uninstalled by this run: what was there before is gone",
                "web:crds: applied by this run: CRDs are not taken back",
            ]
        );
        changes.forget(&name("web"));
        let found = changes.to_take_back(&stack, &listed, &run("r1"));
        assert!(found.changes.is_empty(), "{found:?}");
    }

    #[test]
    fn what_is_left_to_do_is_told_from_what_there_is_now() {
        let change = |before| Change {
            release: stack(&["web"]).charts["web"].release.clone(),
            made: 4,
            before,
            after: BTreeSet::new(),
        };
        let (upgrade, install) = (change(Some(3)), change(None));
        let ours = |n, status| revision(n, status, Some(("r1", n)));
        let back = |n, status| revision(n, status, Some(("r0", 3)));
        let good = ours(3, S::Superseded);
        let lost = |why: &str| Standing::Lost(why.to_owned());
        for (change, newest, said, expected) in [
            (&upgrade, Some(ours(4, S::Deployed)), "", Standing::Due),
            (&upgrade, Some(ours(4, S::Failed)), "", Standing::Due),
            (&install, Some(ours(4, S::Deployed)), "", Standing::Due),
            (&install, Some(ours(4, S::Uninstalling)), "", Standing::Due),
            // It was begun, and ended or not.
            (
                &upgrade,
                Some(back(5, S::Deployed)),
                "Rollback to 3",
                Standing::Done,
            ),
            (
                &upgrade,
                Some(back(5, S::PendingRollback)),
                "",
                Standing::Due,
            ),
            (&upgrade, Some(back(5, S::Failed)), "", Standing::Due),
            (&install, None, "", Standing::Done),
            (&install, Some(ours(4, S::Uninstalled)), "", Standing::Done),
            // Somebody came between.
            (
                &upgrade,
                Some(back(5, S::Deployed)),
                "Rollback to 2",
                lost("somebody else has made revision 5 since"),
            ),
            (
                &install,
                Some(ours(5, S::Deployed)),
                "Upgrade complete",
                lost("somebody else has made revision 5 since"),
            ),
            (
                &install,
                Some(revision(4, S::Deployed, Some(("r2", 4)))),
                "",
                lost("somebody else has made revision 4 since"),
            ),
            (&upgrade, None, "", lost("it is not installed any more")),
        ] {
            let mut history = vec![good.clone()];
            match newest {
                Some(newest) => history.push(newest),
                None => history.clear(),
            }
            let found = stands(&run("r1"), change, &history, said);
            assert_eq!(found, expected, "{change:?} {history:?} {said}");
        }
        let pruned = stands(&run("r1"), &upgrade, &[ours(4, S::Deployed)], "");
        let why = "revision 3 is no longer in its history (`history_max`)";
        assert_eq!(pruned, lost(why));
    }
}
