//! What is done to one chart, and why: the table of the issue, as a function.

use super::{Contents, ObservedRelease, Wanted};
use crate::{
    lock::Verdict,
    name::{Action, Direction, ReleaseId, ReleaseStatus},
    stack::{Chart, Intent, ReinstallBelow, Step, Unlock, Verb},
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
    /// Why it is deployed though nothing of it has changed, if it is.
    pub anew: Option<&'static str>,
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
    pub fn decide(&self, direction: Direction, release: Option<&ObservedRelease>) -> Decision {
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
            (Intent::Destroy, Direction::Up) | (_, Direction::Down | Direction::Rollback) => {
                Wish::Remove
            }
        }
    }

    fn deploy(&self, release: Option<&ObservedRelease>) -> Decision {
        let Some(release) = release else {
            return (Action::Install, "not installed".into());
        };
        let state = self.state(release, Wish::Deploy);
        match release.status {
            // Of the last two nothing is left by then.
            ReleaseStatus::Uninstalled
            | ReleaseStatus::PendingInstall
            | ReleaseStatus::Uninstalling => (Action::Install, state),
            ReleaseStatus::PendingUpgrade
            | ReleaseStatus::PendingRollback
            | ReleaseStatus::Deployed
            | ReleaseStatus::Failed
            | ReleaseStatus::Superseded
            | ReleaseStatus::Unknown => {
                let (action, reason) = match &self.chart.reinstall_below {
                    Some(below) => reinstall_or_upgrade(release, below, state),
                    None => (Action::Upgrade, state),
                };
                let is_settled =
                    release.status == ReleaseStatus::Deployed && release.verdict == Verdict::Free;
                match action {
                    Action::Upgrade if is_settled => self.upgrade_or_less(release, reason),
                    _ => (action, reason),
                }
            }
        }
    }

    /// What is left to do to a deployed release, if anything. Its marks tell, as long as nobody
    /// made a revision after the one they were written for.
    fn upgrade_or_less(&self, release: &ObservedRelease, state: String) -> Decision {
        let marks = &release.marks;
        match marks.revision {
            None => return (Action::Upgrade, state),
            Some(ours) if ours != release.revision => {
                let reason =
                    format!("{state}; somebody else made it: stackctl's last one was {ours}");
                return (Action::Upgrade, reason);
            }
            Some(_) => {}
        }
        if let Some(why) = self.anew {
            return (Action::Upgrade, format!("{state}; {why}"));
        }
        let later = Wanted::Later;
        let wanted = match self.contents {
            Some(contents) => &contents.wanted,
            None if self.chart.late => &later,
            None => return (Action::Upgrade, state),
        };
        let (digests, changed_values) = match wanted {
            Wanted::Known {
                digests,
                changed_values,
            } => (digests, changed_values),
            Wanted::Later => {
                let reason = format!("{state}; whether it changes is known when its turn comes");
                return (Action::Decide, reason);
            }
            Wanted::Always(why) => return (Action::Upgrade, format!("{state}; {why}")),
        };
        let Some(installed) = &marks.digest else {
            return (Action::Upgrade, state);
        };
        let version = self.contents.and_then(|contents| {
            let new = contents.version.as_deref()?;
            let old = release.chart_version.as_ref()?.to_string();
            (old != new).then(|| format!("chart version ({old} -> {new})"))
        });
        let values = match changed_values.as_slice() {
            [] => "values".to_owned(),
            paths => format!("values ({})", paths.join(", ")),
        };
        let compared = [
            (
                installed.chart == digests.chart,
                version.unwrap_or_else(|| "chart files".into()),
            ),
            (installed.values == digests.values, values),
            (
                installed.setting == digests.setting,
                "Kubernetes version, or what the cluster serves".to_owned(),
            ),
            (
                installed.around == digests.around,
                "steps or namespace".to_owned(),
            ),
        ];
        let changed = compared.into_iter().filter(|(is_same, _)| !is_same);
        let changed: Vec<String> = changed.map(|(_, what)| what).collect();
        if !changed.is_empty() {
            let reason = format!("{state}; changed: {}", changed.join(", "));
            return (Action::Upgrade, reason);
        }
        let done = marks.done.as_ref();
        let done =
            done.filter(|done| done.revision == release.revision && done.around == digests.around);
        // What `pre` steps captured is known to no later run.
        let captures = |step: &Step| matches!(step.verb, Verb::Capture { .. });
        match done {
            None if self.chart.steps.pre.iter().any(captures) => (
                Action::Upgrade,
                format!("{state}, but what comes after was not done, and refers to captures"),
            ),
            Some(done) if done.validated => (
                Action::Unchanged,
                format!("revision {} is as wanted", release.revision),
            ),
            Some(_) => (Action::Validate, format!("{state}, but was not validated")),
            None => (
                Action::Validate,
                format!("{state}, but what comes after was not done"),
            ),
        }
    }

    /// `skip_if_installed`: only what is deployed counts, and a reinstall comes first.
    fn leave_alone(&self, release: Option<&ObservedRelease>, decision: Decision) -> Decision {
        let deployed = release.filter(|release| release.status == ReleaseStatus::Deployed);
        match deployed {
            Some(release)
                if self.chart.skip_if_installed
                    && matches!(decision.0, Action::Upgrade | Action::Decide) =>
            {
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
        let state = self.state(release, Wish::Remove);
        let reason = match release.status {
            ReleaseStatus::Uninstalled => format!("{state}; only its history is left"),
            _ => state,
        };
        (Action::Uninstall, reason)
    }

    /// Where the release stands, and what is done first about who may be at work on it.
    fn state(&self, release: &ObservedRelease, wish: Wish) -> String {
        let ObservedRelease {
            revision,
            status,
            created,
            ..
        } = release;
        let state = format!("revision {revision} is {status}");
        match &release.verdict {
            Verdict::Free => state,
            Verdict::Dead(intent) => {
                let first = recovery(*status, wish);
                format!("{state}, left behind by run {}: {first}", intent.run)
            }
            Verdict::Live(intent, until) => format!(
                "{state}; run {} on {} may be at work on it: waited for, until {until:.0} at the \
                 latest",
                intent.run, intent.host
            ),
            Verdict::Foreign => {
                let begun = created.filter(|_| status.is_pending());
                let since = begun.map_or(String::new(), |begun| format!(" since {begun:.0}"));
                let then = match self.chart.unlock {
                    Unlock::Never => "waited for, up to the chart's timeout".to_owned(),
                    Unlock::Stale => format!(
                        "waited for, up to the chart's timeout; when older than `unlock_after`, {}",
                        recovery(*status, wish)
                    ),
                    Unlock::Always => recovery(*status, wish).to_owned(),
                };
                format!("{state}{since}, begun by somebody else: {then}")
            }
        }
    }
}

/// What is done about an operation that died.
fn recovery(status: ReleaseStatus, wish: Wish) -> &'static str {
    match (status, wish) {
        (ReleaseStatus::PendingInstall, Wish::Deploy) => "it is installed anew",
        (ReleaseStatus::Uninstalling, Wish::Deploy) => "it is uninstalled to the end first",
        (ReleaseStatus::Uninstalling, _) => "it is uninstalled to the end",
        _ => "it is recovered first",
    }
}

/// What one run wants of a chart, direction and intent together.
#[derive(Debug, Clone, Copy)]
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
pub fn remedy(status: ReleaseStatus, release: &ReleaseId) -> String {
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
        lock,
        name::{RunId, parse_version},
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
            verdict: Verdict::Free,
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
            anew: None,
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
                S::Uninstalled | S::PendingInstall | S::Uninstalling => Action::Install,
                _ => Action::Upgrade,
            };
            let release = release(status);
            let action = |stack, direction| decide(stack, direction, Some(&release)).0;
            assert_eq!(action(&deployed, Up), up, "{status}");
            assert_eq!(action(&deployed, Down), Action::Uninstall, "{status}");
            assert_eq!(action(&destroyed, Up), Action::Uninstall, "{status}");
            assert_eq!(action(&destroyed, Down), Action::Uninstall, "{status}");
            assert_eq!(action(&skipped, Up), Action::Skip, "{status}");
            assert_eq!(action(&skipped, Down), Action::Skip, "{status}");
        }
        assert_eq!(decide(&deployed, Up, None).0, Action::Install);
        assert_eq!(decide(&destroyed, Up, None).0, Action::Uninstall);
    }

    #[test]
    fn what_is_deployed_anew_is_so_even_if_nothing_of_it_is_known_yet() {
        let late = stack(|chart| chart.late = true);
        let release = ObservedRelease {
            marks: Marks {
                revision: Some(3),
                ..Marks::default()
            },
            ..release(S::Deployed)
        };
        let told = |anew| {
            let desired = Desired {
                chart: &late.charts[0],
                contents: None,
                anew,
            };
            desired.decide(Up, Some(&release))
        };
        assert_eq!(told(None).0, Action::Decide);
        let expected = "revision 3 is deployed; `--no-skip`".to_owned();
        assert_eq!(told(Some("`--no-skip`")), (Action::Upgrade, expected));
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
            told(Down, Some(release(S::Uninstalled))),
            "revision 3 is uninstalled; only its history is left"
        );
    }

    #[test]
    fn a_plan_says_what_is_done_about_who_is_at_work_on_a_release() {
        let intent = lock::Intent {
            operation: lock::Operation::Upgrade,
            from_revision: Some(2),
            run: RunId::new("r7").unwrap(),
            host: "ci-3".to_owned(),
            process: None,
            began: "2026-11-22T10:00:00Z".parse().unwrap(),
            deadline: "2026-11-22T10:11:30Z".parse().unwrap(),
            deletes: Vec::new(),
        };
        let until = "2026-11-22T10:12:00Z".parse().unwrap();
        let dead = Verdict::Dead(intent.clone());
        let live = Verdict::Live(intent, until);
        let told = |direction, status, verdict: &Verdict, unlock| {
            let stack = stack(|chart| chart.unlock = unlock);
            let release = ObservedRelease {
                verdict: verdict.clone(),
                ..release(status)
            };
            decide(&stack, direction, Some(&release)).1
        };
        let foreign = Verdict::Foreign;
        let never = Unlock::Never;
        for (direction, status, verdict, unlock, expected) in [
            (
                Up,
                S::PendingUpgrade,
                &dead,
                never,
                "revision 3 is pending-upgrade, left behind by run r7: it is recovered first",
            ),
            (
                Up,
                S::PendingInstall,
                &dead,
                never,
                "revision 3 is pending-install, left behind by run r7: it is installed anew",
            ),
            (
                Up,
                S::Uninstalling,
                &dead,
                never,
                "revision 3 is uninstalling, left behind by run r7: it is uninstalled to the end \
                 first",
            ),
            (
                Down,
                S::Uninstalling,
                &dead,
                never,
                "revision 3 is uninstalling, left behind by run r7: it is uninstalled to the end",
            ),
            (
                Down,
                S::PendingInstall,
                &dead,
                never,
                "revision 3 is pending-install, left behind by run r7: it is recovered first",
            ),
            (
                Up,
                S::PendingRollback,
                &live,
                never,
                "revision 3 is pending-rollback; run r7 on ci-3 may be at work on it: waited for, \
                 until 2026-11-22T10:12:00Z at the latest",
            ),
            (
                Up,
                S::PendingUpgrade,
                &foreign,
                never,
                "revision 3 is pending-upgrade since 2026-11-22T10:00:00Z, begun by somebody \
                 else: waited for, up to the chart's timeout",
            ),
            (
                Down,
                S::Uninstalling,
                &foreign,
                Unlock::Stale,
                "revision 3 is uninstalling, begun by somebody else: waited for, up to the \
                 chart's timeout; when older than `unlock_after`, it is uninstalled to the end",
            ),
            (
                Up,
                S::PendingInstall,
                &foreign,
                Unlock::Always,
                "revision 3 is pending-install since 2026-11-22T10:00:00Z, begun by somebody \
                 else: it is installed anew",
            ),
        ] {
            assert_eq!(told(direction, status, verdict, unlock), expected);
        }
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
