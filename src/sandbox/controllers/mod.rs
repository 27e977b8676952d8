//! What a cluster does by itself, so that waiting for it is real: Deployments get ReplicaSets and
//! those pods, pods run, Jobs end, claims are bound, dependents of deleted owners go.
//!
//! ```text
//! store's changes ─▶ queue of keys ─▶ reconcile (one object: look, then write what is missing)
//!                        ▲    ▲                    │ writes through `objects`
//!                        │    └── timers ◀─────────┤ "look again after"
//!                        └─────── changes ◀────────┘
//! ```
//!
//! `world` reads and writes, `owners` collects garbage, `pods` plays scheduler and kubelet, the
//! others are named after what they look after. Everything is found again from the store alone, but
//! for how long a pod has been getting ready.
//!
//! Simplified: one node that everything fits on; no quotas, no endpoints, no volumes behind claims,
//! no ControllerRevisions; CronJobs start nothing; a failed Job's next pod comes within seconds.
//! Pod templates' annotations steer what happens, as on our test control plane:
//! `stackctl.test/ready-after`, `stackctl.test/fail`, `stackctl.test/exit-code`; and so do
//! [`Fault`]s.

mod budgets;
mod conditions;
mod daemon_sets;
mod deployments;
mod events;
mod faults;
mod jobs;
mod owners;
mod pods;
mod replica_sets;
mod rolling;
mod services;
mod stateful_sets;
mod template;
mod world;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt as _, stream};
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use self::{owners::Dependents, world::World};
use super::{
    Options,
    objects::Objects,
    refusal::Refusal,
    store::{Change, Key},
};

/// Objects looked at side by side.
const AT_ONCE: usize = 16;

/// When to look again at an object whose write was refused.
const RETRY: Duration = Duration::from_millis(200);

/// Look again after this, if nothing changes before.
type Again = Option<Duration>;

/// Runs all controllers for ever.
pub(super) async fn control(objects: Arc<Objects>, options: Options) {
    let world = World::new(objects, options);
    world.begin().await;
    let mut controllers = Controllers {
        world,
        dependents: Dependents::default(),
        queue: BTreeSet::new(),
        timers: Mutex::default(),
        seen: 0,
    };
    controllers.start_over();
    loop {
        controllers.follow();
        if controllers.queue.is_empty() {
            controllers.wait().await;
        } else {
            controllers.work().await;
        }
    }
}

struct Controllers {
    world: World,
    dependents: Dependents,
    queue: BTreeSet<Key>,
    timers: Mutex<HashMap<Key, Instant>>,
    /// Changes up to this version are in the queue.
    seen: u64,
}

impl Controllers {
    /// Everything has to be looked at.
    fn start_over(&mut self) {
        let store = self.world.store();
        self.seen = store.version();
        for resource in store.resources() {
            for object in store.list(&resource, None).items {
                let key = World::key(&resource, &object);
                self.dependents.note(&key, None, Some(&object));
                self.queue.insert(key);
            }
        }
    }

    /// Queues what has changed, and what is due.
    fn follow(&mut self) {
        match self.world.store().since(self.seen) {
            Ok(changes) => {
                for change in changes {
                    self.seen = change.version;
                    self.queue_for(&change);
                }
            }
            Err(_) => self.start_over(),
        }
        let now = Instant::now();
        let mut timers = self.timers.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = &mut self.queue;
        timers.retain(|key, at| {
            let due = *at <= now;
            if due {
                queue.insert(key.clone());
            }
            !due
        });
    }

    fn queue_for(&mut self, change: &Change) {
        let after = (!change.deleted).then_some(&*change.object);
        let before = change.before.as_deref();
        self.dependents.note(&change.key, before, after);
        for object in [before, Some(&*change.object)].into_iter().flatten() {
            let owners = self.world.owners_of(object).into_iter();
            self.queue.extend(owners.map(|(key, _)| key));
        }
        if change.deleted {
            let uid = world::uid(&change.object);
            self.queue.extend(self.dependents.of(uid));
            self.world.forget(uid);
        } else {
            self.queue.insert(change.key.clone());
        }
        // Budgets count pods that they do not own.
        if change.key.resource == "pods" {
            let budgets = self.world.list(budgets::RESOURCE, &change.key.namespace);
            let budgets = budgets.iter().map(|it| World::key(budgets::RESOURCE, it));
            self.queue.extend(budgets);
        }
    }

    async fn wait(&self) {
        let next = self
            .timers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .min()
            .copied();
        let timer = async {
            match next {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.world.store().wait_past(self.seen) => {}
            () = timer => {}
        }
    }

    async fn work(&mut self) {
        let batch = std::mem::take(&mut self.queue);
        let this = &*self;
        let each = stream::iter(batch).map(async |key: Key| {
            // A refusal is not the end: what led to it changes, or is tried again.
            let again = this.reconcile(&key).await.unwrap_or(Some(RETRY));
            let mut timers = this.timers.lock().unwrap_or_else(PoisonError::into_inner);
            match again {
                Some(after) => timers.insert(key, Instant::now() + after),
                None => timers.remove(&key),
            };
        });
        each.buffer_unordered(AT_ONCE).collect::<()>().await;
    }

    async fn reconcile(&self, key: &Key) -> Result<Again, Refusal> {
        let Some(object) = self.world.store().get(key) else {
            return Ok(None);
        };
        if owners::collect(&self.world, key, &object).await? {
            return Ok(None);
        }
        let world = &self.world;
        if world::going(&object) {
            let dependents = self.dependents.of(world::uid(&object));
            owners::let_go(world, key, &object, &dependents).await?;
            return match &*key.resource {
                "pods" => pods::end(world, &object).await,
                _ => Ok(None),
            };
        }
        match &*key.resource {
            "pods" => pods::run(world, &object).await,
            "replicasets.apps" => replica_sets::reconcile(world, &object).await,
            "deployments.apps" => deployments::reconcile(world, &object).await,
            "statefulsets.apps" => stateful_sets::reconcile(world, &object).await,
            "daemonsets.apps" => daemon_sets::reconcile(world, &object).await,
            "jobs.batch" => jobs::reconcile(world, &object).await,
            "services" => services::service(world, &object).await,
            "persistentvolumeclaims" => services::claim(world, &object).await,
            "namespaces" => services::namespace(world, &object).await,
            budgets::RESOURCE => budgets::budget(world, &object).await,
            budgets::AUTOSCALERS => budgets::autoscaler(world, &object).await,
            _ => Ok(None),
        }
    }
}

/// An integer of an object, if it is there.
fn integer(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer)?.as_i64()
}

/// A text of an object; empty if it is not there.
fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    let value = object.pointer(pointer).and_then(Value::as_str);
    value.unwrap_or_default()
}

#[cfg(test)]
mod tests;
