//! From a TOML file to a validated [`Stack`].
//!
//! ```text
//! text ─▶ Layers ─▶ RawStack ─▶ Stack
//! ```
//!
//! - `layers`: the merged tables of all sources, every leaf with its place.
//! - `raw`: what they say, key by key and of the right types.
//! - `validate`: what it means: names looked up, paths found, texts parsed, edges checked.
//! - `model`: the [`Stack`], which cannot be wrong in itself.
//!
//! `grammar` says which keys there are and what each holds, for `raw`, `validate` and [`schema`].
//! `findings` collects what is wrong on the way, so that all of it is reported at once. After
//! loading, each [`Template`] is expanded with a [`Scope`] (made by [`crate::inputs`]), and
//! [`Values::compose`] computes what Helm gets.

mod data;
mod findings;
mod grammar;
mod input;
mod layers;
mod load;
mod model;
mod range;
mod raw;
pub mod schema;
mod scope;
mod template;
mod uses;
mod validate;
mod values;

#[cfg(test)]
mod tests;

pub use data::values_document;
pub use layers::Layers;
pub use load::{FileSource, Judged, LoadOptions, Loaded, Overrides, load, load_each, utf8};
pub use model::*;
pub use range::{InvalidRange, VersionRange};
pub use scope::{ExpandError, Resolved, Scope, is_secret_env};
pub use template::{Expanded, Late, Part, Reference, Template, TemplateError};
pub use uses::Uses;
pub(crate) use values::secrets_of;
pub use values::{
    ChartDependency, ChartValues, Composed, Edit, Explained, Layer, Leaf, PathPart, SaidBy,
    Templated, TemplatedValue, UnknownKey, ValuePath, Values, ValuesCommand, ValuesError,
    ValuesLayer, subcharts_in_use,
};
