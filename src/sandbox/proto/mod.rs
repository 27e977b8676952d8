//! Kubernetes' protobuf, as far as typed clients send it: Secrets and `ConfigMap`s (Helm's
//! records), Namespaces and `DeleteOptions`.
//!
//! A body is the four bytes `k8s\0` and an envelope that says what is in it. The numbers are those
//! of the `generated.proto` files of k8s.io/api and k8s.io/apimachinery.

mod messages;

use prost::Message;
use serde_json::Value;

use self::messages::{ConfigMap, DeleteOptions, Namespace, Secret, Unknown};

/// What is before every envelope.
const MAGIC: &[u8] = b"k8s\0";

/// Why a body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ProtoError {
    /// It is not what it should be.
    Malformed(String),
    /// Another kind.
    Unsupported(String),
}

/// The object in the body, as JSON would have it.
pub(super) fn decode(body: &[u8]) -> Result<Value, ProtoError> {
    let malformed = |error: &dyn std::fmt::Display| ProtoError::Malformed(error.to_string());
    let envelope = body
        .strip_prefix(MAGIC)
        .ok_or_else(|| malformed(&"the body does not begin with k8s\\0"))?;
    let envelope = Unknown::decode(envelope).map_err(|error| malformed(&error))?;
    let of = envelope.type_meta.unwrap_or_default();
    let raw = &*envelope.raw;
    let mut object = match (of.api_version.as_str(), of.kind.as_str()) {
        ("v1", "Secret") => Secret::decode(raw).map(Secret::into_json),
        ("v1", "ConfigMap") => ConfigMap::decode(raw).map(ConfigMap::into_json),
        ("v1", "Namespace") => Namespace::decode(raw).map(Namespace::into_json),
        (_, "DeleteOptions") => DeleteOptions::decode(raw).map(DeleteOptions::into_json),
        (version, kind) => return Err(ProtoError::Unsupported(format!("{version} {kind}"))),
    }
    .map_err(|error| malformed(&error))?;
    object["apiVersion"] = of.api_version.into();
    object["kind"] = of.kind.into();
    Ok(object)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{messages::TypeMeta, *};

    fn body(kind: &str, raw: Vec<u8>) -> Vec<u8> {
        let envelope = Unknown {
            type_meta: Some(TypeMeta {
                api_version: "v1".to_owned(),
                kind: kind.to_owned(),
            }),
            raw,
        };
        [MAGIC, &envelope.encode_to_vec()].concat()
    }

    #[test]
    fn a_secret_becomes_what_json_would_say() {
        // name: "x" in field 1 of the metadata; data { "release": "abc" }; type "t".
        let raw = b"\x0a\x03\x0a\x01x\x12\x0e\x0a\x07release\x12\x03abc\x1a\x01t".to_vec();
        assert_eq!(
            decode(&body("Secret", raw)),
            Ok(json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": { "name": "x" },
                "data": { "release": "YWJj" },
                "type": "t",
            }))
        );
    }

    #[test]
    fn anything_else_is_refused() {
        assert_eq!(
            decode(&body("Pod", Vec::new())),
            Err(ProtoError::Unsupported("v1 Pod".to_owned()))
        );
        assert!(matches!(decode(b"{}"), Err(ProtoError::Malformed(_))));
        let cut = body("Secret", b"\x0a\x30\x0a".to_vec());
        assert!(matches!(decode(&cut), Err(ProtoError::Malformed(_))));
    }
}
