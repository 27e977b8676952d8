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

use std::{
    collections::BTreeMap,
    env, fs,
    path::Path,
    process::{Child, Command},
    time::Duration,
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client, Config,
    api::{ListParams, ObjectMeta, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use target::{Helm, Target, control_plane, serve};
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

/// `stackctl sandbox`: a process of its own, so that its start and its memory are what a user gets.
struct Served {
    child: Child,
    client: Client,
}

impl Served {
    async fn new(folder: &TempDir) -> Self {
        let (child, kubeconfig) = serve(folder.path());
        let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("it is ours");
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let client = Client::try_from(config.expect("it is whole")).expect("a client");
        Self { child, client }
    }

    fn resident_kib(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(status).expect("Linux");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        number
            .and_then(|number| number.parse().ok())
            .expect("a number")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It keeps nothing that has to be put in order.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// From nothing until a client has its first answer.
async fn start() -> Duration {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let began = Instant::now();
    let served = Served::new(&folder).await;
    let secrets = Api::<Secret>::all(served.client.clone());
    let found = secrets.list(&ListParams::default()).await;
    let elapsed = began.elapsed();
    assert!(found.expect("an answer").items.is_empty());
    elapsed
}

async fn records() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let served = Served::new(&folder).await;
    let client = &served.client;
    let secrets: Api<Secret> = Api::namespaced(client.clone(), "default");
    let none = secrets.list(&ListParams::default()).await;
    assert!(none.expect("an answer").items.is_empty());
    let empty = served.resident_kib();
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
        "metadata list of them, median {:>8.1} ms, read by the client",
        millis(median(lists))
    );
    println!(
        "resident, of `stackctl sandbox` {:>6.1} MiB with them, {:.1} empty",
        mib(served.resident_kib()),
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
