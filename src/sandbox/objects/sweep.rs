//! What empties itself: namespaces and kinds that are being deleted, before they are gone.

use std::sync::Arc;

use serde_json::Value;

use super::{DeleteOptions, Objects, Place, Writing, crds, meta};
use crate::sandbox::store::Key;

/// Follows the store for ever.
pub(in crate::sandbox) async fn sweep(objects: Arc<Objects>) {
    loop {
        // What changes while this goes on is looked at again.
        let seen = objects.store.version();
        objects.sweep_once().await;
        objects.store.wait_past(seen).await;
    }
}

impl Objects {
    async fn sweep_once(&self) {
        for namespace in self.store.list("namespaces", None).items {
            if meta::going(&namespace) {
                self.empty_namespace(&namespace).await;
            }
        }
        for crd in self.store.list(crds::RESOURCE, None).items {
            if meta::going(&crd) && meta::finalizers(&crd).contains(&crds::CLEANUP) {
                self.empty_kind(&crd).await;
            }
        }
    }

    async fn empty_namespace(&self, namespace: &Arc<Value>) {
        let name = meta::text(namespace, "name");
        let mut left = false;
        for resource in self.store.resources() {
            left |= self.delete_all(&resource, Some(name)).await;
        }
        if !left && meta::finalizers(namespace).is_empty() {
            let version = crate::sandbox::store::version_of(namespace);
            // Somebody may have changed it: the next round sees.
            let _ = self
                .store
                .delete(Key::new("namespaces", "", name), version)
                .await;
        }
    }

    async fn empty_kind(&self, crd: &Value) {
        if self.delete_all(meta::text(crd, "name"), None).await {
            return;
        }
        let Some(kind) = self.kinds().of_resource(crds::RESOURCE) else {
            return;
        };
        let place = Place {
            kind: &kind,
            namespace: "",
            name: meta::text(crd, "name"),
            subresource: "",
        };
        // Ended by `change`, which takes the last finalizer's object away.
        let compute = |live: &Value| Ok((without_cleanup(live), false));
        let _ = self.change(&place, &Writing::SERVER, compute).await;
    }

    /// Asks everything of a resource to go. Is anything left?
    async fn delete_all(&self, resource: &str, namespace: Option<&str>) -> bool {
        let Some(kind) = self.kinds().of_resource(resource) else {
            return false;
        };
        if namespace.is_some() && !kind.namespaced {
            return false;
        }
        let mut left = false;
        for object in self.store.list(resource, namespace).items {
            let place = Place {
                kind: &kind,
                namespace: meta::text(&object, "namespace"),
                name: meta::text(&object, "name"),
                subresource: "",
            };
            if !meta::going(&object) {
                // Whoever deleted it first did what was to be done.
                let _ = self.delete(&place, &DeleteOptions::default()).await;
            }
            left |= self.store.get(&place.key()).is_some();
        }
        left
    }
}

fn without_cleanup(live: &Value) -> Value {
    let mut next = live.clone();
    if let Some(finalizers) = next["metadata"]["finalizers"].as_array_mut() {
        finalizers.retain(|finalizer| finalizer != crds::CLEANUP);
    }
    next
}
