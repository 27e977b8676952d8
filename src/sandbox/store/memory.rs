//! What is committed, in memory: the objects, and the latest changes.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, PoisonError, RwLock},
};

use serde_json::Value;

use super::{Change, Forgotten, Key, Listing};

/// Changes that a watch may still ask for. A watch further behind than this has to list again.
const REMEMBERED: usize = 4096;

type Named = BTreeMap<(String, String), Arc<Value>>;

/// Shared by the store (reads) and the writer (applies commits).
#[derive(Debug)]
pub(super) struct Memory {
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    /// Resource → (namespace, name) → object.
    objects: BTreeMap<String, Named>,
    version: u64,
    /// Resource → version of the last write to any of its objects since the start.
    touched: BTreeMap<String, u64>,
    changes: VecDeque<Change>,
    /// Everything after this version is in `changes`.
    oldest: u64,
}

impl Memory {
    pub(super) fn new(objects: Vec<(Key, Value)>, version: u64) -> Self {
        let mut state = State {
            objects: BTreeMap::new(),
            version,
            touched: BTreeMap::new(),
            changes: VecDeque::new(),
            oldest: version,
        };
        for (key, object) in objects {
            state.put(key, Arc::new(object));
        }
        Self {
            state: RwLock::new(state),
        }
    }

    pub(super) fn get(&self, key: &Key) -> Option<Arc<Value>> {
        self.read(|state| state.get(key))
    }

    pub(super) fn list(&self, resource: &str, namespace: Option<&str>) -> Listing {
        self.read(|state| {
            let named = state.objects.get(resource);
            let items = named.into_iter().flat_map(|named| {
                let from = (namespace.unwrap_or_default().to_owned(), String::new());
                named
                    .range(from..)
                    .take_while(|((of, _), _)| namespace.is_none_or(|wanted| wanted == of))
                    .map(|(_, object)| Arc::clone(object))
            });
            Listing {
                items: items.collect(),
                version: state.version,
            }
        })
    }

    pub(super) fn resources(&self) -> Vec<String> {
        self.read(|state| state.objects.keys().cloned().collect())
    }

    pub(super) fn touched(&self, resource: &str) -> u64 {
        self.read(|state| state.touched.get(resource).copied().unwrap_or(0))
    }

    pub(super) fn version(&self) -> u64 {
        self.read(|state| state.version)
    }

    pub(super) fn since(&self, version: u64) -> Result<Vec<Change>, Forgotten> {
        self.read(|state| {
            if version < state.oldest {
                return Err(Forgotten {
                    oldest: state.oldest,
                });
            }
            let start = state
                .changes
                .partition_point(|change| change.version <= version);
            Ok(state.changes.range(start..).cloned().collect())
        })
    }

    /// Makes committed changes visible, all at once.
    pub(super) fn apply(&self, changes: Vec<Change>) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            state.version = change.version;
            state.touch(&change.key.resource, change.version);
            if change.deleted {
                state.remove(&change.key);
            } else {
                state.put(change.key.clone(), Arc::clone(&change.object));
            }
            state.changes.push_back(change);
        }
        while state.changes.len() > REMEMBERED {
            if let Some(change) = state.changes.pop_front() {
                state.oldest = change.version;
            }
        }
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn get(&self, key: &Key) -> Option<Arc<Value>> {
        let named = self.objects.get(&key.resource)?;
        named
            .get(&(key.namespace.clone(), key.name.clone()))
            .cloned()
    }

    fn touch(&mut self, resource: &str, version: u64) {
        if let Some(last) = self.touched.get_mut(resource) {
            *last = version;
        } else {
            self.touched.insert(resource.to_owned(), version);
        }
    }

    fn put(&mut self, key: Key, object: Arc<Value>) {
        let named = self.objects.entry(key.resource).or_default();
        named.insert((key.namespace, key.name), object);
    }

    fn remove(&mut self, key: &Key) {
        if let Some(named) = self.objects.get_mut(&key.resource) {
            named.remove(&(key.namespace.clone(), key.name.clone()));
            if named.is_empty() {
                self.objects.remove(&key.resource);
            }
        }
    }
}
