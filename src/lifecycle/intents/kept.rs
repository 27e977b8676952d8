//! The ConfigMap of the announced operations: one run at a time writes it, the one it names.
//!
//! A write that was sent while the lease was held may arrive, or be sent again, when another run
//! holds it: what that one has announced would be lost, and a release that it leaves unfinished
//! would be nobody's. So every write is refused unless the run's name is still there
//! ([`WRITER_KEY`]).

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;

use crate::{
    cluster::{Cluster, ClusterError, ConfigMap},
    lifecycle::StepError,
    lock::WRITER_KEY,
    name::{Namespace, RunId},
};

/// A run's hold of the stack's lease.
#[async_trait]
pub trait Tenure: Send + Sync {
    /// Whether it holds it at this moment, as far as it knows.
    fn holds(&self) -> bool;

    /// Whether the API server says so, too: `stackctl lock release` takes it away unheard.
    async fn is_confirmed(&self) -> Result<bool, ClusterError>;
}

/// Where they are kept.
pub(super) struct Kept {
    cluster: Cluster,
    place: Place,
    run: RunId,
    /// Made by the first who announces something, if no run before left it.
    is_there: AtomicBool,
    tenure: Arc<dyn Tenure>,
}

/// The ConfigMap that holds a stack's intents.
#[derive(Debug, Clone)]
pub struct Place {
    /// Namespace of the stack's lease.
    pub namespace: Namespace,
    /// Its name, which is the lease's.
    pub name: String,
    /// Its labels, when it is created.
    pub labels: BTreeMap<String, String>,
}

impl Kept {
    pub(super) fn new(cluster: Cluster, place: Place, run: RunId, tenure: Arc<dyn Tenure>) -> Self {
        let is_there = AtomicBool::default();
        Self {
            cluster,
            place,
            run,
            is_there,
            tenure,
        }
    }

    /// An error once the lease is lost.
    pub(super) fn still_ours(&self) -> Result<(), StepError> {
        if self.tenure.holds() {
            Ok(())
        } else {
            Err(lost())
        }
    }

    /// What there is. From now on nobody but this run writes it.
    pub(super) async fn claim(&self) -> Result<BTreeMap<String, String>, ClusterError> {
        let Place {
            namespace, name, ..
        } = &self.place;
        let writer = (WRITER_KEY, self.run.as_str());
        let claimed = self.cluster.set_config_map_key(namespace, name, writer);
        let found = claimed.await?;
        self.is_there.fetch_or(found.is_some(), Ordering::Relaxed);
        Ok(found.map_or_else(BTreeMap::new, |map| map.data))
    }

    /// Sets a key, or removes it. If another run has written since we [claimed](Self::claim) it,
    /// `is_known` is shown what there is: false if that speaks against it.
    pub(super) async fn set(
        &self,
        key: &str,
        value: Option<&str>,
        is_known: impl Fn(&BTreeMap<String, String>) -> bool,
    ) -> Result<(), StepError> {
        let mut refused = false;
        loop {
            self.still_ours()?;
            if refused {
                if !self.tenure.is_confirmed().await? {
                    return Err(lost());
                }
                if !is_known(&self.claim().await?) {
                    return Err(overtaken());
                }
            }
            let result = match (self.change(key, value).await, value) {
                (Err(ClusterError::NotFound { .. }), None) => return Ok(()),
                (Err(ClusterError::NotFound { .. }), Some(value)) => self.create(key, value).await,
                (result, _) => result,
            };
            match result {
                // Another chart was faster, or the answer to a first attempt got lost.
                Err(ClusterError::Conflict { exists: true, .. }) => {}
                // A run before us wrote there after we had looked, or somebody did by hand.
                Err(ClusterError::Invalid { .. }) if !refused => refused = true,
                result => return Ok(result?),
            }
        }
    }

    async fn change(&self, key: &str, value: Option<&str>) -> Result<(), ClusterError> {
        let Place {
            namespace, name, ..
        } = &self.place;
        let writer = (WRITER_KEY, self.run.as_str());
        let change = self
            .cluster
            .change_config_map_key(namespace, name, writer, (key, value));
        change.await
    }

    async fn create(&self, key: &str, value: &str) -> Result<(), ClusterError> {
        let Place {
            namespace,
            name,
            labels,
        } = &self.place;
        let data = BTreeMap::from([(WRITER_KEY, self.run.as_str()), (key, value)]);
        let create = self
            .cluster
            .create_config_map(namespace, name, labels, &data);
        create.await?;
        self.is_there.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Removes the ConfigMap, if there is one. It may hold what we do not understand.
    pub(super) async fn remove_if_empty(&self) -> Result<(), ClusterError> {
        if !self.is_there.load(Ordering::Relaxed) || !self.tenure.holds() {
            return Ok(());
        }
        let Place {
            namespace, name, ..
        } = &self.place;
        let found = self.cluster.get_config_map(namespace, name).await?;
        let only_ours = |map: &ConfigMap| {
            let mut data = map.data.iter();
            data.all(|(key, value)| key == WRITER_KEY && value == self.run.as_str())
        };
        let Some(map) = found.filter(only_ours) else {
            return Ok(());
        };
        self.cluster
            .delete_config_map(namespace, name, &map.resource_version)
            .await
    }
}

fn lost() -> StepError {
    StepError {
        cancelled: true,
        ..StepError::new("the stack's lease was lost: nothing more is begun")
    }
}

fn overtaken() -> StepError {
    StepError::new("a run that has lost the stack's lease was still about to work on it")
        .hint("nothing was begun; run it again: what that run is at is waited for, or recovered")
}
