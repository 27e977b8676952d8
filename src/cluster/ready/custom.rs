//! Kinds the API server knows nothing about: judged by the conventions of their controllers.

use serde_json::Value;

use super::{Conditions, Readiness, fields::integer, unobserved};

/// `Stalled` and `Reconciling` are kstatus' own conditions; `Ready` is what nearly everyone has. An
/// object with neither is ready when it exists: nothing can be said about it.
pub(super) fn custom(object: &Value) -> Readiness {
    if let Some(waiting) = unobserved(object, false) {
        return waiting;
    }
    let conditions = Conditions::of(object);
    if let Some(stalled) = conditions.when_true("Stalled") {
        return Readiness::Failed(stalled.words("it is stalled"));
    }
    if let Some(reconciling) = conditions.when_true("Reconciling") {
        return Readiness::Progressing(reconciling.words("it is being reconciled"));
    }
    let generation = integer(object, "/metadata/generation").unwrap_or_default();
    match conditions.get("Ready") {
        None => Readiness::Ready,
        Some(ready)
            if ready
                .observed_generation()
                .is_some_and(|seen| seen < generation) =>
        {
            Readiness::Progressing("its Ready condition is of an older version".to_owned())
        }
        Some(ready) if ready.is_true() => Readiness::Ready,
        Some(ready) => Readiness::Progressing(ready.words("not ready")),
    }
}
