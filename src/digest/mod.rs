//! What tells whether something is still as it was: SHA-256 digests, and those of a release.
//!
//! A leaf: `chart` checks archives with it, `release` writes [`Digests`] and [`Done`] into labels,
//! `plan` compares them.

mod digests;
mod sha256;

pub use digests::{Digests, Done, Short};
pub use sha256::{Digest, Hasher};
