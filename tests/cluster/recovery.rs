//! What Helm leaves behind when it dies, and that the next run finishes the job: each row of
//! "What a signal leaves behind" and of "Recovery" in the notes about Helm, with Helm 4 and 3.
//! (A signal while Helm prepares leaves what one does a little later.)

use std::process::{Child, Stdio};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    support::{Lab, Run, eventually, sorted_lines},
    target::{Helm, Target},
};

tests![
    up_goes_on_from_whatever_helm_4_left_behind,
    up_goes_on_from_whatever_helm_3_left_behind,
    down_goes_on_from_whatever_helm_4_left_behind,
    down_goes_on_from_whatever_helm_3_left_behind,
];

/// Helm is held up by a hook.
const HOLD: &str = "hook.readyAfter=60s";

/// One row of the table: how the state is made, and what it is then.
struct Row {
    name: &'static str,
    /// Helm commands that come before, run to their end. `NAME` is the release.
    before: &'static [&'static str],
    /// The one that is signalled.
    command: &'static str,
    /// When: revision and status. None = it runs to its end.
    at: Option<(&'static str, Signal)>,
    /// What it leaves: newest revision and status; none for no release.
    left: Option<&'static str>,
    /// The newest revision after `up`.
    up: &'static str,
}

const INSTALL: &str = "install NAME ./charts/app --set kind=none,hook.on=pre-install,HOLD";
const INSTALL_ATOMIC: &str =
    "install NAME ./charts/app --set kind=none,hook.on=pre-install,HOLD ATOMIC";
const UPGRADE: &str = "upgrade NAME ./charts/app --set kind=none,hook.on=pre-upgrade,HOLD";
const UPGRADE_ATOMIC: &str =
    "upgrade NAME ./charts/app --set kind=none,hook.on=pre-upgrade,HOLD ATOMIC";
const INSTALLED: &str = "install NAME ./charts/app --set kind=none";
/// Rolling back to it takes its time.
const INSTALLED_SLOWLY_BACK: &str =
    "install NAME ./charts/app --set kind=none,hook.on=pre-rollback,HOLD";
/// Rolling back to it with `--wait` does not come to an end.
const INSTALLED_UNREADY: &str = "install NAME ./charts/app --set readyAfter=600s";
const UPGRADED: &str = "upgrade NAME ./charts/app --set kind=none,note=2";
const UPGRADE_FAILS_ATOMIC: &str = "upgrade NAME ./charts/app --set kind=none,hook.on=pre-upgrade,hook.exitCode=1 ATOMIC --timeout 8s";

/// Before Helm listens to signals.
const AT_ONCE: &str = "";
const PENDING_INSTALL: &str = "1 pending-install";
const PENDING_UPGRADE: &str = "2 pending-upgrade";
const PENDING_ROLLBACK: &str = "3 pending-rollback";

const ROWS: &[Row] = &[
    Row {
        name: "begun-install-term",
        before: &[],
        command: INSTALL,
        at: Some((AT_ONCE, Signal::SIGTERM)),
        left: None,
        up: "1 deployed",
    },
    Row {
        name: "begun-upgrade-kill",
        before: &[INSTALLED],
        command: UPGRADE,
        at: Some((AT_ONCE, Signal::SIGKILL)),
        left: Some("1 deployed"),
        up: "2 deployed",
    },
    Row {
        name: "install-term",
        before: &[],
        command: INSTALL,
        at: Some((PENDING_INSTALL, Signal::SIGTERM)),
        left: Some("1 failed"),
        up: "2 deployed",
    },
    Row {
        name: "install-kill",
        before: &[],
        command: INSTALL,
        at: Some((PENDING_INSTALL, Signal::SIGKILL)),
        left: Some(PENDING_INSTALL),
        up: "1 deployed",
    },
    Row {
        name: "install-atomic-term",
        before: &[],
        command: INSTALL_ATOMIC,
        at: Some((PENDING_INSTALL, Signal::SIGTERM)),
        left: None,
        up: "1 deployed",
    },
    Row {
        name: "install-atomic-kill",
        before: &[],
        command: INSTALL_ATOMIC,
        at: Some((PENDING_INSTALL, Signal::SIGKILL)),
        left: Some(PENDING_INSTALL),
        up: "1 deployed",
    },
    Row {
        name: "upgrade-term",
        before: &[INSTALLED],
        command: UPGRADE,
        at: Some((PENDING_UPGRADE, Signal::SIGTERM)),
        left: Some("2 failed"),
        up: "3 deployed",
    },
    Row {
        name: "upgrade-kill",
        before: &[INSTALLED],
        command: UPGRADE,
        at: Some((PENDING_UPGRADE, Signal::SIGKILL)),
        left: Some(PENDING_UPGRADE),
        up: "3 deployed",
    },
    Row {
        name: "upgrade-atomic-term",
        before: &[INSTALLED],
        command: UPGRADE_ATOMIC,
        at: Some((PENDING_UPGRADE, Signal::SIGTERM)),
        left: Some("3 deployed"),
        up: "4 deployed",
    },
    Row {
        name: "upgrade-atomic-kill",
        before: &[INSTALLED],
        command: UPGRADE_ATOMIC,
        at: Some((PENDING_UPGRADE, Signal::SIGKILL)),
        left: Some(PENDING_UPGRADE),
        up: "3 deployed",
    },
    Row {
        // The signal is swallowed: it ends at its own timeout.
        name: "rolling-back-term",
        before: &[INSTALLED_UNREADY],
        command: "upgrade NAME ./charts/app --set readyAfter=600s,hook.on=pre-upgrade,hook.exitCode=1 ATOMIC --timeout 8s",
        at: Some((PENDING_ROLLBACK, Signal::SIGTERM)),
        left: Some("3 failed"),
        up: "4 deployed",
    },
    Row {
        name: "rolling-back-kill",
        before: &[INSTALLED_SLOWLY_BACK],
        command: UPGRADE_FAILS_ATOMIC,
        at: Some((PENDING_ROLLBACK, Signal::SIGKILL)),
        left: Some(PENDING_ROLLBACK),
        up: "4 deployed",
    },
    Row {
        name: "rollback-term",
        before: &[INSTALLED_SLOWLY_BACK, UPGRADED],
        command: "rollback NAME 1",
        at: Some((PENDING_ROLLBACK, Signal::SIGTERM)),
        left: Some(PENDING_ROLLBACK),
        up: "4 deployed",
    },
    Row {
        name: "rollback-kill",
        before: &[INSTALLED_SLOWLY_BACK, UPGRADED],
        command: "rollback NAME 1",
        at: Some((PENDING_ROLLBACK, Signal::SIGKILL)),
        left: Some(PENDING_ROLLBACK),
        up: "4 deployed",
    },
    Row {
        name: "uninstall-term",
        before: &[INSTALLED],
        command: "uninstall NAME --wait",
        at: Some(("1 uninstalling", Signal::SIGTERM)),
        left: Some("1 uninstalling"),
        up: "1 deployed",
    },
    Row {
        name: "uninstall-kill",
        before: &[INSTALLED],
        command: "uninstall NAME --wait",
        at: Some(("1 uninstalling", Signal::SIGKILL)),
        left: Some("1 uninstalling"),
        up: "1 deployed",
    },
    Row {
        name: "uninstalled",
        before: &[INSTALLED],
        command: "uninstall NAME --keep-history",
        at: None,
        left: Some("1 uninstalled"),
        up: "2 deployed",
    },
];

fn up_goes_on_from_whatever_helm_4_left_behind() {
    up_goes_on(&Lab::on(Target::shared(), Helm::Four, "left-up-4"));
}

fn up_goes_on_from_whatever_helm_3_left_behind() {
    up_goes_on(&Lab::on(Target::shared(), Helm::Three, "left-up-3"));
}

fn down_goes_on_from_whatever_helm_4_left_behind() {
    down_goes_on(&Lab::on(Target::shared(), Helm::Four, "left-down-4"));
}

fn down_goes_on_from_whatever_helm_3_left_behind() {
    down_goes_on(&Lab::on(Target::shared(), Helm::Three, "left-down-3"));
}

fn up_goes_on(lab: &Lab) {
    leave_behind(lab);
    let hooks = |lab: &Lab| lab.get(&["jobs"])["items"].clone();
    let before = hooks(lab);
    let up = lab.stackctl(&["up", "-y"]).exits(0);
    let found = lab.releases();
    for row in ROWS {
        let release = found.get(row.name).map(ToString::to_string);
        assert_eq!(release.as_deref(), Some(row.up), "{} after {up}", row.name);
    }
    is_tidy(lab, &up);
    // An install that died is begun anew, with its install hooks. It may have died before its own.
    let after = hooks(lab);
    for row in ROWS.iter().filter(|row| row.left == Some(PENDING_INSTALL)) {
        let job = |jobs: &serde_json::Value| {
            let name = format!("{}-hook", row.name);
            let mut jobs = jobs.as_array().expect("a list").iter();
            let job = jobs.find(|job| job["metadata"]["name"] == name.as_str())?;
            Some(job["metadata"]["uid"].clone())
        };
        assert!(job(&after).is_some(), "{} after {up}", row.name);
        assert_ne!(job(&before), job(&after), "{} after {up}", row.name);
    }
}

fn down_goes_on(lab: &Lab) {
    leave_behind(lab);
    let down = lab.stackctl(&["down", "-y"]).exits(0);
    lab.has_releases(&[]);
    let left = sorted_lines(&lab.kubectl(&["get", "configmaps", "-o", "name"]));
    assert_eq!(left, ["configmap/kube-root-ca.crt"], "{down}");
}

/// No revision of any release is in the middle of anything.
fn is_tidy(lab: &Lab, run: &Run) {
    let secrets = lab.get(&["secrets", "--selector", "owner=helm"]);
    let secrets = secrets["items"].as_array().expect("a list");
    for secret in secrets {
        let status = &secret["metadata"]["labels"]["status"];
        let status = status.as_str().expect("Helm sets its labels");
        let unfinished = status.starts_with("pending") || status == "uninstalling";
        assert!(!unfinished, "{} after {run}", secret["metadata"]["name"]);
    }
}

/// Makes the state of every row, and a stack of all these releases.
fn leave_behind(lab: &Lab) {
    lab.kubectl(&["create", "namespace", &lab.namespace]);
    for row in ROWS {
        for command in row.before {
            let mut helm = helm(lab, row, command);
            assert!(helm.wait().expect("it is our child").success(), "{command}");
        }
        if row.command.starts_with("uninstall NAME --wait") {
            hold_configmap(lab, row.name, true);
        }
    }
    let mut helms: Vec<Child> = Vec::new();
    for row in ROWS {
        let helm = helm(lab, row, row.command);
        if let Some((AT_ONCE, signal)) = row.at {
            send(&helm, signal);
        }
        helms.push(helm);
    }
    let mut waiting: Vec<(&Row, &mut Child)> = ROWS.iter().zip(&mut helms).collect();
    eventually(
        "every Helm is where it is to be signalled",
        DEADLINE,
        || {
            let found = lab.releases();
            waiting.retain_mut(|(row, helm)| {
                let Some((at, signal)) = row.at.filter(|(at, _)| *at != AT_ONCE) else {
                    return false;
                };
                let is_there = found.get(row.name).is_some_and(|it| it.to_string() == at);
                if is_there {
                    send(helm, signal);
                }
                !is_there
            });
            waiting.is_empty()
        },
    );
    for mut helm in helms {
        helm.wait().expect("it is our child");
    }
    let found = lab.releases();
    for row in ROWS {
        let release = found.get(row.name).map(ToString::to_string);
        assert_eq!(release.as_deref(), row.left, "left by {}", row.name);
        if row.command.starts_with("uninstall NAME --wait") {
            hold_configmap(lab, row.name, false);
        }
    }
    let charts = ROWS.iter().map(|row| {
        format!(
            "[charts.{}]\nchart = \"./charts/app\"\nunlock = \"always\"\n\
             values = {{ kind = \"none\", hook = {{ on = \"pre-install\" }} }}\n",
            row.name
        )
    });
    lab.stack(&charts.collect::<String>());
}

fn send(helm: &Child, signal: Signal) {
    kill(Pid::from_raw(helm.id().cast_signed()), signal).expect("it is our child");
}

const DEADLINE: std::time::Duration = std::time::Duration::from_mins(1);

/// Starts a Helm of the table.
fn helm(lab: &Lab, row: &Row, command: &str) -> Child {
    let atomic = match lab.helm() {
        Helm::Three => "--atomic",
        Helm::Four => "--rollback-on-failure",
    };
    let command = command
        .replace("NAME", row.name)
        .replace("HOLD", HOLD)
        .replace("ATOMIC", atomic);
    let args: Vec<&str> = command.split(' ').collect();
    lab.helm_command(&args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("helm starts")
}

/// An uninstall that waits ends when the last object is gone.
fn hold_configmap(lab: &Lab, name: &str, hold: bool) {
    let finalizers = if hold {
        r#"["stackctl.test/held"]"#
    } else {
        "null"
    };
    let patch = format!(r#"{{"metadata":{{"finalizers":{finalizers}}}}}"#);
    lab.kubectl(&["patch", "configmap", name, "--type=merge", "-p", &patch]);
}
