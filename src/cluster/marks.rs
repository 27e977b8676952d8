//! What stackctl writes on objects that are its own work: whose they are, and who made them.

use serde_json::Value;

use crate::name::{EnvironmentName, StackName};

/// A stack, in one of its environments if it has any.
pub type Owner = (StackName, Option<EnvironmentName>);

/// Label: the stack it was applied for.
pub(super) const STACK: &str = "stackctl.io/stack";

/// Label: that stack's environment.
pub(super) const ENVIRONMENT: &str = "stackctl.io/environment";

/// Annotation: who made it, as [`written`]. What was there before has none.
pub(super) const CREATED_BY: &str = "stackctl.io/created-by";

/// `STACK` or `STACK.ENVIRONMENT`: neither name has a dot.
pub(super) fn written((stack, environment): &Owner) -> String {
    match environment {
        Some(environment) => format!("{stack}.{environment}"),
        None => stack.to_string(),
    }
}

/// Who made an object.
pub(super) fn creator(object: &Value) -> Option<Owner> {
    let text = object["metadata"]["annotations"][CREATED_BY].as_str()?;
    match text.split_once('.') {
        Some((stack, environment)) => owner(stack, Some(environment)),
        None => owner(text, None),
    }
}

/// Who applied an object last, by its labels.
pub(super) fn applier(object: &Value) -> Option<Owner> {
    let labels = &object["metadata"]["labels"];
    owner(labels[STACK].as_str()?, labels[ENVIRONMENT].as_str())
}

fn owner(stack: &str, environment: Option<&str>) -> Option<Owner> {
    let environment = environment.map(EnvironmentName::new).transpose();
    Some((StackName::new(stack).ok()?, environment.ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_creator_reads_back_as_written() {
        for (text, environment) in [("shop", None), ("shop.prod", Some("prod"))] {
            let object = json!({ "metadata": { "annotations": { CREATED_BY: text } } });
            let owner = creator(&object).unwrap();
            assert_eq!(owner.1.as_ref().map(EnvironmentName::as_str), environment);
            assert_eq!(written(&owner), text);
        }
        for text in ["", "shop.", ".prod", "Shop", "shop.prod.eu"] {
            let object = json!({ "metadata": { "annotations": { CREATED_BY: text } } });
            assert_eq!(creator(&object), None, "{text}");
        }
    }
}
