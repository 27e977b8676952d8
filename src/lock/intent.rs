//! What a run is about to do to a release, written down before it is done.
//!
//! Helm's records do not tell who began an operation, nor whether whoever did is still at it. So
//! each operation is announced beside the lease: one key a release, removed when Helm has ended. A
//! run that meets an unfinished operation later knows from it whose it is and until when it may be
//! alive ([`judge`](super::judge())).
//!
//! Who holds the lease writes them. But a request takes its time, and may be repeated: one that was
//! sent while the lease was held may arrive when another run holds it. So there is a key that names
//! the run that writes ([`WRITER_KEY`]): a run puts its own name there when it has taken the lease,
//! and every write of it fails unless that is still there.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::name::{Namespace, ObjectRef, ReleaseId, ReleaseName, RunId};

/// A helm command that changes a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// `helm upgrade --install`.
    Upgrade,
    /// `helm rollback`.
    Rollback,
    /// `helm uninstall`.
    Uninstall,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Upgrade => "upgrade",
            Self::Rollback => "rollback",
            Self::Uninstall => "uninstall",
        })
    }
}

/// One announced operation. Its times are by the clock of the machine that runs it, which is also
/// the clock of the Helm it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// What is done.
    pub operation: Operation,
    /// The newest revision before; none for a first install.
    pub from_revision: Option<u32>,
    /// By which run.
    pub run: RunId,
    /// On which machine, for people.
    pub host: String,
    /// By which process (a mark of `process::mark`), where that can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// When it was announced.
    pub began: Timestamp,
    /// When its Helm has ended for sure, unless its machine stood still.
    pub deadline: Timestamp,
    /// What it deletes. Its record is gone before they are: who comes next waits for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deletes: Vec<ObjectRef>,
}

/// Where the intents name the run that writes them. No intent's key is without a dot.
pub const WRITER_KEY: &str = "writer";

/// The key of a release among the intents: `NAMESPACE.NAME`. A namespace holds no dot, a release's
/// name may.
pub fn intent_key(release: &ReleaseId) -> String {
    format!("{}.{}", release.namespace, release.name)
}

/// Reads intents as they are kept: by key, each as JSON. What is not understood is left out: the
/// operation is nobody's we know, then.
pub fn read_intents(data: &BTreeMap<String, String>) -> BTreeMap<ReleaseId, Intent> {
    let one = |(key, value): (&String, &String)| {
        let (namespace, name) = key.split_once('.')?;
        let release = ReleaseId {
            namespace: Namespace::new(namespace).ok()?,
            name: ReleaseName::new(name).ok()?,
        };
        Some((release, serde_json::from_str(value).ok()?))
    };
    data.iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intents_read_back_what_they_write() {
        let intent = Intent {
            operation: Operation::Upgrade,
            from_revision: Some(3),
            run: RunId::new("r1").unwrap(),
            host: "here".to_owned(),
            process: None,
            began: "2026-11-22T10:00:00Z".parse().unwrap(),
            deadline: "2026-11-22T10:11:30Z".parse().unwrap(),
            deletes: Vec::new(),
        };
        let release = ReleaseId {
            namespace: Namespace::new("shop").unwrap(),
            name: ReleaseName::new("web.v2").unwrap(),
        };
        let json = serde_json::to_string(&intent).unwrap();
        assert_eq!(
            json,
            r#"{"operation":"upgrade","from_revision":3,"run":"r1","host":"here","began":"2026-11-22T10:00:00Z","deadline":"2026-11-22T10:11:30Z"}"#
        );
        let data = BTreeMap::from([
            (intent_key(&release), json.clone()),
            ("shop.db".to_owned(), "{}".to_owned()),
            (WRITER_KEY.to_owned(), "r1".to_owned()),
            ("nonsense".to_owned(), json),
        ]);
        assert_eq!(read_intents(&data), BTreeMap::from([(release, intent)]));
    }
}
