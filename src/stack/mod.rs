//! From a TOML file to a validated [`Stack`].

mod chart;
mod duration;
mod findings;
mod layers;
mod load;
mod model;
mod node;
mod origin;
mod range;
mod raw;
mod reader;
mod steps;
mod template;
mod values;

pub use layers::Layers;
pub use load::{FileSource, LoadOptions, Loaded, Overrides, load};
pub use model::*;
pub use range::{InvalidRange, VersionRange};
pub use template::{
    ExpandError, Expanded, Part, Reference, Resolved, Scope, Template, TemplateError,
    is_secret_env,
};
pub use values::{Composed, ValuesError};
