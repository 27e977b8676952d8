//! The wire: connections, tokens, and every request to its answer.
//!
//! `route` reads paths, `accept` and `body` content types, `handle` decides; `list`, `watch` and
//! `table` are the forms of what is answered.

mod accept;
mod answer;
mod body;
mod cells;
mod faults;
mod handle;
mod list;
mod query;
mod route;
mod selector;
mod table;
mod watch;

use std::{convert::Infallible, sync::Arc, time::Duration};

use hyper::{Request, body::Incoming, header::AUTHORIZATION, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_rustls::TlsAcceptor;

use self::answer::Answer;
pub(super) use self::handle::Server;
use super::refusal::Refusal;

/// A connection that has said nothing for so long is closed.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Serves for ever. Dropped, every connection ends.
pub(super) async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    token: String,
    server: Arc<Server>,
) {
    let expected: Arc<str> = format!("Bearer {token}").into();
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: those of other connections come back.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        // Headers and body are one write, but a watch's lines must not wait for each other.
        let _ = stream.set_nodelay(true);
        let (acceptor, server) = (acceptor.clone(), Arc::clone(&server));
        let expected = Arc::clone(&expected);
        connections.spawn(async move {
            let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await
            else {
                return;
            };
            let service = service_fn(|request| answer(request, &expected, &server));
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            // A client that hangs up has its reasons.
            let _ = connection.await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    request: Request<Incoming>,
    expected: &str,
    server: &Arc<Server>,
) -> Result<Answer, Infallible> {
    let given = request
        .headers()
        .get(AUTHORIZATION)
        .map(hyper::header::HeaderValue::as_bytes);
    let known = given.is_some_and(|given| same(given, expected.as_bytes()));
    Ok(if known {
        server.handle(request).await
    } else {
        answer::refusal(&Refusal::unauthorized())
    })
}

/// Compares in a time that does not tell how much fits.
fn same(given: &[u8], expected: &[u8]) -> bool {
    let differs = given
        .iter()
        .zip(expected)
        .fold(0, |differs, (a, b)| differs | (a ^ b));
    given.len() == expected.len() && differs == 0
}
