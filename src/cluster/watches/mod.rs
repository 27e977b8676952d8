//! Waiting for objects: one watch per kind, shared by all charts of a run.
//!
//! Two sources say how an object is. A *read* of the object, made when a wait begins, is never
//! older than that moment, and so never older than what Helm wrote just before: it is the floor
//! below which nothing counts. The *watch* of its kind tells at once what comes after. Its board
//! may lag behind, so an entry counts only if its resourceVersion is not older than the read's
//! (they are comparable within one kind; where they are no numbers, an entry only causes another
//! read). An object is read again every 15 s while it is waited for, and every 2 s while its watch
//! is not there (broken, or not allowed), so that a watch makes a wait fast but is never needed to
//! make it right. An entry of a broken watch is forgotten; failing to read means not knowing, and
//! counts neither as ready nor as gone.
//!
//! ```text
//! stream (a task per kind) ─▶ board ─▶ wait (a loop per chart) ◀─ read
//!                                        └▶ track (pure: what is known of one object, and what it means)
//! ```

mod board;
mod stream;
#[cfg(test)]
mod tests;
mod track;
mod wait;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use board::{Board, Domain};
use tokio::{task::AbortHandle, time::Instant};
use track::Goal;

use super::{Cluster, ClusterError, Kind, ObjectRef};

/// The watches of a run. Cheap to clone; they end with the last clone.
#[derive(Debug, Clone)]
pub struct Watches(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    cluster: Cluster,
    board: Arc<Board>,
    tasks: Mutex<HashMap<Domain, AbortHandle>>,
}

/// How far a wait is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Objects that are ready (or gone).
    pub done: usize,
    /// Objects waited for. Kinds that are ready as soon as they exist are not counted.
    pub total: usize,
    /// What is still waited for, with what it lacks, in the order given.
    pub waiting: Vec<(ObjectRef, String)>,
}

/// A wait that did not end well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.summary())]
pub struct NotReady {
    /// Objects that failed, and why.
    pub failed: Vec<(ObjectRef, String)>,
    /// Objects that were not ready (or not gone) when the wait ended, and what they lacked.
    pub late: Vec<(ObjectRef, String)>,
    /// Trouble in reading the cluster that was not over when the wait ended: what is known of the
    /// objects may be old.
    pub trouble: Option<ClusterError>,
}

impl NotReady {
    /// Failed and late objects, the failed first.
    pub fn suspects(&self) -> Vec<(ObjectRef, String)> {
        self.failed.iter().chain(&self.late).cloned().collect()
    }

    fn summary(&self) -> String {
        let (what, objects) = match (&self.failed[..], &self.late[..]) {
            ([], late) => ("not ready in time", late),
            (failed, _) => ("failed", failed),
        };
        let line = match objects {
            [] => "not ready".to_owned(),
            [(object, why)] => format!("{object} {what}: {why}"),
            [(object, why), rest @ ..] => {
                format!("{object} and {} more {what}: {why}", rest.len())
            }
        };
        match &self.trouble {
            Some(trouble) => format!("{line} ({trouble})"),
            None => line,
        }
    }
}

impl Watches {
    /// No watch yet: each kind is watched from the first wait on that needs it.
    pub fn new(cluster: Cluster) -> Self {
        Self(Arc::new(Shared {
            cluster,
            board: Arc::default(),
            tasks: Mutex::default(),
        }))
    }

    /// Waits until all these objects are ready at the same time. Ends early when one of them
    /// failed. A failure that is there from the beginning and can pass (a Deployment whose
    /// deadline was missed in an earlier run) does not count as one until it was over in between.
    ///
    /// Objects of kinds that are ready as soon as they exist are not looked at: whoever waits has
    /// just applied them. `on_status` is called when the picture changes.
    pub async fn wait_ready(
        &self,
        objects: &[ObjectRef],
        deadline: Instant,
        on_status: &mut (dyn FnMut(&Progress) + Send),
    ) -> Result<(), NotReady> {
        wait::wait(&self.0, Goal::Ready, objects, deadline, on_status).await
    }

    /// Waits until all these objects are gone, or others of the same name have taken their place.
    pub async fn wait_gone(
        &self,
        objects: &[ObjectRef],
        deadline: Instant,
        on_status: &mut (dyn FnMut(&Progress) + Send),
    ) -> Result<(), NotReady> {
        wait::wait(&self.0, Goal::Gone, objects, deadline, on_status).await
    }
}

impl Shared {
    /// Makes sure there is a watch for objects of this kind in this namespace: cluster-wide, or of
    /// the namespace alone where that is all we may do.
    fn ensure_watched(&self, kind: &Kind, namespace: Option<&str>) {
        let everywhere = Domain::everywhere(kind);
        let domain = match namespace {
            Some(namespace) if self.board.is_denied(&everywhere) => {
                Domain::of_namespace(kind, namespace)
            }
            _ => everywhere,
        };
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.entry(domain.clone()).or_insert_with(|| {
            let (cluster, board) = (self.cluster.clone(), Arc::clone(&self.board));
            tokio::spawn(stream::keep_watching(cluster, board, domain)).abort_handle()
        });
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let tasks = self.tasks.get_mut().unwrap_or_else(PoisonError::into_inner);
        for task in tasks.values() {
            task.abort();
        }
    }
}
