//! Whose an unfinished operation on a release is, and whether it may still be alive.

use jiff::{SignedDuration, Timestamp};

use super::{Intent, Operation};
use crate::name::{ReleaseStatus, RunId};

/// How far clocks may be apart: added to every deadline that another machine has set.
pub const SKEW: SignedDuration = SignedDuration::from_secs(30);

/// The newest record of a release, as far as it tells who works on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    /// Its revision.
    pub revision: u32,
    /// The status in its payload, which is the one that Helm goes by.
    pub status: ReleaseStatus,
    /// The run that made it, if our marks on it were written for this very revision. Never that of
    /// a rollback: Helm copies the labels of the revision it goes back to. Once that has ended well
    /// they may be said to be about the new one, too: then it is the run that made the old one.
    pub run: Option<RunId>,
    /// When its operation began, by the clock of whoever began it (in the payload).
    pub began: Option<Timestamp>,
}

/// What stands in the way of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Free,
    /// An operation of a run of ours that will not go on: recover it.
    Dead(Intent),
    /// An operation of a run of ours that may go on until that time: wait.
    Live(Intent, Timestamp),
    /// An operation of somebody else.
    Foreign,
}

/// Whether a revision of this status is being worked on, or was when whoever did died.
pub fn is_unfinished(status: ReleaseStatus) -> bool {
    status.is_pending() || status == ReleaseStatus::Uninstalling
}

/// Judges the newest record of a release and what was announced for it. To be asked while holding
/// the stack's lease: then no run but ours announces anything.
///
/// `is_gone` says whether the process behind an intent, and every helm it started, is known to be
/// gone. That a run lost its lease does not make its operations dead: it stops them in time, but
/// its machine may have stood still.
pub fn judge(
    newest: Option<&Newest>,
    intent: Option<&Intent>,
    now: Timestamp,
    is_gone: impl FnOnce(&Intent) -> bool,
) -> Verdict {
    let unfinished = newest.filter(|newest| is_unfinished(newest.status));
    let intent = match (unfinished, intent) {
        (Some(unfinished), Some(intent)) if began(intent, unfinished) => intent,
        (Some(_), _) => return Verdict::Foreign,
        // Announced, and perhaps not begun: its helm may be about to.
        (None, Some(intent)) if !ended(intent, newest) => intent,
        (None, _) => return Verdict::Free,
    };
    let until = intent
        .deadline
        .saturating_add(SKEW)
        .unwrap_or(Timestamp::MAX);
    if now < until && !is_gone(intent) {
        return Verdict::Live(intent.clone(), until);
    }
    match unfinished {
        Some(_) => Verdict::Dead(intent.clone()),
        None => Verdict::Free,
    }
}

/// Whether the record is that of the announced operation. Where no mark of ours can tell, it is the
/// revision and the time: somebody may have done the same by hand long after our run died.
fn began(intent: &Intent, newest: &Newest) -> bool {
    let in_time = newest.began.is_some_and(|began| {
        let (first, last) = (intent.began, intent.deadline);
        began.duration_since(first) >= -SKEW && began.duration_since(last) <= SKEW
    });
    match newest.status {
        ReleaseStatus::PendingInstall | ReleaseStatus::PendingUpgrade => {
            intent.operation == Operation::Upgrade && newest.run.as_ref() == Some(&intent.run)
        }
        ReleaseStatus::PendingRollback => {
            let made = intent.from_revision.map(|from| from + 1);
            intent.operation == Operation::Rollback && made == Some(newest.revision) && in_time
        }
        ReleaseStatus::Uninstalling => {
            intent.operation == Operation::Uninstall
                && intent.from_revision == Some(newest.revision)
                && in_time
        }
        _ => false,
    }
}

/// Whether the records show that the announced operation came to its end.
fn ended(intent: &Intent, newest: Option<&Newest>) -> bool {
    match (intent.operation, newest) {
        // The one before may have been that run's, too.
        (Operation::Upgrade, Some(newest)) => {
            newest.run.as_ref() == Some(&intent.run) && intent.from_revision < Some(newest.revision)
        }
        (Operation::Rollback, Some(newest)) => intent.from_revision < Some(newest.revision),
        (Operation::Uninstall, Some(newest)) => newest.status == ReleaseStatus::Uninstalled,
        (Operation::Uninstall, None) => true,
        (Operation::Upgrade | Operation::Rollback, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ReleaseStatus as S;

    const BEGAN: &str = "2026-11-22T10:00:00Z";
    const DEADLINE: &str = "2026-11-22T10:10:00Z";
    /// With the margin for clocks.
    const UNTIL: &str = "2026-11-22T10:10:30Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn run(name: &str) -> RunId {
        RunId::new(name).unwrap()
    }

    fn intent(operation: Operation) -> Intent {
        Intent {
            operation,
            from_revision: Some(3),
            run: run("r1"),
            host: "here".to_owned(),
            process: None,
            began: at(BEGAN),
            deadline: at(DEADLINE),
            deletes: Vec::new(),
        }
    }

    fn newest(revision: u32, status: ReleaseStatus, by: Option<&str>) -> Newest {
        Newest {
            revision,
            status,
            run: by.map(run),
            began: Some(at("2026-11-22T10:00:01Z")),
        }
    }

    /// In one word.
    fn verdict(newest: Option<&Newest>, intent: Option<&Intent>, now: &str, gone: bool) -> String {
        match judge(newest, intent, at(now), |_| gone) {
            Verdict::Free => "free".to_owned(),
            Verdict::Dead(intent) => format!("dead {}", intent.run),
            Verdict::Live(intent, until) => format!("live {} {until}", intent.run),
            Verdict::Foreign => "foreign".to_owned(),
        }
    }

    #[test]
    fn ours_is_live_until_its_process_is_gone_or_its_deadline_passed_all_else_is_foreign() {
        use Operation::{Rollback, Uninstall, Upgrade};
        let unfinished = [
            S::PendingInstall,
            S::PendingUpgrade,
            S::PendingRollback,
            S::Uninstalling,
        ];
        for status in unfinished {
            for operation in [None, Some(Upgrade), Some(Rollback), Some(Uninstall)] {
                for revision in [3, 4, 5] {
                    for by in [None, Some("r1"), Some("r2")] {
                        let ours = match (status, operation) {
                            (S::PendingInstall | S::PendingUpgrade, Some(Upgrade)) => {
                                by == Some("r1")
                            }
                            (S::PendingRollback, Some(Rollback)) => revision == 4,
                            (S::Uninstalling, Some(Uninstall)) => revision == 3,
                            _ => false,
                        };
                        let newest = newest(revision, status, by);
                        let intent = operation.map(intent);
                        for (now, gone, expected) in [
                            (BEGAN, false, format!("live r1 {UNTIL}")),
                            (BEGAN, true, "dead r1".to_owned()),
                            // The clocks' margin is part of the deadline.
                            (DEADLINE, false, format!("live r1 {UNTIL}")),
                            (UNTIL, false, "dead r1".to_owned()),
                            (UNTIL, true, "dead r1".to_owned()),
                        ] {
                            let expected = if ours { &expected } else { "foreign" };
                            assert_eq!(
                                verdict(Some(&newest), intent.as_ref(), now, gone),
                                expected,
                                "{status} {operation:?} {revision} {by:?} {now} {gone}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn without_a_mark_of_ours_the_time_must_fit() {
        for (status, operation, revision) in [
            (S::PendingRollback, Operation::Rollback, 4),
            (S::Uninstalling, Operation::Uninstall, 3),
        ] {
            for (began, expected) in [
                (None, "foreign"),
                (Some("2026-11-22T09:59:00Z"), "foreign"),
                (Some("2026-11-22T09:59:40Z"), "dead r1"),
                (Some("2026-11-22T10:10:29Z"), "dead r1"),
                // By hand, long after our run had died.
                (Some("2026-11-23T10:00:00Z"), "foreign"),
            ] {
                let newest = Newest {
                    began: began.map(at),
                    ..newest(revision, status, None)
                };
                let now = "2026-11-24T10:00:00Z";
                let told = verdict(Some(&newest), Some(&intent(operation)), now, false);
                assert_eq!(told, expected, "{status} {began:?}");
            }
        }
    }

    #[test]
    fn what_was_announced_and_not_begun_is_waited_for_too() {
        use Operation::{Rollback, Uninstall, Upgrade};
        let live = format!("live r1 {UNTIL}");
        for (operation, newest, before) in [
            (Upgrade, None, live.as_str()),
            (Upgrade, Some(newest(3, S::Deployed, Some("r0"))), &live),
            // Made by an earlier operation of the same run.
            (Upgrade, Some(newest(3, S::Deployed, Some("r1"))), &live),
            (Upgrade, Some(newest(4, S::Deployed, Some("r1"))), "free"),
            (Upgrade, Some(newest(4, S::Failed, Some("r1"))), "free"),
            (Rollback, Some(newest(3, S::Failed, None)), &live),
            (Rollback, Some(newest(4, S::Deployed, None)), "free"),
            (Rollback, Some(newest(4, S::Failed, None)), "free"),
            (Uninstall, Some(newest(3, S::Deployed, None)), &live),
            (Uninstall, Some(newest(3, S::Uninstalled, None)), "free"),
            (Uninstall, None, "free"),
        ] {
            let intent = intent(operation);
            let told = |now, gone| verdict(newest.as_ref(), Some(&intent), now, gone);
            assert_eq!(told(BEGAN, false), before, "{operation} {newest:?}");
            assert_eq!(told(BEGAN, true), "free", "{operation} {newest:?}");
            assert_eq!(told(UNTIL, false), "free", "{operation} {newest:?}");
        }
        for status in [
            S::Unknown,
            S::Deployed,
            S::Uninstalled,
            S::Superseded,
            S::Failed,
        ] {
            let newest = newest(3, status, None);
            assert_eq!(
                verdict(Some(&newest), None, BEGAN, false),
                "free",
                "{status}"
            );
        }
        assert_eq!(verdict(None, None, BEGAN, false), "free");
    }
}
