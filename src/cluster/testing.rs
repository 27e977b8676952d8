//! A scripted API server for unit tests: a function from the request to its answer.

use std::{
    convert::Infallible,
    io,
    sync::{Arc, Mutex},
};

use futures::{StreamExt, stream};
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame};
use kube::client::Body;
use serde_json::{Value, json};

use super::{Cluster, gate::Gate};

type AnswerBody = UnsyncBoxBody<Bytes, Infallible>;

/// What the scripted server does with a request.
pub(crate) enum Answer {
    /// Answers with this status and body.
    Body(u16, Vec<u8>),
    /// A watch: these events, then silence.
    Watch(Vec<Value>),
    /// Never answers.
    Hang,
    /// The connection is refused.
    Refused,
}

impl Answer {
    /// 200 with a JSON body.
    pub(crate) fn json(value: &Value) -> Self {
        Self::Body(200, value.to_string().into_bytes())
    }

    /// A `Status` of the API.
    pub(crate) fn status(code: u16, message: &str) -> Self {
        let reason = match code {
            403 => "Forbidden",
            404 => "NotFound",
            409 => "Conflict",
            410 => "Expired",
            _ => "",
        };
        Self::reason(code, message, reason)
    }

    /// A `Status` with a reason of its own.
    pub(crate) fn reason(code: u16, message: &str, reason: &str) -> Self {
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure",
            "message": message, "reason": reason, "code": code,
        });
        Self::Body(code, status.to_string().into_bytes())
    }
}

/// A request as the script sees it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// `GET`.
    pub(crate) method: String,
    /// Path with its query, percent-decoded for easy reading.
    pub(crate) path: String,
    /// `Accept`.
    pub(crate) accept: String,
    /// `Content-Type`.
    pub(crate) content_type: String,
    /// Its JSON body, null if it has none.
    pub(crate) body: Value,
}

/// The requests seen so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script(Arc<Mutex<Vec<Call>>>);

impl Script {
    /// A gate whose every request is answered by `answer(nth, call)`, counting from 0.
    pub(crate) fn gate(
        answer: impl Fn(usize, &Call) -> Answer + Send + Sync + 'static,
    ) -> (Gate, Self) {
        let script = Self::default();
        let seen = script.clone();
        let answer = Arc::new(answer);
        let service = tower::service_fn(move |request: Request<Body>| {
            let (seen, answer) = (seen.clone(), Arc::clone(&answer));
            async move {
                let call = read(request).await;
                let nth = {
                    let mut calls = seen.0.lock().unwrap();
                    calls.push(call.clone());
                    calls.len() - 1
                };
                match answer(nth, &call) {
                    Answer::Body(status, body) => Ok(Response::builder()
                        .status(status)
                        .body(Full::new(Bytes::from(body)).boxed_unsync())
                        .unwrap()),
                    Answer::Watch(events) => Ok(Response::new(open_watch(&events))),
                    Answer::Hang => std::future::pending().await,
                    Answer::Refused => Err(io::Error::from(io::ErrorKind::ConnectionRefused)),
                }
            }
        });
        let client = kube::Client::new(service, "default");
        (Gate::new(client, "https://test".to_owned()), script)
    }

    /// The same for a whole cluster.
    pub(crate) fn cluster(
        answer: impl Fn(usize, &Call) -> Answer + Send + Sync + 'static,
    ) -> (Cluster, Self) {
        let (gate, script) = Self::gate(answer);
        (Cluster::from_gate(gate), script)
    }

    /// How many requests there were.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// All requests.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.0.lock().unwrap().clone()
    }
}

fn open_watch(events: &[Value]) -> AnswerBody {
    let lines: Vec<_> = events
        .iter()
        .map(|event| Bytes::from(format!("{event}\n")))
        .collect();
    let lines = stream::iter(lines).chain(stream::pending());
    let frames = lines.map(|line| Ok::<_, Infallible>(Frame::data(line)));
    StreamBody::new(frames).boxed_unsync()
}

async fn read(request: Request<Body>) -> Call {
    let (parts, body) = request.into_parts();
    let body = body.collect_bytes().await.unwrap();
    let header = |name| {
        let value = parts.headers.get(name);
        value.map_or(String::new(), |value| value.to_str().unwrap().to_owned())
    };
    Call {
        method: parts.method.to_string(),
        path: parts
            .uri
            .to_string()
            .replace("%3D", "=")
            .replace("%2F", "/")
            .replace("%2C", ","),
        accept: header(http::header::ACCEPT),
        content_type: header(http::header::CONTENT_TYPE),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    }
}
