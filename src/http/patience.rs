//! How long to wait for a server, and how often to ask again.

use std::time::Duration;

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
            total: Duration::from_secs(15 * 60),
            attempts: 4,
            pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(60),
        }
    }
}
