//! YAML of charts, as Helm reads it: scalars by YAML 1.1, the last of two equal keys wins.

use serde::de::DeserializeOwned;

/// All documents that are not empty. Files of charts were limited in size before; a schema is
/// deeper, and has more values, than the parser's limits for configuration allow.
pub(super) fn all<T: DeserializeOwned>(bytes: &[u8]) -> Result<Vec<T>, String> {
    let options = serde_saphyr::options! {
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins,
        legacy_octal_numbers: true,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: 256,
            max_events: 20_000_000,
            max_nodes: 10_000_000,
        },
    };
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    // A byte order mark is no content.
    let text = text.trim_start_matches('\u{feff}');
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
        let text = error.to_string();
        text.lines().next().unwrap_or_default().to_owned()
    })
}
