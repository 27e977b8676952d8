//! The embedded sandbox: how soon it answers, what thousands of releases cost it, and the quick
//! start in it against the same on the real control plane (left out, and said so, where there is
//! none).
//!
//! `cargo bench --bench sandbox`

#![expect(
    clippy::disallowed_methods,
    reason = "a bench starts the program that it measures"
)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "its output is what a bench is for"
)]

#[path = "../tests/cluster/target.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod target;

use std::{collections::BTreeMap, env, fs, path::Path, process::Command, time::Duration};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client, Config,
    api::{ListParams, ObjectMeta, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use stackctl::sandbox::{Options, Sandbox};
use target::{Helm, Target, control_plane};
use tempfile::TempDir;
use tokio::{runtime::Runtime, time::Instant};

/// Sandboxes that are started.
const STARTS: usize = 21;
/// What one may take until its first answer.
const START_AIM: Duration = Duration::from_millis(50);
/// Records of releases.
const RECORDS: usize = 5000;
/// Bytes of each: about that of a small release.
const PAYLOAD: usize = 4096;
/// Lists of them.
const LISTS: usize = 11;
/// The quick start, up and down, on either side.
const ROUNDS: usize = 3;

fn main() {
    // `cargo test --benches` only wants to know that it starts.
    if !env::args().any(|arg| arg == "--bench") {
        return;
    }
    let runtime = Runtime::new().expect("a runtime");
    let starts = (0..STARTS).map(|_| runtime.block_on(start()));
    println!(
        "start to first answer, median {:>8.1} ms   aim {:.0}",
        millis(median(starts.collect())),
        millis(START_AIM)
    );
    runtime.block_on(records());
    drop(runtime);
    match control_plane() {
        Ok(_) => quickstart(),
        Err(reason) => eprintln!("the quick start is left out: {reason}"),
    }
}

async fn open(folder: &TempDir) -> (Sandbox, Client) {
    let options = Options {
        dir: folder.path().to_owned(),
        ..Options::default()
    };
    let sandbox = Sandbox::start(&options).await.expect("an empty folder");
    let kubeconfig = Kubeconfig::read_from(sandbox.kubeconfig()).expect("it is ours");
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    let client = Client::try_from(config.expect("it is whole")).expect("a client");
    (sandbox, client)
}

/// Until a client knows what there is.
async fn start() -> Duration {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let began = Instant::now();
    let (_sandbox, client) = open(&folder).await;
    let secrets = Api::<Secret>::all(client);
    let found = secrets.list(&ListParams::default()).await;
    assert!(found.expect("an answer").items.is_empty());
    began.elapsed()
}

async fn records() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let empty = resident_kib();
    let (_sandbox, client) = open(&folder).await;
    let secrets: Api<Secret> = Api::namespaced(client.clone(), "default");
    let began = Instant::now();
    stream::iter(0..RECORDS)
        .map(|index| {
            let secrets = secrets.clone();
            async move { secrets.create(&PostParams::default(), &record(index)).await }
        })
        .buffer_unordered(16)
        .try_for_each(|_| async { Ok(()) })
        .await
        .expect("they are stored");
    println!(
        "{RECORDS} records stored          {:>8.1} s, each durable",
        began.elapsed().as_secs_f64()
    );
    let mut lists = Vec::new();
    for _ in 0..LISTS {
        let began = Instant::now();
        let found = Api::<Secret>::all(client.clone())
            .list_metadata(&ListParams::default().labels("owner=helm"))
            .await;
        lists.push(began.elapsed());
        assert_eq!(found.expect("an answer").items.len(), RECORDS);
    }
    println!(
        "metadata list of them, median {:>8.1} ms",
        millis(median(lists))
    );
    println!(
        "resident with them            {:>8.1} MiB, {:.1} without a sandbox",
        mib(resident_kib()),
        mib(empty)
    );
}

/// As Helm keeps it, in size and labels.
fn record(index: usize) -> Secret {
    let labels = [
        ("owner", "helm".to_owned()),
        ("name", format!("release-{index}")),
        ("status", "deployed".to_owned()),
        ("version", "1".to_owned()),
    ];
    let labels = labels.map(|(name, value)| (name.to_owned(), value));
    let payload = ByteString(vec![b'x'; PAYLOAD]);
    Secret {
        metadata: ObjectMeta {
            name: Some(format!("sh.helm.release.v1.release-{index}.v1")),
            labels: Some(BTreeMap::from(labels)),
            ..ObjectMeta::default()
        },
        type_: Some("helm.sh/release.v1".to_owned()),
        data: Some(BTreeMap::from([("release".to_owned(), payload)])),
        ..Secret::default()
    }
}

/// Of this process.
fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

fn quickstart() {
    let target = Target::own();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        inside.push(up_and_down(&target, folder.path(), &["--sandbox"]));
        outside.push(up_and_down(&target, folder.path(), &[]));
    }
    let (inside, outside) = (median(inside), median(outside));
    println!(
        "quick start, up: {:.1} s in the sandbox, {:.1} s on the control plane, ratio {:.2}",
        inside.as_secs_f64(),
        outside.as_secs_f64(),
        inside.as_secs_f64() / outside.as_secs_f64()
    );
}

/// How long `up` takes; `down` follows.
fn up_and_down(target: &Target, folder: &Path, on: &[&str]) -> Duration {
    let stack = concat!(env!("CARGO_MANIFEST_DIR"), "/stacks/quickstart.toml");
    let run = |verb: &str| {
        let began = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_stackctl"))
            .args([verb, "-f", stack, "--yes"])
            .args(on)
            .current_dir(folder)
            .env("KUBECONFIG", &target.kubeconfig)
            .env("HELM_BINARY", target.helm(Helm::Four))
            .output()
            .expect("stackctl starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{verb} {on:?}: {said}");
        began.elapsed()
    };
    let up = run("up");
    run("down");
    up
}

fn median(mut rounds: Vec<Duration>) -> Duration {
    rounds.sort_unstable();
    rounds[rounds.len() / 2]
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "a number of KiB is small")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
