//! The runs there were, as their journals tell.

use std::path::{Path, PathBuf};

use crate::journal::{self, JournalError, PastRun};

/// Word for the newest run.
const LAST: &str = "last";

/// Where run folders are, in the folder of the records.
pub(super) fn folder(state_dir: &Path) -> PathBuf {
    state_dir.join("runs")
}

/// All runs that are recorded in `state_dir` (`.stackctl`), newest first.
pub fn runs(state_dir: &Path) -> Result<Vec<PastRun>, JournalError> {
    journal::past_runs(&folder(state_dir))
}

/// A text names no run, or more than one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSuchRun {
    /// None are recorded at all.
    #[error("no runs are recorded in `{}`", .folder.display())]
    None {
        /// The folder of the records.
        folder: PathBuf,
    },
    /// None begins like this.
    #[error("no run begins with `{text}`; the newest is {newest}")]
    Unknown {
        /// As given.
        text: String,
        /// One that is there.
        newest: String,
    },
    /// Several do.
    #[error("{number} runs begin with `{text}`, the newest of them {newest}")]
    Ambiguous {
        /// As given.
        text: String,
        /// How many.
        number: usize,
        /// The newest of them.
        newest: String,
    },
}

/// The run that `text` means, out of those that [`runs`] found in `state_dir`: its identity, the
/// beginning of it if no other run begins so, or `last`.
pub fn find_run(state_dir: &Path, runs: Vec<PastRun>, text: &str) -> Result<PastRun, NoSuchRun> {
    let Some(newest) = runs.first().map(|past| past.run.to_string()) else {
        let folder = state_dir.to_owned();
        return Err(NoSuchRun::None { folder });
    };
    let is_meant = |past: &PastRun| past.run.as_str().starts_with(text);
    let is_last = text == LAST;
    let mut meant = runs.into_iter().filter(|past| is_last || is_meant(past));
    let text = text.to_owned();
    match (meant.next(), if is_last { 0 } else { meant.count() }) {
        (None, _) => Err(NoSuchRun::Unknown { text, newest }),
        (Some(past), 0) => Ok(past),
        (Some(past), others) => Err(NoSuchRun::Ambiguous {
            text,
            number: others + 1,
            newest: past.run.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::RunId;

    const RUNS: [&str; 3] = [
        "20261122t163502-00beef",
        "20261122t163501-ab12cd",
        "20261121t090000-ffffff",
    ];

    fn find(text: &str) -> Result<String, String> {
        let past = |name: &str| PastRun {
            run: RunId::new(name).unwrap(),
            begun: jiff::Timestamp::UNIX_EPOCH,
            folder: name.into(),
        };
        let found = find_run(Path::new(".stackctl"), RUNS.map(past).into(), text);
        let name = |past: PastRun| past.run.to_string();
        found.map(name).map_err(|error| error.to_string())
    }

    #[test]
    fn a_run_is_meant_by_its_identity_by_how_it_begins_or_as_the_last_one() {
        for (text, expected) in [
            (RUNS[1], RUNS[1]),
            ("20261122t163502", RUNS[0]),
            ("20261121", RUNS[2]),
            ("last", RUNS[0]),
        ] {
            assert_eq!(find(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_means_no_single_run_is_told_with_one_that_is_there() {
        assert_eq!(
            find("20261122").unwrap_err(),
            "2 runs begin with `20261122`, the newest of them 20261122t163502-00beef"
        );
        assert_eq!(
            find("ab12cd").unwrap_err(),
            "no run begins with `ab12cd`; the newest is 20261122t163502-00beef"
        );
        assert_eq!(
            find_run(Path::new(".stackctl"), Vec::new(), "last")
                .unwrap_err()
                .to_string(),
            "no runs are recorded in `.stackctl`"
        );
    }
}
