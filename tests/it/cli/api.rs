//! An API server that knows its version, has no releases and no CRDs, and allows everything.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    thread,
};

/// Starts one for the rest of the test program; returns `HOST:PORT`.
pub(crate) fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            thread::spawn(move || serve(connection));
        }
    });
    address
}

/// A port where nobody listens.
pub(crate) fn refused() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Writes a kubeconfig whose context `test` is the server at `address`.
pub(crate) fn kubeconfig(path: &Path, address: &str) {
    let text = format!(
        r#"{{"apiVersion": "v1", "kind": "Config", "current-context": "test",
            "contexts": [{{"name": "test", "context": {{"cluster": "c", "user": "u"}}}}],
            "clusters": [{{"name": "c", "cluster": {{"server": "http://{address}"}}}}],
            "users": [{{"name": "u", "user": {{}}}}]}}"#
    );
    fs::write(path, text).unwrap();
}

/// Answers until the other side has gone, whatever it asks.
fn serve(connection: TcpStream) -> Option<()> {
    let mut requests = BufReader::new(connection.try_clone().ok()?);
    let mut answers = connection;
    loop {
        let (path, length) = head(&mut requests)?;
        requests.read_exact(&mut vec![0; length]).ok()?;
        let (status, body) = answer(&path);
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        answers.write_all((head + &body).as_bytes()).ok()?;
    }
}

/// The path asked for, and the length of the body.
fn head(requests: &mut impl BufRead) -> Option<(String, usize)> {
    let mut line = String::new();
    requests.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        requests.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            return Some((path, length));
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().ok()?;
        }
    }
}

fn answer(path: &str) -> (&'static str, String) {
    let body = if path == "/version" {
        r#"{"major": "1", "minor": "37", "gitVersion": "v1.37.2"}"#
    } else if path == "/api/v1" {
        r#"{"kind": "APIResourceList", "groupVersion": "v1", "resources": [
            {"name": "secrets", "singularName": "secret", "namespaced": true, "kind": "Secret",
             "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"]}]}"#
    } else if path.contains("selfsubjectaccessreviews") {
        r#"{"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {}, "status": {"allowed": true}}"#
    } else if path.contains("/secrets") || path.contains("/customresourcedefinitions") {
        r#"{"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList",
            "metadata": {}, "items": []}"#
    } else {
        let missing = r#"{"apiVersion": "v1", "kind": "Status", "status": "Failure",
            "message": "not there", "reason": "NotFound", "code": 404}"#;
        return ("404 Not Found", missing.to_owned());
    };
    ("200 OK", body.to_owned())
}
