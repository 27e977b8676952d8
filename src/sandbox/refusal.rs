//! What the server answers instead of yes: a `Status`, worded as Kubernetes words it, because
//! Helm, kubectl and stackctl read the reason and people read the message.

use serde_json::{Value, json};

use super::{
    kinds::Kind,
    store::{Forgotten, WriteError},
};

/// A request that was not carried out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    /// The HTTP status.
    pub(super) code: u16,
    /// Machine-readable, `StatusReason`.
    pub(super) reason: &'static str,
    /// For people.
    pub(super) message: String,
    /// `StatusDetails`, or null.
    pub(super) details: Value,
}

/// What is wrong with one field of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cause {
    /// `CauseType`: `FieldValueInvalid`, …
    pub(super) reason: &'static str,
    /// As `spec.ports[0].port`.
    pub(super) field: String,
    /// Without the field.
    pub(super) message: String,
}

impl Cause {
    pub(super) fn required(field: impl Into<String>, detail: &str) -> Self {
        Self::new("FieldValueRequired", field, with("Required value", detail))
    }

    /// `value` is shown.
    pub(super) fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        let shown = with(&format!("Invalid value: {value}"), detail);
        Self::new("FieldValueInvalid", field, shown)
    }

    pub(super) fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        Self::new("FieldValueForbidden", field, with("Forbidden", detail))
    }

    pub(super) fn too_long(field: impl Into<String>, detail: &str) -> Self {
        Self::new("FieldValueTooLong", field, with("Too long", detail))
    }

    pub(super) fn unsupported(field: impl Into<String>, value: &Value, known: &[&str]) -> Self {
        let known: Vec<String> = known.iter().map(|known| format!("\"{known}\"")).collect();
        let detail = format!("supported values: {}", known.join(", "));
        let shown = with(&format!("Unsupported value: {value}"), &detail);
        Self::new("FieldValueNotSupported", field, shown)
    }

    /// `message` is complete.
    pub(super) fn new(reason: &'static str, field: impl Into<String>, message: String) -> Self {
        Self {
            reason,
            field: field.into(),
            message,
        }
    }
}

fn with(what: &str, detail: &str) -> String {
    if detail.is_empty() {
        what.to_owned()
    } else {
        format!("{what}: {detail}")
    }
}

impl Refusal {
    fn new(code: u16, reason: &'static str, message: impl Into<String>, details: Value) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details,
        }
    }

    /// Without a reason, as the real server answers some.
    pub(super) fn plain(code: u16, message: impl Into<String>) -> Self {
        Self::new(code, "", message, Value::Null)
    }

    /// Of an object; `deployments.apps "x"` in the message.
    fn about(code: u16, reason: &'static str, kind: &Kind, name: &str, message: String) -> Self {
        Self::new(
            code,
            reason,
            message,
            details(&kind.group, &kind.plural, name),
        )
    }

    /// There is no such object.
    pub(super) fn not_found(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", kind.resource);
        Self::about(404, "NotFound", kind, name, message)
    }

    /// No such path.
    pub(super) fn no_such_path() -> Self {
        let message = "the server could not find the requested resource";
        Self::new(404, "NotFound", message, json!({}))
    }

    /// There is one already.
    pub(super) fn already_exists(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", kind.resource);
        Self::about(409, "AlreadyExists", kind, name, message)
    }

    /// Somebody else changed it, or it is another object than thought.
    pub(super) fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let resource = &kind.resource;
        let message = format!("Operation cannot be fulfilled on {resource} \"{name}\": {why}");
        Self::about(409, "Conflict", kind, name, message)
    }

    /// It was read before somebody else wrote it.
    pub(super) fn stale(kind: &Kind, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version \
                   and try again";
        Self::conflict(kind, name, why)
    }

    /// Server-side apply meets fields of other managers.
    pub(super) fn apply_conflict(message: String, causes: &[Cause]) -> Self {
        let details = json!({ "causes": causes_json(causes) });
        Self::new(409, "Conflict", message, details)
    }

    /// Allowed to nobody.
    pub(super) fn forbidden(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("{} \"{name}\" is forbidden: {why}", kind.resource);
        Self::about(403, "Forbidden", kind, name, message)
    }

    /// The object is not valid.
    pub(super) fn invalid(kind: &Kind, name: &str, causes: &[Cause]) -> Self {
        let texts: Vec<String> = causes
            .iter()
            .map(|cause| format!("{}: {}", cause.field, cause.message))
            .collect();
        let list = match &texts[..] {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let qualified = if kind.group.is_empty() {
            kind.kind.clone()
        } else {
            format!("{}.{}", kind.kind, kind.group)
        };
        let message = format!("{qualified} \"{name}\" is invalid: {list}");
        let mut details = details(&kind.group, &kind.kind, name);
        details["causes"] = causes_json(causes);
        Self::new(422, "Invalid", message, details)
    }

    /// The request could be read, and cannot be done.
    pub(super) fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(422, "Invalid", message, Value::Null)
    }

    /// The request makes no sense.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message, Value::Null)
    }

    /// No such verb here.
    pub(super) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message, json!({}))
    }

    /// Something Kubernetes has and the sandbox does not.
    pub(super) fn not_implemented(what: &str) -> Self {
        let message = format!("the stackctl sandbox does not implement {what}");
        Self::new(501, "NotImplemented", message, Value::Null)
    }

    /// No format that can be written.
    pub(super) fn not_acceptable(known: &[&str]) -> Self {
        let message = format!(
            "only the following media types are accepted: {}",
            known.join(", ")
        );
        Self::new(406, "NotAcceptable", message, Value::Null)
    }

    /// No format that can be read.
    pub(super) fn unsupported_media_type(known: &[&str]) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            known.join(", ")
        );
        Self::new(415, "UnsupportedMediaType", message, Value::Null)
    }

    /// The body is larger than any server reads.
    pub(super) fn too_large(limit: usize) -> Self {
        let message = format!("Request entity too large: limit is {limit}");
        Self::new(413, "RequestEntityTooLarge", message, Value::Null)
    }

    /// No token, or another one.
    pub(super) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized", Value::Null)
    }

    /// The changes asked for are forgotten.
    pub(super) fn expired(asked: u64, forgotten: Forgotten) -> Self {
        let message = format!("too old resource version: {asked} ({})", forgotten.oldest);
        Self::new(410, "Expired", message, Value::Null)
    }

    /// The continue token is of another time.
    pub(super) fn continue_expired() -> Self {
        let message = "The provided continue parameter is too old to display a consistent list \
                       result. You must start a new list without the continue parameter.";
        Self::new(410, "Expired", message, Value::Null)
    }

    /// Rehearsed, or the disk's fault.
    pub(super) fn internal(message: impl std::fmt::Display) -> Self {
        let message = format!("Internal error occurred: {message}");
        Self::new(500, "InternalError", message, Value::Null)
    }

    /// What a write met.
    pub(super) fn of_write(error: &WriteError, kind: &Kind, name: &str) -> Self {
        match error {
            WriteError::Exists => Self::already_exists(kind, name),
            WriteError::Missing => Self::not_found(kind, name),
            WriteError::Stale => Self::stale(kind, name),
            WriteError::Disk(_) => Self::internal(error),
        }
    }

    /// The `Status` object.
    pub(super) fn to_json(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = self.reason.into();
        }
        if !self.details.is_null() {
            status["details"] = self.details.clone();
        }
        status
    }
}

/// `StatusDetails`, without what is empty.
pub(super) fn details(group: &str, kind: &str, name: &str) -> Value {
    let mut details = serde_json::Map::new();
    for (field, value) in [("name", name), ("group", group), ("kind", kind)] {
        if !value.is_empty() {
            details.insert(field.to_owned(), value.into());
        }
    }
    Value::Object(details)
}

fn causes_json(causes: &[Cause]) -> Value {
    let one = |cause: &Cause| json!({ "reason": cause.reason, "message": cause.message, "field": cause.field });
    causes.iter().map(one).collect()
}
