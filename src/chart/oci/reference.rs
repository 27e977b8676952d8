//! `oci://…` references.

use crate::{digest::Digest, http::without_user};

/// Where the images of Docker Hub really are.
const DOCKER_HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// A chart in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::chart) struct Reference {
    /// Host and port, as written.
    pub(in crate::chart) host: String,
    /// Path below the host.
    pub(in crate::chart) repository: String,
    /// What is pinned in the reference itself.
    pub(in crate::chart) pin: Option<Pin>,
}

/// What stands behind the path of a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::chart) enum Pin {
    /// `:tag`
    Tag(String),
    /// `@sha256:…`, of the manifest.
    Digest(Digest),
}

impl Reference {
    /// Reads `oci://host[:port]/path/name[:tag][@sha256:…]`; the error says what is wrong.
    pub(in crate::chart) fn parse(text: &str) -> Result<Self, String> {
        let (plain, user) = without_user(text);
        let bad = |reason: &str| format!("`{plain}` is not an OCI reference: {reason}");
        if user.is_some() {
            return Err(bad("user and password belong into [repositories]"));
        }
        let rest = plain
            .strip_prefix("oci://")
            .ok_or_else(|| bad("it must start with oci://"))?;
        let rest = rest.trim_end_matches('/');
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => {
                let digest = Some(digest).filter(|text| text.starts_with("sha256:"));
                let digest = digest.and_then(Digest::parse);
                let digest =
                    digest.ok_or_else(|| bad("its digest is not sha256 and 64 hex digits"))?;
                (rest, Some(digest))
            }
            None => (rest, None),
        };
        let (host, path) = rest
            .split_once('/')
            .ok_or_else(|| bad("it names no chart"))?;
        let (repository, tag) = match path.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (path, None),
        };
        let is_path = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(c);
        if host.is_empty() || repository.split('/').any(str::is_empty) {
            return Err(bad("it must have a host, a path and a name"));
        }
        if !repository.chars().all(is_path) {
            return Err(bad(
                "its path may hold lower-case letters, digits and `.`, `_`, `-`",
            ));
        }
        let pin = match (digest, tag) {
            (Some(digest), _) => Some(Pin::Digest(digest)),
            (None, Some(tag)) if is_tag(tag) => Some(Pin::Tag(tag.to_owned())),
            (None, Some(_)) => return Err(bad("its tag is not valid")),
            (None, None) => None,
        };
        Ok(Self {
            host: host.to_owned(),
            repository: repository.to_owned(),
            pin,
        })
    }

    /// The reference without its pin.
    pub(in crate::chart) fn source(&self) -> String {
        format!("oci://{}/{}", self.host, self.repository)
    }

    /// The last part of the path: the chart's name, since `helm push` puts it there.
    pub(in crate::chart) fn name(&self) -> &str {
        self.repository
            .rsplit('/')
            .next()
            .unwrap_or(&self.repository)
    }

    /// The host to ask.
    pub(in crate::chart) fn server(&self) -> &str {
        if self.host == DOCKER_HUB.0 {
            DOCKER_HUB.1
        } else {
            &self.host
        }
    }
}

fn is_tag(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.len() <= 128
        && text.starts_with(is_word)
        && text.chars().all(|c| is_word(c) || c == '.' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_and_what_is_none_says_why() {
        let digest = Digest::of(b"x");
        for (text, source, pin) in [
            ("oci://h:5000/a/web", "oci://h:5000/a/web", None),
            ("oci://h/web/", "oci://h/web", None),
            (
                "oci://h:5000/a/web:1.0_b",
                "oci://h:5000/a/web",
                Some(Pin::Tag("1.0_b".into())),
            ),
            (
                &format!("oci://h/a/web@{digest}"),
                "oci://h/a/web",
                Some(Pin::Digest(digest.clone())),
            ),
            (
                &format!("oci://h/a/web:1@{digest}"),
                "oci://h/a/web",
                Some(Pin::Digest(digest.clone())),
            ),
        ] {
            let reference = Reference::parse(text).unwrap();
            assert_eq!(
                (reference.source().as_str(), &reference.pin),
                (source, &pin),
                "{text}"
            );
            assert_eq!(reference.name(), "web");
        }
        for (text, expected) in [
            ("https://h/web", "must start with oci://"),
            ("oci://h", "names no chart"),
            ("oci:///web", "must have a host"),
            ("oci://h/a//web", "must have a host"),
            ("oci://h/Web", "lower-case"),
            ("oci://h/../web?x", "lower-case"),
            ("oci://h/web:1+b", "tag is not valid"),
            ("oci://h/web@sha256:12", "digest is not"),
            ("oci://u:hunter2@h/web", "belong into [repositories]"),
        ] {
            let error = Reference::parse(text).unwrap_err();
            assert!(
                error.contains(expected) && !error.contains("hunter2"),
                "{text}: {error}"
            );
        }
        assert_eq!(
            Reference::parse("oci://docker.io/a/b").unwrap().server(),
            "registry-1.docker.io"
        );
    }
}
