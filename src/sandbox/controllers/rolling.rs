//! How many replicas of the old and of the new a Deployment has next: pure.

use serde_json::Value;

use super::{integer, text};

/// How far a Deployment may go while it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Replicas in the end.
    pub(super) wanted: i64,
    /// More than that for a while.
    pub(super) surge: i64,
    /// Less than that for a while.
    pub(super) unavailable: i64,
    /// All old ones go before the first new one comes.
    pub(super) recreate: bool,
}

/// The replicas of one ReplicaSet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Replicas {
    /// What it is to have.
    pub(super) wanted: i64,
    /// What it has, pods that are ending too.
    pub(super) there: i64,
    /// Of these, what can be used.
    pub(super) available: i64,
}

impl Bounds {
    pub(super) fn of(deployment: &Value) -> Self {
        let wanted = integer(deployment, "/spec/replicas").unwrap_or(1);
        let recreate = text(deployment, "/spec/strategy/type") == "Recreate";
        let share = |name: &str, up: bool| {
            let given = deployment.pointer(&format!("/spec/strategy/rollingUpdate/{name}"));
            share_of(given, wanted, up)
        };
        let (surge, mut unavailable) = (share("maxSurge", true), share("maxUnavailable", false));
        if surge == 0 && unavailable == 0 {
            // Else nothing could ever change.
            unavailable = 1;
        }
        Self {
            wanted,
            surge: if recreate { 0 } else { surge },
            unavailable: if recreate { 0 } else { unavailable.min(wanted) },
            recreate,
        }
    }

    /// Available replicas that there must always be.
    pub(super) fn least(self) -> i64 {
        self.wanted - self.unavailable
    }

    /// Replicas that there may ever be.
    pub(super) fn most(self) -> i64 {
        self.wanted + self.surge
    }

    /// What the new ReplicaSet and each old one are to have next.
    pub(super) fn next(self, new: Replicas, old: &[Replicas]) -> (i64, Vec<i64>) {
        let mut olds: Vec<i64> = old.iter().map(|it| it.wanted).collect();
        let total: i64 = new.wanted + olds.iter().sum::<i64>();
        if self.recreate {
            let left: i64 = old.iter().map(|it| it.wanted + it.there).sum();
            let new = if left == 0 {
                self.wanted
            } else {
                new.wanted.min(self.wanted)
            };
            return (new, vec![0; old.len()]);
        }
        let room = (self.most() - total).max(0);
        let missing = self.wanted - new.wanted;
        let next = new.wanted
            + if missing < 0 {
                missing
            } else {
                missing.min(room)
            };

        // First old ones that cannot be used anyway, then as many as may be missed.
        let total = next + olds.iter().sum::<i64>();
        let unavailable = (next - new.available).max(0);
        let mut spare = (total - self.least() - unavailable).max(0);
        for (wanted, old) in olds.iter_mut().zip(old) {
            let gone = (*wanted - old.available).clamp(0, spare);
            *wanted -= gone;
            spare -= gone;
        }
        let available: i64 = new.available + old.iter().map(|it| it.available).sum::<i64>();
        let mut spare = (available - self.least()).max(0);
        for wanted in &mut olds {
            let gone = (*wanted).min(spare);
            *wanted -= gone;
            spare -= gone;
        }
        (next, olds)
    }
}

/// A number, or a share of the whole in percent.
fn share_of(given: Option<&Value>, whole: i64, up: bool) -> i64 {
    match given {
        Some(Value::Number(number)) => number.as_i64().unwrap_or(0),
        Some(Value::String(text)) => {
            let percent: i64 = text.trim_end_matches('%').parse().unwrap_or(0);
            let hundredths = whole.saturating_mul(percent);
            if up {
                hundredths.saturating_add(99) / 100
            } else {
                hundredths / 100
            }
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bounds(replicas: i64, strategy: &Value) -> Bounds {
        Bounds::of(&json!({"spec": {"replicas": replicas, "strategy": strategy}}))
    }

    fn all(count: i64) -> Replicas {
        Replicas {
            wanted: count,
            there: count,
            available: count,
        }
    }

    fn broken(count: i64) -> Replicas {
        Replicas {
            available: 0,
            ..all(count)
        }
    }

    #[test]
    fn shares_are_rounded_for_the_users_good() {
        let percent = json!({"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}});
        let one = bounds(1, &percent);
        assert_eq!((one.surge, one.unavailable), (1, 0));
        let ten = bounds(10, &percent);
        assert_eq!((ten.surge, ten.unavailable), (3, 2));
        let stuck = bounds(
            3,
            &json!({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}),
        );
        assert_eq!((stuck.surge, stuck.unavailable), (0, 1));
    }

    #[test]
    fn a_roll_goes_step_by_step_to_its_end() {
        let bounds = bounds(
            3,
            &json!({"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}),
        );
        let (mut new, mut old) = (Replicas::default(), all(3));
        let mut steps = Vec::new();
        while (new.wanted, old.wanted) != (3, 0) {
            let (next, olds) = bounds.next(new, &[old]);
            assert!(next + olds[0] <= 4 && new.available + old.available >= 3);
            (new, old) = (all(next), all(olds[0]));
            steps.push((new.wanted, old.wanted));
            assert!(steps.len() < 20, "{steps:?}");
        }
        assert_eq!(steps, [(1, 3), (1, 2), (2, 2), (2, 1), (3, 1), (3, 0)]);
    }

    #[test]
    fn a_roll_that_never_gets_ready_keeps_the_old_ones() {
        let percent = json!({"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}});
        assert_eq!(bounds(1, &percent).next(broken(1), &[all(1)]), (1, vec![1]));
        // Old ones that never got ready either make room, as far as the new ones leave any.
        let next = |wanted, new, old| bounds(wanted, &percent).next(broken(new), &[broken(old)]);
        assert_eq!(next(4, 1, 4), (1, vec![3]));
        assert_eq!(next(1, 1, 1), (1, vec![1]));
    }

    #[test]
    fn recreating_waits_for_the_last_old_one() {
        let bounds = bounds(2, &json!({"type": "Recreate"}));
        assert_eq!(bounds.next(Replicas::default(), &[all(2)]), (0, vec![0]));
        let ending = Replicas {
            wanted: 0,
            ..all(1)
        };
        assert_eq!(bounds.next(Replicas::default(), &[ending]), (0, vec![0]));
        assert_eq!(bounds.next(Replicas::default(), &[all(0)]), (2, vec![0]));
    }

    #[test]
    fn scaling_needs_no_roll() {
        let bounds = bounds(5, &json!({}));
        assert_eq!(bounds.next(all(2), &[]), (5, vec![]));
        let fewer = Bounds {
            wanted: 1,
            ..bounds
        };
        assert_eq!(fewer.next(all(5), &[]), (1, vec![]));
    }
}
