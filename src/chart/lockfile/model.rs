//! The content of a lock file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The only format there is.
const FORMAT: u32 = 1;

/// First lines of every lock file.
const HEADER: &str = "# Written by `stackctl fetch`: commit it, do not edit it.\n";

/// All locked charts, sorted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LockFile {
    entries: Vec<LockEntry>,
}

/// One locked chart. Sorted by, and one for each of, source, name and wanted version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockEntry {
    /// Address of the repository, registry path or archive, without credentials.
    pub source: String,
    /// Name of the chart.
    pub name: String,
    /// The version or range that was asked for; absent = the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<String>,
    /// What it is, as the chart says it.
    pub version: String,
    /// `sha256:` and 64 hex digits, of the archive.
    pub digest: String,
}

/// A lock file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockFileError {
    /// Not what `stackctl fetch` writes.
    #[error("the lock file is not valid: {0}")]
    Invalid(String),
    /// Of a newer stackctl.
    #[error("the lock file has format {0}, this stackctl reads {FORMAT}: use a newer stackctl")]
    Format(u32),
    /// Not readable or writable.
    #[error("could not {verb} {}: {reason}", path.display())]
    Io {
        /// `read` or `write`.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    #[serde(default, rename = "chart")]
    charts: Vec<LockEntry>,
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl LockFile {
    /// Of these entries.
    pub fn new(entries: impl IntoIterator<Item = LockEntry>) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort();
        entries.dedup_by(|a, b| a.is_for(&b.source, &b.name, b.wanted.as_deref()));
        Self { entries }
    }

    /// Reads the text of a lock file.
    ///
    /// # Errors
    /// The text is not what [`LockFile::to_text`] makes.
    pub fn parse(text: &str) -> Result<Self, LockFileError> {
        let invalid = |error: toml::de::Error| LockFileError::Invalid(error.message().to_owned());
        let version = toml::from_str::<Versioned>(text).map_err(invalid)?.version;
        if version != FORMAT {
            return Err(LockFileError::Format(version));
        }
        let document: Document = toml::from_str(text).map_err(invalid)?;
        for entry in &document.charts {
            if !is_digest(&entry.digest) {
                return Err(LockFileError::Invalid(format!(
                    "the digest of {} {} is not `sha256:` and 64 hex digits",
                    entry.name, entry.version
                )));
            }
        }
        Ok(Self::new(document.charts))
    }

    /// The text of the file: sorted, the same for the same entries.
    pub fn to_text(&self) -> String {
        let document = Document { version: FORMAT, charts: self.entries.clone() };
        let text = toml::to_string(&document).expect("strings and one number are TOML");
        format!("{HEADER}{text}")
    }

    /// The entries, sorted.
    pub fn entries(&self) -> &[LockEntry] {
        &self.entries
    }

    /// The entry for exactly this.
    pub fn find(&self, source: &str, name: &str, wanted: Option<&str>) -> Option<&LockEntry> {
        self.entries.iter().find(|entry| entry.is_for(source, name, wanted))
    }

    /// These entries and those of `older` that are for something else.
    #[must_use]
    pub fn over(self, older: &Self) -> Self {
        Self::new(self.entries.into_iter().chain(older.entries.iter().cloned()))
    }
}

impl LockEntry {
    fn is_for(&self, source: &str, name: &str, wanted: Option<&str>) -> bool {
        self.source == source && self.name == name && self.wanted.as_deref() == wanted
    }
}

fn is_digest(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:");
    hex.is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}
