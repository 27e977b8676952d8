//! How long a helm call may take.
//!
//! Helm's `--timeout` is per Kubernetes operation: each hook, the wait, each deletion. A call may
//! take several times as long without anything being wrong, and for ever when the API server
//! accepts a request and does not answer. So each call has an outer deadline: one timeout for each
//! phase that may use it up, and a margin for the rest (rendering, requests, a busy machine). A
//! chart with several slow hooks in one phase needs a longer `timeout`.

use std::time::Duration;

use super::{Rollback, Test, Uninstall, Upgrade, WaitMode};

/// For `version`, which asks nobody.
pub(super) const VERSION: Duration = Duration::from_secs(20);

/// For `template`, which asks nobody either, but may have much to render.
pub(super) const TEMPLATE: Duration = Duration::from_mins(2);

/// Between SIGTERM at a deadline and SIGKILL: helm gets to write its record.
pub const GRACE: Duration = Duration::from_secs(30);

/// What is not waiting.
const MARGIN: Duration = Duration::from_mins(1);

impl Upgrade {
    /// When stackctl ends the call: pre hooks, post hooks and, where Helm waits, the wait.
    pub fn deadline(&self) -> Duration {
        phases(
            self.timeout,
            if self.wait == WaitMode::Helm { 3 } else { 2 },
        )
    }
}

impl Uninstall {
    /// When stackctl ends the call: pre hooks, post hooks and the wait until all is gone.
    pub fn deadline(&self) -> Duration {
        phases(self.timeout, if self.wait { 3 } else { 2 })
    }
}

impl Rollback {
    /// When stackctl ends the call: pre hooks and post hooks.
    pub fn deadline(&self) -> Duration {
        phases(self.timeout, 2)
    }
}

impl Test {
    /// When stackctl ends the call.
    pub fn deadline(&self) -> Duration {
        phases(self.timeout, 1)
    }
}

fn phases(timeout: Duration, n: u32) -> Duration {
    timeout.saturating_mul(n).saturating_add(MARGIN)
}
