//! `patch`: objects are patched.

use std::slice;

use super::{StepError, attempt::Attempt};
use crate::{
    cluster::Patched,
    stack::{Objects, PatchKind, TemplatedValue},
};

pub(super) async fn patch<'a>(
    at: &Attempt<'a>,
    objects: &'a Objects,
    kind: PatchKind,
    patch: &TemplatedValue,
    optional: bool,
) -> Result<(), StepError> {
    let patch = at.view.value(patch)?;
    if patch.secret {
        at.view.hide(&patch.value);
    }
    let how = match kind {
        PatchKind::Merge => Patched::Merge,
        PatchKind::Strategic => Patched::Strategic,
        PatchKind::Json => Patched::Json,
    };
    for one in at.view.need_all(slice::from_ref(objects), optional).await? {
        at.cx.status(&format!("patching {one}"));
        let patched = at
            .cx
            .run
            .cluster
            .patch(&one.object, how, &patch.value)
            .await;
        patched.map_err(|error| {
            let error = StepError::from(error);
            let message = format!("{one} cannot be patched: {}", error.message);
            let error = StepError { message, ..error };
            match kind {
                PatchKind::Strategic if error.message.contains("media type") => {
                    error.hint("custom resources know no strategic patch: use `merge` or `json`")
                }
                _ => error,
            }
        })?;
    }
    Ok(())
}
