//! `-l`: charts by their labels.

use std::{collections::BTreeMap, fmt, str::FromStr};

use crate::stack::Chart;

/// One `-l`: conditions that must all hold. Several selectors are alternatives.
///
/// `k=v` and `k==v` want the label to be `v`; `k!=v` wants it to be something else or absent, as
/// Kubernetes' own selectors do. `name` is the chart's name, whatever its labels say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    key: String,
    value: String,
    equal: bool,
}

/// A selector that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("selector `{text}` is not valid: {reason}")]
pub struct SelectorError {
    text: String,
    reason: String,
}

impl Selector {
    /// Whether the chart meets all conditions.
    pub fn matches(&self, chart: &Chart) -> bool {
        let labels = &chart.labels;
        self.terms
            .iter()
            .all(|term| term.holds(chart.name.as_str(), labels))
    }
}

impl Term {
    fn holds(&self, name: &str, labels: &BTreeMap<String, String>) -> bool {
        let found = match self.key.as_str() {
            "name" => Some(name),
            key => labels.get(key).map(String::as_str),
        };
        (found == Some(self.value.as_str())) == self.equal
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let terms = text.split(',').map(term).collect::<Result<_, _>>();
        terms
            .map(|terms| Self { terms })
            .map_err(|reason| SelectorError {
                text: text.to_owned(),
                reason,
            })
    }
}

fn term(text: &str) -> Result<Term, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("a condition is empty; write `key=value` or `key!=value`".into());
    }
    let Some((left, value)) = text.split_once('=') else {
        return Err(format!(
            "`{text}` compares with nothing; write `{text}=VALUE` or `{text}!=VALUE`"
        ));
    };
    let (key, equal) = match left.strip_suffix('!') {
        Some(key) => (key, false),
        None => (left, true),
    };
    let value = match value.strip_prefix('=') {
        Some(value) if equal => value,
        _ => value,
    };
    let (key, value) = (key.trim(), value.trim());
    if key.is_empty() {
        return Err(format!("`{text}` names no label before the `=`"));
    }
    if let Some(odd) = [key, value].concat().chars().find(|&c| !allowed(c)) {
        return Err(format!("`{text}` holds {odd:?}, which no label can"));
    }
    Ok(Term {
        key: key.to_owned(),
        value: value.to_owned(),
        equal,
    })
}

/// Characters of Kubernetes' label keys and values.
fn allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_./".contains(c)
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Term { key, value, equal }) in self.terms.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let sign = if *equal { "=" } else { "!=" };
            write!(f, "{comma}{key}{sign}{value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(selector: &str) -> bool {
        let labels = [("tier", "base"), ("team", ""), ("name", "not-this")];
        let labels = labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let selector: Selector = selector.parse().unwrap();
        selector.terms.iter().all(|term| term.holds("web", &labels))
    }

    #[test]
    fn conditions_compare_labels_as_kubernetes_does() {
        for (selector, expected) in [
            ("tier=base", true),
            ("tier==base", true),
            (" tier = base , name = web ", true),
            ("tier!=base", false),
            ("tier=web", false),
            ("tier!=web", true),
            ("absent!=x", true),
            ("absent=x", false),
            ("team=", true),
            ("name=web", true),
            ("name=not-this", false),
            ("tier=base,name!=web", false),
        ] {
            assert_eq!(holds(selector), expected, "{selector}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (text, reason) in [
            ("", "a condition is empty"),
            ("tier=base,", "a condition is empty"),
            ("tier", "`tier` compares with nothing; write `tier=VALUE`"),
            ("=base", "names no label"),
            ("!=base", "names no label"),
            ("tier in (a)", "compares with nothing"),
            ("a=b=c", "holds '='"),
            ("a!==c", "holds '='"),
            ("a=b c", "holds ' '"),
        ] {
            let error = text.parse::<Selector>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(error.contains(&format!("selector `{text}`")), "{error}");
        }
    }

    #[test]
    fn a_selector_prints_as_it_reads() {
        let selector: Selector = "tier==base, name!=web".parse().unwrap();
        assert_eq!(selector.to_string(), "tier=base,name!=web");
        assert_eq!(selector.to_string().parse(), Ok(selector));
    }
}
