//! Identities of runs.

use std::hash::{BuildHasher, Hasher, RandomState};

use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};

use crate::name::RunId;

/// The part of an identity that tells the time.
const TIME: &str = "%Y%m%dt%H%M%S";

/// A new identity for a run that starts now: `20261122t163501-ab12cd`, UTC, so that run folders
/// sort by time, and 24 random bits for those that start within the same second. Should these
/// collide too, creating the run folder fails.
pub fn new_run_id(now: Timestamp) -> RunId {
    let time = now.to_zoned(TimeZone::UTC).strftime(TIME);
    // The standard library seeds every `RandomState` differently, from the system's randomness.
    let random = RandomState::new().build_hasher().finish() & 0x00ff_ffff;
    RunId::new(&format!("{time}-{random:06x}")).expect("digits, `t`, `-` and hex digits are valid")
}

/// A new identity for a run that follows another one at once: it sorts after it, though both may
/// start within the same second.
pub fn following_run_id(before: &RunId, now: Timestamp) -> RunId {
    let next_second = begun(before).map(|begun| begun + SignedDuration::from_secs(1));
    new_run_id(next_second.map_or(now, |next| now.max(next)))
}

/// When the run of this identity was begun, to the second. `None` for one that was not made here:
/// what bears such a name is no run folder.
pub(super) fn begun(run: &RunId) -> Option<Timestamp> {
    let (time, random) = run.as_str().split_once('-')?;
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if random.len() != 6 || !random.bytes().all(is_hex) {
        return None;
    }
    let time = DateTime::strptime(TIME, time).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn run_ids_sort_by_time_and_differ() {
        let now: Timestamp = "2026-11-22T16:35:01.9Z".parse().unwrap();
        let later: Timestamp = "2026-11-22T16:35:02Z".parse().unwrap();
        let id = new_run_id(now);
        assert!(id.as_str().starts_with("20261122t163501-"), "{id}");
        assert_eq!(id.as_str().len(), "20261122t163501-ab12cd".len());
        assert!(new_run_id(later) > id);
        for _ in 0..100 {
            let id = new_run_id(now);
            assert!(following_run_id(&id, now) > id);
        }
        assert_eq!(begun(&following_run_id(&id, later)), Some(later));
        let ids: BTreeSet<_> = (0..100).map(|_| new_run_id(now)).collect();
        assert!(ids.len() > 95, "only {} of 100 differ", ids.len());
    }

    #[test]
    fn an_identity_tells_when_its_run_was_begun() {
        let now: Timestamp = "2026-11-22T16:35:01Z".parse().unwrap();
        assert_eq!(begun(&new_run_id(now)), Some(now));
        for other in [
            "backup",
            "20261122t163501",
            "20261122t163501-xyz123",
            "20261399t163501-ab12cd",
        ] {
            assert_eq!(begun(&RunId::new(other).unwrap()), None, "{other}");
        }
    }
}
