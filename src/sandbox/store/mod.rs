//! The objects, durable: each under its resource, namespace and name, with one resourceVersion
//! that counts for all of them.
//!
//! Everything committed is also in memory, so reads never touch the disk. Writes go through one
//! thread (`writer`), which commits whatever waits for it as one transaction: a write is answered
//! when it would survive `kill -9`, and nobody sees it before. Readers follow changes by asking
//! for what came after a resourceVersion; old changes are forgotten, as etcd's are by compaction.

mod disk;
mod memory;
mod writer;

use std::{fmt, path::Path, sync::Arc};

use serde_json::Value;
use tokio::sync::{oneshot, watch};

use self::{
    disk::{Contents, Disk},
    memory::Memory,
    writer::{Job, Writer},
};

/// Where an object is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    /// As Kubernetes names a resource with its group: `deployments.apps`, `pods`. Not the version:
    /// an object is kept once, whatever version it is asked for in.
    pub(super) resource: String,
    /// Empty for what belongs to the cluster.
    pub(super) namespace: String,
    /// `metadata.name`.
    pub(super) name: String,
}

impl Key {
    /// `namespace` is empty for what belongs to the cluster.
    pub(super) fn new(
        resource: impl Into<String>,
        namespace: impl Into<String>,
        name: impl Into<String>,
    ) -> Self {
        Self {
            resource: resource.into(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

/// One committed write.
#[derive(Debug, Clone)]
pub(super) struct Change {
    /// The resourceVersion that this write got.
    pub(super) version: u64,
    /// Which object.
    pub(super) key: Key,
    /// The object before it; none if it was created.
    pub(super) before: Option<Arc<Value>>,
    /// The object after it; of a deleted one its last state, with the version of the deletion.
    pub(super) object: Arc<Value>,
    /// Is it gone now?
    pub(super) deleted: bool,
}

/// What is there, at one moment.
#[derive(Debug, Clone)]
pub(super) struct Listing {
    /// In the order of namespace and name.
    pub(super) items: Vec<Arc<Value>>,
    /// Changes after this version are not in it.
    pub(super) version: u64,
}

/// What a write expects to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// Nothing: it creates the object.
    Absent,
    /// The object at this resourceVersion.
    Version(u64),
}

/// Why a write did not happen. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum WriteError {
    /// There is such an object, though none was expected.
    #[error("it exists already")]
    Exists,
    /// There is no such object.
    #[error("it does not exist")]
    Missing,
    /// Somebody else wrote it since it was read.
    #[error("it has been changed since it was read")]
    Stale,
    /// The file could not be written, or the server is going down.
    #[error("the sandbox's store could not be written: {0}")]
    Disk(String),
}

/// The changes after this version are forgotten: list again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Forgotten {
    /// The oldest version whose successors are still known.
    pub(super) oldest: u64,
}

/// Why a store cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct OpenError(String);

impl OpenError {
    fn new(error: &dyn fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// All objects of a sandbox. Cheap to share behind an `Arc`; dropped, it is closed.
#[derive(Debug)]
pub(super) struct Store {
    memory: Arc<Memory>,
    latest: watch::Receiver<u64>,
    writer: Writer,
}

impl Store {
    /// Opens or creates the store in this file. The folder is there, and nobody else's.
    pub(super) fn open(file: &Path) -> Result<Self, OpenError> {
        let (disk, Contents { objects, version }) = Disk::open(file)?;
        let memory = Arc::new(Memory::new(objects, version));
        let (announce, latest) = watch::channel(version);
        let writer = Writer::start(disk, Arc::clone(&memory), announce)
            .map_err(|error| OpenError::new(&error))?;
        Ok(Self {
            memory,
            latest,
            writer,
        })
    }

    /// The object, as it was last committed.
    pub(super) fn get(&self, key: &Key) -> Option<Arc<Value>> {
        self.memory.get(key)
    }

    /// The objects of a resource, of one namespace or of all.
    pub(super) fn list(&self, resource: &str, namespace: Option<&str>) -> Listing {
        self.memory.list(resource, namespace)
    }

    /// Every resource that has objects.
    pub(super) fn resources(&self) -> Vec<String> {
        self.memory.resources()
    }

    /// The version of the last write to any object of a resource; 0 if there was none since the
    /// store was opened.
    pub(super) fn touched(&self, resource: &str) -> u64 {
        self.memory.touched(resource)
    }

    /// The resourceVersion of the last write.
    pub(super) fn version(&self) -> u64 {
        *self.latest.borrow()
    }

    /// What was written after this version, in order.
    pub(super) fn since(&self, version: u64) -> Result<Vec<Change>, Forgotten> {
        self.memory.since(version)
    }

    /// Returns when something was written after this version.
    pub(super) async fn wait_past(&self, version: u64) {
        let mut latest = self.latest.clone();
        if latest.wait_for(|latest| *latest > version).await.is_err() {
            // The writer has ended: nothing more will come.
            std::future::pending::<()>().await;
        }
    }

    /// Creates an object; its `metadata.resourceVersion` is set here.
    pub(super) async fn create(&self, key: Key, object: Value) -> Result<Arc<Value>, WriteError> {
        self.write(key, Expected::Absent, Some(object)).await
    }

    /// Replaces an object that was read at `version`. An object equal to what is there is not
    /// written again, as in a real server.
    pub(super) async fn update(
        &self,
        key: Key,
        version: u64,
        object: Value,
    ) -> Result<Arc<Value>, WriteError> {
        self.write(key, Expected::Version(version), Some(object))
            .await
    }

    /// Deletes an object that was read at `version`. Answers its last state.
    pub(super) async fn delete(&self, key: Key, version: u64) -> Result<Arc<Value>, WriteError> {
        self.write(key, Expected::Version(version), None).await
    }

    /// Closes the file, when what waits is written. Reads go on, writes fail.
    pub(super) fn close(&self) {
        self.writer.close();
    }

    async fn write(
        &self,
        key: Key,
        expected: Expected,
        object: Option<Value>,
    ) -> Result<Arc<Value>, WriteError> {
        let (answer, answered) = oneshot::channel();
        self.writer.send(Job {
            key,
            expected,
            object,
            answer,
        })?;
        answered
            .await
            .unwrap_or_else(|_| Err(WriteError::Disk("it is closed".to_owned())))
    }
}

/// The `metadata.resourceVersion` of a stored object; 0 if it has none.
pub(super) fn version_of(object: &Value) -> u64 {
    let version = object.pointer("/metadata/resourceVersion");
    let number = version.and_then(Value::as_str).map(str::parse);
    number.and_then(Result::ok).unwrap_or(0)
}

#[cfg(test)]
mod tests;
