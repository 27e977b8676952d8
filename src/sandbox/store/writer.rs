//! The one thread that writes. What waits for it when it comes round is one transaction.

use std::{
    collections::HashMap,
    fmt, io,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use serde_json::Value;
use tokio::sync::{oneshot, watch};

use super::{Change, Expected, Key, WriteError, disk::Disk, memory::Memory, version_of};

/// Writes in one transaction, at most.
const BATCH: usize = 256;

/// A write that waits.
pub(super) struct Job {
    pub(super) key: Key,
    pub(super) expected: Expected,
    /// `None` deletes.
    pub(super) object: Option<Value>,
    pub(super) answer: oneshot::Sender<Answer>,
}

type Answer = Result<Arc<Value>, WriteError>;

/// The thread's handle; `None` once it is closed.
pub(super) struct Writer(Mutex<Option<Open>>);

struct Open {
    jobs: mpsc::Sender<Job>,
    thread: thread::JoinHandle<()>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Writer {
    pub(super) fn start(
        disk: Disk,
        memory: Arc<Memory>,
        announce: watch::Sender<u64>,
    ) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("sandbox-store".to_owned())
            .spawn(move || work(&disk, &memory, &queue, &announce))?;
        Ok(Self(Mutex::new(Some(Open { jobs, thread }))))
    }

    pub(super) fn send(&self, job: Job) -> Result<(), WriteError> {
        let closed = || WriteError::Disk("it is closed".to_owned());
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open = open.as_ref().ok_or_else(closed)?;
        open.jobs.send(job).map_err(|_| closed())
    }

    /// Writes what waits, and returns when the file is closed.
    pub(super) fn close(&self) {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Open { jobs, thread }) = open {
            drop(jobs);
            // A panic of it has been reported, and nobody can do more about it.
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

fn work(disk: &Disk, memory: &Memory, queue: &mpsc::Receiver<Job>, announce: &watch::Sender<u64>) {
    while let Ok(first) = queue.recv() {
        let jobs: Vec<Job> = std::iter::once(first)
            .chain(queue.try_iter().take(BATCH - 1))
            .collect();
        let mut batch = Batch::new(memory);
        let answers: Vec<(oneshot::Sender<Answer>, Answer)> = jobs
            .into_iter()
            .map(|job| (job.answer, batch.judge(job.key, job.expected, job.object)))
            .collect();
        let committed = if batch.changes.is_empty() {
            Ok(())
        } else {
            disk.commit(&batch.changes)
        };
        match committed {
            Ok(()) => {
                let version = batch.version;
                memory.apply(batch.changes);
                announce.send_replace(version);
                for (to, answer) in answers {
                    // Who asked may have hung up.
                    let _ = to.send(answer);
                }
            }
            Err(error) => {
                for (to, _) in answers {
                    let _ = to.send(Err(WriteError::Disk(error.to_string())));
                }
            }
        }
    }
}

/// Writes judged one after the other, each seeing those before it.
struct Batch<'a> {
    memory: &'a Memory,
    pending: HashMap<Key, Option<Arc<Value>>>,
    changes: Vec<Change>,
    version: u64,
}

impl<'a> Batch<'a> {
    fn new(memory: &'a Memory) -> Self {
        Self {
            memory,
            pending: HashMap::new(),
            changes: Vec::new(),
            version: memory.version(),
        }
    }

    fn judge(&mut self, key: Key, expected: Expected, object: Option<Value>) -> Answer {
        let pending = self.pending.get(&key).cloned();
        let before = pending.unwrap_or_else(|| self.memory.get(&key));
        match (&before, expected) {
            (Some(_), Expected::Absent) => return Err(WriteError::Exists),
            (None, Expected::Version(_)) => return Err(WriteError::Missing),
            (Some(before), Expected::Version(version)) if version_of(before) != version => {
                return Err(WriteError::Stale);
            }
            _ => {}
        }
        let deleted = object.is_none();
        let mut after = match (object, &before) {
            (Some(object), _) => object,
            (None, Some(before)) => Value::clone(before),
            (None, None) => return Err(WriteError::Missing),
        };
        if let Some(before) = &before
            && !deleted
        {
            set_version(&mut after, version_of(before));
            if after == **before {
                return Ok(Arc::clone(before));
            }
        }
        self.version += 1;
        set_version(&mut after, self.version);
        let after = Arc::new(after);
        let left = (!deleted).then(|| Arc::clone(&after));
        self.pending.insert(key.clone(), left);
        self.changes.push(Change {
            version: self.version,
            key,
            before,
            object: Arc::clone(&after),
            deleted,
        });
        Ok(after)
    }
}

/// Objects without metadata never get here.
fn set_version(object: &mut Value, version: u64) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("resourceVersion".to_owned(), version.to_string().into());
    }
}
