//! How long to wait for a server, and how often to ask again.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};

use super::TransferError;

/// Deadlines and retries of downloads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    /// For connecting, TLS included.
    pub connect: Duration,
    /// For the head of an answer, and between two pieces of its body.
    pub idle: Duration,
    /// For one attempt as a whole.
    pub total: Duration,
    /// Attempts in all, at least one. Network errors, 408, 429 and 5xx are tried again.
    pub attempts: u32,
    /// Pause after the first attempt; it doubles with each.
    pub pause: Duration,
    /// Longest pause. A server that asks for a longer one (`Retry-After`) is not asked again.
    pub longest_pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            total: Duration::from_mins(15),
            attempts: 4,
            pause: Duration::from_millis(500),
            longest_pause: Duration::from_mins(1),
        }
    }
}

impl Patience {
    /// Whether and when to send a request again that has failed `attempt` times (from 1).
    pub(super) fn pause_after(&self, attempt: u32, error: &TransferError) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let doubled = self.pause.saturating_mul(2_u32.saturating_pow(attempt - 1));
        let ours = doubled.min(self.longest_pause);
        match error {
            TransferError::Transport { .. }
            | TransferError::Timeout { .. }
            | TransferError::Truncated { .. } => Some(ours),
            TransferError::Refused(refusal) => match (refusal.status, refusal.retry_after) {
                // 501 and 505 mean "never".
                (501 | 505, _) => None,
                (408 | 429 | 500.., Some(theirs)) => {
                    (theirs <= self.longest_pause).then_some(theirs)
                }
                (408 | 429 | 500.., None) => Some(ours),
                _ => None,
            },
            TransferError::Redirect { .. }
            | TransferError::TooLarge { .. }
            | TransferError::Keep { .. }
            | TransferError::Invalid { .. } => None,
        }
    }
}

/// Reads a `Retry-After` header: seconds, or a date.
pub(super) fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTimeParser::new().parse_timestamp(text).ok()?;
    let pause = date.duration_since(now);
    Some(Duration::try_from(pause).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Refusal;

    fn refused(status: u16, retry_after: Option<u64>) -> TransferError {
        TransferError::Refused(Box::new(Refusal {
            host: "h".into(),
            status,
            retry_after: retry_after.map(Duration::from_secs),
            challenges: Vec::new(),
            authorized: false,
            withheld: false,
            body: String::new(),
        }))
    }

    #[test]
    fn what_may_pass_is_tried_again_with_growing_pauses() {
        let patience = Patience {
            attempts: 5,
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(6),
            ..Patience::default()
        };
        let timeout = TransferError::Timeout {
            host: "h".into(),
            after: Duration::ZERO,
        };
        let pauses: Vec<_> = (1..=5)
            .map(|attempt| patience.pause_after(attempt, &timeout))
            .collect();
        assert_eq!(
            pauses,
            [Some(1), Some(2), Some(4), Some(6), None].map(|s| s.map(Duration::from_secs))
        );
        for (status, asked, expected) in [
            (500, None, Some(1)),
            (503, Some(3), Some(3)),
            (503, Some(0), Some(0)),
            (429, Some(7), None),
            (429, None, Some(1)),
            (501, None, None),
            (404, Some(1), None),
            (401, None, None),
        ] {
            let pause = patience.pause_after(1, &refused(status, asked));
            assert_eq!(
                pause,
                expected.map(Duration::from_secs),
                "{status} {asked:?}"
            );
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "1994-11-06T08:49:00Z".parse().unwrap();
        for (text, expected) in [
            ("120", Some(120)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sun, 06 Nov 1994 08:40:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(
                retry_after(text, now),
                expected.map(Duration::from_secs),
                "{text}"
            );
        }
    }
}
