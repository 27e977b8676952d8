//! One HTTP client with deadlines, for `http` checks.
