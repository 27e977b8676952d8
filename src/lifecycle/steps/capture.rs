//! `capture`: a value of the cluster, or of a command, for later texts and for `changed`.

use ring::digest::{SHA256, digest};
use serde_json::Value;

use super::{
    Context, Payload, StepError,
    attempt::Attempt,
    field::read,
    objects::{Live, View},
    run,
};
use crate::stack::{CaptureSource, ErrorClass, Late, Objects, Resolved, Step, ValuePath, Verb};

/// Takes the value into the payload, and keeps it for `${capture.NAME}`.
pub(super) async fn capture(at: &Attempt<'_>) -> Result<Payload, StepError> {
    let taken = take(at).await?;
    let mut payload = at.payload.clone();
    if let Verb::Capture { name, .. } = &at.step.verb {
        payload.insert(name.clone(), taken.value.clone());
        at.cx.remember(|memory| {
            memory.late.insert(Late::Capture(name.clone()), taken);
        });
    }
    Ok(payload)
}

/// What a `capture` step would take now.
pub(super) async fn look(cx: &Context<'_>, step: &Step) -> Result<Resolved, StepError> {
    let payload = Payload::default();
    let at = Attempt::new(cx, "changed", step, &payload);
    take(&at).await
}

async fn take(at: &Attempt<'_>) -> Result<Resolved, StepError> {
    let Verb::Capture {
        source,
        default,
        hash,
        secret,
        ..
    } = &at.step.verb
    else {
        return Err(StepError::new("this is no capture"));
    };
    let found = match source {
        CaptureSource::Field { objects, field } => field_of(at.view, objects, field).await,
        CaptureSource::Command { run, parse } => run::read(at, run, *parse, *secret).await,
    };
    let mut taken = match (found, default) {
        (Err(error), Some(default))
            if matches!(error.class(), ErrorClass::NotFound | ErrorClass::NoMatch) =>
        {
            at.view.value(default)?
        }
        (Err(error), None) if error.class() == ErrorClass::NotFound => {
            let hint = "`default = …` is taken where a field or its object may be missing";
            return Err(error.hint(hint));
        }
        (found, _) => found?,
    };
    taken.secret |= secret;
    if taken.secret {
        at.view.hide(&taken.value);
    }
    if *hash {
        taken.value = hash_of(&taken.value).into();
    }
    Ok(taken)
}

/// A field of the one object that is named.
pub(in crate::lifecycle) async fn field_of<'a>(
    view: View<'a>,
    objects: &'a Objects,
    field: &ValuePath,
) -> Result<Resolved, StepError> {
    let live = view.need(objects).await?;
    let found = live.first().map(|one: &Live| (one, read(one, field)));
    match found {
        Some((one, Some(value))) => Ok(Resolved {
            value,
            secret: one.secret,
        }),
        Some((one, None)) => {
            let message = format!("`{field}` of {one} is not there");
            Err(StepError::new(message).of_class(ErrorClass::NotFound))
        }
        None => Err(StepError::new("there is no such object").of_class(ErrorClass::NotFound)),
    }
}

fn hash_of(value: &Value) -> String {
    let hash = digest(&SHA256, value.to_string().as_bytes());
    let bytes = hash.as_ref().iter();
    bytes.fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
