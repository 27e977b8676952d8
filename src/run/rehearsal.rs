//! A run in the sandbox instead of on a cluster.

use std::{path::PathBuf, time::Duration};

use super::RunError;
use crate::{
    sandbox::{Fault, FaultKind, Options, Sandbox},
    stack::Stack,
};

/// Which sandbox, and what is to go wrong in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsal {
    /// The sandbox's folder.
    pub dir: PathBuf,
    /// How long pods take to become ready, where their templates do not say it.
    pub ready_after: Duration,
    /// Get a Helm where none is found.
    pub download: bool,
    /// Charts and what goes wrong with them.
    pub failures: Vec<(String, FaultKind)>,
}

impl Rehearsal {
    /// Where a sandbox is when nobody says it.
    pub const DIR: &str = ".stackctl/sandbox";

    /// Starts the sandbox. Failures are of charts that the stack has.
    pub(super) async fn start(&self, stack: &Stack) -> Result<Sandbox, RunError> {
        let fault = |(chart, kind): &(String, FaultKind)| {
            let found = stack.charts.iter().find(|(name, _)| name.as_str() == chart);
            let (_, found) = found.ok_or_else(|| RunError::RehearseUnknown {
                name: chart.clone(),
            })?;
            Ok(Fault {
                namespace: found.release.namespace.to_string(),
                release: found.release.name.to_string(),
                kind: *kind,
            })
        };
        let faults: Result<Vec<Fault>, RunError> = self.failures.iter().map(fault).collect();
        let options = Options {
            dir: self.dir.clone(),
            ready_after: self.ready_after,
            faults: faults?,
        };
        Ok(Sandbox::start(&options).await?)
    }
}
