//! The machine itself. Times are readings of the caller's monotonic clock (any origin).

use std::time::Duration;

use super::{LOST_AFTER, RENEW_EVERY, RETRY_EVERY, Record};

/// What just happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A read came back: the lease, or `None` if there is none.
    Observed(Option<Record>),
    /// Our write went through, and this is what it left. `asked` is when the request was sent: the
    /// lease counts from there, not from when the answer came.
    Written {
        /// The lease as the server has it now.
        record: Record,
        /// Our clock when the request was sent.
        asked: Duration,
    },
    /// Our write was refused because the lease had changed (409).
    Conflict,
    /// A read or write failed otherwise. A write may have gone through all the same.
    Failed,
    /// Time passed, as [`Output::Wait`] and [`Output::HeldBy`] asked.
    Tick,
    /// We are done: give it back.
    Finish,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Read the lease; answer with [`Input::Observed`] or [`Input::Failed`].
    Read,
    /// Create the lease in our name; answer with `Written`, `Conflict` or `Failed`.
    Create,
    /// Replace the lease, which must still have this resourceVersion, by one in our name. Answer
    /// as for `Create`. The same for taking it over and for renewing it.
    Replace {
        /// The version it must still have.
        resource_version: String,
    },
    /// Give it back: clear its holder, if it still has this resourceVersion. Its success need not
    /// be reported.
    Release {
        /// The version it must still have.
        resource_version: String,
    },
    /// Nothing for so long, then [`Input::Tick`].
    Wait(Duration),
    /// Someone else holds it: look again after `retry` with [`Input::Tick`], or give up.
    HeldBy {
        /// Who.
        holder: String,
        /// When to look again.
        retry: Duration,
    },
    /// We held it and no longer do: what relies on it must stop now.
    Lost,
    /// Nothing left to do.
    Done,
}

/// The lease from one run's point of view.
#[derive(Debug, Clone)]
pub struct Lock {
    identity: String,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// Not ours. `foreign` is the newest version of another's lease and since when we have been
    /// seeing it unchanged.
    Free { foreign: Option<Foreign> },
    /// Ours since the write of this version was sent.
    Held {
        resource_version: String,
        since: Duration,
    },
    /// Lost or given back: the end.
    Over,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Foreign {
    resource_version: String,
    since: Duration,
}

impl Lock {
    /// Not held, nothing known. Begin with [`Input::Tick`].
    pub fn new(identity: String) -> Self {
        Self {
            identity,
            state: State::Free { foreign: None },
        }
    }

    /// Whether we hold it at `now`: to be asked before anything that relies on it.
    pub fn holds(&self, now: Duration) -> bool {
        matches!(&self.state, State::Held { since, .. } if now.saturating_sub(*since) < LOST_AFTER)
    }

    /// One step at `now`.
    pub fn step(&mut self, now: Duration, input: Input) -> Output {
        let held = matches!(self.state, State::Held { .. });
        if held && !self.holds(now) && input != Input::Finish {
            return self.lose();
        }
        match (&self.state, input) {
            (State::Over, _) => Output::Done,
            (State::Free { .. }, Input::Finish) => {
                self.state = State::Over;
                Output::Done
            }
            (
                State::Held {
                    resource_version, ..
                },
                Input::Finish,
            ) => {
                let resource_version = resource_version.clone();
                self.state = State::Over;
                Output::Release { resource_version }
            }
            (_, Input::Written { record, asked }) => self.written(now, record, asked),
            (State::Free { foreign }, Input::Observed(found)) => {
                let foreign = foreign.clone();
                self.observed_free(now, found, foreign)
            }
            (State::Held { .. }, Input::Observed(found)) => self.observed_held(now, found),
            // While we hold it: perhaps our own renewal whose answer got lost, perhaps another holder.
            (_, Input::Conflict) | (State::Free { .. }, Input::Tick) => Output::Read,
            (
                State::Held {
                    resource_version,
                    since,
                },
                Input::Tick,
            ) => {
                let left = (*since + RENEW_EVERY).saturating_sub(now);
                if left.is_zero() {
                    let resource_version = resource_version.clone();
                    Output::Replace { resource_version }
                } else {
                    Output::Wait(left)
                }
            }
            (_, Input::Failed) => Output::Wait(RETRY_EVERY),
        }
    }

    fn written(&mut self, now: Duration, record: Record, asked: Duration) -> Output {
        if record.holder != self.identity {
            return Output::Read;
        }
        let is_renewal = matches!(self.state, State::Held { .. });
        self.state = State::Held {
            resource_version: record.resource_version,
            since: asked,
        };
        if self.holds(now) {
            return self.step(now, Input::Tick);
        }
        // The answer took so long that the lease is over already.
        if is_renewal {
            return self.lose();
        }
        self.state = State::Free { foreign: None };
        Output::Read
    }

    fn observed_free(
        &mut self,
        now: Duration,
        found: Option<Record>,
        foreign: Option<Foreign>,
    ) -> Output {
        let Some(record) = found else {
            self.state = State::Free { foreign: None };
            return Output::Create;
        };
        // Released, or our own write whose answer got lost: it tells the version, not when it was
        // asked for, so it is written once more.
        if record.holder.is_empty() || record.holder == self.identity {
            return Output::Replace {
                resource_version: record.resource_version,
            };
        }
        let since = match foreign {
            Some(known) if known.resource_version == record.resource_version => known.since,
            _ => now,
        };
        let resource_version = record.resource_version;
        self.state = State::Free {
            foreign: Some(Foreign {
                resource_version: resource_version.clone(),
                since,
            }),
        };
        let left = (since + record.duration).saturating_sub(now);
        if left.is_zero() {
            return Output::Replace { resource_version };
        }
        Output::HeldBy {
            holder: record.holder,
            retry: left.min(RETRY_EVERY),
        }
    }

    fn observed_held(&mut self, now: Duration, found: Option<Record>) -> Output {
        match (found, &mut self.state) {
            (
                Some(record),
                State::Held {
                    resource_version, ..
                },
            ) if record.holder == self.identity => {
                // Still ours; a renewal counts only from its own answer, so write again.
                *resource_version = record.resource_version;
                self.step(now, Input::Tick)
            }
            // Deleted or taken by another.
            _ => self.lose(),
        }
    }

    fn lose(&mut self) -> Output {
        self.state = State::Over;
        Output::Lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::DURATION;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn record(holder: &str, version: &str) -> Record {
        Record {
            holder: holder.to_owned(),
            duration: DURATION,
            renewed: None,
            resource_version: version.to_owned(),
        }
    }

    fn replace(version: &str) -> Output {
        Output::Replace {
            resource_version: version.to_owned(),
        }
    }

    fn written(version: &str, asked: Duration) -> Input {
        Input::Written {
            record: record("me", version),
            asked,
        }
    }

    fn held() -> Lock {
        let mut lock = Lock::new("me".to_owned());
        assert_eq!(lock.step(s(0), Input::Tick), Output::Read);
        assert_eq!(lock.step(s(0), Input::Observed(None)), Output::Create);
        assert_eq!(lock.step(s(1), written("1", s(0))), Output::Wait(s(9)));
        lock
    }

    #[test]
    fn it_is_taken_renewed_and_given_back() {
        let mut lock = held();
        assert!(lock.holds(s(1)));
        assert_eq!(lock.step(s(10), Input::Tick), replace("1"));
        assert_eq!(lock.step(s(10), written("2", s(10))), Output::Wait(s(10)));
        assert!(lock.holds(s(49)));
        let release = Output::Release {
            resource_version: "2".to_owned(),
        };
        assert_eq!(lock.step(s(12), Input::Finish), release);
        assert!(!lock.holds(s(12)));
        assert_eq!(lock.step(s(13), Input::Tick), Output::Done);
    }

    #[test]
    fn a_foreign_holder_counts_as_long_as_it_renews() {
        let mut lock = Lock::new("me".to_owned());
        let by = |retry| Output::HeldBy {
            holder: "you".to_owned(),
            retry,
        };
        let seen = |version: &str| Input::Observed(Some(record("you", version)));
        assert_eq!(lock.step(s(0), seen("1")), by(s(2)));
        assert_eq!(lock.step(s(59), seen("1")), by(s(1)));
        assert_eq!(lock.step(s(60), seen("2")), by(s(2)));
        assert_eq!(lock.step(s(119), seen("2")), by(s(1)));
        assert_eq!(lock.step(s(120), seen("2")), replace("2"));
        // Another one was faster: its lease begins anew.
        assert_eq!(lock.step(s(120), Input::Conflict), Output::Read);
        assert_eq!(
            lock.step(s(121), Input::Observed(Some(record("they", "3")))),
            Output::HeldBy {
                holder: "they".to_owned(),
                retry: s(2),
            }
        );
    }

    #[test]
    fn a_released_lease_is_taken_at_once() {
        let mut lock = Lock::new("me".to_owned());
        assert_eq!(
            lock.step(s(0), Input::Observed(Some(record("", "4")))),
            replace("4")
        );
    }

    #[test]
    fn without_renewal_it_is_lost_before_another_may_take_it() {
        let mut lock = held();
        assert_eq!(lock.step(s(10), Input::Tick), replace("1"));
        assert_eq!(lock.step(s(25), Input::Failed), Output::Wait(s(2)));
        assert_eq!(lock.step(s(39), Input::Tick), replace("1"));
        assert!(lock.holds(s(39)));
        assert!(!lock.holds(s(40)));
        assert_eq!(lock.step(s(40), Input::Failed), Output::Lost);
        assert_eq!(lock.step(s(41), Input::Tick), Output::Done);
        // An answer that comes too late does not bring it back.
        let mut lock = held();
        assert_eq!(lock.step(s(41), written("2", s(10))), Output::Lost);
    }

    #[test]
    fn who_hears_too_late_that_it_was_taken_begins_anew() {
        let mut lock = Lock::new("me".to_owned());
        assert_eq!(lock.step(s(0), Input::Observed(None)), Output::Create);
        assert_eq!(lock.step(s(50), written("1", s(0))), Output::Read);
        assert!(!lock.holds(s(50)));
        let ours = Input::Observed(Some(record("me", "1")));
        assert_eq!(lock.step(s(50), ours), replace("1"));
        assert_eq!(lock.step(s(51), written("2", s(50))), Output::Wait(s(9)));
    }

    #[test]
    fn a_renewal_whose_answer_got_lost_is_found_again() {
        let mut lock = held();
        assert_eq!(lock.step(s(10), Input::Tick), replace("1"));
        assert_eq!(lock.step(s(12), Input::Failed), Output::Wait(s(2)));
        assert_eq!(lock.step(s(14), Input::Tick), replace("1"));
        assert_eq!(lock.step(s(14), Input::Conflict), Output::Read);
        assert_eq!(
            lock.step(s(14), Input::Observed(Some(record("me", "2")))),
            replace("2")
        );
        assert_eq!(lock.step(s(14), written("3", s(14))), Output::Wait(s(10)));
    }

    #[test]
    fn a_lease_that_was_taken_or_deleted_is_lost() {
        for found in [None, Some(record("you", "9")), Some(record("", "9"))] {
            let mut lock = held();
            assert_eq!(lock.step(s(10), Input::Conflict), Output::Read);
            assert_eq!(lock.step(s(10), Input::Observed(found)), Output::Lost);
        }
    }
}
