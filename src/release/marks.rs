//! Our labels on release records, written through `helm --labels`.
//!
//! Helm copies them into later revisions, also those of others, and rollbacks copy the target's:
//! they are only believed when [`Marks::revision`] is the record's own revision.

use std::collections::BTreeMap;

use crate::{
    digest::{Digests, Done},
    name::{EnvironmentName, RunId, StackName},
};

const STACK: &str = "stackctl.io/stack";
const ENVIRONMENT: &str = "stackctl.io/environment";
const RUN: &str = "stackctl.io/run";
pub(super) const REVISION: &str = "stackctl.io/rev";
const DIGEST: &str = "stackctl.io/digest";
/// Written by us after validation, not through Helm.
pub(super) const DONE: &str = "stackctl.io/done";
const CHART_VERSION: &str = "stackctl.io/chart-version";

/// Longest label value.
const LONGEST: usize = 63;

/// A value that cannot be a label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{value}` cannot be the value of label {key}: at most 63 letters, digits, `-`, `_` and `.`, \
     with a letter or digit first and last"
)]
pub struct LabelError {
    /// The label.
    pub key: &'static str,
    /// The value.
    pub value: String,
}

/// What stackctl says on a release record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// `stackctl.io/stack`.
    pub stack: Option<StackName>,
    /// `stackctl.io/environment`; absent for a stack without one. A label of its own, so that both
    /// names may be as long as a label's value, and so that either can be selected by.
    pub environment: Option<EnvironmentName>,
    /// `stackctl.io/run`.
    pub run: Option<RunId>,
    /// `stackctl.io/rev`: the revision the writer expected to make.
    pub revision: Option<u32>,
    /// `stackctl.io/digest`: what the revision was made of.
    pub digest: Option<Digests>,
    /// `stackctl.io/done`: written after the `post` steps, and after validation.
    pub done: Option<Done>,
    /// `stackctl.io/chart-version`. A `+` is written as `_`, as Helm does in its own labels, and
    /// read back as `+`: a semantic version has no `_`.
    pub chart_version: Option<String>,
}

impl Marks {
    /// The labels to give to Helm. It keeps those of the revision before (`inherited`) that are not
    /// given, but those that are given as `null` (helm.md section 1): the environment of another
    /// owner must go.
    pub fn labels(&self, inherited: Option<&Self>) -> Result<BTreeMap<String, String>, LabelError> {
        let chart_version = self
            .chart_version
            .as_ref()
            .map(|version| version.replace('+', "_"));
        let no_environment = inherited
            .filter(|_| self.environment.is_none())
            .and_then(|inherited| inherited.environment.as_ref())
            .map(|_| "null".to_owned());
        [
            (STACK, self.stack.as_ref().map(ToString::to_string)),
            (
                ENVIRONMENT,
                self.environment
                    .as_ref()
                    .map(ToString::to_string)
                    .or(no_environment),
            ),
            (RUN, self.run.as_ref().map(ToString::to_string)),
            (REVISION, self.revision.map(|revision| revision.to_string())),
            (DIGEST, self.digest.as_ref().map(ToString::to_string)),
            (DONE, self.done.as_ref().map(ToString::to_string)),
            (CHART_VERSION, chart_version),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .map(|(key, value)| {
            if is_label_value(&value) {
                Ok((key.to_owned(), value))
            } else {
                Err(LabelError { key, value })
            }
        })
        .collect()
    }

    /// Reads them back; a mark that is not understood counts as absent.
    pub fn parse(labels: &BTreeMap<String, String>) -> Self {
        let text = |key: &str| labels.get(key).filter(|value| !value.is_empty());
        Self {
            stack: text(STACK).and_then(|value| StackName::new(value).ok()),
            environment: text(ENVIRONMENT).and_then(|value| EnvironmentName::new(value).ok()),
            run: text(RUN).and_then(|value| RunId::new(value).ok()),
            revision: text(REVISION).and_then(|value| value.parse().ok()),
            digest: text(DIGEST).and_then(|value| Digests::parse(value)),
            done: text(DONE).and_then(|value| Done::parse(value)),
            chart_version: text(CHART_VERSION).map(|value| value.replace('_', "+")),
        }
    }
}

/// `IsValidLabelValue` of apimachinery, without the empty value.
fn is_label_value(value: &str) -> bool {
    let bytes = value.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    bytes.len() <= LONGEST
        && ends
            .into_iter()
            .all(|end| end.is_some_and(u8::is_ascii_alphanumeric))
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGESTS: &str = "0123456789ab-123456789abc-23456789abcd-3456789abcde";

    fn marks() -> Marks {
        Marks {
            stack: Some(StackName::new("platform").unwrap()),
            environment: Some(EnvironmentName::new("staging").unwrap()),
            run: Some(RunId::new("20260101-x").unwrap()),
            revision: Some(7),
            digest: Digests::parse(DIGESTS),
            done: Done::parse("7-0123456789ab"),
            chart_version: Some("1.2.3-rc.1+build.5".to_owned()),
        }
    }

    #[test]
    fn marks_read_back_what_they_write() {
        let labels = marks().labels(None).unwrap();
        assert_eq!(labels[CHART_VERSION], "1.2.3-rc.1_build.5");
        assert_eq!(Marks::parse(&labels), marks());
        assert!(Marks::default().labels(None).unwrap().is_empty());
    }

    #[test]
    fn the_environment_of_another_owner_does_not_stay() {
        let other = marks();
        let ours = Marks {
            environment: None,
            ..marks()
        };
        assert_eq!(ours.labels(Some(&other)).unwrap()[ENVIRONMENT], "null");
        assert!(!ours.labels(Some(&ours)).unwrap().contains_key(ENVIRONMENT));
        assert_eq!(other.labels(Some(&other)).unwrap()[ENVIRONMENT], "staging");
    }

    #[test]
    fn what_no_label_can_hold_is_an_error() {
        for version in [
            String::new(),
            "1".repeat(64),
            "-1".into(),
            "1.".into(),
            "1 0".into(),
            "ä".into(),
        ] {
            let error = Marks {
                chart_version: Some(version),
                ..marks()
            }
            .labels(None)
            .unwrap_err();
            assert_eq!(error.key, CHART_VERSION);
        }
    }

    #[test]
    fn nonsense_counts_as_absent() {
        let labels = [
            (REVISION, "seven"),
            (STACK, "UPPER"),
            (RUN, ""),
            ("owner", "helm"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(Marks::parse(&labels.into()), Marks::default());
    }
}
