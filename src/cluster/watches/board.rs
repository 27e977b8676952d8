//! What the watches have seen: the newest state of each object, by kind.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use tokio::sync::watch;

use crate::cluster::{Kind, Readiness, ready::readiness};

/// The objects one watch covers: a kind, everywhere or in one namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Domain {
    pub(super) kind: Kind,
    pub(super) namespace: Option<String>,
}

impl Domain {
    pub(super) fn everywhere(kind: &Kind) -> Self {
        Self {
            kind: kind.clone(),
            namespace: None,
        }
    }

    pub(super) fn of_namespace(kind: &Kind, namespace: &str) -> Self {
        Self {
            kind: kind.clone(),
            namespace: Some(namespace.to_owned()),
        }
    }
}

/// An object at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sighting {
    pub(super) resource_version: String,
    /// `None`: it was deleted.
    pub(super) state: Option<State>,
}

/// What of an object matters to a wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    pub(super) uid: String,
    pub(super) readiness: Readiness,
}

impl Sighting {
    /// Of an object that is there.
    pub(super) fn of(object: &Value) -> Self {
        Self {
            resource_version: field(object, "resourceVersion").to_owned(),
            state: Some(State {
                uid: field(object, "uid").to_owned(),
                readiness: readiness(Some(object)),
            }),
        }
    }
}

fn field<'a>(object: &'a Value, name: &str) -> &'a str {
    object["metadata"][name].as_str().unwrap_or_default()
}

/// How a watch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    /// It has listed everything and reports what changes.
    Live,
    /// It is being set up again.
    Down,
    /// We may not watch this.
    Denied,
}

#[derive(Debug)]
struct Sector {
    health: Health,
    /// resourceVersion of the LIST it began with: what was not in it did not exist then.
    listed_at: String,
    /// By namespace and name.
    sightings: HashMap<(String, String), Sighting>,
}

impl Sector {
    fn empty(health: Health) -> Self {
        Self {
            health,
            listed_at: String::new(),
            sightings: HashMap::new(),
        }
    }
}

/// What all watches have seen. Whoever waits subscribes to its changes.
#[derive(Debug)]
pub(super) struct Board {
    sectors: Mutex<HashMap<Domain, Sector>>,
    changes: watch::Sender<()>,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            sectors: Mutex::default(),
            changes: watch::Sender::new(()),
        }
    }
}

impl Board {
    /// Wakes up whenever anything on the board changes.
    pub(super) fn subscribe(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// The newest sighting of an object by a live watch. An object that never appeared was seen
    /// missing when the watch began.
    pub(super) fn sighting(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        name: &str,
    ) -> Option<Sighting> {
        let sectors = self.lock();
        let sector = live_sector(&sectors, kind, namespace)?;
        let key = (namespace.unwrap_or_default().to_owned(), name.to_owned());
        let seen = sector.sightings.get(&key).cloned();
        seen.or_else(|| {
            Some(Sighting {
                resource_version: sector.listed_at.clone(),
                state: None,
            })
        })
    }

    /// Whether a live watch covers this kind here.
    pub(super) fn is_live(&self, kind: &Kind, namespace: Option<&str>) -> bool {
        live_sector(&self.lock(), kind, namespace).is_some()
    }

    /// Whether the watch turned out to be forbidden.
    pub(super) fn is_denied(&self, domain: &Domain) -> bool {
        self.lock()
            .get(domain)
            .is_some_and(|sector| sector.health == Health::Denied)
    }

    /// A watch begins: this is everything there is.
    pub(super) fn begin(&self, domain: &Domain, objects: &[Value], listed_at: &str) {
        let sightings = objects
            .iter()
            .map(|object| (key(object), Sighting::of(object)))
            .collect();
        let listed_at = listed_at.to_owned();
        self.set(
            domain,
            Sector {
                health: Health::Live,
                listed_at,
                sightings,
            },
        );
    }

    /// An object was made or changed.
    pub(super) fn changed(&self, domain: &Domain, object: &Value) {
        self.sight(domain, object, Sighting::of(object));
    }

    /// An object was deleted. The event carries the resourceVersion of its deletion.
    pub(super) fn deleted(&self, domain: &Domain, object: &Value) {
        let resource_version = field(object, "resourceVersion").to_owned();
        self.sight(
            domain,
            object,
            Sighting {
                resource_version,
                state: None,
            },
        );
    }

    /// The watch broke: what it saw may be old by now.
    pub(super) fn down(&self, domain: &Domain) {
        self.set(domain, Sector::empty(Health::Down));
    }

    /// The watch is not allowed.
    pub(super) fn deny(&self, domain: &Domain) {
        self.set(domain, Sector::empty(Health::Denied));
    }

    fn sight(&self, domain: &Domain, object: &Value, sighting: Sighting) {
        if let Some(sector) = self.lock().get_mut(domain) {
            sector.sightings.insert(key(object), sighting);
        }
        self.changes.send_replace(());
    }

    fn set(&self, domain: &Domain, sector: Sector) {
        self.lock().insert(domain.clone(), sector);
        self.changes.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Domain, Sector>> {
        self.sectors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn live_sector<'a>(
    sectors: &'a HashMap<Domain, Sector>,
    kind: &Kind,
    namespace: Option<&str>,
) -> Option<&'a Sector> {
    let live = |domain: &Domain| sectors.get(domain).filter(|it| it.health == Health::Live);
    live(&Domain::everywhere(kind)).or_else(|| live(&Domain::of_namespace(kind, namespace?)))
}

fn key(object: &Value) -> (String, String) {
    (
        field(object, "namespace").to_owned(),
        field(object, "name").to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use kube::discovery::ApiResource;
    use serde_json::json;

    use super::*;

    fn pods() -> Kind {
        let resource = ApiResource {
            group: String::new(),
            version: "v1".to_owned(),
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            plural: "pods".to_owned(),
        };
        Kind {
            resource,
            namespaced: true,
            listable: true,
        }
    }

    fn pod(namespace: &str, name: &str, version: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Pod", "status": { "phase": "Succeeded" },
            "metadata": { "namespace": namespace, "name": name, "uid": "u",
                          "resourceVersion": version },
        })
    }

    #[test]
    fn only_a_live_watch_is_believed() {
        let (board, kind) = (Board::default(), pods());
        let everywhere = Domain::everywhere(&kind);
        assert_eq!(board.sighting(&kind, Some("a"), "x"), None);
        board.begin(&everywhere, &[pod("a", "x", "3")], "5");
        let seen = board.sighting(&kind, Some("a"), "x").unwrap();
        assert_eq!(seen.state.unwrap().readiness, Readiness::Ready);
        let absent = board.sighting(&kind, Some("a"), "y").unwrap();
        assert_eq!(
            (absent.resource_version.as_str(), absent.state),
            ("5", None)
        );
        board.deleted(&everywhere, &pod("a", "x", "7"));
        assert_eq!(board.sighting(&kind, Some("a"), "x").unwrap().state, None);
        board.down(&everywhere);
        assert_eq!(board.sighting(&kind, Some("a"), "x"), None);
    }

    #[test]
    fn a_namespace_is_covered_by_its_own_watch_where_the_cluster_is_denied() {
        let (board, kind) = (Board::default(), pods());
        board.deny(&Domain::everywhere(&kind));
        assert!(board.is_denied(&Domain::everywhere(&kind)));
        board.begin(
            &Domain::of_namespace(&kind, "a"),
            &[pod("a", "x", "3")],
            "5",
        );
        assert!(board.is_live(&kind, Some("a")));
        assert!(!board.is_live(&kind, Some("b")));
        assert!(board.sighting(&kind, Some("a"), "x").is_some());
    }

    #[tokio::test]
    async fn changes_wake_whoever_waits() {
        let (board, kind) = (Board::default(), pods());
        let everywhere = Domain::everywhere(&kind);
        let mut changes = board.subscribe();
        board.begin(&everywhere, &[], "5");
        changes.changed().await.unwrap();
        board.changed(&everywhere, &pod("a", "x", "6"));
        changes.changed().await.unwrap();
    }
}
