//! Whether requests to the API server go through the environment's proxy.
//!
//! Our own rule, because the client library matches `NO_PROXY` against the proxy instead of the
//! server (kube-client 5.0.0, `config/file_loader.rs`, `proxy_url`), and because what we reach must
//! be what Helm reaches: Go never proxies localhost (`net/http.ProxyFromEnvironment`).

use std::net::IpAddr;

use hyper_util::client::proxy::matcher::Matcher;

/// The proxy for this server, if any: `HTTPS_PROXY` unless the server is excepted. A proxy without
/// a scheme is an HTTP proxy, as in Go.
pub(super) fn proxy_for(
    server: &http::Uri,
    https_proxy: Option<&str>,
    no_proxy: Option<&str>,
) -> Option<Result<http::Uri, http::uri::InvalidUri>> {
    let proxy = https_proxy
        .map(str::trim)
        .filter(|proxy| !proxy.is_empty())?;
    let host = server.host()?.trim_matches(['[', ']']);
    let loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if loopback || server.scheme_str() != Some("https") {
        return None;
    }
    let proxy = if proxy.contains("://") {
        proxy.to_owned()
    } else {
        format!("http://{proxy}")
    };
    let matcher = Matcher::builder()
        .https(proxy.clone())
        .no(no_proxy.unwrap_or_default())
        .build();
    matcher.intercept(server)?;
    Some(proxy.parse())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_decides_not_the_proxy() {
        let proxy = Some("http://proxy:3128");
        for (server, no_proxy, proxied) in [
            ("https://api.example.com", None, true),
            ("https://api.example.com", Some("example.com"), false),
            ("https://api.example.com", Some(".example.com"), false),
            ("https://api.example.com", Some("other.com"), true),
            ("https://api.example.com", Some("*"), false),
            ("https://api.example.com", Some("proxy"), true),
            ("https://10.1.2.3:6443", Some("10.0.0.0/8"), false),
            ("https://11.1.2.3:6443", Some("10.0.0.0/8"), true),
            ("https://127.0.0.1:6443", None, false),
            ("https://localhost:6443", None, false),
            ("https://[::1]:6443", None, false),
            ("http://api.example.com", None, false),
        ] {
            let uri = server.parse().unwrap();
            let found = proxy_for(&uri, proxy, no_proxy);
            assert_eq!(found.is_some(), proxied, "{server} {no_proxy:?}");
        }
        let uri = "https://api.example.com".parse().unwrap();
        let bare = proxy_for(&uri, Some("proxy:3128"), None).unwrap().unwrap();
        assert_eq!(bare, "http://proxy:3128/");
        assert!(proxy_for(&uri, Some(" "), None).is_none());
    }
}
