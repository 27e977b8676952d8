//! Stands between stackctl, its Helms and the real API server: counts what they write, and lets
//! any request go wrong.
//!
//! It speaks HTTP without TLS and asks the API server in the name of the cluster's admin, so its
//! own kubeconfig holds no credentials. What goes wrong is told by counting requests, never by
//! time.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use kube::{
    Client, Config,
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    runtime::Runtime,
    sync::watch,
};

use crate::target::Target;

/// A request on its way.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// Its bearer token, if it has one.
    pub(crate) token: Option<String>,
    /// Its number among the writes that the proxy has seen, from 1; 0 if it is none.
    pub(crate) write: usize,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The API server answers.
    Pass,
    /// It answers so much later.
    Late(Duration),
    /// It is not asked; this status is the answer.
    Refused(u16),
    /// It is not asked, and the connection ends.
    Cut,
    /// It does what it was asked, and the connection ends before its answer.
    Lost,
    /// It is not asked, and nobody answers.
    Hang,
}

type Faults = dyn Fn(&Seen) -> Fate + Send + Sync;

/// Is the API server within reach? A change ends every connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Up(usize),
    Down,
}

struct Shared {
    client: Client,
    faults: Mutex<Arc<Faults>>,
    writes: Mutex<Vec<String>>,
}

/// A proxy in front of a target; gone when it is dropped.
pub(crate) struct Proxy {
    /// How to come to the cluster through it.
    kubeconfig: PathBuf,
    shared: Arc<Shared>,
    line: Arc<watch::Sender<Line>>,
    runtime: Runtime,
    _dir: TempDir,
}

impl Proxy {
    /// Lets everything pass.
    pub(crate) fn of(target: &Target) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let (client, listener) = runtime.block_on(async {
            let kubeconfig = Kubeconfig::read_from(&target.kubeconfig).expect("the target's own");
            let options = KubeConfigOptions::default();
            let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
            let client = Client::try_from(config.expect("it is whole")).expect("a client");
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            (client, listen(any).expect("a free port"))
        });
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            client,
            faults: Mutex::new(Arc::new(|_: &Seen| Fate::Pass)),
            writes: Mutex::default(),
        });
        let line = Arc::new(watch::channel(Line::Up(0)).0);
        runtime.spawn(serve(listener, Arc::clone(&shared), line.subscribe()));
        let dir = tempfile::tempdir().expect("a temporary folder");
        let kubeconfig = dir.path().join("kubeconfig");
        let context = Target::CONTEXT;
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: {context}\n\
             contexts: [{{name: {context}, context: {{cluster: proxy, user: nobody}}}}]\n\
             clusters: [{{name: proxy, cluster: {{server: \"http://{address}\"}}}}]\n\
             users: [{{name: nobody, user: {{}}}}]\n"
        );
        fs::write(&kubeconfig, text).expect("the folder is ours");
        Self {
            kubeconfig,
            shared,
            line,
            runtime,
            _dir: dir,
        }
    }

    /// The environment of a stackctl that goes through it.
    pub(crate) fn env(&self) -> [(&str, &str); 1] {
        let path = self.kubeconfig.to_str();
        [("KUBECONFIG", path.expect("temporary folders are UTF-8"))]
    }

    /// Credentials from a program: `sh -c SCRIPT`, an exec plugin.
    pub(crate) fn credentials_from(&self, script: &str) {
        let text = fs::read_to_string(&self.kubeconfig).expect("it is ours");
        let exec = serde_json::json!({
            "apiVersion": "client.authentication.k8s.io/v1", "command": "sh",
            "args": ["-c", script], "interactiveMode": "Never",
        });
        let text = text.replace("user: {}", &format!("user: {{exec: {exec}}}"));
        fs::write(&self.kubeconfig, text).expect("the folder is ours");
    }

    /// From now on writes are counted anew; requests have the fates that this says.
    pub(crate) fn faults(&self, faults: impl Fn(&Seen) -> Fate + Send + Sync + 'static) {
        let mut current = self.shared.faults.lock().expect("nobody panics with it");
        *current = Arc::new(faults);
        self.writes_lock().clear();
    }

    /// From now on everything passes.
    pub(crate) fn no_faults(&self) {
        self.faults(|_| Fate::Pass);
    }

    /// The writes since the last change of the faults, as `METHOD path`.
    pub(crate) fn writes(&self) -> Vec<String> {
        self.writes_lock().clone()
    }

    fn writes_lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.shared.writes.lock().expect("nobody panics with it")
    }

    /// Something that ends every connection, watches too; new ones are taken.
    pub(crate) fn cutter(&self) -> impl Fn() + Send + Sync + use<> {
        let line = Arc::clone(&self.line);
        move || {
            line.send_modify(|line| {
                *line = match *line {
                    Line::Up(nth) => Line::Up(nth + 1),
                    Line::Down => Line::Down,
                };
            });
        }
    }

    /// Something that ends every connection and refuses new ones for so long.
    pub(crate) fn outage(&self, length: Duration) -> impl Fn() + Send + Sync + use<> {
        let line = Arc::clone(&self.line);
        let runtime = self.runtime.handle().clone();
        move || {
            line.send_replace(Line::Down);
            let line = Arc::clone(&line);
            runtime.spawn(async move {
                tokio::time::sleep(length).await;
                line.send_replace(Line::Up(0));
            });
        }
    }
}

/// The same port again and again: those of ended connections do not matter.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

async fn serve(mut listener: TcpListener, shared: Arc<Shared>, mut line: watch::Receiver<Line>) {
    let address = listener.local_addr().expect("it is bound");
    loop {
        let accepted = tokio::select! {
            _ = line.changed() => None,
            accepted = listener.accept() => accepted.ok(),
        };
        if *line.borrow_and_update() == Line::Down {
            drop(listener);
            // An error means that the proxy is being dropped.
            if line.wait_for(|line| *line != Line::Down).await.is_err() {
                return;
            }
            listener = listen(address).expect("nobody else took the port");
        } else if let Some((stream, _)) = accepted {
            tokio::spawn(connection(stream, Arc::clone(&shared), line.clone()));
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>, mut line: watch::Receiver<Line>) {
    // A watch's lines do not wait for each other.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(request, &shared));
    let http = hyper::server::conn::http1::Builder::new();
    tokio::select! {
        _ = line.changed() => {}
        // A client that hangs up has its reasons.
        _ = http.serve_connection(TokioIo::new(stream), service) => {}
    }
}

async fn answer(request: Request<Incoming>, shared: &Shared) -> io::Result<Response<Body>> {
    let seen = shared.see(&request);
    let faults = Arc::clone(&*shared.faults.lock().expect("nobody panics with it"));
    let fate = tokio::task::block_in_place(|| faults(&seen));
    match fate {
        Fate::Pass => shared.pass(request).await,
        Fate::Late(by) => {
            tokio::time::sleep(by).await;
            shared.pass(request).await
        }
        Fate::Refused(code) => Ok(refusal(code)),
        Fate::Cut => Err(io::ErrorKind::ConnectionReset.into()),
        Fate::Lost => {
            let answer = shared.pass(request).await?;
            // It is done when all of the answer is there.
            let _ = answer.into_body().collect_bytes().await;
            Err(io::ErrorKind::ConnectionReset.into())
        }
        Fate::Hang => std::future::pending().await,
    }
}

impl Shared {
    fn see(&self, request: &Request<Incoming>) -> Seen {
        let path = request.uri().to_string();
        let method = request.method().clone();
        let write = if is_write(&method, &path) {
            let mut writes = self.writes.lock().expect("nobody panics with it");
            writes.push(format!("{method} {path}"));
            writes.len()
        } else {
            0
        };
        let token = request.headers().get(header::AUTHORIZATION);
        let token = token.and_then(|value| value.to_str().ok());
        Seen {
            token: token.and_then(|value| Some(value.strip_prefix("Bearer ")?.to_owned())),
            method,
            path,
            write,
        }
    }

    async fn pass(&self, request: Request<Incoming>) -> io::Result<Response<Body>> {
        let (mut head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        head.headers.remove(header::HOST);
        head.headers.remove(header::AUTHORIZATION);
        let request = Request::from_parts(head, Body::from(body));
        self.client.send(request).await.map_err(io::Error::other)
    }
}

/// Does it change the cluster? Questions that are POSTs do not. A lease's renewals come by the
/// clock: they are not counted either.
fn is_write(method: &Method, path: &str) -> bool {
    let renewal = path.contains("/leases/") && method != Method::DELETE;
    let asks = path.contains("authorization.k8s.io") || path.contains("dryRun=");
    *method != Method::GET && *method != Method::HEAD && !renewal && !asks
}

/// As the API server refuses: a `Status`.
fn refusal(code: u16) -> Response<Body> {
    let reason = match code {
        401 => "Unauthorized",
        429 => "TooManyRequests",
        _ => "InternalError",
    };
    let status = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "a fault of the proxy", "reason": reason, "code": code,
    });
    let mut response = Response::new(Body::from(status.to_string().into_bytes()));
    *response.status_mut() = StatusCode::from_u16(code).expect("a status");
    let headers = response.headers_mut();
    let json = header::HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    if code == 429 {
        headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    }
    response
}

/// Kills stackctls of this folder that this process has started, and their children if asked.
/// Nobody gets a chance to say anything.
pub(crate) fn kill_stackctl(folder: &Path, with_children: bool) {
    use nix::{
        sys::signal::{Signal, kill},
        unistd::Pid,
    };
    let folder = folder.as_os_str().as_encoded_bytes();
    let us = std::process::id().to_string();
    let processes = fs::read_dir("/proc").expect("Linux").flatten();
    let mut found: Vec<(bool, i32)> = processes
        .filter_map(|process| {
            let pid = process.file_name().to_str()?.parse().ok()?;
            let environ = fs::read(process.path().join("environ")).ok()?;
            environ.windows(folder.len()).find(|part| *part == folder)?;
            let stat = fs::read_to_string(process.path().join("stat")).ok()?;
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?;
            Some((parent != us, pid))
        })
        .collect();
    // Stackctl first: it would tell of its children's deaths.
    found.sort_unstable();
    for (child, pid) in found {
        if !child || with_children {
            // One may end by itself just now.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}
