//! What is known of one object that is waited for, and what it means. Pure.

use super::board::{Sighting, State};
use crate::cluster::{Readiness, ready::can_recover};

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// All objects are ready.
    Ready,
    /// All objects are gone.
    Gone,
}

/// What the knowledge about an object means for the goal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Done,
    Waiting(String),
    Failed(String),
}

/// What is known of one object since the wait began.
#[derive(Debug)]
pub(super) struct Track {
    goal: Goal,
    kind: String,
    /// Newest trustworthy sighting; `None` before the first read.
    known: Option<Sighting>,
    /// The object of this name when the wait began.
    first_uid: Option<String>,
    /// It failed before the wait began and may recover.
    failed_before: bool,
}

/// How a sighting of a watch relates to what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// It adds nothing.
    Older,
    /// It is the newer truth.
    Newer,
    /// It cannot be told: read the object.
    Unclear,
}

impl Track {
    pub(super) fn new(goal: Goal, kind: &str) -> Self {
        Self {
            goal,
            kind: kind.to_owned(),
            known: None,
            first_uid: None,
            failed_before: false,
        }
    }

    pub(super) fn goal(&self) -> Goal {
        self.goal
    }

    /// Takes in a read of the object, which is newer than anything known (`None`: not there).
    pub(super) fn read(&mut self, sighting: Option<Sighting>) {
        let first = self.known.is_none();
        // That an object is not there has no version: no sighting of it can be told to be newer.
        let absent = Sighting {
            resource_version: String::new(),
            state: None,
        };
        let sighting = sighting.unwrap_or(absent);
        if first && let Some(state) = &sighting.state {
            self.first_uid = Some(state.uid.clone());
            self.failed_before =
                matches!(state.readiness, Readiness::Failed(_)) && can_recover(&self.kind);
        }
        self.learn(sighting);
    }

    /// Takes in what a watch saw, if it is newer than what is known.
    pub(super) fn merge(&mut self, sighting: Sighting) {
        if self.compare(&sighting) == News::Newer {
            self.learn(sighting);
        }
    }

    /// Whether a watch saw something newer than what is known. Nothing is, before the first read:
    /// the watch may not have seen Helm's write yet.
    pub(super) fn compare(&self, sighting: &Sighting) -> News {
        let Some(known) = &self.known else {
            return News::Older;
        };
        let both_absent = known.state.is_none() && sighting.state.is_none();
        if both_absent || sighting.resource_version == known.resource_version {
            return News::Older;
        }
        match (
            number(&sighting.resource_version),
            number(&known.resource_version),
        ) {
            (Some(seen), Some(known)) if seen > known => News::Newer,
            (Some(_), Some(_)) => News::Older,
            _ => News::Unclear,
        }
    }

    pub(super) fn verdict(&self) -> Verdict {
        let Some(known) = &self.known else {
            return Verdict::Waiting("it could not be read yet".to_owned());
        };
        match (self.goal, &known.state) {
            (Goal::Gone, None) => Verdict::Done,
            (Goal::Gone, Some(state)) => match self.first_uid.as_ref() {
                Some(first) if *first != state.uid => Verdict::Done,
                _ => Verdict::Waiting(match &state.readiness {
                    Readiness::Progressing(why) if why.contains("deleted") => why.clone(),
                    _ => "it is still there".to_owned(),
                }),
            },
            (Goal::Ready, None) => Verdict::Waiting("it does not exist".to_owned()),
            (Goal::Ready, Some(state)) => match &state.readiness {
                Readiness::Ready => Verdict::Done,
                Readiness::Progressing(why) => Verdict::Waiting(why.clone()),
                Readiness::Failed(why) if self.failed_before => {
                    Verdict::Waiting(format!("failed earlier, not recovered yet: {why}"))
                }
                Readiness::Failed(why) => Verdict::Failed(why.clone()),
            },
        }
    }

    fn learn(&mut self, sighting: Sighting) {
        let was_ready = |state: &State| state.readiness == Readiness::Ready;
        let finished_job = self.goal == Goal::Ready
            && self.kind == "Job"
            && self
                .known
                .as_ref()
                .and_then(|known| known.state.as_ref())
                .is_some_and(was_ready);
        if finished_job && sighting.state.is_none() {
            // Removed after it was done (ttlSecondsAfterFinished): it stays done.
            return;
        }
        if !matches!(
            &sighting.state,
            Some(State {
                readiness: Readiness::Failed(_),
                ..
            })
        ) {
            self.failed_before = false;
        }
        self.known = Some(sighting);
    }
}

/// resourceVersions of one kind are comparable as numbers (Kubernetes API concepts, "Resource
/// versions"); those of an aggregated API server may be anything.
fn number(resource_version: &str) -> Option<u64> {
    resource_version.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(version: &str, uid: &str, readiness: Readiness) -> Sighting {
        Sighting {
            resource_version: version.to_owned(),
            state: Some(State {
                uid: uid.to_owned(),
                readiness,
            }),
        }
    }

    fn gone(version: &str) -> Sighting {
        Sighting {
            resource_version: version.to_owned(),
            state: None,
        }
    }

    fn progressing() -> Readiness {
        Readiness::Progressing("0 of 1".to_owned())
    }

    fn failed() -> Readiness {
        Readiness::Failed("no progress".to_owned())
    }

    #[test]
    fn what_the_watch_saw_before_the_wait_does_not_count() {
        let mut track = Track::new(Goal::Ready, "Deployment");
        track.merge(seen("5", "a", Readiness::Ready));
        assert!(matches!(track.verdict(), Verdict::Waiting(_)));
        track.read(Some(seen("7", "a", progressing())));
        // The watch lags behind: this is the state before the upgrade.
        track.merge(seen("6", "a", Readiness::Ready));
        assert_eq!(track.verdict(), Verdict::Waiting("0 of 1".to_owned()));
        track.merge(gone("6"));
        assert_eq!(track.verdict(), Verdict::Waiting("0 of 1".to_owned()));
        track.merge(seen("10", "a", Readiness::Ready));
        assert_eq!(track.verdict(), Verdict::Done);
        track.merge(seen("11", "a", progressing()));
        assert!(matches!(track.verdict(), Verdict::Waiting(_)));
    }

    #[test]
    fn versions_that_are_no_numbers_ask_for_a_read() {
        let mut track = Track::new(Goal::Ready, "Widget");
        track.read(Some(seen("abc", "a", progressing())));
        assert_eq!(
            track.compare(&seen("abd", "a", Readiness::Ready)),
            News::Unclear
        );
        track.merge(seen("abd", "a", Readiness::Ready));
        assert!(matches!(track.verdict(), Verdict::Waiting(_)));
        assert_eq!(
            track.compare(&seen("abc", "a", Readiness::Ready)),
            News::Older
        );
    }

    #[test]
    fn an_object_that_was_recreated_is_judged_anew() {
        let mut track = Track::new(Goal::Ready, "Deployment");
        track.read(Some(seen("7", "a", Readiness::Ready)));
        track.merge(gone("8"));
        assert_eq!(
            track.verdict(),
            Verdict::Waiting("it does not exist".to_owned())
        );
        track.merge(seen("9", "b", progressing()));
        assert!(matches!(track.verdict(), Verdict::Waiting(_)));
        track.merge(seen("10", "b", Readiness::Ready));
        assert_eq!(track.verdict(), Verdict::Done);
    }

    #[test]
    fn an_object_that_was_not_there_when_read_is_not_believed_to_be_there_without_a_read() {
        let mut track = Track::new(Goal::Ready, "Deployment");
        track.read(None);
        assert_eq!(track.compare(&gone("8")), News::Older);
        // The watch lags behind and has not seen the deletion.
        assert_eq!(
            track.compare(&seen("5", "a", Readiness::Ready)),
            News::Unclear
        );
        track.merge(seen("5", "a", Readiness::Ready));
        assert!(matches!(track.verdict(), Verdict::Waiting(_)));
    }

    #[test]
    fn a_failure_from_before_does_not_end_the_wait_a_new_one_does() {
        let mut track = Track::new(Goal::Ready, "Deployment");
        track.read(Some(seen("7", "a", failed())));
        assert!(matches!(track.verdict(), Verdict::Waiting(why) if why.contains("earlier")));
        track.read(Some(seen("7", "a", failed())));
        assert!(matches!(track.verdict(), Verdict::Waiting(_)));
        track.merge(seen("8", "a", progressing()));
        track.merge(seen("9", "a", failed()));
        assert_eq!(track.verdict(), Verdict::Failed("no progress".to_owned()));
        // A failed Job stays failed.
        let mut track = Track::new(Goal::Ready, "Job");
        track.read(Some(seen("7", "a", failed())));
        assert!(matches!(track.verdict(), Verdict::Failed(_)));
    }

    #[test]
    fn a_finished_job_may_disappear() {
        let mut track = Track::new(Goal::Ready, "Job");
        track.read(Some(seen("7", "a", Readiness::Ready)));
        track.merge(gone("8"));
        track.read(None);
        assert_eq!(track.verdict(), Verdict::Done);
        let mut track = Track::new(Goal::Ready, "Job");
        track.read(Some(seen("7", "a", progressing())));
        track.read(None);
        assert!(matches!(track.verdict(), Verdict::Waiting(_)));
    }

    #[test]
    fn gone_means_gone_or_replaced() {
        let mut track = Track::new(Goal::Gone, "Deployment");
        assert!(matches!(track.verdict(), Verdict::Waiting(_)));
        track.read(Some(seen("7", "a", Readiness::Ready)));
        assert_eq!(
            track.verdict(),
            Verdict::Waiting("it is still there".to_owned())
        );
        track.merge(gone("8"));
        assert_eq!(track.verdict(), Verdict::Done);
        track.merge(seen("9", "b", progressing()));
        assert_eq!(track.verdict(), Verdict::Done);
        let mut track = Track::new(Goal::Gone, "Deployment");
        track.read(None);
        assert_eq!(track.verdict(), Verdict::Done);
    }
}
