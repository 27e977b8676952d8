//! What helm prints when it succeeded.

use serde::Deserialize;

/// The release that `upgrade --output json` prints, as far as it is used. 3 and 4 agree on this.
#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct Release {
    pub(super) version: u32,
    #[serde(default)]
    pub(super) manifest: Option<String>,
}

/// The answer to an upgrade. Warnings may come before the JSON.
pub(super) fn release(stdout: &[u8]) -> Option<Release> {
    let start = match stdout.first()? {
        b'{' => 0,
        _ => 1 + stdout.windows(2).position(|pair| pair == b"\n{")?,
    };
    let mut values = serde_json::Deserializer::from_slice(&stdout[start..]).into_iter();
    values.next()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_revision_is_found_and_nothing_else_is_taken_for_it() {
        let v3 = r#"{"name":"web","info":{"deleted":"","status":"deployed"},"chart":{"files":null},"config":{"version":"7"},"version":3,"namespace":"shop"}"#;
        let v4 = r#"{"name":"web","info":{"status":"deployed"},"version":4,"namespace":"shop","apply_method":"ssa"}"#;
        for (text, expected) in [
            (v3.to_owned(), Some(3)),
            (format!("{v4}\n"), Some(4)),
            (format!("WARNING: old\nRelease {{x}}\n{v3}\nbye\n"), Some(3)),
            (String::new(), None),
            ("Release \"web\" has been upgraded".to_owned(), None),
            ("{\"name\":\"web\"}".to_owned(), None),
            (v3[..v3.len() - 4].to_owned(), None),
        ] {
            let found = release(text.as_bytes()).map(|release| release.version);
            assert_eq!(found, expected, "{text}");
        }
    }
}
