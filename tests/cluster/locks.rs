//! Who may work on a stack and on a release: runs that died, runs elsewhere, and other people.

use std::{
    fs,
    process::{Child, Stdio},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::{
    support::{Lab, eventually},
    target::{Helm, Target},
};

tests![
    a_run_that_was_killed_with_its_helms_is_finished_by_the_next,
    what_a_killed_run_left_at_work_is_waited_for,
    what_an_earlier_run_wrote_late_stops_nobody,
    a_helm_that_dies_leaves_nothing_pending,
    an_operation_of_another_machine_is_waited_for_until_its_deadline,
    an_operation_of_somebody_else_is_waited_for,
    what_is_done_about_a_dead_operation_of_somebody_else_is_the_stacks_to_say,
    who_holds_the_lock_is_shown_and_it_can_be_taken_away,
    without_rights_for_the_lock_a_run_says_what_to_do,
    a_release_of_another_stack_is_taken_over_when_told,
    a_release_of_nobody_is_taken_over_with_a_word,
];

/// For what comes after a Helm was started.
const SOON: Duration = Duration::from_mins(1);

/// At work before its Helm until the lab's file `free` is there, whoever asks it to end.
const AT_WORK: &str = r#"
[charts.web]
chart = "./charts/app"
values = { kind = "none" }
[[charts.web.pre]]
run = { command = ["sh", "-c", "trap '' TERM; echo at work; until [ -e free ]; do sleep 0.05; done"] }
"#;

/// Every operation held up: a hook, or an object that does not go.
const HELD_UP: &str = r#"
[charts.first]
chart = "./charts/app"
values = { kind = "none", hook = { on = "pre-install", readyAfter = "60s" } }
[charts.second]
chart = "./charts/app"
values = { kind = "none", hook = { on = "pre-upgrade", readyAfter = "60s" } }
[charts.back]
chart = "./charts/app"
rollback_on_failure = "upgrades"
values = { kind = "none", hook = { on = "pre-upgrade", exitCode = "1" } }
[charts.again]
chart = "./charts/app"
action = "destroy"
[charts.gone]
chart = "./charts/app"
action = "destroy"
"#;

/// What is there before.
const BEFORE: &str = r#"
[charts.second]
chart = "./charts/app"
values = { kind = "none" }
[charts.back]
chart = "./charts/app"
values = { kind = "none", hook = { on = "pre-rollback", readyAfter = "60s" } }
[charts.again]
chart = "./charts/app"
values = { kind = "none", hook = { on = "post-delete" } }
[charts.gone]
chart = "./charts/app"
values = { kind = "none", hook = { on = "post-delete" } }
"#;

/// The same stack, with nothing in the way.
const FREE: &str = r#"
[charts.first]
chart = "./charts/app"
values = { kind = "none", hook = { on = "pre-install" } }
[charts.second]
chart = "./charts/app"
values = { kind = "none" }
[charts.back]
chart = "./charts/app"
values = { kind = "none" }
[charts.again]
chart = "./charts/app"
values = { kind = "none" }
[charts.gone]
chart = "./charts/app"
action = "destroy"
"#;

fn a_run_that_was_killed_with_its_helms_is_finished_by_the_next() {
    for (name, helm) in [("dead-4", Helm::Four), ("dead-3", Helm::Three)] {
        let lab = Lab::on(Target::shared(), helm, name);
        lab.stack(BEFORE);
        lab.stackctl(&["up"]).exits(0);
        for release in ["again", "gone"] {
            hold(&lab, release, r#"["stackctl.test/held"]"#);
        }
        lab.stack(HELD_UP);
        let mut up = lab.start(&["up", "-y", "-j", "8", "--failure-policy", "continue"]);
        let states = [
            "again 1 uninstalling",
            "back 3 pending-rollback",
            "first 1 pending-install",
            "gone 1 uninstalling",
            "second 2 pending-upgrade",
        ];
        up.until("all are in the middle of something", || {
            let found = lab.releases();
            let found = found.iter().map(|(name, it)| format!("{name} {it}"));
            found.eq(states)
        });
        let run = up.events()[0].run.to_string();
        // At once, so that nobody has the time to say anything.
        up.signal(Signal::SIGSTOP);
        lab.kill_helms();
        up.signal(Signal::SIGKILL);
        up.end();
        for release in ["again", "gone"] {
            hold(&lab, release, "null");
        }
        lab.has_releases(&states);

        lab.stack(FREE);
        lab.stackctl(&["lock", "show"]).exits(0).says(&[
            &run,
            "that process is gone",
            "upgrade of",
            "rollback of",
        ]);
        let plan = lab.stackctl(&["plan"]).exits(0);
        let told = format!("left behind by run {run}");
        assert_eq!(plan.stdout.matches(&told).count(), 5, "{plan}");
        let up = lab.stackctl(&["up", "-y"]).exits(0);
        let after = [
            "again 1 deployed",
            "back 4 deployed",
            "first 1 deployed",
            "second 3 deployed",
        ];
        lab.has_releases(&after);
        assert!(up.elapsed < Duration::from_secs(50), "{:?}", up.elapsed);
        // An install that died is begun anew, with its hooks; it is done now.
        let hook = lab.get(&["job", "first-hook"]);
        assert_eq!(hook["status"]["succeeded"], 1, "{up}");
        assert_eq!(intents(&lab), Value::Null, "nothing is under way");
    }
}

fn what_a_killed_run_left_at_work_is_waited_for() {
    let lab = Lab::new("left-at-work");
    lab.stack(AT_WORK);
    let mut killed = lab.start(&["up"]);
    killed.until_line("at work");
    killed.signal(Signal::SIGKILL);
    killed.end();
    // However short its patience with runs that live.
    let up = lab.start(&["up"]);
    let told = "died, what it started is still ending";
    eventually(told, SOON, || up.stderr().contains(told));
    lab.write("free", "");
    up.end().exits(0).ended(&[("web", "succeeded")]);
}

fn what_an_earlier_run_wrote_late_stops_nobody() {
    let lab = Lab::new("late-write");
    lab.stack(AT_WORK);
    for (command, revision) in [(&["up"][..], 1), (&["up", "--no-skip"], 2)] {
        let mut up = lab.start(command);
        up.until_line("at work");
        // After this one has looked for what is announced.
        announce(&lab, &json!({ "writer": "an-earlier-run" }));
        lab.write("free", "");
        let up = up.end().exits(0);
        lab.has_releases(&[&format!("web {revision} deployed")]);
        assert_eq!(intents(&lab), Value::Null, "{up}");
        fs::remove_file(lab.path().join("free")).expect("it was just written");
    }
}

fn a_helm_that_dies_leaves_nothing_pending() {
    let lab = Lab::new("oom");
    lab.stack(BEFORE);
    lab.stackctl(&["up", "second"]).exits(0);
    lab.stack(HELD_UP);
    let mut up = lab.start(&["up", "first", "second"]);
    up.until("both are held up", || {
        let found = lab.releases();
        found.len() == 2 && found.values().all(|it| it.status.starts_with("pending"))
    });
    lab.kill_helms();
    let up = up.end().exits(1).says(&["helm was killed"]);
    lab.has_releases(&["first 1 failed", "second 2 failed"]);
    assert_eq!(intents(&lab), Value::Null, "{up}");
    lab.stack(FREE);
    lab.stackctl(&["up", "first", "second"]).exits(0);
    // An install that died is begun anew, with its hooks.
    lab.has_releases(&["first 1 deployed", "second 3 deployed"]);
    let hook = lab.get(&["job", "first-hook"]);
    assert_eq!(hook["status"]["succeeded"], 1);
}

fn an_operation_of_another_machine_is_waited_for_until_its_deadline() {
    let lab = Lab::new("far");
    lab.stack("[charts.web]\nchart = \"./charts/app\"\nvalues = { kind = \"none\" }\n");
    lab.stackctl(&["up"]).exits(0);
    // A run elsewhere that nobody has heard of since.
    leave(
        &lab,
        "upgrade web ./charts/app --set kind=none,hook.on=pre-upgrade,hook.readyAfter=60s \
         --labels stackctl.io/run=far-away,stackctl.io/rev=2",
        "web 2 pending-upgrade",
    );
    let now = Timestamp::now();
    // Clocks are given half a minute.
    let deadline = now - SignedDuration::from_secs(30) + SignedDuration::from_secs(6);
    let intent = json!({
        "operation": "upgrade", "from_revision": 1, "run": "far-away", "host": "far",
        "process": "another/boot/1/2", "began": now - SignedDuration::from_mins(5),
        "deadline": deadline,
    });
    announce(&lab, &json!({ "far.web": intent.to_string() }));
    lab.stackctl(&["plan"])
        .exits(0)
        .says(&["run far-away on far may be at work on it"]);
    let up = lab
        .stackctl(&["up"])
        .exits(0)
        .says(&["left behind by run far-away"]);
    assert!(Timestamp::now() > deadline + SignedDuration::from_secs(30));
    lab.has_releases(&["web 3 deployed"]);
    assert_eq!(intents(&lab), Value::Null, "{up}");
}

fn an_operation_of_somebody_else_is_waited_for() {
    let lab = Lab::new("by-hand");
    lab.stack("[charts.web]\nchart = \"./charts/app\"\nvalues = { kind = \"none\" }\n");
    lab.stackctl(&["up"]).exits(0);
    let mut helm = start(
        &lab,
        "upgrade web ./charts/app --set kind=none,hook.on=pre-upgrade,hook.readyAfter=5s",
    );
    until(&lab, "web 2 pending-upgrade");
    let up = lab.stackctl(&["up"]).exits(0);
    let helm = helm.wait().expect("it is our child");
    assert!(helm.success(), "nobody disturbed it: {helm} {up}");
    lab.has_releases(&["web 3 deployed"]);
}

fn what_is_done_about_a_dead_operation_of_somebody_else_is_the_stacks_to_say() {
    let lab = Lab::new("by-others");
    let chart = |name: &str, more: &str| {
        format!(
            "[charts.{name}]\nchart = \"./charts/app\"\ntimeout = \"2s\"\n\
             values = {{ kind = \"none\" }}\n{more}\n"
        )
    };
    lab.kubectl(&["create", "namespace", &lab.namespace]);
    for name in ["never", "stale", "hidden"] {
        leave(
            &lab,
            &format!(
                "install {name} ./charts/app --set kind=none,hook.on=pre-install,hook.readyAfter=60s"
            ),
            &format!("{name} 1 pending-install"),
        );
    }
    // Helm goes by what is in the record.
    let hidden = "sh.helm.release.v1.hidden.v1";
    lab.kubectl(&["label", "secret", hidden, "--overwrite", "status=failed"]);
    lab.stack(&format!(
        "{}{}{}",
        chart("never", ""),
        chart("stale", "unlock = \"stale\"\nunlock_after = \"1s\""),
        chart("hidden", ""),
    ));
    let plan = lab.stackctl(&["plan"]).exits(0);
    assert!(plan.stdout.contains("begun by somebody else"), "{plan}");
    let up = lab.stackctl(&["up", "never"]).exits(1);
    let failure = up.failure("never");
    assert!(failure.error.contains("is locked"), "{up}");
    let hints = failure.hints.join("\n");
    for words in ["helm uninstall never -n by-others", "unlock = \"stale\""] {
        assert!(hints.contains(words), "{up}");
    }
    let up = lab.stackctl(&["up", "hidden"]).exits(1);
    assert!(up.failure("hidden").error.contains("is locked"), "{up}");
    let down = lab.stackctl(&["down", "hidden", "-y"]).exits(1);
    assert!(down.failure("hidden").error.contains("is locked"), "{down}");
    lab.stackctl(&["up", "stale"]).exits(0);
    lab.has_releases(&[
        "hidden 1 failed",
        "never 1 pending-install",
        "stale 1 deployed",
    ]);
    lab.stack(&format!(
        "{}{}",
        chart("never", "unlock = \"always\""),
        chart("hidden", "unlock = \"always\"")
    ));
    lab.stackctl(&["up"]).exits(0);
    lab.has_releases(&["hidden 1 deployed", "never 1 deployed", "stale 1 deployed"]);
}

fn who_holds_the_lock_is_shown_and_it_can_be_taken_away() {
    let lab = Lab::new("lock");
    lab.stack(
        "[charts.web]\nchart = \"./charts/app\"\nvalues = { readyAfter = \"600s\" }\ntimeout = \"600s\"\n",
    );
    lab.stackctl(&["lock", "show"]).exits(0).says(&["nobody"]);
    let job = [("CI_JOB_URL", "https://ci.test/job/7")];
    let mut up = lab.start_with(&job, &["up"]);
    up.until("it is at work", || !lab.releases().is_empty());
    let run = up.events()[0].run.to_string();
    let shown = lab
        .stackctl(&["lock", "show", "-o", "json"])
        .exits(0)
        .json();
    assert_eq!(shown["held"]["run"], run.as_str(), "{shown}");
    assert_eq!(shown["held"]["command"], "up", "{shown}");
    assert_eq!(shown["held"]["job"], "https://ci.test/job/7", "{shown}");
    lab.stackctl(&["up"])
        .exits(1)
        .says(&[&run, "(up)", "https://ci.test/job/7"]);
    // What would stop it is what `doctor` tells. Its lines are what was asked for.
    let doctor = lab.stackctl(&["doctor"]).exits(1);
    assert!(doctor.stdout.contains(&run), "{doctor}");

    let release = |run: &str, more: &[&str]| {
        lab.stackctl(&[&["lock", "release", "--run", run], more].concat())
    };
    release("another", &["-y"]).exits(1).says(&[&run]);
    release(&run, &[]).exits(64).says(&["--yes"]);
    release(&run, &["-y"]).exits(0).says(&[&run]);
    // It finds out when it renews.
    let up = up
        .end()
        .exits(1)
        .says(&["no longer holds the stack's lock"]);
    assert_eq!(lab.helm_processes(), [""; 0], "{up}");
    lab.stackctl(&["lock", "show"]).exits(0).says(&["nobody"]);
    release(&run, &["-y"]).exits(1).says(&["nobody holds"]);
}

fn without_rights_for_the_lock_a_run_says_what_to_do() {
    let lab = Lab::new("no-lock");
    lab.kubectl(&["create", "namespace", "no-lock"]);
    let bind = ["create", "rolebinding", "tester", "--clusterrole=admin"];
    lab.kubectl(&[&bind[..], &["--user=tester"]].concat());
    let kubeconfig = std::fs::read_to_string(&lab.target().kubeconfig).expect("it is ours");
    // The admin, pretending to be somebody who may do everything in this namespace only.
    let user = kubeconfig.replacen("user: {", "user: {\"as\": \"tester\", ", 1);
    assert_ne!(user, kubeconfig, "{kubeconfig}");
    lab.write("kubeconfig", &user);
    lab.stack("[charts.web]\nchart = \"./charts/app\"\nvalues = { kind = \"none\" }\n");
    let with =
        |more: &[&str]| lab.stackctl(&[&["up", "--kubeconfig", "kubeconfig"], more].concat());
    with(&[]).exits(1).says(&["lock", "default", "--no-lock"]);
    lab.has_releases(&[]);
    with(&["--no-lock"])
        .exits(0)
        .says(&["nothing keeps another run of it away"]);
    lab.has_releases(&["web 1 deployed"]);
}

fn a_release_of_another_stack_is_taken_over_when_told() {
    let lab = Lab::new("heir");
    let web = "[charts.web]\nchart = \"./charts/app\"\nvalues = { kind = \"none\" }\n";
    lab.write(
        "other.toml",
        &format!(
            "[stack]\nname = \"other\"\n[defaults]\nnamespace = \"heir\"\n{web}[environments.prod]\n"
        ),
    );
    lab.stack(web);
    lab.stackctl(&["up", "-f", "other.toml", "-e", "prod"])
        .exits(0);
    let refused = ["belongs to other (prod)", "--take-over"];
    lab.stackctl(&["up"]).exits(1).says(&refused);
    lab.stackctl(&["down", "-y"]).exits(1).says(&refused);
    lab.has_releases(&["web 1 deployed"]);
    lab.stackctl(&["plan", "--take-over"])
        .exits(0)
        .says(&["it belongs to other (prod), and is taken over"]);
    lab.stackctl(&["up", "--take-over"]).exits(0);
    // From now on it is ours, with nothing left of the other's name.
    lab.stackctl(&["up"])
        .exits(0)
        .ended(&[("web", "unchanged")]);
    lab.stackctl(&["up", "-f", "other.toml", "-e", "prod"])
        .exits(1)
        .says(&["belongs to heir"]);
    lab.has_releases(&["web 2 deployed"]);
    lab.stackctl(&[
        "down",
        "-f",
        "other.toml",
        "-e",
        "prod",
        "--take-over",
        "-y",
    ])
    .exits(0);
    lab.has_releases(&[]);
}

fn a_release_of_nobody_is_taken_over_with_a_word() {
    let lab = Lab::new("orphan");
    let mut helm = start(
        &lab,
        "install web ./charts/app --create-namespace --set kind=none",
    );
    assert!(helm.wait().expect("it is our child").success());
    lab.stack("[charts.web]\nchart = \"./charts/app\"\nvalues = { kind = \"none\" }\n");
    let told = ["stackctl did not install it, and is taken over"];
    lab.stackctl(&["plan"]).exits(0).says(&told);
    lab.stackctl(&["up"]).exits(0);
    let plan = lab.stackctl(&["plan"]).exits(0);
    assert!(!plan.stdout.contains("did not install"), "{plan}");
}

/// Starts a Helm by hand.
fn start(lab: &Lab, command: &str) -> Child {
    let args: Vec<&str> = command.split_whitespace().collect();
    lab.helm_command(&args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("helm starts")
}

/// Lets a Helm die when the release is in that state.
fn leave(lab: &Lab, command: &str, at: &str) {
    let mut helm = start(lab, command);
    until(lab, at);
    helm.kill().expect("it is held up");
    helm.wait().expect("it is our child");
}

fn until(lab: &Lab, state: &str) {
    eventually(state, SOON, || {
        let found = lab.releases();
        found
            .iter()
            .any(|(name, it)| format!("{name} {it}") == state)
    });
}

/// Sets the finalizers of a release's ConfigMap.
fn hold(lab: &Lab, release: &str, finalizers: &str) {
    let patch = format!(r#"{{"metadata":{{"finalizers":{finalizers}}}}}"#);
    lab.kubectl(&["patch", "configmap", release, "--type=merge", "-p", &patch]);
}

/// Makes the ConfigMap of the announced operations, with these data.
fn announce(lab: &Lab, data: &Value) {
    let name = format!("stackctl-{}", lab.namespace);
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name }, "data": data,
    });
    lab.write("intents.json", &map.to_string());
    let file = lab.path().join("intents.json");
    lab.kubectl_in("default", &["apply", "-f", file.to_str().expect("UTF-8")]);
}

/// The announced operations of the lab's stack; null if there is no place for them.
fn intents(lab: &Lab) -> Value {
    let name = format!("stackctl-{}", lab.namespace);
    let found = lab.kubectl_in("default", &["get", "configmaps", "-o", "json"]);
    let found: Value = serde_json::from_str(&found).expect("kubectl prints JSON");
    let items = found["items"].as_array().expect("a list");
    let mut items = items.iter();
    let found = items.find(|item| item["metadata"]["name"] == name.as_str());
    found.cloned().unwrap_or_default()
}
