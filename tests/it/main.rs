//! stackctl from the outside, and the rules of its own house.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod borders;
mod children;
mod cli;
mod helm_driver;
mod lessons;
mod sources;
mod support;
