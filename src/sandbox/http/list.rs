//! Lists: selected, in pieces, in the form asked for.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Value, json};

use super::{
    accept::Form,
    query::Query,
    selector::Selector,
    table::{self, Include},
};
use crate::sandbox::{kinds::Kind, objects::Objects, random, refusal::Refusal};

/// Lists that clients may still fetch the rest of.
const OPEN: usize = 16;

/// What is left of lists that are fetched in pieces, as it was when they began.
#[derive(Debug, Default)]
pub(super) struct Pieces(Mutex<VecDeque<Piece>>);

#[derive(Debug, Clone)]
struct Piece {
    token: String,
    rest: Vec<Arc<Value>>,
    version: u64,
}

impl Pieces {
    fn keep(&self, rest: Vec<Arc<Value>>, version: u64) -> String {
        let token = random::uid();
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.push_back(Piece {
            token: token.clone(),
            rest,
            version,
        });
        if open.len() > OPEN {
            open.pop_front();
        }
        token
    }

    /// A client may ask for the same piece again.
    fn find(&self, token: &str) -> Option<Piece> {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.iter().find(|piece| piece.token == token).cloned()
    }
}

/// The list of a kind's objects.
pub(super) fn list(
    objects: &Objects,
    pieces: &Pieces,
    kind: &Kind,
    namespace: Option<&str>,
    query: &Query,
    form: Form,
) -> Result<Value, Refusal> {
    let (mut items, version) = if let Some(token) = query.get("continue") {
        let piece = pieces.find(token).ok_or_else(Refusal::continue_expired)?;
        (piece.rest, piece.version)
    } else {
        let selector = selector(kind, query)?;
        let listing = objects.list(kind, namespace);
        exact(query, listing.version)?;
        let fits = |object: &Arc<Value>| selector.fits(object);
        (
            listing.items.into_iter().filter(fits).collect(),
            listing.version,
        )
    };
    let mut metadata = json!({ "resourceVersion": version.to_string() });
    if let Some(limit) = query.number::<usize>("limit")?.filter(|limit| *limit > 0)
        && items.len() > limit
    {
        let rest = items.split_off(limit);
        metadata["remainingItemCount"] = rest.len().into();
        metadata["continue"] = pieces.keep(rest, version).into();
    }
    Ok(match form {
        Form::Metadata => json!({
            "kind": "PartialObjectMetadataList",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": metadata,
            "items": items.iter().map(|object| table::partial(object)).collect::<Value>(),
        }),
        Form::Table => {
            let objects: Vec<&Value> = items.iter().map(|object| &**object).collect();
            let include = Include::parse(query.get("includeObject"));
            table::table(kind, &objects, &metadata, include, true)
        }
        Form::Whole | Form::Aggregated => json!({
            "kind": kind.list_kind,
            "apiVersion": kind.api_version(),
            "metadata": metadata,
            "items": items.iter().map(|object| Value::clone(object)).collect::<Value>(),
        }),
    })
}

pub(super) fn selector(kind: &Kind, query: &Query) -> Result<Selector, Refusal> {
    Selector::new(kind, query.get("labelSelector"), query.get("fieldSelector"))
}

/// Only the present can be listed.
fn exact(query: &Query, version: u64) -> Result<(), Refusal> {
    let asked = query.number::<u64>("resourceVersion")?;
    match (query.get("resourceVersionMatch"), asked) {
        (Some("Exact"), Some(asked)) if asked != version => Err(Refusal::continue_expired()),
        _ => Ok(()),
    }
}
