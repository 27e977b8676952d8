//! `stackctl fetch` when nothing has changed: 100 charts of a repository, all locked and cached.
//!
//! Each round is a whole process: start, stack file, lock file, and the digest of every archive's
//! bytes. The repository counts who connects: nobody may. In the end it is shut, and all is as
//! before. Prints the first fetch, which downloads, then the least and the median of the rounds.
//!
//! `cargo bench --bench fetch`

#![expect(
    clippy::disallowed_methods,
    reason = "a bench starts the program that it measures"
)]
#![expect(clippy::print_stdout, reason = "a benchmark prints its numbers")]

use std::{
    env,
    fmt::Write as _,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use rand::{RngCore as _, SeedableRng as _, rngs::StdRng};
use tokio::time::Instant;

/// Charts of the stack.
const CHARTS: usize = 100;
/// Bytes of each that cannot be compressed: about the size of a published chart.
const NOISE: usize = 100 * 1024;
/// Rounds of which the least and the median are shown.
const ROUNDS: usize = 51;
/// What one may take.
const AIM: Duration = Duration::from_millis(50);

fn main() {
    // `cargo test --benches` only wants to know that it starts.
    if !env::args().any(|arg| arg == "--bench") {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let repository = Repository::start();
    fs::write(
        folder.path().join("stack.toml"),
        stack_file(repository.address),
    )
    .expect("a stack file");

    let first = fetch(folder.path());
    let connections = repository.connections();
    assert!(connections > 0, "the first one downloads");
    let lock = fs::read_to_string(folder.path().join("stack.lock")).expect("a lock file");
    assert_eq!(lock.matches("digest = ").count(), CHARTS, "{lock}");

    let mut rounds: Vec<Duration> = (0..ROUNDS).map(|_| fetch(folder.path())).collect();
    rounds.sort_unstable();
    assert_eq!(repository.connections(), connections, "no network");
    repository.shut();
    fetch(folder.path());
    let after = fs::read_to_string(folder.path().join("stack.lock")).expect("a lock file");
    assert_eq!(after, lock, "nothing moved");

    println!("{CHARTS} charts of {} KiB, milliseconds", NOISE / 1024);
    println!("first, downloads  {:>8.1}", millis(first));
    println!("unchanged, least  {:>8.1}", millis(rounds[0]));
    println!(
        "unchanged, median {:>8.1}   aim {:.0}",
        millis(rounds[ROUNDS / 2]),
        millis(AIM)
    );
    println!("connections meanwhile    0");
}

/// How long `stackctl fetch` takes in a folder with a stack; its cache is there, too.
fn fetch(folder: &Path) -> Duration {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stackctl"));
    command
        .arg("fetch")
        .current_dir(folder)
        .env_clear()
        .env("STACKCTL_CACHE_DIR", folder.join("cache"));
    let start = Instant::now();
    let output = command.output().expect("stackctl starts");
    let elapsed = start.elapsed();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    elapsed
}

fn stack_file(address: SocketAddr) -> String {
    let mut text =
        format!("[stack]\nname = \"bench\"\n[repositories]\nbench = \"http://{address}\"\n");
    for chart in 0..CHARTS {
        write!(
            text,
            "[charts.c{chart}]\nchart = \"bench/c{chart}\"\nversion = \"^1\"\n"
        )
        .expect("texts take everything");
    }
    text
}

/// A chart repository on loopback that counts connections.
struct Repository {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    is_shut: Arc<AtomicBool>,
    server: JoinHandle<()>,
}

impl Repository {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
        let address = listener.local_addr().expect("it is bound");
        let connections = Arc::new(AtomicUsize::new(0));
        let is_shut = Arc::new(AtomicBool::new(false));
        let (count, end) = (connections.clone(), is_shut.clone());
        let archives: Vec<Vec<u8>> = (0..CHARTS).map(packed).collect();
        let server = thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                count.fetch_add(1, Ordering::SeqCst);
                answer(&socket, &archives);
            }
        });
        Self {
            address,
            connections,
            is_shut,
            server,
        }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Its port refuses from now on.
    fn shut(self) {
        self.is_shut.store(true, Ordering::SeqCst);
        TcpStream::connect(self.address).expect("it listens still");
        self.server.join().expect("a server does not panic");
        TcpStream::connect(self.address).expect_err("nobody listens");
    }
}

/// One request, then the end of the connection.
fn answer(mut socket: &TcpStream, archives: &[Vec<u8>]) {
    let mut lines = BufReader::new(socket).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    lines.find(String::is_empty);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let number = path
        .strip_prefix("/c")
        .and_then(|rest| rest.strip_suffix(".tgz")?.parse::<usize>().ok());
    let index = index();
    let body = number.map_or(index.as_bytes(), |number| &archives[number]);
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).expect("a client reads");
    socket.write_all(body).expect("a client reads");
}

fn index() -> String {
    let mut text = "apiVersion: v1\nentries:\n".to_owned();
    for chart in 0..CHARTS {
        write!(
            text,
            "  c{chart}:\n  - version: 1.0.0\n    urls: [c{chart}.tgz]\n"
        )
        .expect("texts take everything");
    }
    text
}

fn packed(chart: usize) -> Vec<u8> {
    let mut noise = vec![0; NOISE];
    StdRng::seed_from_u64(chart as u64).fill_bytes(&mut noise);
    let meta = format!("apiVersion: v2\nname: c{chart}\nversion: 1.0.0\n");
    let gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    for (path, content) in [("Chart.yaml", meta.as_bytes()), ("noise", &noise)] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("c{chart}/{path}"), content)
            .expect("memory is writable");
    }
    let gzip = tar.into_inner().expect("memory is writable");
    gzip.finish().expect("memory is writable")
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
