//! The part of the model that is about a chart's steps: when each runs, how often it is tried,
//! what its failure means. What a step does is its [`Verb`].

use std::time::Duration;

use crate::{diagnostic::Place, name::Action, stack::template::Template};

use super::Verb;

/// Steps a file declares for one chart.
#[derive(Debug, Clone, Default)]
pub struct Steps {
    /// Before exec.
    pub pre: Vec<Step>,
    /// After the workloads are ready.
    pub post: Vec<Step>,
    /// Last; a failure stops the graph. They look and check, they change nothing.
    pub validate: Vec<Step>,
    /// When exec failed.
    pub on_failure: Vec<Step>,
    /// All of them as they are written, by phase, to tell whether they were edited.
    pub said: serde_json::Value,
}

impl Steps {
    /// All of them, in the order of a run that fails late.
    pub fn iter(&self) -> impl Iterator<Item = &Step> {
        [&self.pre, &self.post, &self.validate, &self.on_failure]
            .into_iter()
            .flatten()
    }
}

/// One declared step.
#[derive(Debug, Clone)]
pub struct Step {
    /// For people: `name`, else the verb; made unique in its phase (`run`, `run-2`).
    pub name: String,
    /// What it does.
    pub verb: Verb,
    /// Whether it runs.
    pub when: When,
    /// What its failure means.
    pub on_error: OnError,
    /// Deadline of one attempt. Default for whatever may have to wait (`run`, `wait`, `delete`,
    /// `scale`, `restart`, `helm_test`) the chart's own, for everything else one minute.
    pub timeout: Duration,
    /// How often it is tried.
    pub retry: Retry,
    /// Where it is declared.
    pub place: Option<Place>,
}

/// `when`: all that is said must hold.
#[derive(Debug, Clone, Default)]
pub struct When {
    /// `action`: what is done to the chart is one of these. Default: all but uninstall.
    pub actions: Vec<Action>,
    /// `changed`: what this `capture` step took is something else by now. Without a value
    /// captured (its own `when` said no) it has not changed.
    pub changed: Option<String>,
    /// `installed`: whether the release had a revision that is `deployed` when the chart's turn
    /// came.
    pub installed: Option<bool>,
    /// `input`: references to inputs, and the values these must have.
    pub inputs: Vec<(Template, serde_json::Value)>,
}

/// `on_error`: what a step's failure means, after its last attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// The chart fails.
    #[default]
    Fail,
    /// A warning; the chart goes on.
    Warn,
    /// Nothing; the chart goes on.
    Ignore,
}

/// `retry = { attempts, delay, backoff, on }`. One attempt means no retry.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Attempts in total, at least 1.
    pub attempts: u32,
    /// Pause after the first one.
    pub delay: Duration,
    /// What each later pause is longer by, as a factor; at least 1.
    pub backoff: f64,
    /// The failures that are worth another attempt. Never those that cannot pass
    /// ([`ErrorClass::can_pass`]).
    pub on: Vec<ErrorClass>,
}

impl Retry {
    /// No pause is longer, whatever the backoff.
    pub const LONGEST_PAUSE: Duration = Duration::from_mins(10);

    /// The pause after the attempt of this number, counting from 1.
    pub fn pause_after(&self, attempt: u32) -> Duration {
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let factor = self.backoff.powi(exponent);
        let longest = Self::LONGEST_PAUSE.max(self.delay);
        Duration::try_from_secs_f64(self.delay.as_secs_f64() * factor)
            .map_or(longest, |pause| pause.min(longest))
    }
}

/// What kind of failure it was: what `retry.on` can name. Helm and the API server have a hundred
/// ways to fail; whether to try again needs no finer words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// An admission or conversion webhook did not answer.
    Webhook,
    /// A kind is not served (yet).
    NoMatch,
    /// Another operation holds the release.
    Lock,
    /// No answer: the connection, or a server that is in trouble.
    Network,
    /// Not ready, not gone, not done in time.
    Timeout,
    /// Somebody else changes or owns the same.
    Conflict,
    /// An object that has to be there is not.
    NotFound,
    /// A hook of the chart failed.
    Hook,
    /// Something is not as a check wants it.
    Mismatch,
    /// A command failed.
    Command,
    /// The API server does not want it: not valid, not allowed by a policy, immutable.
    Refused,
    /// Anything else.
    Other,
    /// Chart or values are wrong.
    Schema,
    /// A text or a template has no value, or failed.
    Template,
    /// The credentials, or their rights, do not do.
    Auth,
    /// Somebody ended it.
    Kill,
}

impl ErrorClass {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 16] = [
        Self::Webhook,
        Self::NoMatch,
        Self::Lock,
        Self::Network,
        Self::Timeout,
        Self::Conflict,
        Self::NotFound,
        Self::Hook,
        Self::Mismatch,
        Self::Command,
        Self::Refused,
        Self::Other,
        Self::Schema,
        Self::Template,
        Self::Auth,
        Self::Kill,
    ];

    /// Those that pass by themselves, mostly: what exec is tried again for where nothing is said.
    /// A timeout is not one of them: what is too slow takes its whole time again.
    pub const PASSING: [Self; 5] = [
        Self::Webhook,
        Self::NoMatch,
        Self::Lock,
        Self::Network,
        Self::Conflict,
    ];

    /// The word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::NoMatch => "no-match",
            Self::Lock => "lock",
            Self::Network => "network",
            Self::Timeout => "timeout",
            Self::Conflict => "conflict",
            Self::NotFound => "not-found",
            Self::Hook => "hook",
            Self::Mismatch => "mismatch",
            Self::Command => "command",
            Self::Refused => "refused",
            Self::Other => "other",
            Self::Schema => "schema",
            Self::Template => "template",
            Self::Auth => "auth",
            Self::Kill => "kill",
        }
    }

    /// Whether the same may succeed another time. The original retried wrong values and its own
    /// kills (engine.md W10).
    pub fn can_pass(self) -> bool {
        !matches!(
            self,
            Self::Schema | Self::Template | Self::Auth | Self::Kill
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_by_the_backoff_up_to_a_bound() {
        let retry = |delay, backoff| Retry {
            attempts: 99,
            delay: Duration::from_secs(delay),
            backoff,
            on: Vec::new(),
        };
        let pauses = |retry: Retry| [1, 2, 3, 4, 40].map(|n| retry.pause_after(n).as_secs());
        assert_eq!(pauses(retry(5, 1.0)), [5, 5, 5, 5, 5]);
        assert_eq!(pauses(retry(5, 2.0)), [5, 10, 20, 40, 600]);
        assert_eq!(pauses(retry(900, 3.0)), [900, 900, 900, 900, 900]);
    }
}
