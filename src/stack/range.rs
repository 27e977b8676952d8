//! Version ranges in Helm's grammar.
//!
//! Helm reads them with Masterminds/semver v3, whose rules differ from Cargo's: a bare `1.2.3`
//! means exactly that version, `||` and `!=` exist, blanks and commas both mean "and", and one
//! comparator with a pre-release lets its whole group match pre-releases.

use std::{cmp::Ordering, fmt};

use semver::{Prerelease, Version};

/// A range of versions, as Helm reads one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRange {
    text: String,
    any_of: Vec<Vec<Comparator>>,
}

/// A text that is no version range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a version range: {reason}")]
pub struct InvalidRange {
    text: String,
    reason: String,
}

impl InvalidRange {
    /// What is wrong, without the text itself.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Comparator {
    operator: Operator,
    /// Parts that are not said are 0.
    version: Version,
    /// How many of major, minor and patch are said.
    said: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Tilde,
    Caret,
}

/// Longer ones first.
const OPERATORS: [(&str, Operator); 12] = [
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterOrEqual),
    ("=>", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("=<", Operator::LessOrEqual),
    ("~>", Operator::Tilde),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
    ("", Operator::Equal),
];

impl VersionRange {
    /// Reads a range: `1.2.3`, `>=4.1, <5`, `^1.2 || ~2.0`, `1.2 - 1.4`, `1.x`, `*`.
    ///
    /// # Errors
    /// The text is no range.
    pub fn parse(text: &str) -> Result<Self, InvalidRange> {
        let any_of: Result<Vec<_>, String> = text.split("||").map(group).collect();
        match any_of {
            Ok(any_of) => Ok(Self {
                text: text.to_owned(),
                any_of,
            }),
            Err(reason) => Err(InvalidRange {
                text: text.to_owned(),
                reason,
            }),
        }
    }

    /// Whether the version is in the range.
    pub fn matches(&self, version: &Version) -> bool {
        self.any_of.iter().any(|group| {
            let pre_releases = group.iter().any(|one| !one.version.pre.is_empty());
            (version.pre.is_empty() || pre_releases) && group.iter().all(|one| one.admits(version))
        })
    }

    /// The range as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// Reads one version, as chart authors write them: a leading `v` is ignored.
pub(crate) fn version(text: &str) -> Result<Version, String> {
    Version::parse(text.trim().trim_start_matches('v'))
        .map_err(|error| format!("expected a version such as `1.2.3`: {error}"))
}

/// Comparators that must all hold.
fn group(text: &str) -> Result<Vec<Comparator>, String> {
    if let Some((low, high)) = text.split_once(" - ") {
        return Ok(vec![
            comparator(Operator::GreaterOrEqual, low.trim())?,
            comparator(Operator::LessOrEqual, high.trim())?,
        ]);
    }
    let mut group = Vec::new();
    // An operator may stand apart from its version.
    let mut pending = None;
    for word in text.split([' ', '\t', ',']).filter(|word| !word.is_empty()) {
        let (operator, version) = match pending.take() {
            Some(operator) => (operator, word),
            None => split_operator(word),
        };
        if version.is_empty() {
            pending = Some(operator);
        } else {
            group.push(comparator(operator, version)?);
        }
    }
    if pending.is_some() || group.is_empty() {
        return Err("a version is missing".to_owned());
    }
    Ok(group)
}

fn split_operator(word: &str) -> (Operator, &str) {
    OPERATORS
        .iter()
        .find_map(|(sign, operator)| Some((*operator, word.strip_prefix(sign)?)))
        .unwrap_or((Operator::Equal, word))
}

fn comparator(operator: Operator, text: &str) -> Result<Comparator, String> {
    let bad = || format!("`{text}` is not a version");
    let plain = text.strip_prefix('v').unwrap_or(text);
    let (plain, _build) = plain.split_once('+').unwrap_or((plain, ""));
    let (numbers, pre) = plain.split_once('-').unwrap_or((plain, ""));
    let mut version = Version::new(0, 0, 0);
    version.pre = Prerelease::new(pre).map_err(|_| bad())?;
    let mut said = 0;
    let mut wild = false;
    for (index, part) in numbers.split('.').enumerate() {
        if matches!(part, "x" | "X" | "*") {
            wild = true;
            continue;
        }
        let all_digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let number = part.parse().ok().filter(|_| all_digits && !wild);
        let number: u64 = number.ok_or_else(bad)?;
        match index {
            0 => version.major = number,
            1 => version.minor = number,
            2 => version.patch = number,
            _ => return Err(bad()),
        }
        said = index + 1;
    }
    Ok(Comparator {
        operator,
        version,
        said,
    })
}

impl Comparator {
    fn admits(&self, version: &Version) -> bool {
        let order = version.cmp_precedence(&self.version);
        match self.operator {
            Operator::Equal => self.same(version, self.said.min(3)) && self.exact(order),
            Operator::NotEqual => !(self.same(version, self.said.min(3)) && self.exact(order)),
            Operator::Greater => order.is_gt() && !(self.said < 3 && self.same(version, self.said)),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::Less => order.is_lt(),
            Operator::LessOrEqual => {
                order.is_le() || (self.said < 3 && self.same(version, self.said))
            }
            Operator::Tilde => order.is_ge() && self.same(version, self.said.min(2)),
            Operator::Caret => order.is_ge() && self.same(version, self.leading()),
        }
    }

    /// Whether the first `parts` of major, minor and patch are equal.
    fn same(&self, version: &Version, parts: usize) -> bool {
        let numbers = |version: &Version| [version.major, version.minor, version.patch];
        numbers(version)[..parts] == numbers(&self.version)[..parts]
    }

    /// A whole version must be equal in its pre-release, too.
    fn exact(&self, order: Ordering) -> bool {
        self.said < 3 || order.is_eq()
    }

    /// How many parts a caret keeps: up to the first that is not 0.
    fn leading(&self) -> usize {
        let version = &self.version;
        let first = [version.major, version.minor, version.patch]
            .iter()
            .position(|part| *part != 0)
            .map_or(3, |index| index + 1);
        first.min(self.said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Range, versions inside, versions outside. Taken from the documentation and tests of
    /// Masterminds/semver v3.
    const CASES: &[(&str, &[&str], &[&str])] = &[
        ("1.2.3", &["1.2.3"], &["1.2.4", "1.3.0", "1.2.3-rc.1"]),
        ("v1.18.2", &["1.18.2"], &["1.18.3"]),
        ("1.2", &["1.2.0", "1.2.9"], &["1.3.0"]),
        (
            ">=4.1, <5",
            &["4.1.0", "4.9.9"],
            &["4.0.9", "5.0.0", "4.3.0-rc.1"],
        ),
        (">=4.1 <5", &["4.1.0"], &["5.0.0"]),
        (">= 4.1, < 5", &["4.1.0"], &["5.0.0"]),
        (">=1.0.0-0, <2", &["1.5.0-rc.1", "1.5.0"], &["2.0.0"]),
        ("^1.2.3", &["1.2.3", "1.9.0"], &["2.0.0", "1.2.2"]),
        ("^0.2.3", &["0.2.9"], &["0.3.0", "0.2.2"]),
        ("^0.0.3", &["0.0.3"], &["0.0.4"]),
        ("^0", &["0.0.1", "0.9.0"], &["1.0.0"]),
        ("~1.2.3", &["1.2.3", "1.2.9"], &["1.3.0"]),
        ("~1", &["1.0.0", "1.9.0"], &["2.0.0"]),
        ("1.x", &["1.0.0", "1.9.9"], &["2.0.0"]),
        ("*", &["0.0.1", "9.0.0"], &["1.0.0-rc.1"]),
        ("1.2 - 1.4.5", &["1.2.0", "1.4.5"], &["1.4.6", "1.1.9"]),
        ("1.2 - 1.4", &["1.4.9"], &["1.5.0"]),
        (">11", &["12.0.0"], &["11.1.0"]),
        (">11.1", &["11.2.0"], &["11.1.3"]),
        ("<=11", &["11.9.0"], &["12.0.0"]),
        ("<1.1", &["1.0.9"], &["1.1.0"]),
        ("!=1.2.3", &["1.2.4"], &["1.2.3"]),
        ("!=1.2", &["1.3.0"], &["1.2.4"]),
        ("^1 || ^3", &["1.2.0", "3.0.0"], &["2.0.0"]),
    ];

    #[test]
    fn ranges_mean_what_they_mean_to_helm() {
        for (text, inside, outside) in CASES {
            let range = VersionRange::parse(text).unwrap();
            for (versions, expected) in [(inside, true), (outside, false)] {
                for one in *versions {
                    let parsed = Version::parse(one).unwrap();
                    assert_eq!(range.matches(&parsed), expected, "{one} in {text}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            "", "latest", ">=", "1.2.3.4", "1..2", ">=1 ||", "1.x.3", "-1", "1.2.3-é",
        ] {
            assert!(VersionRange::parse(text).is_err(), "{text}");
        }
    }
}
