//! Tests of the public API, in one binary.

mod children;
mod helm_driver;
mod support;
