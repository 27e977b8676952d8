//! OCI registries: the distribution API as far as charts need it.
//!
//! - `reference`: `oci://host/path/name[:tag][@digest]`;
//! - `registry`: tags, manifests and layers;
//! - `challenge`: what a registry wants to see before it answers;
//! - `token`: getting what it wants;
//! - `keyring`: the credentials of `helm registry login` and `docker login`.

mod challenge;
mod keyring;
mod reference;
mod registry;
mod token;

pub(super) use keyring::Keyring;
pub(super) use reference::{Pin, Reference};
pub(super) use registry::{Call, Registry};
