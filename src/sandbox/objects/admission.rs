//! What is judged before an object's own rules: its fields, and its namespace.

use serde_json::Value;

use super::{Objects, Place, Validation, meta};
use crate::sandbox::{
    kinds::Kind,
    refusal::{Cause, Refusal},
    schema::Problem,
    store::Key,
};

/// Namespaces that are always there.
pub(super) const KEPT: [&str; 3] = ["default", "kube-public", "kube-system"];

/// Judges the fields by the kind's schema. Fields that the kind does not have are gone afterwards,
/// and defaults are filled in; answers the warnings. An object that was not `sent` but merged by
/// an apply is pruned already.
pub(super) fn fields(
    kind: &Kind,
    object: &mut Value,
    validation: Validation,
    sent: bool,
) -> Result<Vec<String>, Refusal> {
    let Some(schema) = &kind.schema else {
        return Ok(Vec::new());
    };
    let mut unknown = Vec::new();
    for error in schema.check(object) {
        if error.problem == Problem::Unknown {
            unknown.push(error.to_string());
            continue;
        }
        // Built-in kinds refuse wrong types while they decode, those of CRDs when they validate.
        let decoding = error.decoding(&kind.kind);
        if let Some(why) = decoding.filter(|_| kind.custom.is_none()) {
            return Err(undecodable(kind, &why));
        }
    }
    if validation == Validation::Strict && !unknown.is_empty() {
        let list = unknown.join(", ");
        let message = format!("strict decoding error: {list}");
        return Err(if kind.custom.is_some() {
            Refusal::bad_request(message)
        } else {
            undecodable(kind, &message)
        });
    }
    if sent {
        schema.prune(object);
    }
    schema.default(object);
    // Nulls that prune and default take away are no error.
    let errors = schema.check(object).into_iter();
    let causes = errors.filter(|error| error.problem != Problem::Unknown);
    let causes = causes.map(|error| Cause::new(error.reason(), &*error.path, error.message()));
    let causes: Vec<Cause> = causes.collect();
    if !causes.is_empty() {
        let name = meta::text(object, "name");
        return Err(Refusal::invalid(kind, name, &causes));
    }
    if validation == Validation::Ignore {
        unknown.clear();
    }
    Ok(unknown)
}

fn undecodable(kind: &Kind, why: &str) -> Refusal {
    let (name, version) = (&kind.kind, &kind.version);
    let message = format!("{name} in version \"{version}\" cannot be handled as a {name}: {why}");
    Refusal::bad_request(message)
}

impl Objects {
    /// New objects need a namespace that is there to stay.
    pub(super) fn needs_namespace(&self, place: &Place<'_>) -> Result<(), Refusal> {
        if !place.kind.namespaced {
            return Ok(());
        }
        let namespaces = self.kinds().of_resource("namespaces");
        let namespaces = namespaces.ok_or_else(Refusal::no_such_path)?;
        let name = place.namespace;
        match self.store.get(&Key::new("namespaces", "", name)) {
            None => Err(Refusal::not_found(&namespaces, name)),
            Some(namespace) if meta::going(&namespace) => {
                let why = format!(
                    "unable to create new content in namespace {name} because it is being \
                     terminated"
                );
                Err(Refusal::forbidden(place.kind, place.name, &why))
            }
            Some(_) => Ok(()),
        }
    }
}
