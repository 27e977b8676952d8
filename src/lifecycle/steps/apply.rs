//! `apply`: objects of the stack file, applied server-side.

use serde_json::Value;

use super::{StepError, attempt::Attempt};
use crate::{
    cluster::ObjectRef,
    stack::{ErrorClass, TemplatedValue},
};

/// In order. Namespaced objects that name no namespace go into the release's.
pub(super) async fn apply(
    at: &Attempt<'_>,
    manifests: &[TemplatedValue],
    force: bool,
) -> Result<(), StepError> {
    let mut bodies = Vec::with_capacity(manifests.len());
    for manifest in manifests {
        let manifest = at.view.value(manifest)?;
        if manifest.secret {
            at.view.hide(&manifest.value);
        }
        let object = object_of(&manifest.value, at.cx.chart.release.namespace.as_str())?;
        bodies.push((object, manifest.value));
    }
    for (object, body) in &bodies {
        at.cx.status(&format!("applying {object}"));
        let applied = at.cx.run.cluster.apply(object, body, force).await;
        applied.map_err(|error| {
            let error = StepError::from(error);
            let conflict = error.class() == ErrorClass::Conflict && !force;
            let error = StepError {
                message: format!("{object} cannot be applied: {}", error.message),
                ..error
            };
            if conflict {
                error.hint("`force = true` takes over what others own")
            } else {
                error
            }
        })?;
    }
    Ok(())
}

fn object_of(body: &Value, namespace: &str) -> Result<ObjectRef, StepError> {
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
    let needed = |pointer: &str| {
        text(pointer).map(str::to_owned).ok_or_else(|| {
            let message = format!("a manifest has no text at {pointer}");
            StepError::new(message).of_class(ErrorClass::Template)
        })
    };
    Ok(ObjectRef {
        api_version: needed("/apiVersion")?,
        kind: needed("/kind")?,
        namespace: Some(text("/metadata/namespace").unwrap_or(namespace).to_owned()),
        name: needed("/metadata/name")?,
    })
}
