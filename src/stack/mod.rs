//! From a TOML file to a validated [`Stack`].

mod load;
mod model;
mod range;
mod template;
mod values;

pub use load::{FileSource, LoadOptions, Loaded, Overrides, load};
pub use model::*;
pub use range::{InvalidRange, VersionRange};
pub use template::{
    ExpandError, Expanded, Part, Reference, Resolved, Scope, Template, TemplateError,
};
pub use values::{Composed, ValuesError};
