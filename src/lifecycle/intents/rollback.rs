//! The rollback of a failed run, kept beside the announced operations.

use super::{Intents, StepError};
use crate::{
    lock::{Change, ROLLBACK_KEY, StackRollback},
    name::{ChartName, RunId},
};

impl Intents {
    /// What is still to be taken back of a run that failed.
    pub async fn rollback(&self) -> Option<StackRollback> {
        self.0.rollback.lock().await.clone()
    }

    /// Writes down what is to be taken back, in place of what was; `None` drops it.
    pub async fn set_rollback(&self, rollback: Option<StackRollback>) -> Result<(), StepError> {
        self.change_rollback(|kept| *kept = rollback).await
    }

    /// What is still to be taken back of a chart, and by which run it was done.
    pub(in crate::lifecycle) async fn change(&self, chart: &ChartName) -> Option<(RunId, Change)> {
        let rollback = self.0.rollback.lock().await;
        let rollback = rollback.as_ref()?;
        let change = rollback.changes.get(chart)?;
        Some((rollback.of.clone(), change.clone()))
    }

    /// A chart is as it was, or stays as it is. With the last one the rollback is over.
    pub(in crate::lifecycle) async fn taken_back(
        &self,
        chart: &ChartName,
    ) -> Result<(), StepError> {
        self.change_rollback(|kept| {
            if let Some(rollback) = kept {
                rollback.changes.remove(chart);
            }
        })
        .await
    }

    /// Charts wait for each other here, so that the last one to write has what all have done.
    async fn change_rollback(
        &self,
        change: impl FnOnce(&mut Option<StackRollback>),
    ) -> Result<(), StepError> {
        let mut kept = self.0.rollback.lock().await;
        let mut changed = kept.clone();
        change(&mut changed);
        let changed = changed.filter(|rollback| !rollback.changes.is_empty());
        if changed == *kept {
            return Ok(());
        }
        if let Some(place) = &self.0.kept {
            let value = changed.as_ref().map(serde_json::to_string).transpose();
            let value = value.map_err(|error| StepError::new(error.to_string()))?;
            let is_known = |data: &_| StackRollback::read(data) == *kept;
            place.set(ROLLBACK_KEY, value.as_deref(), is_known).await?;
        }
        *kept = changed;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{open, web};
    use super::*;
    use crate::{
        cluster::testing::{Answer, Script},
        name::RunId,
    };

    fn rollback(charts: &[&str]) -> StackRollback {
        let change = |made| Change {
            release: web(),
            made,
            before: None,
            after: std::collections::BTreeSet::new(),
        };
        StackRollback {
            of: RunId::new("r1").unwrap(),
            changes: charts
                .iter()
                .zip(1..)
                .map(|(name, made)| (ChartName::new(name).unwrap(), change(made)))
                .collect(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_back_is_taken_off_and_the_last_one_ends_it() {
        let left = serde_json::to_string(&rollback(&["api", "web"])).unwrap();
        let (cluster, script) = Script::cluster(move |nth, _| match nth {
            0 => Answer::json(&json!({ "data": { "rollback": left } })),
            _ => Answer::json(&json!({})),
        });
        let (intents, held) = open(cluster, true).await;
        assert_eq!(intents.rollback().await, Some(rollback(&["api", "web"])));
        let [api, web, other] = ["api", "web", "other"].map(|name| ChartName::new(name).unwrap());
        intents.taken_back(&other).await.unwrap();
        assert_eq!(script.count(), 1, "nothing is written for nothing");
        assert_eq!(intents.change(&web).await.unwrap().1.made, 2);
        let (first, second) = tokio::join!(intents.taken_back(&web), intents.taken_back(&api));
        first.and(second).unwrap();
        let calls = script.calls();
        let left = serde_json::to_string(&rollback(&["api"])).unwrap();
        let add = |value| json!({ "op": "add", "path": "/data/rollback", "value": value });
        assert_eq!(calls[1].body[1], add(&*left));
        let remove = json!({ "op": "remove", "path": "/data/rollback" });
        assert_eq!(calls[2].body.as_array().unwrap()[1..], [add(""), remove]);
        assert_eq!(intents.rollback().await, None);
        // Another run may hold the lease by now.
        held.store(false, std::sync::atomic::Ordering::SeqCst);
        let set = intents.set_rollback(Some(rollback(&["api"]))).await;
        assert!(set.unwrap_err().cancelled);
        assert_eq!(script.count(), 3);
    }
}
