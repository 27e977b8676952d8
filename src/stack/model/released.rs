//! A chart of which only its release is left.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use super::{
    Apply, Chart, ChartSource, CrdPolicy, Intent, LiveObjects, Retry, RollbackOnFailure, Steps,
    Unlock, Wait,
};
use crate::{
    name::{ChartName, ReleaseId},
    stack::values::Values,
};

impl Chart {
    /// `timeout`, unless the file says otherwise: as Helm's own default.
    pub(crate) const TIMEOUT: Duration = Duration::from_mins(5);

    /// `unlock_after`, unless the file says otherwise: longer than any operation with Helm's own
    /// default takes.
    pub(crate) const UNLOCK_AFTER: Duration = Duration::from_mins(10);

    /// A chart that no file declares any more, with the default of everything: enough to go back to
    /// another revision of its release, or to remove that.
    pub fn released(name: ChartName, release: ReleaseId) -> Self {
        Self {
            name,
            release,
            source: ChartSource::Folder(PathBuf::new()),
            version: None,
            late: false,
            needs: Vec::new(),
            after: Vec::new(),
            intent: Intent::default(),
            labels: BTreeMap::new(),
            protected: false,
            values: Values::default(),
            timeout: Self::TIMEOUT,
            deadline: None,
            retry: Retry {
                attempts: 1,
                delay: Duration::from_secs(5),
                backoff: 1.0,
                on: Vec::new(),
            },
            wait: Wait::default(),
            rollback_on_failure: RollbackOnFailure::default(),
            skip_unchanged: None,
            skip_if_installed: false,
            post_renderer: None,
            on_live_objects: LiveObjects::default(),
            apply: Apply::default(),
            unlock: Unlock::default(),
            unlock_after: Self::UNLOCK_AFTER,
            crds: CrdPolicy::default(),
            reinstall_below: None,
            history_max: 10,
            outputs: BTreeMap::new(),
            steps: Steps::default(),
            place: None,
        }
    }
}
