//! The payload of a release Secret: Helm's JSON, kept as a tree so that nothing is lost.
//!
//! Helm writes JSON, gzips it, and encodes it as base64; that text is the Secret's value (and is
//! encoded once more by the Kubernetes API, which is not our business here). A reader must also
//! accept JSON that is not gzipped (helm `pkg/storage/driver/util.go`).

use std::io::{Read, Write};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use serde_json::Value;

use crate::name::ReleaseStatus;

/// A Secret holds at most 1 MiB. What unpacks to more than this was not written by Helm.
const UNPACKED_LIMIT: u64 = 128 * 1024 * 1024;

/// First bytes of a gzip stream, with the only compression method there is.
const GZIP: [u8; 3] = [0x1f, 0x8b, 0x08];

/// Why a payload cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the release record is damaged: {0}")]
pub struct PayloadError(pub(super) String);

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
        let bytes = decode_base64(text)?;
        let json = if bytes.starts_with(&GZIP) {
            unpack(&bytes)?
        } else {
            bytes
        };
        let tree: Value = serde_json::from_slice(&json)
            .map_err(|error| PayloadError(format!("it is no JSON: {error}")))?;
        if !tree.is_object() || !tree["info"].is_object() {
            return Err(PayloadError("it has no `info`".to_owned()));
        }
        Ok(Self(tree))
    }

    /// The value of the Secret's `release` key.
    pub fn encode(&self) -> Result<Vec<u8>, PayloadError> {
        let unwritable = |error: String| PayloadError(format!("it cannot be written: {error}"));
        let json = serde_json::to_vec(&self.0).map_err(|error| unwritable(error.to_string()))?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder
            .write_all(&json)
            .map_err(|error| unwritable(error.to_string()))?;
        let packed = encoder
            .finish()
            .map_err(|error| unwritable(error.to_string()))?;
        Ok(encode_base64(packed).into_bytes())
    }

    /// `info.status`.
    pub fn status(&self) -> ReleaseStatus {
        ReleaseStatus::from_helm(self.text("/info/status"))
    }

    /// `info.description`: what the operation said at its end.
    pub fn description(&self) -> &str {
        self.text("/info/description")
    }

    /// Sets `info.status` and `info.description`, nothing else.
    pub fn set_status(&mut self, status: ReleaseStatus, description: &str) {
        let info = &mut self.0["info"];
        info["status"] = Value::from(status.as_str());
        info["description"] = Value::from(description);
    }

    /// `version`: the revision; 0 if the record has none.
    pub fn revision(&self) -> u32 {
        let revision = self.0["version"].as_u64();
        revision
            .and_then(|revision| u32::try_from(revision).ok())
            .unwrap_or_default()
    }

    /// `chart.metadata.name`.
    pub fn chart_name(&self) -> &str {
        self.text("/chart/metadata/name")
    }

    /// `chart.metadata.version`.
    pub fn chart_version(&self) -> &str {
        self.text("/chart/metadata/version")
    }

    /// `chart.metadata.appVersion`; empty if the chart names none.
    pub fn app_version(&self) -> &str {
        self.text("/chart/metadata/appVersion")
    }

    /// `manifest`: what was applied, without hooks and `crds/`.
    pub fn manifest(&self) -> &str {
        self.text("/manifest")
    }

    /// `hooks`.
    pub fn hooks(&self) -> Vec<Hook> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let hooks = self.0["hooks"].as_array().into_iter().flatten();
        hooks
            .map(|hook| Hook {
                name: text(&hook["name"]),
                kind: text(&hook["kind"]),
                events: hook["events"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(text)
                    .collect(),
                weight: hook["weight"].as_i64().unwrap_or_default(),
                manifest: text(&hook["manifest"]),
            })
            .collect()
    }

    /// `config`: the user's values; null if there were none.
    pub fn config(&self) -> &Value {
        &self.0["config"]
    }

    /// `info.last_deployed`: when the operation that made the revision began, by the clock of its Helm.
    pub fn last_deployed(&self) -> Option<Timestamp> {
        self.text("/info/last_deployed").parse().ok()
    }

    /// `info.deleted`: when the uninstall began, by the clock of its Helm.
    pub fn deleted(&self) -> Option<Timestamp> {
        self.text("/info/deleted").parse().ok()
    }

    /// `apply_method` (`ssa` or `csa`); Helm 3 writes none, which means `csa`.
    pub fn apply_method(&self) -> &str {
        match self.text("/apply_method") {
            "" => "csa",
            method => method,
        }
    }

    fn text(&self, pointer: &str) -> &str {
        self.0
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, PayloadError> {
    let mut json = Vec::new();
    let read = GzDecoder::new(bytes)
        .take(UNPACKED_LIMIT + 1)
        .read_to_end(&mut json);
    let read = read.map_err(|error| PayloadError(format!("it cannot be unpacked: {error}")))?;
    if read as u64 > UNPACKED_LIMIT {
        return Err(PayloadError(format!(
            "it unpacks to more than {UNPACKED_LIMIT} bytes"
        )));
    }
    Ok(json)
}

/// The serializer of Kubernetes' own byte strings knows base64.
pub(super) fn decode_base64(text: &[u8]) -> Result<Vec<u8>, PayloadError> {
    let text = std::str::from_utf8(text).map_err(|_| PayloadError("it is no text".to_owned()))?;
    serde_json::from_value::<ByteString>(Value::from(text.trim()))
        .map(|bytes| bytes.0)
        .map_err(|error| PayloadError(format!("it is no base64: {error}")))
}

/// See [`decode_base64`].
pub(super) fn encode_base64(bytes: Vec<u8>) -> String {
    match serde_json::to_value(ByteString(bytes)) {
        Ok(Value::String(text)) => text,
        _ => unreachable!("a byte string serializes as a string"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn record() -> Value {
        json!({
            "name": "web", "namespace": "apps", "version": 3,
            "info": {
                "first_deployed": "2026-01-01T00:00:00Z",
                "last_deployed": "2026-01-02T10:00:00.123456789+01:00",
                "deleted": "", "description": "Upgrade \"web\" failed", "status": "pending-upgrade",
            },
            "chart": { "metadata": { "name": "web", "version": "1.2.3+b", "appVersion": "9" },
                       "templates": [{ "name": "a", "data": "eA==" }] },
            "config": { "replicas": 2, "big": 12_345_678_901_u64, "f": 0.5, "n": null },
            "manifest": "---\n# Source: a\nkind: X\n",
            "hooks": [{ "name": "m", "kind": "Job", "path": "p", "manifest": "kind: Job",
                        "events": ["post-install", "post-upgrade"], "weight": -5 }],
        })
    }

    fn encoded(value: &Value) -> Vec<u8> {
        Payload(value.clone()).encode().unwrap()
    }

    #[test]
    fn a_record_is_read() {
        let payload = Payload::decode(&encoded(&record())).unwrap();
        assert_eq!(payload.status(), ReleaseStatus::PendingUpgrade);
        assert_eq!(payload.description(), "Upgrade \"web\" failed");
        assert_eq!(payload.revision(), 3);
        assert_eq!(payload.chart_name(), "web");
        assert_eq!(payload.chart_version(), "1.2.3+b");
        assert_eq!(payload.app_version(), "9");
        assert_eq!(payload.apply_method(), "csa");
        assert_eq!(payload.config()["big"], 12_345_678_901_u64);
        assert_eq!(
            payload.last_deployed().unwrap().to_string(),
            "2026-01-02T09:00:00.123456789Z"
        );
        assert_eq!(payload.deleted(), None);
        let hooks = payload.hooks();
        assert_eq!(hooks[0].events, ["post-install", "post-upgrade"]);
        assert_eq!(hooks[0].weight, -5);
    }

    #[test]
    fn json_that_is_not_packed_is_read_too() {
        let text = encode_base64(record().to_string().into_bytes());
        assert_eq!(Payload::decode(text.as_bytes()).unwrap(), Payload(record()));
    }

    #[test]
    fn only_status_and_description_change() {
        let mut payload = Payload::decode(&encoded(&record())).unwrap();
        payload.set_status(ReleaseStatus::Failed, "interrupted");
        let written = Payload::decode(&payload.encode().unwrap()).unwrap();
        let mut expected = record();
        expected["info"]["status"] = json!("failed");
        expected["info"]["description"] = json!("interrupted");
        assert_eq!(written, Payload(expected));
    }

    #[test]
    fn a_damaged_record_is_an_error_that_says_where() {
        let packed = encoded(&record());
        let inner = decode_base64(&packed).unwrap();
        let cut = encode_base64(inner[..inner.len() / 2].to_vec());
        let no_info = encode_base64(b"{}".to_vec());
        let no_json = encode_base64(b"hello".to_vec());
        for (text, why) in [
            (cut.as_bytes(), "unpacked"),
            (no_info.as_bytes(), "`info`"),
            (no_json.as_bytes(), "no JSON"),
            (b"%%%", "no base64"),
            (b"\xff", "no text"),
            (b"", "no JSON"),
        ] {
            let error = Payload::decode(text).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_bomb_does_not_fill_the_memory() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let zeros = vec![b' '; 1 << 20];
        for _ in 0..=(UNPACKED_LIMIT >> 20) {
            encoder.write_all(&zeros).unwrap();
        }
        let text = encode_base64(encoder.finish().unwrap());
        assert!(text.len() < 1 << 20);
        let error = Payload::decode(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("more than"), "{error}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, gzip: bool) {
            let mut inner = if gzip { GZIP.to_vec() } else { Vec::new() };
            inner.extend(&bytes);
            let _ = Payload::decode(encode_base64(inner).as_bytes());
            let _ = Payload::decode(&bytes);
        }
    }
}
