//! The way through proxies.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt, io,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderValue, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::{
        legacy::connect::{
            Connected, Connection, HttpConnector,
            proxy::{SocksV5, Tunnel},
        },
        proxy::matcher::{Intercept, Matcher},
    },
    rt::TokioIo,
};
use tokio::net::TcpStream;
use tower::Service;

/// Which proxy leads to which address. Cheap to clone.
#[derive(Clone)]
pub struct Proxies(Arc<Matcher>);

impl Proxies {
    /// As curl and Go read `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` (or their
    /// lower-case forms): `http://`, `socks5://` and `socks5h://` proxies. This machine itself is
    /// never reached through one.
    pub fn from_env(env: &BTreeMap<OsString, OsString>) -> Self {
        let var = |name: &str| {
            [name.to_owned(), name.to_lowercase()]
                .iter()
                .filter_map(|name| env.get(OsStr::new(name)))
                .map(|value| value.to_string_lossy().into_owned())
                .find(|value| !value.is_empty())
                .unwrap_or_default()
        };
        let matcher = Matcher::builder()
            .all(var("ALL_PROXY"))
            .http(var("HTTP_PROXY"))
            .https(var("HTTPS_PROXY"))
            .no(var("NO_PROXY"))
            .build();
        Self(Arc::new(matcher))
    }

    fn to(&self, url: &Uri) -> Option<Intercept> {
        if url.host().is_some_and(is_this_machine) {
            None
        } else {
            self.0.intercept(url)
        }
    }

    /// The `Proxy-Authorization` of a request that is handed to a proxy as it is. (Through a
    /// tunnel it is sent once, by the connector.)
    pub(super) fn authorization(&self, url: &Uri) -> Option<HeaderValue> {
        let proxy = self.to(url).filter(|_| url.scheme_str() == Some("http"))?;
        proxy.basic_auth().cloned()
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proxies(..)")
    }
}

fn is_this_machine(host: &str) -> bool {
    let ip = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || ip.is_ok_and(|ip| ip.is_loopback())
}

/// Connects to an address or to the proxy that leads there. TLS is laid over it by its user.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    pub(super) tcp: HttpConnector,
    pub(super) proxies: Proxies,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let mut tcp = self.tcp.clone();
        let Some(proxy) = self.proxies.to(&to) else {
            return Box::pin(async move {
                Ok(Stream {
                    io: tcp.call(to).await?,
                    is_proxied: false,
                })
            });
        };
        let at = proxy.uri().clone();
        let is_tls = to.scheme_str() == Some("https");
        Box::pin(async move {
            let mut is_proxied = false;
            let io = match at.scheme_str() {
                Some("http") if is_tls => {
                    let mut tunnel = Tunnel::new(at, tcp);
                    if let Some(authorization) = proxy.basic_auth() {
                        tunnel = tunnel.with_auth(authorization.clone());
                    }
                    tunnel.call(to).await?
                }
                Some("http") => {
                    is_proxied = true;
                    tcp.call(at).await?
                }
                Some(scheme @ ("socks5" | "socks5h")) => {
                    let mut socks = SocksV5::new(at.clone(), tcp).local_dns(scheme == "socks5");
                    if let Some((user, password)) = proxy.raw_auth() {
                        socks = socks.with_auth(user.to_owned(), password.to_owned());
                    }
                    socks.call(to).await?
                }
                _ => return Err(format!("proxies of the kind {at} are not supported").into()),
            };
            Ok(Stream { io, is_proxied })
        })
    }
}

/// A connection, and whether requests on it are for the proxy to forward.
#[derive(Debug)]
pub(super) struct Stream {
    io: TokioIo<TcpStream>,
    is_proxied: bool,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.io.connected().proxy(self.is_proxied)
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
