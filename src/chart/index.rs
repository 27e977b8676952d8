//! The `index.yaml` of a chart repository.
//!
//! Indexes of 10 MB and more are common, and one run wants a few charts of them. So the text is
//! cut at the keys below `entries:` and only the wanted pieces are parsed; what is not written that
//! way (JSON, flow style) is parsed whole.

use std::{borrow::Cow, collections::HashMap, ops::Range};

use serde::{Deserialize, de::DeserializeOwned};

/// A downloaded index.
#[derive(Debug)]
pub(super) struct Index(Form);

#[derive(Debug)]
enum Form {
    /// The text, and where in it each chart's versions are.
    Pieces {
        text: String,
        charts: HashMap<String, Range<usize>>,
    },
    /// Parsed.
    Whole(HashMap<String, Vec<IndexEntry>>),
}

/// One version of a chart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub(super) struct IndexEntry {
    /// As the repository says it. Entries without one are passed over.
    pub(super) version: Option<String>,
    /// Where its archive is, relative to the repository's address.
    pub(super) urls: Option<Vec<String>>,
    /// SHA-256 of the archive.
    pub(super) digest: Option<String>,
}

#[derive(Deserialize)]
struct Document {
    entries: Option<HashMap<String, Option<Vec<IndexEntry>>>>,
}

impl Index {
    /// Reads an index; the error says why the bytes are none.
    pub(super) fn read(bytes: Vec<u8>) -> Result<Self, String> {
        let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
        let text = match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        };
        if text.trim_start().starts_with('{') {
            let json = serde_json::from_str(&text);
            return json.map_err(|error| error.to_string()).and_then(whole);
        }
        if text.trim_start().starts_with('<') {
            return Err("it is a web page".into());
        }
        match pieces(&text) {
            Some(charts) => Ok(Self(Form::Pieces { text, charts })),
            None => yaml(&text).and_then(whole),
        }
    }

    /// All versions of a chart; none if it is not listed.
    pub(super) fn versions(&self, name: &str) -> Result<Option<Cow<'_, [IndexEntry]>>, String> {
        match &self.0 {
            Form::Whole(charts) => Ok(charts.get(name).map(|all| Cow::Borrowed(all.as_slice()))),
            Form::Pieces { text, charts } => {
                let Some(range) = charts.get(name) else {
                    return Ok(None);
                };
                // The piece is `name:` and its list: a document of one key.
                let found: HashMap<String, Option<Vec<IndexEntry>>> = yaml(&text[range.clone()])?;
                let entries = found.into_values().next().flatten();
                Ok(Some(Cow::Owned(entries.unwrap_or_default())))
            }
        }
    }

    /// Names of all charts.
    pub(super) fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match &self.0 {
            Form::Whole(charts) => Box::new(charts.keys().map(String::as_str)),
            Form::Pieces { charts, .. } => Box::new(charts.keys().map(String::as_str)),
        }
    }
}

fn whole(document: Document) -> Result<Index, String> {
    let entries = document.entries.ok_or("it has no `entries`")?;
    let entries = entries
        .into_iter()
        .map(|(name, all)| (name, all.unwrap_or_default()));
    Ok(Index(Form::Whole(entries.collect())))
}

/// The limits of the parser are for configuration; the size of an index is limited before.
fn yaml<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let options = serde_saphyr::options! {
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_events: 100_000_000,
            max_nodes: 100_000_000,
            max_total_scalar_bytes: 1 << 30,
        },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let text = error.to_string();
        text.lines().next().unwrap_or_default().to_owned()
    })
}

/// Where each chart's lines are: those below a top-level `entries:` in block style. `None` if the
/// text is written in another way; anchors are too, since a piece would not know them.
fn pieces(text: &str) -> Option<HashMap<String, Range<usize>>> {
    let mut charts = HashMap::new();
    let mut inside = false;
    let mut indent = None;
    let mut open: Option<(String, usize)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let content = line.trim_end();
        let depth = content.len() - content.trim_start_matches(' ').len();
        let content = &content[depth..];
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let value = content.split_once(": ").map_or(content, |(_, value)| value);
        if value.trim_start_matches("- ").starts_with(['&', '*']) {
            return None;
        }
        if depth == 0 && !content.starts_with("- ") && content != "-" {
            close(&mut charts, &mut open, start);
            inside = content == "entries:";
            if content.starts_with("entries:") && !inside {
                return None;
            }
            continue;
        }
        let is_item = content.starts_with("- ") || content == "-";
        if !inside || is_item || depth > *indent.get_or_insert(depth) {
            continue;
        }
        if depth < indent? {
            return None;
        }
        close(&mut charts, &mut open, start);
        let key = content.strip_suffix(':')?;
        open = Some((key.trim_matches(['"', '\'']).to_owned(), start));
    }
    close(&mut charts, &mut open, at);
    (!charts.is_empty()).then_some(charts)
}

fn close(
    charts: &mut HashMap<String, Range<usize>>,
    open: &mut Option<(String, usize)>,
    end: usize,
) {
    if let Some((name, start)) = open.take() {
        charts.insert(name, start..end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &str = "\
apiVersion: v1
entries:
  # a comment
  web:
  - apiVersion: v2
    description: |
      web: not a key
    digest: abc
    urls:
    - https://h/web-1.2.0.tgz
    version: 1.2.0
  - version: v1.1.0
    urls: [web-1.1.0.tgz]
  'db':
    - urls:
        - db-1.0.tgz
      version: \"1.0\"
  none: []
generated: 2024-01-01T00:00:00Z
";

    fn versions(index: &str, name: &str) -> Option<Vec<String>> {
        let index = Index::read(index.as_bytes().to_vec()).unwrap();
        let found = index.versions(name).unwrap()?;
        Some(
            found
                .iter()
                .filter_map(|entry| entry.version.clone())
                .collect(),
        )
    }

    #[test]
    fn pieces_and_the_whole_say_the_same() {
        let json = r#"{"apiVersion":"v1","entries":{"web":[{"version":"1.2.0"},{"version":"v1.1.0"}],"db":[{"version":"1.0"}],"none":[]}}"#;
        let flow = "entries: {web: [{version: 1.2.0}, {version: v1.1.0}], db: [{version: '1.0'}], none: []}";
        let anchored = "entries:\n  web:\n  - version: 1.2.0\n    urls: &u [a]\n  - version: v1.1.0\n    urls: *u\n  db:\n  - version: '1.0'\n  none:\n";
        for index in [BLOCK, json, flow, anchored] {
            assert_eq!(
                versions(index, "web"),
                Some(vec!["1.2.0".into(), "v1.1.0".into()]),
                "{index}"
            );
            assert_eq!(versions(index, "db"), Some(vec!["1.0".into()]), "{index}");
            assert_eq!(versions(index, "none"), Some(vec![]), "{index}");
            assert_eq!(versions(index, "other"), None);
        }
        let index = Index::read(BLOCK.as_bytes().to_vec()).unwrap();
        let web = index.versions("web").unwrap().unwrap();
        assert_eq!(web[0].digest.as_deref(), Some("abc"));
        assert_eq!(
            web[0].urls.as_deref(),
            Some(&["https://h/web-1.2.0.tgz".to_owned()][..])
        );
        let mut names: Vec<_> = index.names().collect();
        names.sort_unstable();
        assert_eq!(names, ["db", "none", "web"]);
    }

    #[test]
    fn what_is_no_index_says_so() {
        for (text, expected) in [
            ("<!DOCTYPE html>", "a web page"),
            ("", "no `entries`"),
            ("apiVersion: v1\n", "no `entries`"),
            ("{\"entries\": 3}", "invalid type"),
            ("just text", ""),
            ("\u{0}\u{0}", ""),
        ] {
            let error = Index::read(text.as_bytes().to_vec()).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(Index::read(vec![0xff, 0xfe]).is_err());
    }
}
