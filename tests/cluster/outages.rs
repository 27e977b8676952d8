//! What is around a run gives way: the API server goes and comes back, a part of it is gone for
//! good, credentials expire, the disk is full.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::json;
use stackctl::{
    event::{Event, EventKind},
    name::Milestone,
};

use crate::{
    proxy::{Fate, Proxy},
    support::{Lab, eventually},
    target::{Helm, Target},
};

tests![
    an_api_server_that_comes_back_stops_nobody_for_good,
    a_part_of_the_api_that_is_gone_is_in_nobodys_way,
    expired_credentials_are_got_anew,
    helm_gets_credentials_from_the_same_program,
    a_full_disk_ends_a_run_in_order,
];

const STACK: &str = r#"
[charts.db]
chart = "./charts/app"
values = { kind = "none", hook = { on = "pre-install" } }
[charts.web]
chart = "./charts/app"
needs = ["db"]
values = { readyAfter = "2s", deleteAfter = "1s" }
"#;

/// How long an API server hangs.
const PAUSE: Duration = Duration::from_secs(4);

/// Whether this event is the one at which something goes wrong.
type Point = fn(&Event) -> bool;

fn is_of_web(event: &Event) -> bool {
    let chart = event.chart.as_ref();
    chart.is_some_and(|chart| chart.chart.as_str() == "web")
}

/// Helm begins, or has just begun.
fn exec(event: &Event) -> bool {
    is_of_web(event) && matches!(&event.kind, EventKind::StepStarted { step } if step == "exec")
}

/// Helm is done, and the pods are waited for.
fn waiting(event: &Event) -> bool {
    let milestone = Milestone::Deployed;
    is_of_web(event)
        && matches!(event.kind, EventKind::Milestone { milestone: it } if it == milestone)
}

fn an_api_server_that_comes_back_stops_nobody_for_good() {
    let lab = Lab::on(Target::own(), Helm::Four, "outages");
    lab.stack(STACK);
    let server = "kube-apiserver";
    let restart = || {
        lab.target().kill(server);
        lab.target().revive(server);
    };
    let hang = || {
        lab.target().pause(server);
        std::thread::sleep(PAUSE);
        lab.target().resume(server);
    };
    let outages: [&dyn Fn(); 2] = [&restart, &hang];
    for outage in outages {
        let points: [(&str, Point); 3] = [("up", exec), ("up", waiting), ("down", exec)];
        for (command, point) in points {
            if command == "up" {
                lab.stackctl(&["down", "--yes"]).exits(0);
            }
            let mut run = lab.start(&[command, "--yes"]);
            run.until_event("the point is reached", point);
            outage();
            run.end().clear(command);
            lab.stackctl(&[command, "--yes"]).exits(0);
            if command == "up" {
                let states: Vec<String> =
                    lab.releases().into_values().map(|it| it.status).collect();
                assert_eq!(states, ["deployed", "deployed"]);
            } else {
                lab.has_releases(&[]);
                assert_eq!(lab.objects("deployments"), [""; 0]);
            }
        }
    }
}

fn a_part_of_the_api_that_is_gone_is_in_nobodys_way() {
    let target = Target::own();
    for (name, helm) in [("partly-4", Helm::Four), ("partly-3", Helm::Three)] {
        let lab = Lab::on(target.clone(), helm, name);
        lab.stack(STACK);
        lab.write(
            "gone.json",
            r#"{"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
                "metadata": {"name": "v1.gone.stackctl.test"},
                "spec": {"group": "gone.stackctl.test", "version": "v1", "insecureSkipTLSVerify": true,
                    "groupPriorityMinimum": 100, "versionPriority": 100,
                    "service": {"name": "nobody", "namespace": "default"}}}"#,
        );
        let file = lab.path().join("gone.json");
        lab.kubectl(&["apply", "-f", file.to_str().expect("UTF-8")]);
        eventually("it is known to be gone", Duration::from_mins(1), || {
            let told = "jsonpath={.status.conditions[?(@.type=='Available')].status}";
            lab.kubectl(&["get", "apiservice", "v1.gone.stackctl.test", "-o", told]) == "False"
        });
        lab.stackctl(&["up"]).exits(0);
        lab.stackctl(&["status"]).exits(0);
        let again = lab.stackctl(&["up"]).exits(0);
        again.ended(&[("db", "unchanged"), ("web", "unchanged")]);
        lab.stackctl(&["down", "--yes"]).exits(0);
        lab.has_releases(&[]);
    }
}

/// A program that gives out a token that has expired the moment it is used; `$n` is its number. It
/// notes who asked.
fn short_lived(issued: &Path, token: &str) -> String {
    format!(
        r#"cat /proc/$PPID/comm >> '{0}'; n=$(($(wc -l < '{0}')))
        printf '{{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{{"token":"%s","expirationTimestamp":"2026-01-01T00:00:00Z"}}}}' "{token}""#,
        issued.display()
    )
}

/// From a write on no token that was given out before is worth anything.
fn expired_credentials_are_got_anew() {
    let lab = Lab::new("expired");
    lab.stack(STACK);
    let proxy = Proxy::of(lab.target());
    let issued = lab.path().join("issued");
    proxy.credentials_from(&short_lived(&issued, "$n"));
    for command in [["up", "--yes"], ["down", "--yes"]] {
        let (issued, oldest) = (issued.clone(), AtomicUsize::new(0));
        proxy.faults(move |seen| {
            if seen.write == 3 {
                let given = fs::read_to_string(&issued).expect("it is there");
                oldest.fetch_max(given.lines().count(), Ordering::Relaxed);
            }
            let token = seen.token.as_ref().and_then(|token| token.parse().ok());
            match token {
                Some(token) if oldest.load(Ordering::Relaxed) > token => Fate::Refused(401),
                // Helm tells its token to no server without TLS.
                _ => Fate::Pass,
            }
        });
        lab.stackctl_with(&proxy.env(), &command).exits(0);
    }
    lab.has_releases(&[]);
}

fn helm_gets_credentials_from_the_same_program() {
    let lab = Lab::new("plugin");
    lab.stack(STACK);
    let admin = fs::read_to_string(&lab.target().kubeconfig).expect("it is ours");
    let token = admin.split("token: ").nth(1).expect("the admin has one");
    let token = token.split('}').next().expect("there is always a first");
    let issued = lab.path().join("issued");
    let exec = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "command": "sh",
        "args": ["-c", short_lived(&issued, token)], "interactiveMode": "Never",
    });
    lab.write(
        "kubeconfig",
        &admin.replace(&format!("token: {token}"), &format!("exec: {exec}")),
    );
    let kubeconfig = lab.path().join("kubeconfig");
    let env = [("KUBECONFIG", kubeconfig.to_str().expect("UTF-8"))];
    lab.stackctl_with(&env, &["up"]).exits(0);
    let asked = fs::read_to_string(issued).expect("it is there");
    for who in ["stackctl", "helm4"] {
        assert!(asked.lines().any(|line| line == who), "{who}: {asked}");
    }
}

fn a_full_disk_ends_a_run_in_order() {
    let lab = Lab::new("full-disk");
    lab.stack(
        r#"
[charts.loud]
chart = "./charts/app"
values = { kind = "none" }
[[charts.loud.pre]]
run = { command = ["sh", "-c", "yes | head -n 20000"] }
[charts.below]
chart = "./charts/app"
needs = ["loud"]
values = { kind = "none" }
"#,
    );
    let up = lab.start_on_a_full_disk(&["up"]).end().exits(1);
    let up = up.says(&["the run was stopped", "File too large"]);
    assert!(!up.has_started("below"), "{up}");
    lab.has_releases(&[]);
    lab.stackctl(&["up"]).exits(0);
    lab.has_releases(&["below 1 deployed", "loud 1 deployed"]);
}
