//! The little arithmetic on addresses that charts need.

use http::Uri;

/// A text that is no address we can ask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{url}` is not a URL: {reason}")]
pub struct BadUrl {
    /// As given, without a user.
    pub url: String,
    /// Why.
    pub reason: String,
}

/// Reads an `http://` or `https://` address.
///
/// # Errors
/// It is something else.
pub fn parse(text: &str) -> Result<Uri, BadUrl> {
    let bad = |reason: String| BadUrl {
        url: without_user(text).0,
        reason,
    };
    // A fragment is not sent.
    let (plain, _fragment) = text.split_once('#').unwrap_or((text, ""));
    let url: Uri = plain
        .parse()
        .map_err(|error: http::uri::InvalidUri| bad(error.to_string()))?;
    match (url.scheme_str(), url.authority()) {
        (Some("http" | "https"), Some(_)) => Ok(url),
        _ => Err(bad(
            "it must start with http:// or https:// and name a host".into(),
        )),
    }
}

/// Takes `user[:password]@` out of an address, percent-decoded.
pub fn without_user(url: &str) -> (String, Option<(String, String)>) {
    let Some((scheme, rest)) = url.split_once("://") else {
        return (url.to_owned(), None);
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let Some(at) = rest[..end].rfind('@') else {
        return (url.to_owned(), None);
    };
    let (user, password) = rest[..at].split_once(':').unwrap_or((&rest[..at], ""));
    (
        format!("{scheme}://{}", &rest[at + 1..]),
        Some((decode(user), decode(password))),
    )
}

/// What `reference` means inside the folder `base`, as in RFC 3986 5.2: absolute addresses stay,
/// paths are joined, `.` and `..` are resolved. A query of `base` is kept when `reference` brings
/// none (repositories that want a token there, as Helm).
///
/// # Errors
/// The result is no address.
pub fn resolve(base: &Uri, reference: &str) -> Result<Uri, BadUrl> {
    if reference.contains("://") {
        return parse(reference);
    }
    let (scheme, host) = (base.scheme_str().unwrap_or("https"), host_of(base));
    if let Some(rest) = reference.strip_prefix("//") {
        return parse(&format!("{scheme}://{rest}"));
    }
    let reference = reference.split('#').next().unwrap_or_default();
    let (path, query) = match reference.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (reference, base.query()),
    };
    let joined = match path.strip_prefix('/') {
        Some(_) => path.to_owned(),
        None => format!("{}/{path}", base.path().trim_end_matches('/')),
    };
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    parse(&format!(
        "{scheme}://{host}{}{query}",
        without_dots(&joined)
    ))
}

/// Whether what is for `first` may be sent to `second`: scheme, host and port are the same, or it
/// is the same host with TLS added.
pub fn is_same_origin(first: &Uri, second: &Uri) -> bool {
    let hosts = first.host().zip(second.host());
    if !hosts.is_some_and(|(a, b)| a.eq_ignore_ascii_case(b)) {
        return false;
    }
    let (from, to) = (first.scheme_str(), second.scheme_str());
    let same = from == to && port(first) == port(second);
    let upgrade =
        (from, port(first)) == (Some("http"), 80) && (to, port(second)) == (Some("https"), 443);
    same || upgrade
}

/// Names and values as a query or a form.
pub fn query(fields: &[(&str, &str)]) -> String {
    let pairs = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/:".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let hex = |digit: u8| char::from(b"0123456789ABCDEF"[usize::from(digit)]);
            encoded.extend(['%', hex(byte >> 4), hex(byte & 15)]);
        }
    }
    encoded
}

/// Host and port, without a user.
pub(super) fn host_of(url: &Uri) -> String {
    let host = url.host().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn port(url: &Uri) -> u16 {
    let default = if url.scheme_str() == Some("http") {
        80
    } else {
        443
    };
    url.port_u16().unwrap_or(default)
}

fn without_dots(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let mut all = path.split('/').skip(1).peekable();
    while let Some(part) = all.next() {
        let last = all.peek().is_none();
        match part {
            "." | ".." => {
                if part == ".." {
                    parts.pop();
                }
                if last {
                    parts.push("");
                }
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex
            .filter(|_| first == b'%')
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_resolve_inside_their_base() {
        for (base, reference, expected) in [
            (
                "https://h/charts",
                "web-1.tgz",
                "https://h/charts/web-1.tgz",
            ),
            (
                "https://h/charts/",
                "web-1.tgz",
                "https://h/charts/web-1.tgz",
            ),
            (
                "https://h",
                "charts/web-1.tgz",
                "https://h/charts/web-1.tgz",
            ),
            (
                "https://h:8443/a/b",
                "/web-1.tgz",
                "https://h:8443/web-1.tgz",
            ),
            ("https://h/a/b", "../web-1.tgz", "https://h/a/web-1.tgz"),
            (
                "https://h/a/b",
                "../../../x/./web-1.tgz",
                "https://h/x/web-1.tgz",
            ),
            (
                "https://h/a",
                "//other/web-1.tgz",
                "https://other/web-1.tgz",
            ),
            (
                "https://h/a",
                "http://other/web-1.tgz",
                "http://other/web-1.tgz",
            ),
            ("https://h/a?t=1", "web-1.tgz", "https://h/a/web-1.tgz?t=1"),
            (
                "https://h/a?t=1",
                "web-1.tgz?u=2",
                "https://h/a/web-1.tgz?u=2",
            ),
        ] {
            let resolved = resolve(&parse(base).unwrap(), reference).unwrap();
            assert_eq!(resolved.to_string(), expected, "{base} {reference}");
        }
        assert!(resolve(&parse("https://h").unwrap(), "ftp://x/a.tgz").is_err());
    }

    #[test]
    fn only_the_same_origin_or_its_tls_gets_credentials() {
        for (first, second, expected) in [
            ("https://h/a", "https://H/b", true),
            ("https://h/a", "https://h:443/b", true),
            ("http://h/a", "https://h/b", true),
            ("https://h/a", "http://h/b", false),
            ("https://h/a", "https://h:8443/b", false),
            ("http://h:8080/a", "https://h/b", false),
            ("https://h/a", "https://h.evil/b", false),
            ("https://h/a", "https://sub.h/b", false),
        ] {
            let same = is_same_origin(&parse(first).unwrap(), &parse(second).unwrap());
            assert_eq!(same, expected, "{first} {second}");
        }
    }

    #[test]
    fn queries_are_encoded() {
        let fields = [("scope", "repository:a/b:pull"), ("service", "a b&c=d+é")];
        assert_eq!(
            query(&fields),
            "scope=repository:a/b:pull&service=a%20b%26c%3Dd%2B%C3%A9"
        );
    }

    #[test]
    fn a_user_is_taken_out_and_never_shown() {
        for (url, plain, user) in [
            ("https://u:p%40ss@h/a", "https://h/a", Some(("u", "p@ss"))),
            ("https://u@h", "https://h", Some(("u", ""))),
            ("https://h/a@b", "https://h/a@b", None),
            ("oci://u:p@h/a", "oci://h/a", Some(("u", "p"))),
            ("h", "h", None),
        ] {
            let (found, by) = without_user(url);
            assert_eq!(found, plain);
            assert_eq!(by, user.map(|(a, b)| (a.to_owned(), b.to_owned())), "{url}");
        }
        let error = parse("ftp://user:hunter2@h/").unwrap_err().to_string();
        assert!(
            !error.contains("hunter2") && error.contains("ftp://h/"),
            "{error}"
        );
    }
}
