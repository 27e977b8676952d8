//! The sandbox's pure parts, which the library keeps to itself, and what plays a server with them.

#[path = "patches/model.rs"]
pub(crate) mod model;
#[path = "../../src/sandbox/patch/mod.rs"]
mod patch;
#[path = "../../src/sandbox/schema/mod.rs"]
mod schema;
