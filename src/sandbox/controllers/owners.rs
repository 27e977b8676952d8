//! Owners and dependents: what nobody owns any more goes; an owner that waits for its dependents
//! (foreground) or leaves them behind (orphan) goes after that.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::{
    text,
    world::{World, going, uid},
};
use crate::sandbox::{objects::Propagation, refusal::Refusal, store::Key};

/// Held until the dependents that block it are gone.
const FOREGROUND: &str = "foregroundDeletion";

/// Held until the dependents have forgotten it.
const ORPHAN: &str = "orphan";

/// Who depends on whom.
#[derive(Debug, Default)]
pub(super) struct Dependents(HashMap<String, HashSet<Key>>);

impl Dependents {
    /// Takes note of a change; none for what is not there before or after it.
    pub(super) fn note(&mut self, key: &Key, before: Option<&Value>, after: Option<&Value>) {
        for owner in before.into_iter().flat_map(owner_uids) {
            if let Some(dependents) = self.0.get_mut(owner) {
                dependents.remove(key);
                if dependents.is_empty() {
                    self.0.remove(owner);
                }
            }
        }
        for owner in after.into_iter().flat_map(owner_uids) {
            let dependents = self.0.entry(owner.to_owned()).or_default();
            dependents.insert(key.clone());
        }
    }

    /// Those of the owner with this uid.
    pub(super) fn of(&self, uid: &str) -> Vec<Key> {
        let dependents = self.0.get(uid).into_iter().flatten();
        dependents.cloned().collect()
    }
}

fn owner_uids(object: &Value) -> impl Iterator<Item = &str> {
    let owners = object.pointer("/metadata/ownerReferences");
    let owners = owners.and_then(Value::as_array).into_iter().flatten();
    owners.map(|owner| text(owner, "/uid"))
}

/// Deletes the object if it had owners and all are gone; forgets those that are, else. Says whether
/// it was deleted.
pub(super) async fn collect(world: &World, key: &Key, object: &Value) -> Result<bool, Refusal> {
    let owners = world.owners_of(object);
    let gone: Vec<&Value> = owners
        .iter()
        .filter(|(key, owner)| {
            let there = world.store().get(key);
            there.is_none_or(|there| uid(&there) != text(owner, "/uid"))
        })
        .map(|(_, owner)| *owner)
        .collect();
    // Owners of kinds that are not served are not known to be gone.
    let all = owner_uids(object).count();
    if gone.is_empty() || going(object) {
        return Ok(false);
    }
    if gone.len() == all {
        let how = Propagation::Background;
        world.delete(&key.resource, object, how).await?;
        return Ok(true);
    }
    let gone: Vec<&str> = gone.iter().map(|owner| text(owner, "/uid")).collect();
    world
        .write(&key.resource, without_owners(object, &gone))
        .await?;
    Ok(false)
}

fn without_owners(object: &Value, uids: &[&str]) -> Value {
    let mut next = object.clone();
    if let Some(owners) = next["metadata"]["ownerReferences"].as_array_mut() {
        owners.retain(|owner| !uids.contains(&text(owner, "/uid")));
    }
    next
}

/// Does what an object that is being deleted waits for.
pub(super) async fn let_go(
    world: &World,
    key: &Key,
    object: &Value,
    dependents: &[Key],
) -> Result<(), Refusal> {
    let finalizers = object.pointer("/metadata/finalizers");
    let held = |by: &str| {
        let finalizers = finalizers.and_then(Value::as_array);
        finalizers.is_some_and(|all| all.iter().any(|name| name == by))
    };
    if held(FOREGROUND) {
        let mut blocked = false;
        for dependent in dependents {
            let Some(below) = world.store().get(dependent) else {
                continue;
            };
            let owners = below.pointer("/metadata/ownerReferences");
            let mut owners = owners.and_then(Value::as_array).into_iter().flatten();
            let blocks =
                owners.any(|it| it["uid"] == uid(object) && it["blockOwnerDeletion"] == true);
            if !going(&below) {
                let how = Propagation::Foreground;
                world.delete(&dependent.resource, &below, how).await?;
            }
            blocked |= blocks && world.store().get(dependent).is_some();
        }
        if !blocked {
            return release(world, key, object, FOREGROUND).await;
        }
    } else if held(ORPHAN) {
        for dependent in dependents {
            if let Some(below) = world.store().get(dependent) {
                let next = without_owners(&below, &[uid(object)]);
                world.write(&dependent.resource, next).await?;
            }
        }
        return release(world, key, object, ORPHAN).await;
    }
    Ok(())
}

async fn release(world: &World, key: &Key, object: &Value, finalizer: &str) -> Result<(), Refusal> {
    let mut next = object.clone();
    if let Some(finalizers) = next["metadata"]["finalizers"].as_array_mut() {
        finalizers.retain(|name| name != finalizer);
    }
    world.write(&key.resource, next).await?;
    Ok(())
}
