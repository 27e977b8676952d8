//! The content of a lock file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Of these entries; of several for the same the first one counts.
    pub fn new(entries: impl IntoIterator<Item = LockEntry>) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by(|a, b| a.identity().cmp(&b.identity()));
        entries.dedup_by(|later, first| later.identity() == first.identity());
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
        let document = Document {
            version: FORMAT,
            charts: self.entries.clone(),
        };
        let text = toml::to_string(&document).expect("strings and one number are TOML");
        format!("{HEADER}{text}")
    }

    /// The entries, sorted.
    pub fn entries(&self) -> &[LockEntry] {
        &self.entries
    }

    /// All entries for charts of this source, whatever version was asked for.
    pub(in crate::chart) fn of<'a>(
        &'a self,
        source: &'a str,
    ) -> impl Iterator<Item = &'a LockEntry> {
        self.entries
            .iter()
            .filter(move |entry| entry.source == source)
    }

    /// These entries and those of `older` that are for something else.
    #[must_use]
    pub fn over(self, older: &Self) -> Self {
        Self::new(
            self.entries
                .into_iter()
                .chain(older.entries.iter().cloned()),
        )
    }
}

impl LockEntry {
    /// What it is the answer to.
    fn identity(&self) -> (&str, &str, Option<&str>) {
        (&self.source, &self.name, self.wanted.as_deref())
    }
}

fn is_digest(text: &str) -> bool {
    Digest::parse(text).is_some_and(|digest| digest.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, wanted: Option<&str>, version: &str) -> LockEntry {
        LockEntry {
            source: "https://charts.corp".into(),
            name: name.into(),
            wanted: wanted.map(Into::into),
            version: version.into(),
            digest: Digest::of(version.as_bytes()).to_string(),
        }
    }

    #[test]
    fn the_text_is_sorted_stable_and_reads_back() {
        let entries = [
            entry("web", Some("~1"), "1.2.0"),
            entry("web", None, "2.0.0"),
            entry("db", Some("v1.0.0"), "v1.0.0"),
        ];
        let lock = LockFile::new(entries.clone());
        let text = lock.to_text();
        let mut reversed = entries;
        reversed.reverse();
        assert_eq!(LockFile::new(reversed).to_text(), text);
        assert_eq!(LockFile::parse(&text), Ok(lock));
        let digest = Digest::of(b"v1.0.0");
        let start = format!(
            "{HEADER}version = 1\n\n[[chart]]\nsource = \"https://charts.corp\"\nname = \"db\"\n\
             wanted = \"v1.0.0\"\nversion = \"v1.0.0\"\ndigest = \"{digest}\"\n"
        );
        assert!(text.starts_with(&start), "{text}");
        let empty = LockFile::default();
        assert_eq!(LockFile::parse(&empty.to_text()), Ok(empty));
    }

    #[test]
    fn newer_entries_cover_older_ones_for_the_same() {
        let old = LockFile::new([entry("web", None, "1.0.0"), entry("db", None, "3.0.0")]);
        let new = LockFile::new([entry("web", None, "2.0.0")]).over(&old);
        let versions: Vec<_> = new
            .entries()
            .iter()
            .map(|entry| entry.version.as_str())
            .collect();
        assert_eq!(versions, ["3.0.0", "2.0.0"]);
    }

    #[test]
    fn what_is_no_lock_file_says_so() {
        for (text, expected) in [
            ("", "missing field `version`"),
            ("version = 2\nother = 1", "format 2"),
            ("version = 1\nother = 1", "unknown field `other`"),
            ("version = 1\n[[chart]]\nname = 1", "invalid type"),
            (
                "version = 1\n[[chart]]\nsource = \"s\"\nname = \"web\"\nversion = \"1\"\ndigest = \"x\"",
                "the digest of web 1 is not",
            ),
        ] {
            let error = LockFile::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
