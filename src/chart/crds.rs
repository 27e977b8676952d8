//! The CRDs a chart carries.

/// One CRD of a chart's `crds/` folder, or of a subchart's.
#[derive(Debug, Clone)]
pub struct Crd {
    /// `metadata.name`: `PLURAL.GROUP`.
    pub name: String,
    /// `spec.group`.
    pub group: String,
    /// `spec.names.kind`.
    pub kind: String,
    /// Served versions.
    pub versions: Vec<String>,
    /// The whole document.
    pub document: serde_json::Value,
    /// SHA-256 of its canonical JSON, in hexadecimal.
    pub digest: String,
}
