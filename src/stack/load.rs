//! The way in: what to load, and what comes of it.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use crate::{
    diagnostic::{Diagnostic, Problems},
    stack::{
        findings::Findings,
        layers::{Layers, command_line},
        model::Stack,
        raw,
        validate::{self, Surroundings, disk::Disk},
    },
};

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
    /// Who said what, for checks that come later.
    pub layers: Layers,
}

/// Loads a stack and checks everything that can be checked without a cluster and without Helm.
/// Inputs without a value are no problem yet, unless a name, a path or a label needs them.
///
/// # Errors
/// Everything that is wrong, and the warnings, in the order of the file.
pub fn load(options: LoadOptions) -> Result<Loaded, Problems> {
    let file = read(&options.file).map_err(|problem| Problems(vec![problem]))?;
    let mut layers =
        Layers::of_file(&file.name, file.text).map_err(|problem| Problems(vec![problem]))?;
    let mut command_line = command_line::read(&options, &mut layers);
    let mut findings = Findings::new(layers.sources.clone());
    for finding in command_line.wrong.drain(..) {
        findings.add(finding);
    }
    let merged = layers.merged_with_defaults();
    let raw = raw::read(&layers, &merged, &mut findings);
    let surroundings = Surroundings {
        file: file.name,
        env: options.env,
        command_line,
        disk: Disk::new(file.root),
    };
    let stack = validate::validate(&raw, surroundings, &mut findings);
    let warnings = findings.into_result()?;
    let stack = stack.expect("whatever keeps a stack from being made is reported");
    Ok(Loaded {
        stack,
        warnings,
        layers,
    })
}

/// A stack file's text, and the folder its paths start from.
struct File {
    name: String,
    text: String,
    root: PathBuf,
}

fn read(source: &FileSource) -> Result<File, Diagnostic> {
    let file = match source {
        FileSource::Text { name, text, root } => File {
            name: name.clone(),
            text: text.clone(),
            root: root.clone(),
        },
        FileSource::Path(path) => {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            File {
                name: path.display().to_string(),
                text: read_text(path)?,
                root: folder.unwrap_or(Path::new(".")).to_owned(),
            }
        }
    };
    if file.text.trim().is_empty() {
        let message = format!("`{}` is empty", file.name);
        return Err(Diagnostic::error(message).help(raw::MINIMAL));
    }
    Ok(file)
}

fn read_text(path: &Path) -> Result<String, Diagnostic> {
    let name = path.display();
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Diagnostic::error(format!("there is no stack file `{name}`"))
            .help("name another one with `--file`"),
        ErrorKind::IsADirectory => {
            Diagnostic::error(format!("`{name}` is a folder, not a stack file")).help(format!(
                "if the file is in it, name it: `--file {}`",
                path.join("stack.toml").display()
            ))
        }
        _ => Diagnostic::error(format!("failed to read `{name}`: {error}")),
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = String::from_utf8_lossy(&error.as_bytes()[..good])
            .matches('\n')
            .count()
            + 1;
        Diagnostic::error(format!(
            "`{name}` is not UTF-8 text: the first bad byte is on line {line}"
        ))
    })
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
