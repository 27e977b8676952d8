//! `contains`: a field holds what it must hold.

use serde_json::Value;

use super::{
    StepError,
    attempt::Attempt,
    exists::as_mismatch,
    field::{contains, read, shown},
};
use crate::stack::{ErrorClass, Objects, TemplatedValue, ValuePath, Which};

/// Of an object that is named, its field; of a selection, the list of all their fields.
pub(super) async fn check<'a>(
    at: &Attempt<'a>,
    objects: &'a Objects,
    field: &ValuePath,
    value: &TemplatedValue,
) -> Result<(), StepError> {
    let wanted = at.view.value(value)?;
    let live = at.view.need(objects).await.map_err(as_mismatch)?;
    let secret = wanted.secret || live.iter().any(|one| one.secret);
    let lacks = |whom: &str, found: Option<&Value>| {
        let wanted = shown(&wanted.value, secret);
        let message = match found {
            Some(found) => {
                let found = shown(found, secret);
                format!("`{field}` of {whom} is {found}, which does not contain {wanted}")
            }
            None => format!("`{field}` of {whom} is not there, it must contain {wanted}"),
        };
        StepError::new(message).of_class(ErrorClass::Mismatch)
    };
    if let Which::Matching { .. } = objects.which {
        let all: Value = live.iter().filter_map(|one| read(one, field)).collect();
        if contains(&all, &wanted.value) {
            return Ok(());
        }
        let whom = at.view.named(objects).await?.to_string();
        return Err(lacks(&whom, Some(&all)));
    }
    for one in &live {
        let found = read(one, field);
        let holds = |found: &Value| contains(found, &wanted.value);
        if !found.as_ref().is_some_and(holds) {
            return Err(lacks(&one.to_string(), found.as_ref()));
        }
    }
    Ok(())
}
