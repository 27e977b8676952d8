//! A stack on the real control plane: `stackctl up` against an ideal loop of `helm --wait`.
//!
//! 30 releases in 11 levels whose pods are ready after 0 to 3 s. The loop does nothing but start
//! `helm upgrade --install --wait` processes, 8 at once, a release the moment what it needs is
//! done, longest remaining path first, knowing all durations beforehand: no plan, no check, no
//! journal. Both get the same charts and values, each time in a new namespace, in turn. Prints the
//! median of N rounds (`cargo bench --bench cluster -- N`, default 3) for Helm 4 and Helm 3.

#![expect(
    clippy::disallowed_methods,
    reason = "a bench starts what it measures and the loop that it is compared with"
)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "its output is what a bench is for"
)]

#[path = "../tests/cluster/target.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod target;

use std::{
    env,
    fmt::Write as _,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::json;
use target::{Helm, Target, control_plane};
use tokio::time::Instant;

/// A deployment and a config map.
const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/charts/app");
/// Releases per level.
const LEVELS: [usize; 11] = [3, 3, 3, 3, 3, 3, 3, 3, 2, 2, 2];
/// The latest a pod gets ready.
const LATEST_MS: u32 = 3000;
/// Processes of the loop at once.
const AT_ONCE: usize = 8;
/// What one `helm --wait` costs besides waiting, for the loop's order.
const HELM_MS: u32 = 300;

/// One release of the stack.
struct Release {
    name: String,
    /// Indices of earlier releases.
    needs: Vec<usize>,
    ready_after_ms: u32,
}

fn main() {
    // `cargo test --benches` only wants to know that it starts.
    if !env::args().any(|arg| arg == "--bench") {
        return;
    }
    if let Err(reason) = control_plane() {
        eprintln!("skipped: {reason}");
        return;
    }
    let rounds = env::args()
        .find_map(|arg| arg.parse().ok())
        .filter(|&rounds: &usize| rounds > 0)
        .unwrap_or(3);
    let stack = stack();
    let bound = remaining(&stack, 0).into_iter().max().unwrap_or(0);
    println!(
        "{} releases, {} levels; their pods alone take {:.1} s; medians of {rounds}",
        stack.len(),
        LEVELS.len(),
        f64::from(bound) / 1000.0
    );
    let target = Target::own();
    for (helm, aim) in [(Helm::Four, 0.95), (Helm::Three, 0.6)] {
        let mut stackctl = Vec::new();
        let mut ideal = Vec::new();
        for round in 0..rounds {
            let name = |side: &str| format!("{side}-{round}");
            let mut run_stackctl =
                || stackctl.push(timed(&target, helm, &name("stackctl"), &stack, up));
            let mut run_loop =
                || ideal.push(timed(&target, helm, &name("loop"), &stack, helm_loop));
            if round % 2 == 0 {
                run_stackctl();
                run_loop();
            } else {
                run_loop();
                run_stackctl();
            }
        }
        let (stackctl, ideal) = (median(stackctl), median(ideal));
        println!(
            "{helm}: stackctl {:.1} s, helm --wait {:.1} s, ratio {:.2} (aim: at most {aim})",
            stackctl.as_secs_f64(),
            ideal.as_secs_f64(),
            stackctl.as_secs_f64() / ideal.as_secs_f64()
        );
    }
}

/// The same stack every time: edges to the level above, now and then to one further up. With this
/// seed the pods alone take 15 s, so that what is spent around them shows.
fn stack() -> Vec<Release> {
    let mut random = StdRng::seed_from_u64(20);
    let mut stack: Vec<Release> = Vec::new();
    let mut above = 0..0;
    for size in LEVELS {
        let level = stack.len()..stack.len() + size;
        for index in level.clone() {
            let mut needs = Vec::new();
            if !above.is_empty() {
                needs.push(random.random_range(above.clone()));
                if random.random_bool(0.5) {
                    needs.push(random.random_range(0..above.end));
                }
                needs.sort_unstable();
                needs.dedup();
            }
            stack.push(Release {
                name: format!("r{index:02}"),
                needs,
                ready_after_ms: random.random_range(0..=LATEST_MS),
            });
        }
        above = level;
    }
    stack
}

/// For each release the longest path to an end, itself included, in milliseconds.
fn remaining(stack: &[Release], cost_ms: u32) -> Vec<u32> {
    let mut remaining = vec![0; stack.len()];
    for index in (0..stack.len()).rev() {
        let below = (index + 1..stack.len())
            .filter(|&other| stack[other].needs.contains(&index))
            .map(|other| remaining[other])
            .max()
            .unwrap_or(0);
        remaining[index] = below + stack[index].ready_after_ms + cost_ms;
    }
    remaining
}

/// What both sides are given.
struct Place<'a> {
    target: &'a Target,
    helm: Helm,
    folder: &'a Path,
    namespace: &'a str,
}

/// Runs one side in a new folder and namespace; making and removing them does not count.
fn timed(
    target: &Target,
    helm: Helm,
    name: &str,
    stack: &[Release],
    run: fn(&Place<'_>, &[Release]),
) -> Duration {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let namespace = format!("{}-{name}", helm.to_string().replace(' ', "-"));
    let place = Place {
        target,
        helm,
        folder: folder.path(),
        namespace: &namespace,
    };
    kubectl(target, &["create", "namespace", &namespace]);
    let mut file = format!("[stack]\nname = \"bench\"\n[defaults]\nnamespace = \"{namespace}\"\n");
    for release in stack {
        let name = &release.name;
        let needs: Vec<&str> = release
            .needs
            .iter()
            .map(|&on| stack[on].name.as_str())
            .collect();
        let values = json!({ "readyAfter": format!("{}ms", release.ready_after_ms) });
        fs::write(
            folder.path().join(format!("{name}.json")),
            values.to_string(),
        )
        .expect("our folder");
        write!(
            file,
            "[charts.{name}]\nchart = \"{CHART}\"\nneeds = {needs:?}\nvalues_files = [\"{name}.json\"]\n"
        )
        .expect("a String takes everything");
    }
    fs::write(folder.path().join("stack.toml"), file).expect("our folder");

    let started = Instant::now();
    run(&place, stack);
    let elapsed = started.elapsed();

    kubectl(target, &["delete", "namespace", &namespace, "--wait"]);
    elapsed
}

/// `stackctl up`.
fn up(place: &Place<'_>, _: &[Release]) {
    let output = Command::new(env!("CARGO_BIN_EXE_stackctl"))
        .arg("up")
        .arg("--helm-binary")
        .arg(place.target.helm(place.helm))
        .env("KUBECONFIG", &place.target.kubeconfig)
        .current_dir(place.folder)
        .stdin(Stdio::null())
        .output()
        .expect("stackctl starts");
    assert!(
        output.status.success(),
        "stackctl up: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The loop.
fn helm_loop(place: &Place<'_>, stack: &[Release]) {
    let priority = remaining(stack, HELM_MS);
    let mut waiting: Vec<usize> = (0..stack.len()).collect();
    waiting.sort_by_key(|&index| std::cmp::Reverse(priority[index]));
    let mut running: Vec<(usize, Child)> = Vec::new();
    let mut done = vec![false; stack.len()];
    while !done.iter().all(|&done| done) {
        waiting.retain(|&index| {
            let starts = running.len() < AT_ONCE && stack[index].needs.iter().all(|&on| done[on]);
            if starts {
                running.push((index, helm_wait(place, &stack[index].name)));
            }
            !starts
        });
        running.retain_mut(|(index, helm)| {
            let status = helm.try_wait().expect("it is our child");
            if let Some(status) = status {
                assert!(
                    status.success(),
                    "helm upgrade of {}: {status}",
                    stack[*index].name
                );
                done[*index] = true;
            }
            status.is_none()
        });
        thread::sleep(Duration::from_millis(1));
    }
}

fn helm_wait(place: &Place<'_>, release: &str) -> Child {
    Command::new(place.target.helm(place.helm))
        .args(["upgrade", "--install", release])
        .arg(CHART)
        .args(["--namespace", place.namespace, "--wait"])
        .arg("--values")
        .arg(place.folder.join(format!("{release}.json")))
        .env("KUBECONFIG", &place.target.kubeconfig)
        .stdout(Stdio::null())
        .spawn()
        .expect("helm starts")
}

fn kubectl(target: &Target, args: &[&str]) {
    let status = Command::new(target.kubectl())
        .args(args)
        .env("KUBECONFIG", &target.kubeconfig)
        .stdout(Stdio::null())
        .status()
        .expect("kubectl starts");
    assert!(status.success(), "kubectl {args:?}: {status}");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
