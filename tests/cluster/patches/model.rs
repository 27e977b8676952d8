//! The sandbox's pure functions in the place of a server.

use std::sync::Arc;

use serde_json::Value;

use super::{
    patch::{self, ApplyError, Manager},
    schema::{Schema, Schemas},
};
use crate::patches::generate::{Change, Request, Subject, widget_version};

/// An object that the sandbox's functions change.
pub(crate) struct Model {
    subject: Subject,
    schema: Arc<Schema>,
    pub(crate) live: Option<Value>,
    step: u32,
}

/// Why a request was refused: the code of its Status and its message.
pub(crate) type Refusal = (u16, String);

impl Model {
    pub(crate) fn new(subject: Subject) -> Self {
        let schema = match subject {
            Subject::Widget => Arc::new(Schema::from_crd(&widget_version()).expect("it is ours")),
            _ => {
                let (group, version) = subject
                    .api_version()
                    .split_once('/')
                    .unwrap_or(("", subject.api_version()));
                Schemas::builtin()
                    .get(group, version, subject.kind())
                    .expect("a built-in kind")
            }
        };
        Self {
            subject,
            schema,
            live: None,
            step: 0,
        }
    }

    /// What the object would be after the request; [`Self::live`] stays.
    pub(crate) fn send(&mut self, request: &Request, namespace: &str) -> Result<Value, Refusal> {
        self.step += 1;
        let time = format!("2026-01-01T00:00:{:02}Z", self.step);
        let manager = Manager {
            name: request.manager,
            api_version: self.subject.api_version(),
            subresource: "",
            time: &time,
        };
        let schema = Some(self.schema.as_ref());
        let live = self.live.as_ref();
        let live_or_null = || live.cloned().unwrap_or_default();
        let apply = |object: &Value, force| {
            patch::apply(schema, live, object, &manager, force).map_err(|error| {
                let code = match &error {
                    ApplyError::Conflicts(_) => 409,
                    ApplyError::ManagedFields => 400,
                    ApplyError::Unfit { .. } => 500,
                };
                (code, error.to_string())
            })
        };
        let unfit = |error: patch::PatchError| {
            let code = match &error {
                patch::PatchError::Malformed(_) => 400,
                patch::PatchError::Unfit(_) => 422,
            };
            (code, error.to_string())
        };
        let mut after = match &request.change {
            Change::Create(object) | Change::Put(object) => object.clone(),
            Change::Apply { object, force } => apply(object, *force)?,
            Change::Merge(body) => patch::merge(&live_or_null(), body),
            Change::Strategic(body) => {
                patch::strategic(&self.schema, &live_or_null(), body).map_err(unfit)?
            }
            Change::Json(body) => patch::json(&live_or_null(), body).map_err(unfit)?,
        };
        let applied = matches!(request.change, Change::Apply { .. });
        if !applied {
            patch::keep_other_part(schema, live, &mut after, "");
            self.schema.prune(&mut after);
        }
        self.schema.default(&mut after);
        let errors = self.schema.check(&after);
        if !errors.is_empty() {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            return Err((422, errors.join(", ")));
        }
        after["metadata"]["namespace"] = namespace.into();
        if !applied {
            patch::track_update(schema, live, &mut after, &manager);
        }
        Ok(after)
    }
}
