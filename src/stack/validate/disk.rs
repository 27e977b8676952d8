//! Whether what a stack names is there: charts and values files.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use crate::stack::{
    findings::{Finding, Findings},
    layers::origin::Text,
    model::ChartSource,
    values::yaml,
};

/// What the manifests of a folder end with.
const MANIFESTS: [&str; 3] = ["yaml", "yml", "json"];

/// What was looked at already: charts share files.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    files: HashMap<PathBuf, bool>,
}

impl Disk {
    /// Whether a chart's `chart` means something on this machine.
    pub(crate) fn is_local(text: &str) -> bool {
        let path = Path::new(text);
        is_path(text) || path.extension().is_some_and(|extension| extension == "tgz")
    }

    /// Whether there is a chart's folder at a path.
    pub(crate) fn holds_chart(&mut self, said: Text<'_>, f: &Findings) -> bool {
        let file = resolve(said, f).join("Chart.yaml");
        self.is_file(&file)
    }

    /// A chart's `chart` that is a folder or an archive.
    pub(crate) fn chart(&mut self, said: Text<'_>, f: &mut Findings) -> Option<ChartSource> {
        let text = said.value;
        if text.is_empty() {
            f.add(Finding::error("`chart` is empty").at(said.origin, ""));
            return None;
        }
        let path = resolve(said, f);
        if path.extension().is_some_and(|extension| extension == "tgz") {
            if !self.is_file(&path) {
                f.add(missing("chart", &path).at(said.origin, ""));
            }
            return Some(ChartSource::Archive(path));
        }
        if !self.is_file(&path.join("Chart.yaml")) {
            f.add(if path.is_dir() {
                let message = format!("`{}` holds no Chart.yaml", path.display());
                Finding::error(message).at(said.origin, "so it is not a chart")
            } else if path.exists() {
                let message = format!("`{}` is not a folder", path.display());
                Finding::error(message).at(said.origin, "a packed chart ends in `.tgz`")
            } else {
                missing("chart", &path).at(said.origin, "")
            });
        }
        Some(ChartSource::Folder(path))
    }

    /// A values file.
    pub(crate) fn values_file(&mut self, said: Text<'_>, f: &mut Findings) -> PathBuf {
        self.file("values file", said, f)
    }

    /// A file that must be there.
    pub(crate) fn file(&mut self, what: &str, said: Text<'_>, f: &mut Findings) -> PathBuf {
        let path = resolve(said, f);
        if !self.is_file(&path) {
            f.add(if path.is_dir() {
                let message = format!("`{}` is a folder", path.display());
                Finding::error(message).at(said.origin, format!("expected a {what}"))
            } else {
                missing(what, &path).at(said.origin, "")
            });
        }
        path
    }

    /// Manifests: a file, or all of a folder by name.
    pub(crate) fn manifests(&mut self, said: Text<'_>, f: &mut Findings) -> Vec<PathBuf> {
        let path = resolve(said, f);
        let Ok(folder) = std::fs::read_dir(&path) else {
            let path = self.file("manifest", said, f);
            return if self.is_file(&path) {
                vec![path]
            } else {
                Vec::new()
            };
        };
        let files = folder.filter_map(|entry| Some(entry.ok()?.path()));
        let is_manifest = |file: &PathBuf| {
            let ending = file.extension().and_then(|ending| ending.to_str());
            ending.is_some_and(|ending| MANIFESTS.contains(&ending))
        };
        let mut files: Vec<PathBuf> = files.filter(is_manifest).collect();
        files.sort();
        if files.is_empty() {
            let message = format!("`{}` holds no manifests", path.display());
            let endings = MANIFESTS.map(|ending| format!("`.{ending}`")).join(", ");
            let label = format!("no file there ends in {endings}");
            f.add(Finding::error(message).at(said.origin, label));
        }
        files
    }

    /// Why a values file cannot be read without guessing; nothing if it is not there.
    pub(crate) fn unclear(&mut self, file: &Path) -> Option<String> {
        if !self.is_file(file) {
            return None;
        }
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => return Some(error.to_string()),
        };
        let read = yaml::parse(&text).and_then(|tree| tree.to_json());
        read.err().map(|error| error.to_string())
    }

    fn is_file(&mut self, path: &Path) -> bool {
        if let Some(known) = self.files.get(path) {
            return *known;
        }
        let there = path.is_file();
        self.files.insert(path.to_owned(), there);
        there
    }
}

/// A path as the file that says it means it. Helm takes `charts/web` for a chart of a repository,
/// so relative paths keep their `./`.
fn resolve(said: Text<'_>, f: &Findings) -> PathBuf {
    let mut path = said.value;
    while let Some(rest) = path.strip_prefix("./") {
        path = rest.trim_start_matches('/');
    }
    f.sources.folder(said.origin).join(path)
}

fn missing(what: &str, path: &Path) -> Finding {
    Finding::error(format!("{what} `{}` does not exist", path.display()))
}

fn is_path(text: &str) -> bool {
    matches!(text, "." | "..")
        || ["./", "../", "/"]
            .iter()
            .any(|start| text.starts_with(start))
}
