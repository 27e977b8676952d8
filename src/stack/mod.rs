//! From a TOML file to a validated [`Stack`].

mod model;
mod template;

pub use model::*;
pub use template::{Part, Reference, Resolved, Scope, Template};
