//! Rehearsed failures of the server itself.

use serde_json::Value;

use crate::sandbox::{Fault, FaultKind, refusal::Refusal};

/// Releases whose objects cannot be written.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn new(faults: &[Fault]) -> Self {
        let ours = faults
            .iter()
            .filter(|fault| fault.kind == FaultKind::Api500);
        Self(ours.cloned().collect())
    }

    /// Is there any?
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses a write of an object that Helm says belongs to one of the releases.
    pub(super) fn check(&self, object: &Value) -> Result<(), Refusal> {
        let annotations = &object["metadata"]["annotations"];
        let hit = self.0.iter().any(|fault| {
            annotations["meta.helm.sh/release-name"] == *fault.release
                && annotations["meta.helm.sh/release-namespace"] == *fault.namespace
        });
        if hit {
            return Err(Refusal::internal("rehearsed (--rehearse-fail)"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_objects_of_the_release_are_refused() {
        let fault = |kind| Fault {
            namespace: "shop".to_owned(),
            release: "api".to_owned(),
            kind,
        };
        let faults = Faults::new(&[fault(FaultKind::Api500)]);
        let object = |release: &str, namespace: &str| {
            json!({ "metadata": { "annotations": {
                "meta.helm.sh/release-name": release,
                "meta.helm.sh/release-namespace": namespace,
            } } })
        };
        assert_eq!(faults.check(&object("api", "shop")).unwrap_err().code, 500);
        assert_eq!(faults.check(&object("api", "other")), Ok(()));
        assert_eq!(faults.check(&object("web", "shop")), Ok(()));
        assert_eq!(
            faults.check(&json!({ "metadata": { "name": "x" } })),
            Ok(())
        );
        assert!(Faults::new(&[fault(FaultKind::Hook)]).is_empty());
    }
}
