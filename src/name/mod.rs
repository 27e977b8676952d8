//! The names and small vocabularies every other module speaks: charts and their nodes, releases,
//! namespaces, stacks, runs, milestones, release statuses.
//!
//! A leaf: it uses nothing of ours, and anything may use it. Each name is checked once, in its
//! constructor, so that whoever holds one need not check again.

mod node;
mod object;
mod status;
mod syntax;
mod words;

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

pub use node::{NodeName, Part};
pub use object::ObjectRef;
pub use status::ReleaseStatus;
pub use syntax::{is_label, is_subdomain, is_wordy};
pub use words::{Action, Direction, Milestone};

/// Why a text is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} `{text}` is not valid: {reason}")]
pub struct InvalidName {
    kind: &'static str,
    text: String,
    reason: &'static str,
}

impl InvalidName {
    /// What the name must look like, without the name itself.
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}

/// RFC 1123 label: what Kubernetes accepts as a namespace, and (up to 53) Helm as a release name.
const LABEL: &str =
    "use lower-case letters, digits and `-`, starting and ending with a letter or digit";
const LABEL_TOO_LONG: &str = "it is longer than 63 characters";
const RELEASE_TOO_LONG: &str = "it is longer than the 53 characters Helm allows";

fn check_label(text: &str, max: usize, too_long: &'static str) -> Result<(), &'static str> {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.last()) {
        (None, _) | (_, None) => Err("it is empty"),
        _ if bytes.len() > max => Err(too_long),
        (Some(&first), Some(&last))
            if inner(first) && inner(last) && bytes.iter().all(|&c| inner(c) || c == b'-') =>
        {
            Ok(())
        }
        _ => Err(LABEL),
    }
}

/// Helm allows dots in release names (`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.…)*$`, 53 characters).
fn check_release(text: &str) -> Result<(), &'static str> {
    if text.len() > 53 {
        return Err(RELEASE_TOO_LONG);
    }
    text.split('.')
        .try_for_each(|part| check_label(part, 53, RELEASE_TOO_LONG))
}

/// A chart key is free of what our own grammars use (`:` in needs and `--set`, `,` and `=` in
/// selectors), and usable as a release name, which it is by default.
fn check_chart(text: &str) -> Result<(), &'static str> {
    check_label(text, 53, RELEASE_TOO_LONG)
}

fn check_dns_label(text: &str) -> Result<(), &'static str> {
    check_label(text, 63, LABEL_TOO_LONG)
}

fn check_run(text: &str) -> Result<(), &'static str> {
    check_label(text, 63, LABEL_TOO_LONG)
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $kind:literal, $check:path;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text and makes it a name.
            pub fn new(text: &str) -> Result<Self, InvalidName> {
                match $check(text) {
                    Ok(()) => Ok(Self(text.into())),
                    Err(reason) => Err(InvalidName { kind: $kind, text: text.to_owned(), reason }),
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

names! {
    /// Key of a `[charts.NAME]` table: one node of the graph.
    ChartName, "chart name", check_chart;
    /// Name of a Helm release.
    ReleaseName, "release name", check_release;
    /// A Kubernetes namespace.
    Namespace, "namespace", check_dns_label;
    /// `[stack] name`.
    StackName, "stack name", check_dns_label;
    /// Key of an `[environments.NAME]` table.
    EnvironmentName, "environment name", check_dns_label;
    /// Identifies one run: sortable by start time, usable as a label value and a file name.
    RunId, "run id", check_run;
}

/// A stack and its environment, for people: `platform`, or `platform (staging)`.
pub fn identity(stack: &StackName, environment: Option<&EnvironmentName>) -> String {
    match environment {
        Some(environment) => format!("{stack} ({environment})"),
        None => stack.to_string(),
    }
}

/// One Helm release of one cluster: what Helm itself is keyed by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReleaseId {
    /// Namespace that holds the release's records.
    pub namespace: Namespace,
    /// Name of the release.
    pub name: ReleaseName,
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Reads the version of a chart as Helm does (Masterminds' `NewVersion`): a leading `v` and missing
/// minor and patch numbers are fine. `None` if it is no version.
pub fn parse_version(text: &str) -> Option<semver::Version> {
    let text = text.trim();
    let text = text.strip_prefix('v').unwrap_or(text);
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    let missing = 2_usize.checked_sub(numbers.matches('.').count())?;
    semver::Version::parse(&format!("{numbers}{}{rest}", ".0".repeat(missing))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_helm_reads_them() {
        for (text, expected) in [
            ("1.2.3", Some("1.2.3")),
            ("v1.2.3-beta.1+x", Some("1.2.3-beta.1+x")),
            ("v2", Some("2.0.0")),
            ("1.4-rc1", Some("1.4.0-rc1")),
            ("1.2.3.4", None),
            ("latest", None),
            ("", None),
        ] {
            let read = parse_version(text).map(|version| version.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn names_are_checked_once_and_say_why() {
        for good in ["a", "web", "cert-manager-2", "0"] {
            assert!(ChartName::new(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("", "empty"),
            ("Web", "lower-case"),
            ("-a", "lower-case"),
            ("a-", "lower-case"),
            ("a:b", "lower-case"),
            ("a_b", "lower-case"),
        ] {
            let error = ChartName::new(bad).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
        assert!(ReleaseName::new(&"a".repeat(53)).is_ok());
        assert!(ReleaseName::new(&"a".repeat(54)).is_err());
        assert!(Namespace::new(&"a".repeat(63)).is_ok());
        assert!(Namespace::new(&"a".repeat(64)).is_err());
        assert!(ReleaseName::new("a.b").is_ok());
        assert!(ReleaseName::new("a..b").is_err());
    }
}
