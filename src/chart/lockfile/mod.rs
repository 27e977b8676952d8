//! `stack.lock`: which version of each remote chart a stack uses, and its digest.
//!
//! `model` is pure; `disk` reads and writes.

mod disk;
mod model;

pub use disk::{read, write};
pub use model::{LockEntry, LockFile, LockFileError};
