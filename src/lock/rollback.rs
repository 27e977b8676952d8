//! What a failed run has changed and is to be taken back, written down before that begins.
//!
//! It lies with the intents, under a key of its own. What is back is taken off it, so that it says
//! at any moment what is left to do, whoever does it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::name::{ChartName, ReleaseId, RunId};

/// Where it is kept among the intents. No intent's key is without a dot.
pub const ROLLBACK_KEY: &str = "rollback";

/// The rollback of a run, as far as it is still to be done.
///
/// As JSON: `{"run":"…","charts":{"db":{"release":{"namespace":"shop","name":"db"},"made":4,"before":3,
/// "after":["web"]}}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackRollback {
    /// The run that failed.
    #[serde(rename = "run")]
    pub of: RunId,
    /// What it has changed, by chart.
    #[serde(rename = "charts")]
    pub changes: BTreeMap<ChartName, Change>,
}

/// What a run has done to one release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The release.
    pub release: ReleaseId,
    /// The newest revision when the run had failed.
    pub made: u32,
    /// The revision that was deployed before the run; none if the run installed the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u32>,
    /// Charts of the rollback that come first: those that needed this one, as the stack was then.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub after: BTreeSet<ChartName>,
}

impl StackRollback {
    /// Reads it as it is kept: the data of the intents. What is not understood is nobody's we know.
    pub fn read(data: &BTreeMap<String, String>) -> Option<Self> {
        let rollback: Self = serde_json::from_str(data.get(ROLLBACK_KEY)?).ok()?;
        (!rollback.changes.is_empty()).then_some(rollback)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        lock::read_intents,
        name::{Namespace, ReleaseName},
    };

    #[test]
    fn it_reads_back_what_it_writes_and_is_no_intent() {
        let change = |name: &str, made, before| {
            let release = ReleaseId {
                namespace: Namespace::new("shop").unwrap(),
                name: ReleaseName::new(name).unwrap(),
            };
            let change = Change {
                release,
                made,
                before,
                after: [ChartName::new("web").unwrap()]
                    .into_iter()
                    .filter(|_| before.is_none())
                    .collect(),
            };
            (ChartName::new(name).unwrap(), change)
        };
        let rollback = StackRollback {
            of: RunId::new("r1").unwrap(),
            changes: [change("api", 1, None), change("web", 4, Some(3))].into(),
        };
        let json = serde_json::to_string(&rollback).unwrap();
        assert_eq!(
            json,
            r#"{"run":"r1","charts":{"api":{"release":{"namespace":"shop","name":"api"},"made":1,"after":["web"]},"web":{"release":{"namespace":"shop","name":"web"},"made":4,"before":3}}}"#
        );
        let data = |json: &str| BTreeMap::from([(ROLLBACK_KEY.to_owned(), json.to_owned())]);
        assert_eq!(StackRollback::read(&data(&json)), Some(rollback));
        assert!(read_intents(&data(&json)).is_empty());
        for nothing in ["{}", "", r#"{"run":"r1","charts":{}}"#] {
            assert_eq!(StackRollback::read(&data(nothing)), None, "{nothing}");
        }
        assert_eq!(StackRollback::read(&BTreeMap::new()), None);
    }
}
