//! Identities of runs.

use std::hash::{BuildHasher, Hasher, RandomState};

use jiff::{Timestamp, tz::TimeZone};

use crate::name::RunId;

/// A new identity for a run that starts now: `20261122t163501-ab12cd`, UTC, so that run folders
/// sort by time, and 24 random bits for those that start within the same second. Should these
/// collide too, creating the run folder fails.
pub fn new_run_id(now: Timestamp) -> RunId {
    let time = now.to_zoned(TimeZone::UTC).strftime("%Y%m%dt%H%M%S");
    // The standard library seeds every `RandomState` differently, from the system's randomness.
    let random = RandomState::new().build_hasher().finish() & 0x00ff_ffff;
    RunId::new(&format!("{time}-{random:06x}")).expect("digits, `t`, `-` and hex digits are valid")
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
        let ids: BTreeSet<_> = (0..100).map(|_| new_run_id(now)).collect();
        assert!(ids.len() > 95, "only {} of 100 differ", ids.len());
    }
}
