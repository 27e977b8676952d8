//! `equals`: a field has the value it must have.

use super::{
    StepError,
    attempt::Attempt,
    exists::as_mismatch,
    field::{read, same, shown},
};
use crate::stack::{ErrorClass, Objects, TemplatedValue, ValuePath};

/// In every object that is named; one must be.
pub(super) async fn check<'a>(
    at: &Attempt<'a>,
    objects: &'a Objects,
    field: &ValuePath,
    value: &TemplatedValue,
) -> Result<(), StepError> {
    let wanted = at.view.value(value)?;
    let live = at.view.need(objects).await.map_err(as_mismatch)?;
    let mut wrong = live.iter().filter_map(|one| {
        let found = read(one, field);
        if found
            .as_ref()
            .is_some_and(|found| same(found, &wanted.value))
        {
            return None;
        }
        let seen = match found {
            Some(found) => format!("is {}", shown(&found, one.secret || wanted.secret)),
            None => "is not there".to_owned(),
        };
        Some(format!("`{field}` of {one} {seen}"))
    });
    let Some(first) = wrong.next() else {
        return Ok(());
    };
    let secret = wanted.secret || live.iter().any(|one| one.secret);
    let message = format!("{first}, {} is wanted", shown(&wanted.value, secret));
    let others: Vec<String> = wrong.collect();
    Err(StepError::new(message)
        .of_class(ErrorClass::Mismatch)
        .cause(others.join("\n")))
}
