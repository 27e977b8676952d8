//! From a configuration to a client: the connections that requests go over.

use http::Uri;
use hyper::rt::{Read, Write};
use hyper_timeout::TimeoutConnector;
use hyper_util::{
    client::{
        legacy::{
            self,
            connect::{
                Connection, HttpConnector,
                proxy::{SocksV5, Tunnel},
            },
        },
        proxy::matcher::{Intercept, Matcher},
    },
    rt::TokioExecutor,
};
use kube::{
    Client, Config,
    client::{Body, ClientBuilder, ConfigExt as _},
};
use tower::{BoxError, Service, ServiceBuilder};
use tower_http::decompression::DecompressionLayer;

/// As kube's own builder makes it, but for one thing: what is small is sent at once (`TCP_NODELAY`).
/// A handshake with a client certificate ends with bytes of ours, and without it the request behind
/// them waits until the server acknowledges those, which it puts off by 40 ms.
///
/// A credential plugin runs.
pub(super) fn client(config: &Config) -> kube::Result<Client> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let Some(url) = &config.proxy_url else {
        return over(tcp, config);
    };
    let unsupported = || kube::Error::ProxyProtocolUnsupported {
        proxy_url: Box::new(url.clone()),
    };
    let proxies = Matcher::builder().all(url.to_string()).build();
    let proxy = proxies.intercept(&config.cluster_url);
    let proxy = proxy.ok_or_else(unsupported)?;
    match url.scheme_str() {
        Some("socks5") => {
            let mut socks = SocksV5::new(proxy.uri().clone(), tcp);
            if let Some((user, password)) = proxy.raw_auth() {
                socks = socks.with_auth(user.to_owned(), password.to_owned());
            }
            over(socks, config)
        }
        Some("http") => over(tunnel(&proxy, tcp), config),
        Some("https") => {
            let tls = config.rustls_https_connector_with_connector(tcp)?;
            over(tunnel(&proxy, tls), config)
        }
        _ => Err(unsupported()),
    }
}

fn tunnel<C>(proxy: &Intercept, connector: C) -> Tunnel<C> {
    let tunnel = Tunnel::new(proxy.uri().clone(), connector);
    match proxy.basic_auth() {
        Some(authorization) => tunnel.with_auth(authorization.clone()),
        None => tunnel,
    }
}

fn over<C>(connector: C, config: &Config) -> kube::Result<Client>
where
    C: Service<Uri> + Clone + Send + Sync + 'static,
    C::Response: Connection + Read + Write + Send + Unpin + 'static,
    C::Future: Send + 'static,
    C::Error: Into<BoxError>,
{
    let tls = config.rustls_https_connector_with_connector(connector)?;
    let mut connector = TimeoutConnector::new(tls);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_write_timeout(config.write_timeout);
    let client: legacy::Client<_, Body> =
        legacy::Client::builder(TokioExecutor::new()).build(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(DecompressionLayer::new())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(client);
    Ok(ClientBuilder::new(service, config.default_namespace.clone()).build())
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncReadExt as _, net::TcpListener};

    use super::*;

    /// What a proxy is told first, by a client that is to reach a server through it.
    async fn told(scheme: &str, user: &str) -> Vec<u8> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("{scheme}://{user}{}", listener.local_addr().unwrap());
        let mut config = Config::new("https://api.example.com:6443".parse().unwrap());
        config.proxy_url = Some(proxy.parse().unwrap());
        let client = client(&config).unwrap();
        let request = tokio::spawn(async move { client.apiserver_version().await });
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = vec![0; 1024];
        let n = stream.read(&mut bytes).await.unwrap();
        drop(stream);
        assert!(request.await.unwrap().is_err());
        bytes.truncate(n);
        bytes
    }

    #[tokio::test]
    async fn each_kind_of_proxy_is_spoken_to_in_its_language() {
        let open = told("http", "").await;
        let open = String::from_utf8(open).unwrap();
        assert!(open.starts_with("CONNECT api.example.com:6443 HTTP/1.1\r\n"));
        assert!(!open.contains("roxy-"), "{open}");

        // `ada:p@ss`
        let known = told("http", "ada:p%40ss@").await;
        let known = String::from_utf8(known).unwrap().to_lowercase();
        assert!(
            known.contains("proxy-authorization: basic ywrhonbac3m=\r\n"),
            "{known}"
        );

        // Version 5, one way to log in: none, and with a name and password.
        assert_eq!(told("socks5", "").await, [5, 1, 0]);
        assert_eq!(told("socks5", "ada:pw@").await, [5, 1, 2]);

        // A handshake comes first.
        assert_eq!(told("https", "").await[0], 22);
    }

    #[tokio::test]
    async fn another_kind_of_proxy_is_an_error() {
        let mut config = Config::new("https://api.example.com:6443".parse().unwrap());
        config.proxy_url = Some("ftp://proxy".parse().unwrap());
        let Err(error) = client(&config) else {
            panic!("went through a proxy of no known kind");
        };
        assert!(matches!(
            error,
            kube::Error::ProxyProtocolUnsupported { .. }
        ));
    }
}
