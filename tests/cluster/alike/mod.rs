//! The sandbox against a real control plane: the same commands end alike and leave the same objects
//! on both, but for what `src/sandbox/differences.md` says.

mod differences;
mod snapshot;

use std::{
    collections::BTreeSet,
    fs,
    process::Command,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use self::{
    differences::{Known, differences},
    snapshot::{collections, take},
};
use crate::{
    patches::server::Server,
    support::{Lab, fixture},
    target::{Helm, Target},
};

tests![the_sandbox_has_the_same_objects_as_a_cluster];

/// How long controllers may take to come to rest.
const REST: Duration = Duration::from_secs(15);

/// How often the objects are looked at until then.
const POLL: Duration = Duration::from_millis(200);

fn the_sandbox_has_the_same_objects_as_a_cluster() {
    let known = Known::read();
    let sandbox = Arc::new(Target::sandbox());
    let found: Vec<String> = thread::scope(|scope| {
        let lives = [Helm::Four, Helm::Three].map(|helm| {
            let (known, sandbox) = (&known, Arc::clone(&sandbox));
            scope.spawn(move || {
                let mut both = Both::new(sandbox, helm, known);
                life_of_a_release(&mut both);
                both.found
            })
        });
        let found = lives.map(|life| life.join().expect("its commands end as expected"));
        found.into_iter().flatten().collect()
    });
    assert!(
        found.is_empty(),
        "not as on a cluster:\n{}",
        found.join("\n")
    );
    let unneeded = known.unneeded();
    assert!(unneeded.is_empty(), "no longer true: {unneeded:#?}");
}

/// Everything that happens to a release.
fn life_of_a_release(both: &mut Both<'_>) {
    let install = ["install", "shop", "charts/every-kind", "--create-namespace"];
    let upgrade = ["upgrade", "shop", "charts/every-kind"];
    let second = ["--set", "second=true"];
    let wait = ["--wait", "--timeout", "60s"];
    both.helm("install with hooks and CRDs", &[&install, &wait], 0);
    both.helm(
        "upgrade that takes fields away",
        &[&upgrade, &second, &wait],
        0,
    );
    let fail = [
        "--set",
        "fail=CrashLoopBackOff",
        "--wait",
        "--timeout",
        "2s",
    ];
    both.helm("failed wait", &[&upgrade, &second, &fail], 1);
    both.helm("rollback", &[&["rollback", "shop", "1"], &wait], 0);
    let fail = ["--set", "hookExitCode=1"];
    both.helm("failed hook", &[&upgrade, &fail, &wait], 1);
    let found = ["--set", "found=true"];
    both.kubectl(&["create", "configmap", "found", "--from-literal=theirs=1"]);
    both.helm("object of nobody", &[&upgrade, &found], 1);
    both.helm("adoption", &[&upgrade, &found, &["--take-ownership"]], 0);
    both.kubectl(&["scale", "deployment/web", "--replicas=3"]);
    // Helm 3 takes what it wants.
    let code = i32::from(both.real.helm() == Helm::Four);
    let scaled = ["--set", "replicas=4"];
    both.helm("field of another", &[&upgrade, &scaled], code);
    both.real.free_claims();
    both.helm("uninstall", &[&["uninstall", "shop"], &wait], 0);
    both.real.free_claims();
    let namespace = both.real.namespace.clone();
    both.kubectl(&["delete", "namespace", &namespace]);
    both.same("deleted namespace");
}

/// A folder and a namespace on either server.
struct Both<'a> {
    real: Lab,
    sandbox: Lab,
    servers: [Server; 2],
    known: &'a Known,
    /// Unknown differences that were found.
    found: Vec<String>,
    /// Each of them.
    told: BTreeSet<String>,
}

impl<'a> Both<'a> {
    fn new(sandbox: Arc<Target>, helm: Helm, known: &'a Known) -> Self {
        let name = match helm {
            Helm::Four => "alike-4",
            Helm::Three => "alike-3",
        };
        let lab = |target| {
            let lab = Lab::on(target, helm, name);
            lab.copy(&fixture("charts/every-kind"), "charts/every-kind");
            let crd = "charts/every-kind/crds/things.yaml";
            let text = fs::read_to_string(lab.path().join(crd)).expect("just copied");
            lab.write(crd, &text.replace("GROUP", &format!("{name}.example.com")));
            lab
        };
        let (real, sandbox) = (lab(Target::shared()), lab(sandbox));
        Self {
            servers: [Server::of(real.target()), Server::of(sandbox.target())],
            real,
            sandbox,
            known,
            found: Vec::new(),
            told: BTreeSet::new(),
        }
    }

    fn namespace(&self) -> &str {
        &self.real.namespace
    }

    /// Runs helm on both. It leaves the same objects.
    fn helm(&mut self, what: &str, args: &[&[&str]], code: i32) {
        self.run(what, |lab| lab.helm_command(&args.concat()), code);
        self.same(what);
    }

    /// Runs kubectl on both.
    fn kubectl(&self, args: &[&str]) {
        self.run(args[0], |lab| lab.kubectl_command(&lab.namespace, args), 0);
    }

    /// Runs a command on both: it ends alike, in the same words.
    fn run(&self, what: &str, command: impl Fn(&Lab) -> Command + Sync, code: i32) {
        let run = |lab: &Lab| {
            let output = command(lab).output().expect("it starts");
            let words = [output.stdout, output.stderr].concat();
            let words = String::from_utf8(words).expect("UTF-8");
            let lines = words.lines().map(str::to_owned);
            let lines = lines.filter(|line| !line.starts_with("LAST DEPLOYED: ") && !is_log(line));
            (output.status.code(), lines.collect::<Vec<String>>())
        };
        let (real, ours) = thread::scope(|scope| {
            let real = scope.spawn(|| run(&self.real));
            let ours = run(&self.sandbox);
            (real.join().expect("it starts"), ours)
        });
        let what = format!("`{what}` with {}", self.real.helm());
        assert_eq!(real.0, Some(code), "{what}: {}", real.1.join("\n"));
        assert_eq!(real, ours, "{what}");
    }

    /// Both have the same objects, once they have come to rest.
    fn same(&mut self, after: &str) {
        let collections = collections(&self.servers[1], self.namespace());
        let objects = |server| take(server, self.namespace(), &collections);
        let began = Instant::now();
        let found = loop {
            let [real, sandbox] = self.servers.each_ref().map(objects);
            let found = differences(&real, &sandbox);
            let at_rest = self.known.unknown(&found).is_empty();
            if at_rest || began.elapsed() > REST {
                break found;
            }
            thread::sleep(POLL);
        };
        self.known.note(&found);
        let unknown = self.known.unknown(&found).into_iter();
        let unknown: Vec<String> = unknown.map(ToString::to_string).collect();
        // Told once, where it begins.
        let new = unknown
            .into_iter()
            .filter(|line| self.told.insert(line.clone()));
        let new: Vec<String> = new.map(|line| format!("  {line}\n")).collect();
        if !new.is_empty() {
            let helm = self.real.helm();
            self.found
                .push(format!("after `{after}` with {helm}:\n{}", new.concat()));
        }
    }
}

/// `I1123 04:14:47.135069   24878 reflector.go:664] …`: what Helm's libraries log, as it happens: a
/// watch that ends with its deadline is told of now and then.
fn is_log(line: &str) -> bool {
    let (level, rest) = line.split_at_checked(1).unwrap_or_default();
    let day = rest.split_once(' ').map_or("", |(day, _)| day);
    ["I", "W", "E"].contains(&level) && day.len() == 4 && day.bytes().all(|b| b.is_ascii_digit())
}
