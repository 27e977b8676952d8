//! Sends requests: redirects followed, failures retried, bodies handed on piece by piece.

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::timeout;

use super::{
    Ask, Patience, Proxies, Received, Refusal, Sink, Tls, TlsError, Transfer, TransferError,
    USER_AGENT, chain, is_same_origin, patience::retry_after, proxy::Connector, resolve,
    url::host_of,
};

/// More hops than this lead nowhere.
const REDIRECTS: usize = 10;

/// Bytes read of the body of a refusal.
const REFUSAL_BODY: usize = 4096;

/// An HTTP client with its connections. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    inner: legacy::Client<HttpsConnector<Connector>, Full<Bytes>>,
    proxies: Proxies,
    patience: Patience,
}

impl Client {
    /// Reads certificates; connects to nothing.
    ///
    /// # Errors
    /// The certificates cannot be used.
    pub fn new(tls: &Tls, proxies: &Proxies, patience: &Patience) -> Result<Self, TlsError> {
        let mut tcp = HttpConnector::new();
        // What is not https is refused or allowed by whoever makes the address.
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(patience.connect));
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls.config()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(Connector {
                tcp,
                proxies: proxies.clone(),
            });
        Ok(Self {
            inner: legacy::Client::builder(TokioExecutor::new()).build(connector),
            proxies: proxies.clone(),
            patience: patience.clone(),
        })
    }

    /// Sends a request until it is answered with a 2xx or there is no hope, and hands the body to
    /// `sink`. `watch` hears of pieces and retries.
    ///
    /// # Errors
    /// The last attempt's. What `sink` holds then is worth nothing.
    pub async fn send(
        &self,
        ask: &Ask,
        sink: &mut dyn Sink,
        watch: &mut (dyn FnMut(Transfer) + Send),
    ) -> Result<Received, TransferError> {
        let mut attempt = 1;
        loop {
            let total = self.patience.total;
            let outcome = timeout(total, self.attempt(ask, sink, watch)).await;
            let error = match outcome {
                Ok(Ok(received)) => return Ok(received),
                Ok(Err(error)) => error,
                Err(_) => TransferError::Timeout {
                    host: host_of(&ask.url),
                    after: total,
                },
            };
            let Some(pause) = self.patience.pause_after(attempt, &error) else {
                return Err(error);
            };
            watch(Transfer::Again {
                reason: error.to_string(),
                pause,
            });
            tokio::time::sleep(pause).await;
            let restarted = sink.restart();
            restarted.map_err(|error| keep(&ask.url, &error))?;
            attempt += 1;
        }
    }

    async fn attempt(
        &self,
        ask: &Ask,
        sink: &mut dyn Sink,
        watch: &mut (dyn FnMut(Transfer) + Send),
    ) -> Result<Received, TransferError> {
        let mut url = ask.url.clone();
        for _ in 0..=REDIRECTS {
            let is_home = is_same_origin(&ask.url, &url);
            let may_authorize = is_home || ask.send_everywhere;
            let answer = self.exchange(ask, &url, may_authorize).await?;
            if let Some(next) = redirect(&url, &answer)? {
                url = next;
                continue;
            }
            if answer.status().is_success() {
                return self.receive(ask, url, answer, sink, watch).await;
            }
            let there = ask.authorization.is_some();
            let refusal = self.refusal(
                &url,
                answer,
                there && may_authorize,
                there && !may_authorize,
            );
            return Err(TransferError::Refused(Box::new(refusal.await)));
        }
        let reason = format!("more than {REDIRECTS} times");
        Err(TransferError::Redirect {
            host: host_of(&url),
            reason,
        })
    }

    /// One request and the head of its answer.
    async fn exchange(
        &self,
        ask: &Ask,
        url: &Uri,
        may_authorize: bool,
    ) -> Result<Response<Incoming>, TransferError> {
        let request = self.request(ask, url, may_authorize)?;
        let idle = self.patience.idle;
        let Ok(answer) = timeout(idle, self.inner.request(request)).await else {
            return Err(TransferError::Timeout {
                host: host_of(url),
                after: idle,
            });
        };
        // Its own words add nothing to those of its cause.
        answer.map_err(|error| match std::error::Error::source(&error) {
            Some(cause) => transport(url, cause),
            None => transport(url, &error),
        })
    }

    fn request(
        &self,
        ask: &Ask,
        url: &Uri,
        may_authorize: bool,
    ) -> Result<Request<Full<Bytes>>, TransferError> {
        let invalid = |reason: String| TransferError::Invalid {
            host: host_of(url),
            reason,
        };
        let mut request = Request::builder()
            .method(ask.method.clone())
            .uri(url)
            .header(header::USER_AGENT, USER_AGENT)
            .body(Full::new(ask.body.clone()))
            .map_err(|error| invalid(error.to_string()))?;
        let headers = request.headers_mut();
        headers.extend(ask.headers.clone());
        if let Some(authorization) = ask.authorization.as_ref().filter(|_| may_authorize) {
            let value = authorization.header();
            let bad = || invalid("the credentials hold characters that no header can".into());
            headers.insert(header::AUTHORIZATION, value.ok_or_else(bad)?);
        }
        if let Some(authorization) = self.proxies.authorization(url) {
            headers.insert(header::PROXY_AUTHORIZATION, authorization);
        }
        Ok(request)
    }

    async fn receive(
        &self,
        ask: &Ask,
        url: Uri,
        answer: Response<Incoming>,
        sink: &mut dyn Sink,
        watch: &mut (dyn FnMut(Transfer) + Send),
    ) -> Result<Received, TransferError> {
        let (head, mut body) = answer.into_parts();
        let too_large = || TransferError::TooLarge {
            host: host_of(&url),
            limit: ask.limit,
        };
        let total = content_length(&head.headers);
        if total.is_some_and(|total| total > ask.limit) {
            return Err(too_large());
        }
        let mut received = 0;
        while let Some(piece) = self.piece(&url, &mut body, received).await? {
            received += piece.len() as u64;
            if received > ask.limit {
                return Err(too_large());
            }
            sink.write(&piece).map_err(|error| keep(&url, &error))?;
            watch(Transfer::Bytes { received, total });
        }
        Ok(Received {
            url,
            headers: head.headers,
        })
    }

    async fn piece(
        &self,
        url: &Uri,
        body: &mut Incoming,
        received: u64,
    ) -> Result<Option<Bytes>, TransferError> {
        let idle = self.patience.idle;
        loop {
            let Ok(frame) = timeout(idle, body.frame()).await else {
                return Err(TransferError::Timeout {
                    host: host_of(url),
                    after: idle,
                });
            };
            match frame {
                None => return Ok(None),
                Some(Err(error)) if is_cut(&error) => {
                    return Err(TransferError::Truncated {
                        host: host_of(url),
                        received,
                    });
                }
                Some(Err(error)) => return Err(transport(url, &error)),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    async fn refusal(
        &self,
        url: &Uri,
        answer: Response<Incoming>,
        authorized: bool,
        withheld: bool,
    ) -> Refusal {
        let (head, mut body) = answer.into_parts();
        let mut text = Vec::new();
        while text.len() < REFUSAL_BODY
            && let Ok(Some(piece)) = self.piece(url, &mut body, 0).await
        {
            text.extend_from_slice(&piece);
        }
        text.truncate(REFUSAL_BODY);
        let asked = head
            .headers
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok());
        let challenges = head.headers.get_all(header::WWW_AUTHENTICATE).iter();
        Refusal {
            host: host_of(url),
            status: head.status.as_u16(),
            retry_after: asked.and_then(|text| retry_after(text, jiff::Timestamp::now())),
            challenges: challenges
                .filter_map(|value| value.to_str().ok())
                .map(Into::into)
                .collect(),
            authorized,
            withheld,
            body: String::from_utf8_lossy(&text).into_owned(),
        }
    }
}

/// Where the answer sends us, if it does. What was encrypted is not asked for in the clear.
fn redirect<B>(from: &Uri, answer: &Response<B>) -> Result<Option<Uri>, TransferError> {
    let status = answer.status();
    if ![301, 302, 303, 307, 308].contains(&status.as_u16()) {
        return Ok(None);
    }
    let refused = |reason: String| TransferError::Redirect {
        host: host_of(from),
        reason,
    };
    let to = answer
        .headers()
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok());
    let to = to.ok_or_else(|| refused("without saying where".into()))?;
    let next = resolve(&folder(from), to).map_err(|error| refused(format!("to {error}")))?;
    if from.scheme_str() == Some("https") && next.scheme_str() == Some("http") {
        let to = host_of(&next);
        return Err(refused(format!(
            "to {to} without TLS, which is not followed"
        )));
    }
    Ok(Some(next))
}

/// What a relative `Location` is relative to: without the last part of the path, and the query.
fn folder(url: &Uri) -> Uri {
    let folder = url.path().rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts = url.clone().into_parts();
    parts.path_and_query = format!("{folder}/").parse().ok();
    Uri::from_parts(parts).unwrap_or_else(|_| url.clone())
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// The body ended before its announced length, or within a chunk.
fn is_cut(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error);
    let io = source.and_then(|source| source.downcast_ref::<std::io::Error>());
    error.is_incomplete_message()
        || io.is_some_and(|error| error.kind() == std::io::ErrorKind::UnexpectedEof)
}

fn transport(url: &Uri, error: &dyn std::error::Error) -> TransferError {
    TransferError::Transport {
        host: host_of(url),
        reason: chain(error),
    }
}

fn keep(url: &Uri, error: &std::io::Error) -> TransferError {
    TransferError::Keep {
        host: host_of(url),
        reason: error.to_string(),
    }
}
