//! Values that must not be seen: masked strings, and the redactor that takes them out of any text
//! on its way to a person or a file.
//!
//! A leaf. A [`Redactor`] is shared by everything that forwards foreign text (a child's output,
//! error messages, the journal); its product, [`Redacted`], is the only text those places accept.

use std::{
    fmt,
    sync::{Arc, RwLock},
};

use serde::{Deserialize, Serialize};

/// What a secret is printed as.
pub const MASK: &str = "***";

/// Shorter values are not searched for in text: masking every `1` would leave nothing to read.
const SHORTEST_NEEDLE: usize = 4;

/// A string that prints as [`MASK`]; the plain text must be asked for with [`Secret::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Wraps a value.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The plain text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Text that went through a [`Redactor`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Redacted(String);

impl Redacted {
    /// The text, safe to show.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, safe to show.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Takes known secrets out of text. Cheap to clone; all clones share what they know.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    needles: Arc<RwLock<Vec<Secret>>>,
}

impl Redactor {
    /// Makes a value known. Each line of a value of several lines is known on its own too, since
    /// output is redacted line by line; so are its JSON-escaped and base64 forms, in which Helm
    /// and Kubernetes repeat values.
    pub fn add(&self, secret: &Secret) {
        let text = secret.expose();
        let mut found: Vec<String> = vec![text.to_owned()];
        found.extend(text.lines().map(|line| line.trim().to_owned()));
        let json = serde_json::Value::from(text).to_string();
        found.push(json.trim_matches('"').to_owned());
        found.push(base64(text.as_bytes()));
        let mut needles = self
            .needles
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        for needle in found {
            if needle.len() >= SHORTEST_NEEDLE && !needles.iter().any(|n| n.expose() == needle) {
                needles.push(Secret::new(needle));
            }
        }
        // Longest first: a secret that contains another one is masked whole.
        needles.sort_by_key(|needle| std::cmp::Reverse(needle.expose().len()));
    }

    /// The text with every known secret masked.
    pub fn redact(&self, text: &str) -> Redacted {
        let needles = self
            .needles
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut text = text.to_owned();
        for needle in needles.iter().filter(|needle| !needle.expose().is_empty()) {
            if text.contains(needle.expose()) {
                text = text.replace(needle.expose(), MASK);
            }
        }
        Redacted(text)
    }
}

/// The serializer of Kubernetes' own byte strings does the encoding.
fn base64(bytes: &[u8]) -> String {
    serde_json::to_value(k8s_openapi::ByteString(bytes.to_vec()))
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_masked() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn the_redactor_finds_every_form_of_a_value() {
        let redactor = Redactor::default();
        redactor.add(&Secret::new("pa\"ss word\nsecond line"));
        redactor.add(&Secret::new("hunter2"));
        let text = "a hunter2 b aHVudGVyMg== c pa\\\"ss word d second line e";
        assert_eq!(
            redactor.redact(text).as_str(),
            "a *** b *** c pa\\\"ss word d *** e"
        );
        assert_eq!(redactor.redact("pa\"ss word").as_str(), "***");
    }

    #[test]
    fn short_values_do_not_mask_everything() {
        let redactor = Redactor::default();
        redactor.add(&Secret::new("1"));
        assert_eq!(redactor.redact("11 charts").as_str(), "11 charts");
    }
}
