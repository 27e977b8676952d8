//! Version ranges in Helm's grammar.

/// A range of versions, as Helm reads one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRange {
    text: String,
}

/// A text that is no version range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a version range: {reason}")]
pub struct InvalidRange {
    text: String,
    reason: String,
}

impl VersionRange {
    /// Reads a range.
    ///
    /// # Errors
    /// The text is no range.
    pub fn parse(text: &str) -> Result<Self, InvalidRange> {
        let _ = text;
        todo!()
    }

    /// Whether the version is in the range.
    pub fn matches(&self, version: &semver::Version) -> bool {
        let _ = version;
        todo!()
    }

    /// The range as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}
