//! The loop of one wait: read, look at the board, judge, sleep until something changes.

use std::time::Duration;

use futures::{StreamExt, stream};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    NotReady, Progress, Shared,
    board::Sighting,
    track::{Goal, News, Track, Verdict},
};
use crate::cluster::{
    ClusterError, Kind, ObjectRef, Readiness,
    ready::{takes_time, waits_for_consumer},
};

/// How often an object is read again although its watch reports nothing.
const RECHECK: Duration = Duration::from_secs(15);

/// How often it is read while no watch covers it.
const POLL: Duration = Duration::from_secs(2);

/// Shortest time between two reads of one object.
const BREATH: Duration = Duration::from_millis(500);

/// Reads under way at once, per wait.
const READS: usize = 8;

/// One object of a wait.
struct Item {
    object: ObjectRef,
    /// How it is served, once that is known.
    kind: Option<Kind>,
    track: Track,
    last_read: Option<Instant>,
    read_now: bool,
    trouble: Option<ClusterError>,
}

pub(super) async fn wait(
    shared: &Shared,
    goal: Goal,
    objects: &[ObjectRef],
    deadline: Instant,
    on_status: &mut (dyn FnMut(&Progress) + Send),
) -> Result<(), NotReady> {
    let matters =
        |object: &&ObjectRef| goal == Goal::Gone || takes_time(&object.api_version, &object.kind);
    let mut items: Vec<Item> = objects
        .iter()
        .filter(matters)
        .map(|it| Item::new(goal, it))
        .collect();
    let mut changes = shared.board.subscribe();
    let mut reported = None;
    loop {
        read_due(shared, &mut items, deadline).await;
        changes.mark_unchanged();
        if !items.iter().all(Item::is_done) {
            for item in &mut items {
                item.look_at_board(shared);
            }
        }
        let picture = Picture::of(&items);
        if reported.as_ref() != Some(&picture.progress) {
            on_status(&picture.progress);
            reported = Some(picture.progress.clone());
        }
        let done = picture.progress.done == items.len();
        if done && (goal == Goal::Gone || mark_stale(shared, &mut items) == 0) {
            return Ok(());
        }
        let now = Instant::now();
        if !picture.failed.is_empty() || items.iter().any(Item::is_hopeless) || now >= deadline {
            return Err(picture.into_error(&items));
        }
        let wanted = items.iter().filter(|item| item.wants_read());
        let due = wanted.map(|item| item.due(shared, now)).min();
        something_happens(&mut changes, due.unwrap_or(deadline).min(deadline)).await;
    }
}

/// What was ready a while ago must still be: asks for another read of the objects of which that is
/// not known. Their number.
fn mark_stale(shared: &Shared, items: &mut [Item]) -> usize {
    let stale = items.iter_mut().filter(|item| !item.is_fresh(shared));
    stale.map(|item| item.read_now = true).count()
}

async fn something_happens(changes: &mut watch::Receiver<()>, until: Instant) {
    tokio::select! {
        gone = changes.changed() => {
            if gone.is_err() {
                sleep_until(until).await;
            }
        }
        () = sleep_until(until) => {}
    }
}

/// Reads every object that is due, several at once.
async fn read_due(shared: &Shared, items: &mut [Item], deadline: Instant) {
    let now = Instant::now();
    // A loop, as closures over `&mut Item` are not general enough for the `Send` of our callers.
    let mut reads = Vec::new();
    for item in items {
        if item.wants_read() && item.due(shared, now) <= now {
            reads.push(read_until(shared, item, deadline));
        }
    }
    stream::iter(reads)
        .buffer_unordered(READS)
        .collect::<Vec<()>>()
        .await;
}

async fn read_until(shared: &Shared, item: &mut Item, deadline: Instant) {
    let begun = Instant::now();
    if timeout_at(deadline, item.read(shared)).await.is_err() && begun.elapsed() >= POLL {
        item.trouble = Some(ClusterError::Timeout {
            server: shared.cluster.server().to_owned(),
            after: begun.elapsed(),
            operation: format!("GET {}", item.object),
        });
    }
}

impl Item {
    fn new(goal: Goal, object: &ObjectRef) -> Self {
        Self {
            object: object.clone(),
            kind: None,
            track: Track::new(goal, &object.kind),
            last_read: None,
            read_now: false,
            trouble: None,
        }
    }

    fn is_done(&self) -> bool {
        self.track.verdict() == Verdict::Done
    }

    /// A right we do not have will not come while we wait.
    fn is_hopeless(&self) -> bool {
        matches!(self.trouble, Some(ClusterError::Forbidden { .. }))
    }

    fn wants_read(&self) -> bool {
        self.read_now || !self.is_done()
    }

    /// The namespace it is watched in; `None` if it is cluster-scoped.
    fn namespace<'a>(&'a self, shared: &'a Shared) -> Option<&'a str> {
        let namespaced = self.kind.as_ref().is_some_and(|kind| kind.namespaced);
        namespaced.then(|| {
            self.object
                .namespace
                .as_deref()
                .unwrap_or(shared.cluster.default_namespace())
        })
    }

    /// When it should be read again.
    fn due(&self, shared: &Shared, now: Instant) -> Instant {
        let Some(last) = self.last_read else {
            return now;
        };
        let pause = match (self.read_now, self.is_covered(shared)) {
            (true, _) => BREATH,
            (false, true) => RECHECK,
            (false, false) => POLL,
        };
        last + pause
    }

    async fn read(&mut self, shared: &Shared) {
        let result = self.try_read(shared).await;
        self.last_read = Some(Instant::now());
        self.read_now = false;
        match result {
            Ok(sighting) => {
                self.track.read(sighting);
                self.trouble = None;
            }
            Err(error) => self.trouble = Some(error),
        }
    }

    async fn try_read(&mut self, shared: &Shared) -> Result<Option<Sighting>, ClusterError> {
        let ObjectRef {
            api_version, kind, ..
        } = &self.object;
        if self.kind.is_none() {
            match shared.cluster.kind(api_version, kind).await {
                Ok(kind) => self.kind = Some(kind),
                // An object of a kind that is gone is gone.
                Err(ClusterError::UnknownKind { .. }) if self.track.goal() == Goal::Gone => {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
        let Some(object) = shared.cluster.get(&self.object).await? else {
            return Ok(None);
        };
        let mut sighting = Sighting::of(&object);
        if self.object.kind == "PersistentVolumeClaim"
            && let Some(state) = &mut sighting.state
            && matches!(state.readiness, Readiness::Progressing(_))
            && shared.waits_for_consumer(&object).await
        {
            state.readiness = Readiness::Ready;
        }
        Ok(Some(sighting))
    }

    /// Makes sure the object is watched, and takes in what the watch saw.
    fn look_at_board(&mut self, shared: &Shared) {
        let Some(kind) = &self.kind else { return };
        // Never for the other kinds: nobody should stream all Secrets of a cluster.
        if !takes_time(&self.object.api_version, &self.object.kind) {
            return;
        }
        shared.ensure_watched(kind, self.namespace(shared));
        let sighting = shared
            .board
            .sighting(kind, self.namespace(shared), &self.object.name);
        let Some(sighting) = sighting else { return };
        // Whether a pending claim counts is known only after reading its storage class.
        let is_claim = self.object.kind == "PersistentVolumeClaim";
        match self.track.compare(&sighting) {
            News::Older => {}
            News::Newer if !is_claim => self.track.merge(sighting),
            News::Newer | News::Unclear => self.read_now = true,
        }
    }

    /// Whether what is known is how the object is now: a live watch would have told otherwise, or
    /// it was read a moment ago.
    fn is_fresh(&self, shared: &Shared) -> bool {
        self.is_covered(shared) || self.last_read.is_some_and(|last| last.elapsed() < POLL)
    }

    fn is_covered(&self, shared: &Shared) -> bool {
        let covers = |kind| shared.board.is_live(kind, self.namespace(shared));
        self.trouble.is_none() && self.kind.as_ref().is_some_and(covers)
    }
}

impl Shared {
    async fn waits_for_consumer(&self, claim: &serde_json::Value) -> bool {
        let Some(name) = claim["spec"]["storageClassName"]
            .as_str()
            .filter(|it| !it.is_empty())
        else {
            return false;
        };
        let class = ObjectRef {
            api_version: "storage.k8s.io/v1".to_owned(),
            kind: "StorageClass".to_owned(),
            namespace: None,
            name: name.to_owned(),
        };
        match self.cluster.get(&class).await {
            Ok(Some(class)) => waits_for_consumer(claim, &class),
            _ => false,
        }
    }
}

/// All items at one moment.
struct Picture {
    progress: Progress,
    failed: Vec<(ObjectRef, String)>,
}

impl Picture {
    fn of(items: &[Item]) -> Self {
        let mut failed = Vec::new();
        let mut waiting = Vec::new();
        for item in items {
            match item.track.verdict() {
                Verdict::Done => {}
                Verdict::Waiting(why) => waiting.push((item.object.clone(), why)),
                Verdict::Failed(why) => failed.push((item.object.clone(), why)),
            }
        }
        let done = items.len() - waiting.len() - failed.len();
        Self {
            progress: Progress {
                done,
                total: items.len(),
                waiting,
            },
            failed,
        }
    }
    fn into_error(self, items: &[Item]) -> NotReady {
        let mut late = self.progress.waiting;
        if late.is_empty() && self.failed.is_empty() {
            let unsure = items.iter().filter(|item| item.read_now);
            let why = "it was ready, but could not be read again in time";
            late.extend(unsure.map(|item| (item.object.clone(), why.to_owned())));
        }
        let trouble = items.iter().find_map(|item| item.trouble.clone());
        NotReady {
            failed: self.failed,
            late,
            trouble,
        }
    }
}
