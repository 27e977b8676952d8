//! A stack of which nothing has changed: `stackctl up` against one `helm list -A`.
//!
//! 100 and 500 releases of a small chart on the real control plane, each with a record of its own;
//! `up` finds that there is nothing to do, from fetching and planning to the end of the run. Both
//! are run in turn; prints the medians of N rounds (`cargo bench --bench unchanged -- N`, default 5).

#![expect(
    clippy::disallowed_methods,
    reason = "a bench starts what it measures and what that is compared with"
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
    process::{Command, Stdio},
    time::Duration,
};

use target::{Helm, Target, control_plane};
use tokio::time::Instant;

/// A config map, as these values have it.
const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/charts/app");

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
        .unwrap_or(5);
    let target = Target::own();
    let folder = tempfile::tempdir().expect("a temporary folder");
    for n_charts in [100, 500] {
        write_stack(folder.path(), n_charts);
        up(&target, folder.path());
        let (mut unchanged, mut list) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            unchanged.push(timed(|| up(&target, folder.path())));
            list.push(timed(|| helm_list(&target)));
        }
        let (unchanged, list) = (median(unchanged), median(list));
        println!(
            "{n_charts} releases: unchanged up {:.2} s, helm list -A {:.2} s, ratio {:.2} (aim: below 1)",
            unchanged.as_secs_f64(),
            list.as_secs_f64(),
            unchanged.as_secs_f64() / list.as_secs_f64()
        );
    }
}

fn write_stack(folder: &Path, n_charts: usize) {
    let mut file = format!(
        "[stack]\nname = \"bench\"\n[defaults]\nnamespace = \"unchanged\"\nchart = \"{CHART}\"\n\
         values = {{ kind = \"none\" }}\n"
    );
    for index in 0..n_charts {
        // Ten in a row, so that there is a graph.
        let needs = match index % 10 {
            0 => String::new(),
            _ => format!("needs = [\"r{:03}\"]\n", index - 1),
        };
        write!(file, "[charts.r{index:03}]\n{needs}").expect("a String takes everything");
    }
    fs::write(folder.join("stack.toml"), file).expect("our folder");
}

fn up(target: &Target, folder: &Path) {
    let output = Command::new(env!("CARGO_BIN_EXE_stackctl"))
        .arg("up")
        .arg("--helm-binary")
        .arg(target.helm(Helm::Four))
        .env("KUBECONFIG", &target.kubeconfig)
        .current_dir(folder)
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

fn helm_list(target: &Target) {
    let status = Command::new(target.helm(Helm::Four))
        .args(["list", "--all-namespaces", "--max", "1000"])
        .env("KUBECONFIG", &target.kubeconfig)
        .stdout(Stdio::null())
        .status()
        .expect("helm starts");
    assert!(status.success(), "helm list: {status}");
}

fn timed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
