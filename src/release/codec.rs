//! The payload of a release Secret: Helm's JSON, kept as a tree so that nothing is lost.

use jiff::Timestamp;
use serde_json::Value;

use crate::name::ReleaseStatus;

/// Why a payload cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the release record is damaged: {0}")]
pub struct PayloadError(pub(crate) String);

/// A decoded release record.
#[derive(Debug, Clone, PartialEq)]
pub struct Payload(Value);

/// A hook of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Its object's name.
    pub name: String,
    /// Its object's kind.
    pub kind: String,
    /// `pre-install`, `post-upgrade`, …
    pub events: Vec<String>,
    /// Order among the hooks of one event.
    pub weight: i64,
    /// Its manifest.
    pub manifest: String,
}

impl Payload {
    /// Decodes the value of the Secret's `release` key: base64 text of (gzipped) JSON.
    pub fn decode(text: &[u8]) -> Result<Self, PayloadError> {
        let _ = text;
        todo!()
    }

    /// The value of the Secret's `release` key.
    pub fn encode(&self) -> Result<Vec<u8>, PayloadError> {
        let _ = &self.0;
        todo!()
    }

    /// `info.status`.
    pub fn status(&self) -> ReleaseStatus {
        todo!()
    }

    /// `info.description`.
    pub fn description(&self) -> &str {
        todo!()
    }

    /// Sets `info.status` and `info.description`, nothing else.
    pub fn set_status(&mut self, status: ReleaseStatus, description: &str) {
        let _ = (status, description);
        todo!()
    }

    /// `version`.
    pub fn revision(&self) -> u32 {
        todo!()
    }

    /// `chart.metadata.name`.
    pub fn chart_name(&self) -> &str {
        todo!()
    }

    /// `chart.metadata.version`.
    pub fn chart_version(&self) -> &str {
        todo!()
    }

    /// `chart.metadata.appVersion`.
    pub fn app_version(&self) -> &str {
        todo!()
    }

    /// `manifest`: what was applied, without hooks.
    pub fn manifest(&self) -> &str {
        todo!()
    }

    /// `hooks`.
    pub fn hooks(&self) -> Vec<Hook> {
        todo!()
    }

    /// `config`: the user's values.
    pub fn config(&self) -> &Value {
        todo!()
    }

    /// `info.last_deployed`.
    pub fn last_deployed(&self) -> Option<Timestamp> {
        todo!()
    }

    /// `apply_method` (`ssa` or `csa`); Helm 3 writes none, which means `csa`.
    pub fn apply_method(&self) -> &str {
        todo!()
    }
}
