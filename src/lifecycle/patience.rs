//! Waiting by asking again, for what no watch tells.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Context, StepError, words::in_words};
use crate::cluster::ClusterError;

/// Pauses between two looks: at first short, then ever longer, up to a second.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// At most this many things are named in one sentence.
const NAMED: usize = 3;

/// What a look found.
pub(super) enum Look {
    /// What is still waited for, in words; nothing ends the wait.
    Waiting(Vec<String>),
    /// It will not come.
    Failed(StepError),
}

/// One wait: looks, and pauses between them, up to a deadline.
pub(super) struct Patience<'a> {
    cx: &'a Context<'a>,
    deadline: Instant,
    wanted: &'static str,
    pause: Duration,
    said: String,
}

impl<'a> Patience<'a> {
    /// Up to the deadline, which is the chart's timeout after the step began. `wanted` is what
    /// things are waited to be (`served`, `gone`).
    pub(super) fn new(cx: &'a Context<'a>, deadline: Instant, wanted: &'static str) -> Self {
        Self {
            cx,
            deadline,
            wanted,
            pause: FIRST_PAUSE,
            said: String::new(),
        }
    }

    /// Takes in what was found, and tells the user. True if the wait is over; else it is time to
    /// look again. A server that is in trouble is waited for, too.
    pub(super) async fn is_over(
        &mut self,
        found: Result<Look, ClusterError>,
    ) -> Result<bool, StepError> {
        let trouble = match found {
            Ok(Look::Waiting(waiting)) if waiting.is_empty() => return Ok(true),
            Ok(Look::Waiting(waiting)) => {
                let words = some_of(&waiting);
                if words != self.said {
                    self.cx.status(&words);
                    self.said = words;
                }
                None
            }
            Ok(Look::Failed(error)) => return Err(error),
            Err(error) if error.is_passing() => Some(error),
            Err(error) => return Err(error.into()),
        };
        let now = Instant::now();
        if now >= self.deadline {
            return Err(self.late(trouble));
        }
        sleep(self.pause.min(self.deadline - now)).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(false)
    }

    fn late(&self, trouble: Option<ClusterError>) -> StepError {
        let after = in_words(self.cx.chart.timeout);
        let what = match self.said.as_str() {
            "" => String::new(),
            said => format!(": {said}"),
        };
        let error = StepError::new(format!("not {} after {after}{what}", self.wanted));
        match trouble {
            Some(trouble) => error.cause(trouble.to_string()),
            None => error,
        }
    }
}

/// `a, b, c and 4 more`.
pub(super) fn some_of(things: &[String]) -> String {
    let named = things.iter().take(NAMED).cloned();
    let named: Vec<String> = named.collect();
    match things.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
