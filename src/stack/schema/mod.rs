//! The shape of a stack file for editors and people, made of `grammar`: a JSON Schema, with which
//! editors complete and check stack files, and the reference page `docs/stack-file.md`.

mod json;
mod markdown;

pub use self::{json::json, markdown::markdown};
