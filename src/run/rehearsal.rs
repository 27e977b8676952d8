//! A run in the sandbox instead of on a cluster.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use super::{Problem, RunError};
use crate::{
    chart::Hooks,
    name::{Action, ChartName},
    plan::{Node, Plan},
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

    /// Is a hook of the chart to fail?
    pub(super) fn fails_hook_of(&self, chart: &ChartName) -> bool {
        let mut failures = self.failures.iter();
        failures.any(|(name, kind)| name == chart.as_str() && *kind == FaultKind::Hook)
    }

    /// Which failures nobody will see, since nothing is done to their charts.
    pub(super) fn unseen(&self, plan: &Plan) -> Vec<String> {
        let charts: BTreeSet<&str> = self.failures.iter().map(|(chart, _)| &**chart).collect();
        let why = |chart: &str| {
            let is_chart = |node: &&Node| !node.key.is_crds() && node.key.chart.as_str() == chart;
            match plan.nodes.iter().find(is_chart) {
                None => Some("it is not selected"),
                Some(node) if node.action == Action::Unchanged => {
                    Some("it is unchanged (--no-skip deploys it all the same)")
                }
                Some(_) => None,
            }
        };
        let unseen = charts.into_iter().filter_map(|chart| {
            let why = why(chart)?;
            Some(format!(
                "`--rehearse-fail` lets nothing of {chart} fail: {why}"
            ))
        });
        unseen.collect()
    }

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

/// Does Helm run anything of what was rendered as a hook? Hooks that are no Jobs or Pods run nothing
/// that could fail.
pub(super) fn runs_hook(rendered: &str) -> bool {
    let is_run = |line: &str| matches!(line.trim_end(), "kind: Job" | "kind: Pod");
    let mut documents = rendered.split("\n---");
    documents.any(|document| Hooks::in_text(document).any && document.lines().any(is_run))
}

/// Nothing would fail, and nobody would say why.
pub(super) fn no_hook(chart: &ChartName) -> Problem {
    Problem {
        chart: Some(chart.clone()),
        message: format!("`--rehearse-fail {chart}=hook`, but it runs no hook"),
        hint: Some(
            "rehearse another failure of it: crashloop, image-pull, never-ready, api-500".into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_that_can_fail_is_a_job_or_a_pod() {
        let document = |kind: &str, hook: &str| {
            format!("---\n# Source: a\nkind: {kind}\nmetadata:\n  annotations: {{{hook}}}\n")
        };
        let hook = "helm.sh/hook: pre-install";
        assert!(runs_hook(&document("Job", hook)));
        assert!(runs_hook(&format!(
            "{}{}",
            document("ConfigMap", ""),
            document("Pod", hook)
        )));
        assert!(!runs_hook(&format!(
            "{}{}",
            document("ConfigMap", hook),
            document("Job", "")
        )));
        assert!(!runs_hook(&document("Pod", "helm.sh/hook: test")));
    }
}
