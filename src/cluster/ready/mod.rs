//! Readiness: pure predicates over one object, after the rules of kstatus.

use serde_json::Value;

/// How far an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It is what its spec says.
    Ready,
    /// On its way; what it lacks, for people (`0 of 3 replicas available`).
    Progressing(String),
    /// It says itself that it will not get there.
    Failed(String),
}

/// Judges one object; `None` is an object that is not there.
pub fn readiness(object: Option<&Value>) -> Readiness {
    let _ = object;
    todo!()
}
