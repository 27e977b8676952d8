//! The rollback of a failed run, kept beside the announced operations.

use super::{Intents, StepError, lost};
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
            if !(place.holds)() {
                return Err(lost());
            }
            let value = changed.as_ref().map(serde_json::to_string).transpose();
            let value = value.map_err(|error| StepError::new(error.to_string()))?;
            place.set(ROLLBACK_KEY, value.as_deref()).await?;
        }
        *kept = changed;
        Ok(())
    }
}
