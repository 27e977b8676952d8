//! What Kubernetes lets names, labels and annotations be made of. How long they may be is for those
//! who ask to say.

/// Lower-case letters, digits and `-`, a letter or digit at both ends (RFC 1123 label).
pub fn is_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// Labels with dots between them (RFC 1123 subdomain): what may stand before the `/` of a key.
pub fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}

/// Letters, digits, `-`, `_` and `.`, a letter or digit at both ends: a key without what stands
/// before its `/`, and a label's value that is not empty.
pub fn is_wordy(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && ends(text.chars().next())
        && ends(text.chars().next_back())
}
