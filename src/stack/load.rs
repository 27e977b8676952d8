//! The way in: what to load, and what comes of it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::model::Stack;
use crate::diagnostic::{Diagnostic, Problems};

/// What to load.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// The stack file.
    pub file: FileSource,
    /// The environment `${env.X}` and `[inputs] env` see.
    pub env: BTreeMap<String, String>,
    /// `--input k=v`, in order; the last one of a name wins.
    pub inputs: Vec<(String, String)>,
    /// `--set CHART:path=v`, as written.
    pub set: Vec<String>,
    /// `--values CHART=FILE`; the file is relative to the current folder.
    pub values: Vec<(String, PathBuf)>,
    /// Settings the command line overrides.
    pub overrides: Overrides,
}

impl LoadOptions {
    /// Nothing but a file: an empty environment and an empty command line.
    pub fn new(file: FileSource) -> Self {
        Self {
            file,
            env: BTreeMap::new(),
            inputs: Vec::new(),
            set: Vec::new(),
            values: Vec::new(),
            overrides: Overrides::default(),
        }
    }
}

/// Where the text of a stack comes from.
#[derive(Debug, Clone)]
pub enum FileSource {
    /// A file. Its relative paths start from its folder.
    Path(PathBuf),
    /// A text that is here already (standard input, a test).
    Text {
        /// What messages call it (`-`).
        name: String,
        /// The TOML.
        text: String,
        /// Folder its relative paths start from.
        root: PathBuf,
    },
}

/// `[settings]` given on the command line, as written there; checked as the file's are.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--concurrency`.
    pub concurrency: Option<usize>,
    /// `--failure-policy`.
    pub failure_policy: Option<String>,
    /// `--schedule`.
    pub schedule: Option<String>,
}

/// A stack without errors.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The stack.
    pub stack: Stack,
    /// What looks wrong all the same, in the order of the file.
    pub warnings: Vec<Diagnostic>,
}

/// Loads a stack and checks everything that can be checked without a cluster and without Helm.
/// Inputs without a value are no problem yet, unless a name, namespace or path needs them.
///
/// # Errors
/// Everything that is wrong, and the warnings, in the order of the file.
pub fn load(options: LoadOptions) -> Result<Loaded, Problems> {
    let _ = options;
    todo!()
}

impl Stack {
    /// Loads a stack file with an empty environment; see [`load`] for everything else.
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Problems> {
        let options = LoadOptions::new(FileSource::Path(path.as_ref().to_owned()));
        load(options).map(|loaded| loaded.stack)
    }
}
