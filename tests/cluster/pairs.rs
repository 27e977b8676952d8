//! Two runs of one stack at once, again and again: never do Helms of both work on it, and the one
//! that came second waits or is refused.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use crate::{
    proxy::{Fate, Proxy},
    support::{Lab, Run},
};

tests![
    of_two_runs_at_once_one_waits_or_is_refused,
    a_run_that_was_overtaken_unseen_does_what_is_left,
];

const STACK: &str = r#"
[charts.db]
chart = "./charts/app"
values = { kind = "none" }
[charts.web]
chart = "./charts/app"
needs = ["db"]
values = { kind = "none" }
"#;

/// Events of the first run after which the second may begin; fewer than any run has.
const HEAD_STARTS: usize = 12;

/// How many pairs, with `STACKCTL_PAIRS`; each way of being two is among the first four.
const PAIRS: usize = 4;

/// What each run of a pair does, and whether it waits for the other one.
fn pair(nth: usize) -> (&'static str, &'static str, bool) {
    match nth % 4 {
        0 => ("up", "up", false),
        1 => ("up", "down", false),
        2 => ("up", "up", true),
        _ => ("down", "up", true),
    }
}

fn of_two_runs_at_once_one_waits_or_is_refused() {
    let number = |name: &str| {
        let text = env::var(name).ok()?;
        Some(
            text.parse()
                .unwrap_or_else(|_| panic!("{name} is a number")),
        )
    };
    let pairs = number("STACKCTL_PAIRS").map_or(PAIRS, |pairs: u64| pairs.try_into().expect("few"));
    let seed = number("STACKCTL_TEST_SEED").unwrap_or_else(rand::random);
    eprintln!("STACKCTL_TEST_SEED={seed} ({pairs} pairs)");
    let mut random = StdRng::seed_from_u64(seed);
    // Two folders, as on two desks: each has its own journals.
    let labs = [Lab::new("pairs"), Lab::new("pairs")];
    for lab in &labs {
        lab.stack(STACK);
    }
    let witness = Witness::new(&labs[0]);
    let mut revision = 0;
    for nth in 0..pairs {
        let (first, second, waits) = pair(nth);
        let head_start = random.random_range(0..HEAD_STARTS);
        let what =
            format!("pair {nth}: {first}, after {head_start} events {second}, waits: {waits}");
        let start = |lab: &Lab, command| {
            let patience = if waits { "150s" } else { "0" };
            let args = [command, "-y", "--lock-timeout", patience];
            // Each makes a revision, so that it shows who was there.
            let anew: &[&str] = if command == "up" { &["--no-skip"] } else { &[] };
            lab.start_with(
                &[("HELM_BINARY", &witness.helm)],
                &[&args[..], anew].concat(),
            )
        };
        let mut one = start(&labs[0], first);
        if head_start > 0 {
            one.until_events(&what, head_start);
        }
        let two = start(&labs[1], second);
        let (one, two) = (one.end(), two.end());
        let runs = in_order([(first, one), (second, two)], waits, &what);
        for (command, _) in &runs {
            revision = if *command == "up" { revision + 1 } else { 0 };
        }
        let expected = format!("{revision} deployed");
        let found = labs[0].releases();
        for chart in ["db", "web"] {
            let found = found.get(chart).map(ToString::to_string);
            let expected = Some(&expected).filter(|_| revision > 0);
            assert_eq!(found.as_ref(), expected, "{chart} after {what}");
        }
        witness.saw_no_two(&what);
    }
    let left = labs[0].kubectl_in("default", &["get", "leases,configmaps", "-o", "name"]);
    assert!(!left.contains("stackctl-pairs"), "{left}");
}

/// Another run that begins after this one has planned, and ends before it asks for the lock.
fn a_run_that_was_overtaken_unseen_does_what_is_left() {
    let lab = Lab::new("overtaken");
    lab.stack(STACK);
    let proxy = Proxy::of(lab.target());
    let after = |command, ended: [(&str, &str); 2], revisions| {
        let other = Lab::new("overtaken");
        other.stack(STACK);
        let asked = AtomicBool::new(false);
        proxy.faults(move |seen| {
            let is_lock = seen.write > 0 && seen.path.contains("/leases");
            if is_lock && !asked.swap(true, Ordering::SeqCst) {
                other.stackctl(&[command, "-y"]).exits(0);
            }
            Fate::Pass
        });
        let up = lab.stackctl_with(&proxy.env(), &["up"]);
        up.exits(0).ended(&ended);
        lab.has_releases(revisions);
    };
    let both = ["db 1 deployed", "web 1 deployed"];
    after("up", [("db", "unchanged"), ("web", "unchanged")], &both);
    lab.stack(&STACK.replace("\"db\"]\n", "\"db\"]\nset = { note = \"other\" }\n"));
    after("down", [("db", "succeeded"), ("web", "succeeded")], &both);
}

/// The runs that did something, in their order. The others were told why, and did nothing.
fn in_order<'a>(runs: [(&'a str, Run); 2], waits: bool, what: &str) -> Vec<(&'a str, Run)> {
    let (mut done, refused): (Vec<_>, Vec<_>) = runs
        .into_iter()
        .partition(|(_, run)| !run.events.is_empty());
    for (_, run) in refused {
        let run = run.exits(1).says(&["another run of this stack is at work"]);
        assert!(!waits, "{what}: refused: {run}");
    }
    done = done
        .into_iter()
        .map(|(command, run)| (command, run.exits(0)))
        .collect();
    done.sort_by_key(|(_, run)| run.events[0].time);
    if let [(_, before), (_, after)] = done.as_slice() {
        let ended = before.events.last().map(|event| event.time);
        assert!(
            ended <= Some(after.events[0].time),
            "{what}: {before}\n{after}"
        );
    }
    assert!(!done.is_empty(), "{what}: none of them did it");
    done
}

/// Sees every Helm that changes a release, and those beside it that another run has started.
struct Witness {
    /// The Helm of both runs.
    helm: String,
    folder: PathBuf,
}

impl Witness {
    fn new(lab: &Lab) -> Self {
        let folder = lab.path().join("witness");
        fs::create_dir_all(folder.join("busy")).expect("the lab's folder is writable");
        // Each run has a kubeconfig of its own. Of two at once the later one sees the other.
        let script = format!(
            r#"#!/bin/sh
case $1 in install | upgrade | uninstall | rollback) ;; *) exec {helm} "$@" ;; esac
run=$(basename "$(dirname "$KUBECONFIG")")
mark={folder}/busy/$run.$$
touch "$mark"
echo "$1 $2" >> {folder}/seen
for other in {folder}/busy/*; do
    case $other in {folder}/busy/"$run".*) ;; *) echo "$1 $2, $other" >> {folder}/together ;; esac
done
{helm} "$@"
code=$?
rm "$mark"
exit $code
"#,
            helm = lab.target().helm(lab.helm()).display(),
            folder = folder.display(),
        );
        let helm = folder.join("helm");
        fs::write(&helm, script).expect("the lab's folder is writable");
        fs::set_permissions(&helm, fs::Permissions::from_mode(0o755)).expect("it is ours");
        let helm = helm.to_str().expect("temporary folders are UTF-8");
        Self {
            helm: helm.to_owned(),
            folder,
        }
    }

    /// Asserts that it saw Helms at work, and never those of two runs at once.
    fn saw_no_two(&self, what: &str) {
        let read = |file| fs::read_to_string(self.folder.join(file)).unwrap_or_default();
        assert_ne!(read("seen"), "", "no Helm at all: {what}");
        assert_eq!(read("together"), "", "Helms of two runs at once: {what}");
    }
}
