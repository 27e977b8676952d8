//! Charts from anywhere: what is promised about repositories, registries, folders and the cache.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod charts;
mod docker_registry;
mod faults;
mod folders;
mod program;
mod provided;
mod registry;
mod registry_faults;
mod repository;
mod server;
mod ways;
