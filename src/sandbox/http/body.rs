//! From a request's bytes to what it says.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::{Request, body::Incoming, header::CONTENT_TYPE};
use serde_json::Value;

use crate::sandbox::{
    objects::{DeleteOptions, Patch, Propagation},
    proto::{self, ProtoError},
    refusal::Refusal,
};

/// Bytes of a body, at most: as a real server.
const LIMIT: usize = 3 << 20;

const OBJECTS: [&str; 3] = [
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
];
const PATCHES: [&str; 4] = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/apply-patch+yaml",
    "application/strategic-merge-patch+json",
];

/// A body with what it says it is.
pub(super) struct Body {
    /// Without parameters.
    media: String,
    bytes: Bytes,
}

/// Reads the body to its end.
pub(super) async fn read(request: Request<Incoming>) -> Result<Body, Refusal> {
    let media = request.headers().get(CONTENT_TYPE);
    let media = media.and_then(|media| media.to_str().ok()).unwrap_or("");
    let media = media.split(';').next().unwrap_or("").trim().to_owned();
    let body = Limited::new(request.into_body(), LIMIT).collect().await;
    let body = body.map_err(|error| match error.downcast::<hyper::Error>() {
        Ok(error) => Refusal::bad_request(format!("the body could not be read: {error}")),
        Err(_) => Refusal::too_large(LIMIT),
    })?;
    Ok(Body {
        media,
        bytes: body.to_bytes(),
    })
}

impl Body {
    /// The object of a creation or replacement.
    pub(super) fn object(&self, kind: &str) -> Result<Value, Refusal> {
        let unreadable = |error: &dyn std::fmt::Display| {
            Refusal::bad_request(format!(
                "the object provided is unrecognized (must be of type {kind}): couldn't get \
                 version/kind; json parse error: {error}"
            ))
        };
        match &*self.media {
            "" | "application/json" => {
                serde_json::from_slice(&self.bytes).map_err(|error| unreadable(&error))
            }
            "application/yaml" => self.yaml(),
            "application/vnd.kubernetes.protobuf" => self.proto(),
            _ => Err(Refusal::unsupported_media_type(&OBJECTS)),
        }
    }

    /// The patch; `force` only matters to an apply.
    pub(super) fn patch(&self, force: bool) -> Result<Patch, Refusal> {
        let json = || {
            let parsed: Result<Value, _> = serde_json::from_slice(&self.bytes);
            parsed.map_err(|error| Refusal::bad_request(format!("error decoding patch: {error}")))
        };
        match &*self.media {
            "application/json-patch+json" => Ok(Patch::Json(json()?)),
            "application/merge-patch+json" => Ok(Patch::Merge(json()?)),
            "application/strategic-merge-patch+json" => Ok(Patch::Strategic(json()?)),
            "application/apply-patch+yaml" => Ok(Patch::Apply(self.yaml()?, force)),
            _ => Err(Refusal::unsupported_media_type(&PATCHES)),
        }
    }

    /// What a deletion says in its body, over what it says in its address.
    pub(super) fn delete_options(&self) -> Result<Value, Refusal> {
        if self.bytes.is_empty() {
            return Ok(Value::Null);
        }
        self.object("DeleteOptions")
    }

    fn yaml(&self) -> Result<Value, Refusal> {
        // Most clients send JSON, which is quicker to read and is YAML, too.
        if let Ok(value) = serde_json::from_slice(&self.bytes) {
            return Ok(value);
        }
        let wrong = |error: &dyn std::fmt::Display| {
            Refusal::bad_request(format!("error decoding YAML: {error}"))
        };
        let text = std::str::from_utf8(&self.bytes).map_err(|error| wrong(&error))?;
        serde_saphyr::from_str(text).map_err(|error| wrong(&error.without_snippet()))
    }

    fn proto(&self) -> Result<Value, Refusal> {
        proto::decode(&self.bytes).map_err(|error| match error {
            ProtoError::Malformed(why) => {
                Refusal::bad_request(format!("the protobuf body cannot be read: {why}"))
            }
            ProtoError::Unsupported(_) => Refusal::unsupported_media_type(&OBJECTS[..2]),
        })
    }
}

/// `DeleteOptions` as they were sent.
pub(super) fn delete_options(sent: &Value) -> Result<DeleteOptions, Refusal> {
    let text = |value: &Value| {
        value
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let wanted = &sent["preconditions"];
    Ok(DeleteOptions {
        propagation: match text(&sent["propagationPolicy"]) {
            Some(policy) => Some(propagation(&policy)?),
            None if sent["orphanDependents"] == true => Some(Propagation::Orphan),
            None => None,
        },
        grace: sent["gracePeriodSeconds"].as_i64(),
        uid: text(&wanted["uid"]),
        version: text(&wanted["resourceVersion"]),
        dry_run: sent["dryRun"].as_array().is_some_and(|all| !all.is_empty()),
    })
}

pub(super) fn propagation(policy: &str) -> Result<Propagation, Refusal> {
    match policy {
        "Background" => Ok(Propagation::Background),
        "Foreground" => Ok(Propagation::Foreground),
        "Orphan" => Ok(Propagation::Orphan),
        other => Err(Refusal::unprocessable(format!(
            "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: \
             {other:?}: supported values: \"Background\", \"Foreground\", \"Orphan\""
        ))),
    }
}
