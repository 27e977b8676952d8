//! Which of the versions there are is the one that is wanted.

use semver::Version;

use crate::{name::parse_version, stack::VersionRange};

/// How many versions are shown when none matches.
const SHOWN: usize = 5;

/// None of the versions is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoMatch {
    /// What there is instead, nearest first if one version was wanted, else newest first.
    pub(super) near: Vec<String>,
}

/// The newest version in the range, by the rules of Helm: pre-releases only where the range names
/// one, and none without a range. What is no version is passed over; a version written exactly as
/// wanted comes first, so that `1.2.3+b` means that build.
pub(super) fn pick<'a>(
    versions: impl IntoIterator<Item = &'a str>,
    wanted: Option<&VersionRange>,
) -> Result<&'a str, NoMatch> {
    let mut known: Vec<(Version, &str)> = versions
        .into_iter()
        .filter_map(|text| parse_version(text).map(|version| (version, text)))
        .collect();
    let said = wanted.map(VersionRange::as_str);
    if let Some((_, text)) = known.iter().find(|(_, text)| Some(*text) == said) {
        return Ok(text);
    }
    // Stable: of two equal ones the one that is listed first stays first.
    known.sort_by(|(a, _), (b, _)| b.cmp_precedence(a));
    let found = known.iter().find(|(version, _)| admits(wanted, version));
    found.map(|(_, text)| *text).ok_or_else(|| NoMatch {
        near: near(&known, said),
    })
}

/// Whether the version is wanted.
pub(super) fn admits(wanted: Option<&VersionRange>, version: &Version) -> bool {
    wanted.map_or(version.pre.is_empty(), |range| range.matches(version))
}

/// The one version that a range means, if it can mean only one.
pub(super) fn exact(wanted: &VersionRange) -> Option<Version> {
    let text = wanted.as_str().trim();
    Version::parse(text.strip_prefix(['v', '=']).unwrap_or(text)).ok()
}

fn near(newest_first: &[(Version, &str)], said: Option<&str>) -> Vec<String> {
    let mut known: Vec<_> = newest_first.iter().collect();
    if let Some(wanted) = said.and_then(parse_version) {
        let distance = |(version, _): &&(Version, &str)| {
            let apart = |a: u64, b: u64| a.abs_diff(b);
            [
                apart(version.major, wanted.major),
                apart(version.minor, wanted.minor),
                apart(version.patch, wanted.patch),
            ]
        };
        known.sort_by_key(distance);
    }
    known
        .into_iter()
        .take(SHOWN)
        .map(|(_, text)| (*text).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const THERE: [&str; 8] = [
        "1.0.0",
        "v1.2.0",
        "1.2.1",
        "2.0.0-rc.1",
        "1.10.0",
        "2.0.0-rc.2",
        "latest",
        "1.2.1+b",
    ];

    #[test]
    fn the_newest_that_is_wanted_is_picked() {
        for (wanted, expected) in [
            ("", Some("1.10.0")),
            ("*", Some("1.10.0")),
            ("1.2.0", Some("v1.2.0")),
            ("v1.2.0", Some("v1.2.0")),
            ("~1.2", Some("1.2.1")),
            ("1.2.1+b", Some("1.2.1+b")),
            (">=2.0.0-0", Some("2.0.0-rc.2")),
            ("2.0.0-rc.1", Some("2.0.0-rc.1")),
            (">=2", None),
            ("3.x", None),
        ] {
            let range = (!wanted.is_empty()).then(|| VersionRange::parse(wanted).unwrap());
            assert_eq!(pick(THERE, range.as_ref()).ok(), expected, "{wanted}");
        }
    }

    #[test]
    fn without_a_match_the_near_ones_are_told() {
        let near = |wanted: &str| pick(THERE, Some(&VersionRange::parse(wanted).unwrap()));
        let told = near("1.2.7").unwrap_err().near;
        assert_eq!(told[..2], ["1.2.1", "1.2.1+b"], "{told:?}");
        assert_eq!(near(">3").unwrap_err().near[0], "2.0.0-rc.2");
        assert_eq!(
            pick(["1.0.0-a"], None),
            Err(NoMatch {
                near: vec!["1.0.0-a".into()]
            })
        );
    }

    #[test]
    fn only_a_whole_version_is_exact() {
        for (text, expected) in [
            ("1.2.3", Some("1.2.3")),
            ("v1.2.3-rc.1+b", Some("1.2.3-rc.1+b")),
            ("=1.2.3", Some("1.2.3")),
            ("1.2", None),
            ("^1.2.3", None),
        ] {
            let range = VersionRange::parse(text).unwrap();
            assert_eq!(
                exact(&range).map(|v| v.to_string()).as_deref(),
                expected,
                "{text}"
            );
        }
    }
}
