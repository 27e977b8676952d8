//! What a registry answers to a request without, or with the wrong, credentials.

/// A way to authenticate that a registry offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User and password with every request.
    Basic,
    /// A token from `realm`.
    Bearer {
        /// Address of the token service.
        realm: String,
        /// Its name for the registry.
        service: Option<String>,
        /// What the token is for.
        scope: Option<String>,
    },
}

impl Challenge {
    /// The best of the offers in `WWW-Authenticate` headers: tokens before passwords.
    pub(super) fn best(headers: &[String]) -> Option<Self> {
        let offers: Vec<Self> = headers
            .iter()
            .filter_map(|header| Self::parse(header))
            .collect();
        let bearer = offers.iter().find(|offer| **offer != Self::Basic);
        bearer.or(offers.first()).cloned()
    }

    fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let found = parameters(rest);
        let get = |key: &str| {
            let all = found
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(key));
            all.map(|(_, value)| value.clone())
        };
        Some(Self::Bearer {
            realm: get("realm")?,
            service: get("service"),
            scope: get("scope"),
        })
    }
}

/// `key="value", key=value`: commas and escaped quotes may be inside quotes.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start_matches([' ', ',']);
    while let Some((key, after)) = rest.split_once('=') {
        let (value, end) = if let Some(quoted) = after.strip_prefix('"') {
            unquote(quoted)
        } else {
            let end = after.find(',').unwrap_or(after.len());
            (after[..end].trim().to_owned(), &after[end..])
        };
        found.push((key.trim().to_owned(), value));
        rest = end.trim_start_matches([' ', ',']);
    }
    found
}

/// The text up to the closing quote, and what is behind it.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(headers: &[&str]) -> Option<Challenge> {
        let headers: Vec<String> = headers.iter().map(|&header| header.to_owned()).collect();
        Challenge::best(&headers)
    }

    #[test]
    fn challenges_are_read() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
            Some(Challenge::Bearer {
                realm: realm.into(),
                service: service.map(Into::into),
                scope: scope.map(Into::into),
            })
        };
        assert_eq!(best(&["Basic realm=\"r\""]), Some(Challenge::Basic));
        assert_eq!(
            best(&[
                "Basic realm=\"r\"",
                "Bearer realm=\"https://a/token\",service=\"reg, \\\"x\\\"\", scope=\"repository:a/b:pull,push\"",
            ]),
            bearer(
                "https://a/token",
                Some("reg, \"x\""),
                Some("repository:a/b:pull,push")
            )
        );
        assert_eq!(
            best(&["bearer realm=https://a/token, error=x"]),
            bearer("https://a/token", None, None)
        );
        assert_eq!(best(&["Negotiate"]), None);
        assert_eq!(best(&["Bearer service=\"x\""]), None);
        assert_eq!(best(&[]), None);
    }
}
