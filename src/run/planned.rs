//! The last plan of a session, and whether it still holds once the stack's lock is held.
//!
//! Between the two a person is asked, charts are rendered, and another run is waited for; and one
//! that nobody noticed may have begun and ended.

use std::sync::{MutexGuard, PoisonError};

use super::{PlanRequest, RunError, Session, fetch::Gathered};
use crate::{plan::Plan, release::Records};

/// About the last plan that was made.
#[derive(Debug, Clone, Default)]
pub(super) struct Planned {
    /// Where its charts are.
    pub(super) gathered: Gathered,
    /// What was asked for.
    pub(super) request: Option<PlanRequest>,
    /// Another run held the stack's lock: what it was made of has changed since.
    pub(super) is_outdated: bool,
    /// The records of the stack's releases that it was made of.
    pub(super) records: Records,
}

impl Session {
    pub(super) fn planned(&self) -> MutexGuard<'_, Planned> {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the charts of the last plan are.
    pub(super) fn gathered(&self) -> Gathered {
        self.planned().gathered.clone()
    }

    /// Makes the last plan anew if what it was made of has changed since; to be asked while holding
    /// the stack's lock. `waited`: for another run.
    pub(super) async fn plan_anew(
        &self,
        plan: &Plan,
        waited: bool,
    ) -> Result<Option<Plan>, RunError> {
        let last = self.planned().clone();
        let Some(request) = last.request else {
            return Ok(None);
        };
        let is_outdated = waited || last.is_outdated;
        // A run that does nothing was right when it looked: another one came after it.
        if is_outdated || (!plan.is_idle() && self.records().await? != last.records) {
            return self.plan(&request, &mut |_| ()).await.map(Some);
        }
        Ok(None)
    }

    /// The records of the stack's releases.
    async fn records(&self) -> Result<Records, RunError> {
        Ok(self.own(&self.releases.list(&self.namespaces()).await?))
    }

    /// Those of the stack's releases.
    pub(super) fn own(&self, listed: &Records) -> Records {
        let charts = self.stack.charts.values();
        let own = charts.filter_map(|chart| listed.get_key_value(&chart.release));
        own.map(|(release, revisions)| (release.clone(), revisions.clone()))
            .collect()
    }
}
