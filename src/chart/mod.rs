//! Charts: getting them from anywhere, and what a run must know of one before Helm sees it.
//!
//! ```text
//! Request ─▶ Remote ─▶ lock file ─▶ cache ─▶ index or registry ─▶ download ─▶ checked ─▶ cache ─▶ LocalChart
//!    folder ─▶ its dependencies, the same way ─▶ a copy with them in the cache ─────────────────▶
//! ```
//!
//! - `source`: [`Request`] and [`LocalChart`], what goes in and comes out;
//! - `fetch`: [`Fetcher`], all charts of a stack at once;
//! - `run`: one run of it, with `remote` (what identifies a chart), `index` and `pick` (which
//!   version), `oci` (registries), `net` (the network), `archive` (what must hold of a packed
//!   chart) and `once` (nothing twice);
//! - `subcharts`: folders with the `dependencies` they declare, copied as a `tree`;
//! - `cache`: archives and built folders, checked by `digest` whenever they are read;
//! - `lockfile`: `stack.lock`;
//! - `metadata`, `files`: [`Chart::open`] reads a folder or a packed chart once: name and version,
//!   whether its declared dependencies are there, and which kinds of hooks it has (they decide who
//!   waits, see [`Hooks`]). Rendering stays Helm's;
//! - `crds`, `parts`: the CRDs it carries, of the subcharts in use, which are nodes of their own;
//! - `values`: what a chart and its subcharts say about values.
//!
//! Helm gets paths only: it fetches nothing, and nothing of the user's Helm configuration is
//! changed.

mod archive;
mod cache;
mod crds;
mod dependencies;
mod error;
mod fetch;
mod files;
mod index;
pub mod lockfile;
mod metadata;
mod net;
mod oci;
mod once;
mod parts;
mod pick;
mod remote;
mod run;
mod source;
mod subcharts;
mod tree;
mod values;

use std::path::{Path, PathBuf};

pub use crds::Crd;
pub use error::FetchError;
pub use fetch::{FetchOptions, FetchProgress, FetchStep, Fetched, Fetcher, LockMode, Move};
pub use lockfile::{LockEntry, LockFile, LockFileError};
pub use metadata::{AskedApis, Chart, Hooks};
pub use source::{Access, LocalChart, Repository, Request, Source};
pub use values::values;

/// A chart cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ChartError {
    /// A file of it cannot be read.
    #[error("could not read {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// No Chart.yaml where one must be.
    #[error("{} holds no Chart.yaml", path.display())]
    NotAChart {
        /// The folder or archive.
        path: PathBuf,
    },
    /// Chart.yaml does not say what it must.
    #[error("Chart.yaml of {} is not valid: {reason}", path.display())]
    Metadata {
        /// The folder or archive.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Declared dependencies are not in `charts/`: Helm would refuse it.
    #[error("{} misses its dependencies {}: run `helm dependency build {}`", path.display(), missing.join(", "), path.display())]
    Dependencies {
        /// The folder or archive.
        path: PathBuf,
        /// Names from Chart.yaml.
        missing: Vec<String>,
    },
}

impl ChartError {
    fn read(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Read {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}
