//! What is done to one chart, and why: the table of the issue, as a function.

use super::{Contents, ObservedRelease};
use crate::{
    name::{Action, Direction, ReleaseId, ReleaseStatus},
    stack::{Chart, Intent, ReinstallBelow},
};

/// What the stack wants of one chart.
#[derive(Debug, Clone, Copy)]
pub struct Desired<'a> {
    /// The chart as declared.
    pub chart: &'a Chart,
    /// What was found in its files, when they were read.
    pub contents: Option<&'a Contents>,
}

/// An action and its reason, in words.
pub(super) type Decision = (Action, String);

impl Desired<'_> {
    /// Without looking at a cluster.
    pub(super) fn guess(&self, direction: Direction) -> Decision {
        let action = match self.wish(direction) {
            Wish::Deploy => Action::Install,
            Wish::Remove => Action::Uninstall,
            Wish::Skip => return skip(),
        };
        (action, "offline: the cluster was not looked at".into())
    }

    /// With the newest revision of its release; `None` = there is no release.
    pub(super) fn decide(
        &self,
        direction: Direction,
        release: Option<&ObservedRelease>,
    ) -> Decision {
        match self.wish(direction) {
            Wish::Deploy => self.deploy(release),
            Wish::Remove => self.remove(release),
            Wish::Skip => skip(),
        }
    }

    fn wish(&self, direction: Direction) -> Wish {
        match (self.chart.intent, direction) {
            (Intent::Skip, _) => Wish::Skip,
            (Intent::Deploy, Direction::Up) => Wish::Deploy,
            (Intent::Destroy, Direction::Up) | (_, Direction::Down) => Wish::Remove,
        }
    }

    fn deploy(&self, release: Option<&ObservedRelease>) -> Decision {
        let Some(release) = release else {
            return (Action::Install, "not installed".into());
        };
        let ObservedRelease {
            revision, status, ..
        } = release;
        let state = format!("revision {revision} is {status}");
        match status {
            ReleaseStatus::Uninstalled => (Action::Install, state),
            ReleaseStatus::PendingInstall
            | ReleaseStatus::PendingUpgrade
            | ReleaseStatus::PendingRollback
            | ReleaseStatus::Uninstalling => self.blocked(release),
            ReleaseStatus::Deployed
            | ReleaseStatus::Failed
            | ReleaseStatus::Superseded
            | ReleaseStatus::Unknown => match &self.chart.reinstall_below {
                Some(below) => reinstall_or_upgrade(release, below, state),
                None => (Action::Upgrade, state),
            },
        }
    }

    fn remove(&self, release: Option<&ObservedRelease>) -> Decision {
        let Some(release) = release else {
            let reason = "not installed; only its clean-up steps run";
            return (Action::Uninstall, reason.into());
        };
        let ObservedRelease {
            revision, status, ..
        } = release;
        let state = format!("revision {revision} is {status}");
        match status {
            // Helm's uninstall looks at no lock: it would pull the ground from under the operation.
            status if status.is_pending() => self.blocked(release),
            ReleaseStatus::Uninstalling => (Action::Uninstall, format!("{state}; it is finished")),
            ReleaseStatus::Uninstalled => {
                let reason = format!("{state}; only its history is left");
                (Action::Uninstall, reason)
            }
            _ => (Action::Uninstall, state),
        }
    }

    fn blocked(&self, release: &ObservedRelease) -> Decision {
        let ObservedRelease {
            revision,
            status,
            created,
            ..
        } = release;
        let since = created.map_or(String::new(), |created| format!(" since {created}"));
        let run = release.marks.run.as_ref().filter(|_| release.marks_hold());
        let by = run.map_or(String::new(), |run| format!(", begun by run {run}"));
        let remedy = remedy(*status, &self.chart.release);
        let reason = format!(
            "revision {revision} is {status}{since}{by}: wait until that operation ends, or, \
             when nothing works on it any more, {remedy}"
        );
        (Action::Blocked, reason)
    }
}

/// What one run wants of a chart, direction and intent together.
enum Wish {
    Deploy,
    Remove,
    Skip,
}

fn skip() -> Decision {
    (Action::Skip, "the stack file says to skip it".into())
}

fn reinstall_or_upgrade(
    release: &ObservedRelease,
    below: &ReinstallBelow,
    state: String,
) -> Decision {
    let below = &below.version;
    match &release.chart_version {
        None => (
            Action::Blocked,
            format!(
                "{state}, but the version of the installed chart could not be told, and \
                 reinstall_below = {below} depends on it: see `helm history`, or remove \
                 reinstall_below"
            ),
        ),
        Some(installed) if installed.cmp_precedence(below).is_lt() => (
            Action::Reinstall,
            format!("{state} with chart version {installed}, older than {below}"),
        ),
        Some(_) => (Action::Upgrade, state),
    }
}

/// What works on a release an operation left behind (helm.md section 2, "Recovery").
fn remedy(status: ReleaseStatus, release: &ReleaseId) -> String {
    let ReleaseId { namespace, name } = release;
    match status {
        ReleaseStatus::PendingUpgrade | ReleaseStatus::PendingRollback => format!(
            "go back to its last deployed revision with \
             `helm rollback {name} REVISION -n {namespace}`"
        ),
        _ => format!("remove it with `helm uninstall {name} -n {namespace}`"),
    }
}
