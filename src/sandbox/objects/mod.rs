//! What a create, update, patch or delete means, whoever sends it: names and namespaces, metadata,
//! defaults, what may change, finalizers and deletion.
//!
//! `http` calls it for clients, `controllers` for what a cluster does by itself. Every write reads,
//! computes and then writes on the condition that nobody else wrote in between, as in a real
//! server; nothing is locked.

mod admission;
mod begin;
mod crds;
mod create;
mod delete;
mod immutable;
mod meta;
mod names;
mod patch;
pub(super) mod scale;
mod services;
mod sweep;
mod update;
mod validate;

use std::sync::Arc;

use serde_json::Value;

pub(super) use self::{
    begin::begin,
    delete::{DeleteOptions, Deleted, Propagation},
    meta::now,
    patch::Patch,
    sweep::sweep,
    update::has_subresource,
};
use super::{
    kinds::{Kind, Kinds},
    refusal::Refusal,
    store::{Key, Listing, Store, WriteError, version_of},
};

/// Which object a request is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) kind: &'a Kind,
    /// Empty for what belongs to the cluster.
    pub(super) namespace: &'a str,
    /// Empty for a creation.
    pub(super) name: &'a str,
    /// `status`, `scale`, or empty.
    pub(super) subresource: &'a str,
}

impl Place<'_> {
    fn key(&self) -> Key {
        Key::new(&*self.kind.resource, self.namespace, self.name)
    }
}

/// How a write is to be done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Writing<'a> {
    /// `fieldManager`, never empty.
    pub(super) manager: &'a str,
    /// The subresource that `managedFields` is to name, where the object itself is written.
    pub(super) through: Option<&'a str>,
    /// Judge and answer, but write nothing.
    pub(super) dry_run: bool,
    pub(super) validation: Validation,
}

impl Writing<'_> {
    /// What a cluster does by itself.
    pub(super) const SERVER: Self = Self {
        manager: "kube-controller-manager",
        through: None,
        dry_run: false,
        validation: Validation::Ignore,
    };
}

/// `fieldValidation`: what becomes of fields that the kind does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Validation {
    /// They are dropped.
    Ignore,
    /// They are dropped, and named in a warning.
    Warn,
    /// They are an error.
    Strict,
}

/// What a write led to.
#[derive(Debug, Clone)]
pub(super) struct Written {
    /// The object as it is now; for a dry run as it would be.
    pub(super) object: Arc<Value>,
    pub(super) created: bool,
    /// For the person at the terminal.
    pub(super) warnings: Vec<String>,
}

/// The registry.
#[derive(Debug)]
pub(super) struct Objects {
    store: Arc<Store>,
    kinds: Kinds,
    /// Held while an address is chosen and its Service written.
    addresses: tokio::sync::Mutex<()>,
}

impl Objects {
    /// Over what the store holds; the kinds of its CRDs are served at once.
    pub(super) fn new(store: Arc<Store>) -> Self {
        let crds = store.list(crds::RESOURCE, None).items;
        Self {
            store,
            kinds: Kinds::new(&crds),
            addresses: tokio::sync::Mutex::default(),
        }
    }

    /// What is served now: a CRD's kinds from the moment it is written.
    pub(super) fn kinds(&self) -> &Kinds {
        let crds = || self.store.list(crds::RESOURCE, None).items;
        self.kinds.follow(self.store.touched(crds::RESOURCE), crds);
        &self.kinds
    }

    pub(super) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The object.
    pub(super) fn get(&self, place: &Place<'_>) -> Result<Arc<Value>, Refusal> {
        let found = self.store.get(&place.key());
        let found = found.ok_or_else(|| Refusal::not_found(place.kind, place.name))?;
        Ok(in_version(place.kind, found))
    }

    /// The objects of a kind, of one namespace or of all.
    pub(super) fn list(&self, kind: &Kind, namespace: Option<&str>) -> Listing {
        let mut listing = self.store.list(&kind.resource, namespace);
        if kind.custom.is_some() {
            let items = listing.items.into_iter();
            listing.items = items.map(|object| in_version(kind, object)).collect();
        }
        listing
    }

    /// Sends a judged object to the store.
    async fn put(
        &self,
        place: &Place<'_>,
        before: Option<&Value>,
        object: Value,
        dry_run: bool,
    ) -> Result<Arc<Value>, WriteError> {
        if dry_run {
            return Ok(Arc::new(object));
        }
        let key = place.key();
        match before {
            None => self.store.create(key, object).await,
            Some(before) => self.store.update(key, version_of(before), object).await,
        }
    }

    /// Takes an object out of the store.
    async fn take(
        &self,
        place: &Place<'_>,
        live: &Value,
        dry_run: bool,
    ) -> Result<Arc<Value>, WriteError> {
        if dry_run {
            return Ok(Arc::new(live.clone()));
        }
        self.store.delete(place.key(), version_of(live)).await
    }

    /// Changes whenever a CRD does, as long as this process runs.
    pub(super) fn crds_version(&self) -> u64 {
        self.store.touched(crds::RESOURCE)
    }
}

/// The object in the version it was asked for. Only kinds of CRDs have several, and theirs differ
/// in nothing but the name.
pub(super) fn in_version(kind: &Kind, object: Arc<Value>) -> Arc<Value> {
    if kind.custom.is_none() || object["apiVersion"] == kind.api_version() {
        return object;
    }
    let mut object = Value::clone(&object);
    object["apiVersion"] = kind.api_version().into();
    Arc::new(object)
}

#[cfg(test)]
mod tests;
