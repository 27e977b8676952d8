//! What a revision of a release was made of, short enough for a label.

use std::fmt;

/// The first 12 hex digits of a SHA-256 digest: tells two states of one thing apart, and is no
/// proof against anybody who looks for a collision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Short(pub(super) String);

impl Short {
    pub(super) const LENGTH: usize = 12;

    fn parse(text: &str) -> Option<Self> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == Self::LENGTH && text.bytes().all(is_hex)).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a revision was made of, and what was done around it. The first three are what is executed;
/// apart, so that a plan can say which of them is another. Prints as four groups of hex digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// Of the chart's files.
    pub chart: Short,
    /// Of its values, merged.
    pub values: Short,
    /// Of what else makes what is rendered: release, Kubernetes version, what the cluster serves.
    pub setting: Short,
    /// Of what is done around it: steps, namespace.
    pub around: Short,
}

impl Digests {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-').map(Short::parse);
        let mut next = || parts.next().flatten();
        let digests = Self {
            chart: next()?,
            values: next()?,
            setting: next()?,
            around: next()?,
        };
        parts.next().is_none().then_some(digests)
    }
}

impl fmt::Display for Digests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            chart,
            values,
            setting,
            around,
        } = self;
        write!(f, "{chart}-{values}-{setting}-{around}")
    }
}

/// How far a chart has come after its release was made. Prints as `7-AROUND`, or
/// `7-AROUND-posted` as long as it was not validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The revision.
    pub revision: u32,
    /// What was done around it ([`Digests::around`]).
    pub around: Short,
    /// It was validated, too; else only its `post` steps have run.
    pub validated: bool,
}

/// What ends the mark of a chart that is not validated.
const POSTED: &str = "posted";

impl Done {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (revision, rest) = text.split_once('-')?;
        let (around, validated) = match rest.split_once('-') {
            None => (rest, true),
            Some((around, POSTED)) => (around, false),
            Some(_) => return None,
        };
        Some(Self {
            revision: revision.parse().ok()?,
            around: Short::parse(around)?,
            validated,
        })
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.revision, self.around)?;
        if self.validated {
            return Ok(());
        }
        write!(f, "-{POSTED}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn digests() -> Digests {
        let of = |text: &str| Digest::of(text.as_bytes()).short();
        Digests {
            chart: of("chart"),
            values: of("values"),
            setting: of("setting"),
            around: of("around"),
        }
    }

    #[test]
    fn digests_fit_a_label_and_read_back() {
        let text = digests().to_string();
        assert!(text.len() <= 63, "{text}");
        assert_eq!(Digests::parse(&text), Some(digests()));
        for bad in [
            "",
            "abc",
            &text[1..],
            &format!("{text}-x"),
            &text.to_uppercase(),
        ] {
            assert_eq!(Digests::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn marks_of_what_is_done_read_back() {
        for validated in [true, false] {
            let done = Done {
                revision: 7,
                around: digests().around,
                validated,
            };
            assert_eq!(Done::parse(&done.to_string()), Some(done));
        }
        let around = digests().around;
        for bad in [
            "",
            "7",
            "7-abc",
            &format!("x-{around}"),
            &format!("7-{around}-other"),
        ] {
            assert_eq!(Done::parse(bad), None, "{bad}");
        }
    }
}
