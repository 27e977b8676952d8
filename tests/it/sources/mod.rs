//! Charts from anywhere: what is promised about repositories, registries, folders and the cache.

mod charts;
mod faults;
mod folders;
mod registry;
mod repository;
mod server;
