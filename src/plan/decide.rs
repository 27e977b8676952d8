//! What is done to one chart, and why: the table of the issue, as a function.

use super::{Contents, ObservedRelease};
use crate::{
    name::{Action, Direction, ReleaseId, ReleaseStatus},
    stack::{Chart, Intent, ReinstallBelow},
};

/// Why every action of a plan that did not look at a cluster is as it is.
pub(super) const OFFLINE: &str = "offline: the cluster was not looked at";

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
        (action, OFFLINE.into())
    }

    /// With the newest revision of its release; `None` = there is no release.
    pub(super) fn decide(
        &self,
        direction: Direction,
        release: Option<&ObservedRelease>,
    ) -> Decision {
        match self.wish(direction) {
            Wish::Deploy => self.leave_alone(release, self.deploy(release)),
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

    /// `skip_if_installed`: only what is deployed counts, and a reinstall comes first.
    fn leave_alone(&self, release: Option<&ObservedRelease>, decision: Decision) -> Decision {
        let deployed = release.filter(|release| release.status == ReleaseStatus::Deployed);
        match deployed {
            Some(release) if self.chart.skip_if_installed && decision.0 == Action::Upgrade => {
                let revision = release.revision;
                let reason = format!("revision {revision} is deployed, and left alone");
                (Action::Skip, reason)
            }
            _ => decision,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        graph::fixture,
        name::{RunId, StackName, parse_version},
        plan::Marks,
        stack::Stack,
    };
    use Direction::{Down, Up};
    use ReleaseStatus as S;

    const ALL: [S; 9] = [
        S::Unknown,
        S::Deployed,
        S::Uninstalled,
        S::Superseded,
        S::Failed,
        S::Uninstalling,
        S::PendingInstall,
        S::PendingUpgrade,
        S::PendingRollback,
    ];

    fn stack(change: impl Fn(&mut Chart)) -> Stack {
        let mut stack = fixture::stack(&[("web", &[])]);
        change(&mut stack.charts[0]);
        stack
    }

    fn release(status: ReleaseStatus) -> ObservedRelease {
        ObservedRelease {
            revision: 3,
            status,
            marks: Marks::default(),
            chart_version: None,
            created: Some("2026-11-22T10:00:00Z".parse().unwrap()),
        }
    }

    fn decide(
        stack: &Stack,
        direction: Direction,
        release: Option<&ObservedRelease>,
    ) -> (Action, String) {
        let chart = &stack.charts[0];
        let desired = Desired {
            chart,
            contents: None,
        };
        desired.decide(direction, release)
    }

    #[test]
    fn every_status_has_its_action_on_every_way() {
        let deployed = stack(|_| ());
        let destroyed = stack(|chart| chart.intent = Intent::Destroy);
        let skipped = stack(|chart| chart.intent = Intent::Skip);
        for status in ALL {
            let up = match status {
                S::Uninstalled => Action::Install,
                S::Deployed | S::Failed | S::Superseded | S::Unknown => Action::Upgrade,
                _ => Action::Blocked,
            };
            let down = if status.is_pending() {
                Action::Blocked
            } else {
                Action::Uninstall
            };
            let release = release(status);
            let action = |stack, direction| decide(stack, direction, Some(&release)).0;
            assert_eq!(action(&deployed, Up), up, "{status}");
            assert_eq!(action(&deployed, Down), down, "{status}");
            assert_eq!(action(&destroyed, Up), down, "{status}");
            assert_eq!(action(&destroyed, Down), down, "{status}");
            assert_eq!(action(&skipped, Up), Action::Skip, "{status}");
            assert_eq!(action(&skipped, Down), Action::Skip, "{status}");
        }
        assert_eq!(decide(&deployed, Up, None).0, Action::Install);
        assert_eq!(decide(&destroyed, Up, None).0, Action::Uninstall);
    }

    #[test]
    fn reasons_are_words() {
        let plain = stack(|_| ());
        let told = |direction, release: Option<ObservedRelease>| {
            decide(&plain, direction, release.as_ref()).1
        };
        assert_eq!(told(Up, None), "not installed");
        assert_eq!(
            told(Down, None),
            "not installed; only its clean-up steps run"
        );
        assert_eq!(told(Up, Some(release(S::Failed))), "revision 3 is failed");
        assert_eq!(
            told(Down, Some(release(S::Uninstalling))),
            "revision 3 is uninstalling; it is finished"
        );
        assert_eq!(
            told(Up, Some(release(S::Uninstalling))),
            "revision 3 is uninstalling since 2026-11-22T10:00:00Z: wait until that operation \
             ends, or, when nothing works on it any more, remove it with \
             `helm uninstall web -n shop`"
        );
    }

    #[test]
    fn a_pending_release_names_its_run_only_if_the_marks_are_its_own() {
        let plain = stack(|_| ());
        let mut pending = release(S::PendingUpgrade);
        pending.marks = Marks {
            stack: Some(StackName::new("shop").unwrap()),
            run: Some(RunId::new("r7").unwrap()),
            revision: Some(3),
            ..Marks::default()
        };
        let (_, reason) = decide(&plain, Down, Some(&pending));
        assert!(reason.contains(", begun by run r7: wait"), "{reason}");
        assert!(reason.contains("`helm rollback web REVISION -n shop`"));
        // An upgrade by hand inherited the labels.
        pending.revision = 4;
        let (_, reason) = decide(&plain, Down, Some(&pending));
        assert!(!reason.contains("r7"), "{reason}");
    }

    #[test]
    fn only_strictly_older_charts_are_reinstalled() {
        for (installed, below, action) in [
            ("1.4.3", "1.4.4", Action::Reinstall),
            ("v1.4.3", "1.4.4", Action::Reinstall),
            ("1.4.4", "1.4.4", Action::Upgrade),
            ("1.10.0", "1.9.0", Action::Upgrade),
            ("1.4.4-rc.1", "1.4.4", Action::Reinstall),
            ("1.4.4", "1.4.4-rc.1", Action::Upgrade),
            ("1.4.4+build.1", "1.4.4+build.2", Action::Upgrade),
            ("1.4.4+build.2", "1.4.4", Action::Upgrade),
            ("not a version", "1.4.4", Action::Blocked),
        ] {
            let stack = stack(|chart| {
                chart.reinstall_below = Some(ReinstallBelow {
                    version: below.parse().unwrap(),
                    accept_data_loss: false,
                });
            });
            let release = ObservedRelease {
                chart_version: parse_version(installed),
                ..release(S::Deployed)
            };
            let (found, reason) = decide(&stack, Up, Some(&release));
            assert_eq!(found, action, "{installed} below {below}: {reason}");
            assert_eq!(decide(&stack, Up, None).0, Action::Install);
            assert_eq!(decide(&stack, Down, Some(&release)).0, Action::Uninstall);
        }
    }
}
