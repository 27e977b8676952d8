//! The objects of a release's manifest.

use crate::{cluster::ObjectRef, name::Namespace};

/// A document of a manifest that is no object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the manifest of the release cannot be read: {0}")]
pub struct ManifestError(pub(crate) String);

/// One object of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestObject {
    /// The object; its namespace is the release's unless the manifest names one.
    pub object: ObjectRef,
    /// `metadata.annotations["helm.sh/resource-policy"] == "keep"`: uninstall leaves it.
    pub keep: bool,
}

/// All objects, in the manifest's order.
pub fn manifest_objects(
    manifest: &str,
    namespace: &Namespace,
) -> Result<Vec<ManifestObject>, ManifestError> {
    let _ = (manifest, namespace);
    todo!()
}
