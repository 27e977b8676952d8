//! From a TOML file to a validated [`Stack`].
//!
//! ```text
//! text ─▶ Layers ─▶ RawStack ─▶ Stack
//! ```
//!
//! - [`Layers`]: the merged tables of all sources, every leaf with its place (`node`, `origin`,
//!   `layers`, `command_line`).
//! - `RawStack`: what they say, key by key and of the right types (`reader`, `raw`, `chart`,
//!   `steps`, `duration`).
//! - [`Stack`]: what it means, names looked up, paths found, templates parsed, edges checked
//!   (`validate`, `names`, `known`, `edges`, `order`, `cycles`, `redundant`, `disk`, `assemble`,
//!   `tree`, `step`, `overrides`).
//!
//! `findings` collects what is wrong on the way. After loading, [`Template`]s are expanded with a
//! [`Scope`] (made by `inputs`) and [`Values::compose`] computes what Helm gets (`yaml`, `edit`).

mod assemble;
mod chart;
mod command_line;
mod cycles;
mod disk;
mod duration;
mod edges;
mod edit;
mod findings;
mod input;
mod known;
mod layers;
mod load;
mod model;
mod names;
mod node;
mod order;
mod origin;
mod overrides;
mod range;
mod raw;
mod reader;
mod redundant;
mod step;
mod steps;
mod template;
mod tree;
mod uses;
mod validate;
mod values;
mod yaml;

pub use layers::Layers;
pub use load::{FileSource, LoadOptions, Loaded, Overrides, load};
pub use model::*;
pub use range::{InvalidRange, VersionRange};
pub use template::{
    ExpandError, Expanded, Part, Reference, Resolved, Scope, Template, TemplateError,
    is_secret_env,
};
pub(crate) use values::secrets_of;
pub use values::{Composed, ValuesError};
