//! Tests of the public API, in one binary.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod children;
mod helm_driver;
mod support;
