//! The announced operations of a stack: a ConfigMap beside its lease, one key a release. A rollback
//! that is not done has a key there, too.
//!
//! Only the run that holds the lease writes them, so what was read at the start and announced since
//! is what there is. A write of an earlier run that comes late is refused: they name the run that
//! writes ([`kept`]).

mod kept;
mod rollback;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::task::JoinHandle;

use self::kept::Kept;
pub use self::kept::{Place, Tenure};
use super::StepError;
use crate::{
    cluster::{Cluster, ClusterError},
    lock::{Intent, Operation, StackRollback, intent_key, read_intents},
    name::{ObjectRef, ReleaseId, RunId},
    process::mark,
};

/// The announced operations of one stack, for one run. Cheap to clone.
#[derive(Clone)]
pub struct Intents(Arc<Inner>);

struct Inner {
    run: RunId,
    known: Mutex<BTreeMap<ReleaseId, Intent>>,
    /// What is being cleared.
    clearing: Mutex<BTreeMap<ReleaseId, JoinHandle<()>>>,
    /// What is still to be taken back of a failed run.
    rollback: tokio::sync::Mutex<Option<StackRollback>>,
    /// None in a run without a lock: nobody else is told.
    kept: Option<Kept>,
}

/// What is announced.
#[derive(Debug, Clone)]
pub(super) struct Undertaking {
    /// The helm command.
    pub(super) operation: Operation,
    /// The newest revision before.
    pub(super) from_revision: Option<u32>,
    /// When an operation began that died and that this one brings to its end: what it left says
    /// so still.
    pub(super) goes_on_from: Option<Timestamp>,
    /// It has ended by then.
    pub(super) lasts: Duration,
    /// See [`Intent::deletes`].
    pub(super) deletes: Vec<ObjectRef>,
}

impl Intents {
    /// Reads what earlier runs left behind, and keeps them from writing more. Call it while holding
    /// the lease.
    pub async fn open(
        cluster: Cluster,
        place: Place,
        run: RunId,
        tenure: Arc<dyn Tenure>,
    ) -> Result<Self, ClusterError> {
        let kept = Kept::new(cluster, place, run.clone(), tenure);
        let data = kept.claim().await?;
        Ok(Self(Arc::new(Inner {
            run,
            known: Mutex::new(read_intents(&data)),
            clearing: Mutex::default(),
            rollback: tokio::sync::Mutex::new(StackRollback::read(&data)),
            kept: Some(kept),
        })))
    }

    /// For a run without a lock: known to nobody but itself.
    pub fn unshared(run: RunId) -> Self {
        Self(Arc::new(Inner {
            run,
            known: Mutex::default(),
            clearing: Mutex::default(),
            rollback: tokio::sync::Mutex::default(),
            kept: None,
        }))
    }

    /// What is announced for a release.
    pub(super) fn of(&self, release: &ReleaseId) -> Option<Intent> {
        lock(&self.0.known).get(release).cloned()
    }

    /// Announces an operation. Once this returns it may begin: the lease was still held then.
    pub(super) async fn announce(
        &self,
        release: &ReleaseId,
        undertaking: Undertaking,
    ) -> Result<(), StepError> {
        self.settled(release).await;
        let now = Timestamp::now();
        let ends = now.saturating_add(undertaking.lasts);
        let intent = Intent {
            operation: undertaking.operation,
            from_revision: undertaking.from_revision,
            run: self.0.run.clone(),
            host: mark::host(),
            process: mark::own(),
            began: undertaking.goes_on_from.unwrap_or(now),
            deadline: ends.unwrap_or(Timestamp::MAX),
            deletes: undertaking.deletes,
        };
        self.write(release, Some(intent)).await?;
        self.0.kept.as_ref().map_or(Ok(()), Kept::still_ours)
    }

    /// Its helm has ended, and left the release unfinished: the next run need not wait for it.
    pub(super) async fn ended(&self, release: &ReleaseId) -> Result<(), StepError> {
        let Some(mut intent) = self.of(release) else {
            return Ok(());
        };
        intent.deadline = Timestamp::now();
        self.write(release, Some(intent)).await
    }

    /// Its helm has ended, and the release is gone, but these objects of it are not yet.
    pub(super) async fn leaves(
        &self,
        release: &ReleaseId,
        objects: Vec<ObjectRef>,
    ) -> Result<(), StepError> {
        let Some(mut intent) = self.of(release) else {
            return Ok(());
        };
        intent.deletes = objects;
        self.write(release, Some(intent)).await
    }

    /// It is done; whoever comes next need not wait until that is written. If it cannot be, the
    /// next run finds it announced by one that is gone.
    pub(super) fn clear_soon(&self, release: &ReleaseId) {
        let (this, cleared) = (self.clone(), release.clone());
        let task = tokio::spawn(async move {
            if let Err(error) = this.write(&cleared, None).await {
                tracing::debug!(release = %cleared, %error, "its operation stays announced");
            }
        });
        lock(&self.0.clearing).insert(release.clone(), task);
    }

    /// Waits until what was to be cleared is.
    pub(super) async fn settled(&self, release: &ReleaseId) {
        let task = lock(&self.0.clearing).remove(release);
        if let Some(task) = task {
            // One that panicked has cleared nothing.
            let _ = task.await;
        }
    }

    /// It is done.
    pub(super) async fn clear(&self, release: &ReleaseId) -> Result<(), StepError> {
        self.write(release, None).await
    }

    async fn write(&self, release: &ReleaseId, intent: Option<Intent>) -> Result<(), StepError> {
        if let Some(kept) = &self.0.kept {
            let value = intent.as_ref().map(serde_json::to_string).transpose();
            let value = value.map_err(|error| StepError::new(error.to_string()))?;
            let is_known = |data: &_| self.is_known(release, data);
            kept.set(&intent_key(release), value.as_deref(), is_known)
                .await?;
        }
        let mut known = lock(&self.0.known);
        match intent {
            Some(intent) => known.insert(release.clone(), intent),
            None => known.remove(release),
        };
        Ok(())
    }

    /// Whether what is announced for a release is what we know. What other runs have announced we
    /// know from now on.
    fn is_known(&self, release: &ReleaseId, data: &BTreeMap<String, String>) -> bool {
        let found = read_intents(data);
        let mut known = lock(&self.0.known);
        let is_known = found.get(release) == known.get(release);
        let theirs = found.into_iter();
        for (release, intent) in theirs.filter(|(_, intent)| intent.run != self.0.run) {
            known.entry(release).or_insert(intent);
        }
        is_known
    }

    /// What earlier runs announced and this one did not come across.
    pub(super) fn of_others(&self) -> Vec<(ReleaseId, Intent)> {
        let known = lock(&self.0.known);
        let others = known.iter().filter(|(_, intent)| intent.run != self.0.run);
        others
            .map(|(release, intent)| (release.clone(), intent.clone()))
            .collect()
    }

    /// The run is over: removes the ConfigMap unless it holds something. To be called before the
    /// lease is given back.
    pub async fn close(&self) {
        let Some(kept) = &self.0.kept else { return };
        let clearing: Vec<ReleaseId> = lock(&self.0.clearing).keys().cloned().collect();
        for release in &clearing {
            self.settled(release).await;
        }
        if lock(&self.0.known).is_empty()
            && let Err(error) = kept.remove_if_empty().await
        {
            tracing::debug!(%error, "the intents stay");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use serde_json::json;

    use super::*;
    use crate::{
        cluster::testing::{Answer, Script},
        name::{Namespace, ReleaseName},
    };

    pub(super) fn web() -> ReleaseId {
        ReleaseId {
            namespace: Namespace::new("shop").unwrap(),
            name: ReleaseName::new("web").unwrap(),
        }
    }

    fn place() -> Place {
        Place {
            namespace: Namespace::new("default").unwrap(),
            name: "stackctl-x".to_owned(),
            labels: BTreeMap::new(),
        }
    }

    struct Asked {
        holds: Arc<AtomicBool>,
        /// What the API server says.
        confirmed: bool,
    }

    #[async_trait::async_trait]
    impl Tenure for Asked {
        fn holds(&self) -> bool {
            self.holds.load(Ordering::SeqCst)
        }

        async fn is_confirmed(&self) -> Result<bool, ClusterError> {
            Ok(self.confirmed)
        }
    }

    async fn open_with(cluster: Cluster, holds: &Arc<AtomicBool>, confirmed: bool) -> Intents {
        let holds = Arc::clone(holds);
        let tenure = Arc::new(Asked { holds, confirmed });
        let run = RunId::new("r2").unwrap();
        Intents::open(cluster, place(), run, tenure).await.unwrap()
    }

    pub(super) async fn open(cluster: Cluster, holds: bool) -> (Intents, Arc<AtomicBool>) {
        let held = Arc::new(AtomicBool::new(holds));
        (open_with(cluster, &held, true).await, held)
    }

    /// Opened with the lease, which is lost with the request after.
    async fn open_and_lose() -> Intents {
        let held = Arc::new(AtomicBool::new(true));
        let losing = Arc::clone(&held);
        let (cluster, _script) = Script::cluster(move |nth, _| {
            losing.store(nth == 0, Ordering::SeqCst);
            Answer::json(&json!({}))
        });
        open_with(cluster, &held, true).await
    }

    fn upgrade(from_revision: Option<u32>) -> Undertaking {
        Undertaking {
            operation: Operation::Upgrade,
            from_revision,
            goes_on_from: None,
            lasts: Duration::from_mins(1),
            deletes: Vec::new(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_operation_is_written_down_and_forgotten_when_it_is_done() {
        let (cluster, script) = Script::cluster(|nth, _| match nth {
            0 | 1 => Answer::status(404, "no"),
            _ => Answer::json(&json!({ "metadata": { "resourceVersion": "7" } })),
        });
        let (intents, _) = open(cluster, true).await;
        let from = Some(3);
        intents.announce(&web(), upgrade(from)).await.unwrap();
        let intent = intents.of(&web()).unwrap();
        assert_eq!(intent.deadline.duration_since(intent.began).as_secs(), 60);
        intents.close().await;
        assert_eq!(script.count(), 3, "what holds something stays");
        let made = &script.calls()[2];
        assert_eq!(made.method, "POST", "there was none yet");
        let told = &made.body["data"]["shop.web"];
        let told: Intent = serde_json::from_str(told.as_str().unwrap()).unwrap();
        assert_eq!((told.run.as_str(), told.from_revision), ("r2", from));
        assert_eq!(made.body["data"]["writer"], "r2");
        intents.clear(&web()).await.unwrap();
        assert_eq!(intents.of(&web()), None);
        intents.close().await;
        let last = script.calls().pop().unwrap();
        assert_eq!(last.method, "DELETE");
        assert_eq!(last.body["preconditions"]["resourceVersion"], "7");
    }

    #[tokio::test(start_paused = true)]
    async fn two_charts_that_begin_at_once_share_the_map_that_one_of_them_made() {
        let (cluster, script) = Script::cluster(|nth, _| match nth {
            0 | 1 => Answer::status(404, "no"),
            2 => Answer::reason(409, "exists", "AlreadyExists"),
            _ => Answer::json(&json!({})),
        });
        let (intents, _) = open(cluster, true).await;
        let web = web();
        let announced = intents.announce(&web, upgrade(None));
        announced.await.unwrap();
        let methods: Vec<_> = script.calls().into_iter().map(|call| call.method).collect();
        assert_eq!(methods, ["PATCH", "PATCH", "POST", "PATCH"]);
    }

    fn refused() -> Answer {
        Answer::reason(422, "testing value /data/writer failed", "Invalid")
    }

    #[tokio::test(start_paused = true)]
    async fn who_holds_the_lease_writes_though_another_run_wrote_last() {
        let (cluster, script) = Script::cluster(|nth, _| match nth {
            1 => refused(),
            _ => Answer::json(&json!({})),
        });
        let (intents, _) = open(cluster, true).await;
        // The earlier one made the map after we had looked for it.
        intents.announce(&web(), upgrade(None)).await.unwrap();
        let calls = script.calls();
        let claim = json!({ "data": { "writer": "r2" } });
        assert_eq!([&calls[0].body, &calls[2].body], [&claim, &claim]);
        let guard = json!({ "op": "test", "path": "/data/writer", "value": "r2" });
        assert_eq!([&calls[1].body[0], &calls[3].body[0]], [&guard, &guard]);
        assert_eq!(calls.len(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_lost_the_lease_unheard_leaves_the_later_run_alone() {
        let (cluster, script) = Script::cluster(|nth, _| match nth {
            0 => Answer::json(&json!({})),
            _ => refused(),
        });
        let held = Arc::new(AtomicBool::new(true));
        let intents = open_with(cluster, &held, false).await;
        assert!(intents.clear(&web()).await.unwrap_err().cancelled);
        assert_eq!(script.count(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_such_a_run_has_still_announced_is_not_written_over() {
        let theirs = json!({
            "operation": "upgrade", "from_revision": null, "run": "r1", "host": "there",
            "began": "2026-11-22T10:00:00Z", "deadline": "2026-11-22T10:11:30Z",
        });
        let (cluster, script) = Script::cluster(move |nth, _| match nth {
            1 => refused(),
            2 => Answer::json(&json!({ "data": { "shop.web": theirs.to_string() } })),
            _ => Answer::json(&json!({})),
        });
        let (intents, _) = open(cluster, true).await;
        let web = web();
        let error = intents.announce(&web, upgrade(None)).await.unwrap_err();
        assert!(!error.cancelled, "{error}");
        assert_eq!(script.count(), 3);
        assert_eq!(intents.of(&web).unwrap().run.as_str(), "r1");
        intents.announce(&web, upgrade(None)).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_announces_nothing_writes_nothing() {
        let (cluster, script) = Script::cluster(|_, _| Answer::status(404, "no"));
        let (intents, _) = open(cluster, true).await;
        intents.close().await;
        assert_eq!(script.count(), 1, "it was looked at");
        // Nor is a map made to take something off it.
        intents.clear(&web()).await.unwrap();
        let methods: Vec<_> = script.calls().into_iter().map(|call| call.method).collect();
        assert_eq!(methods, ["PATCH", "PATCH"]);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_begun_without_the_lease() {
        let (cluster, script) = Script::cluster(|_, _| Answer::json(&json!({})));
        let (intents, _) = open(cluster, false).await;
        let web = web();
        let announced = intents.announce(&web, upgrade(None));
        assert!(announced.await.unwrap_err().cancelled);
        assert_eq!(script.count(), 1, "and nothing is written");
        let intents = open_and_lose().await;
        let announced = intents.announce(&web, upgrade(None));
        assert!(announced.await.unwrap_err().cancelled, "lost meanwhile");
    }
}
