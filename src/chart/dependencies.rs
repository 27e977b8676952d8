//! The dependencies a chart declares, and which of them it does not hold.

use serde::{Deserialize, de::DeserializeOwned};

use super::files::File;

/// One declared dependency.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Dependency {
    /// Name of the chart.
    pub(super) name: String,
    /// The version or range; anything if absent.
    #[serde(default)]
    pub(super) version: Option<String>,
    /// Where it is from: an address, `file://…`, `oci://…`, `@name`, `alias:name`; absent if it is
    /// in `charts/` anyway.
    #[serde(default)]
    pub(super) repository: Option<String>,
}

/// Chart.yaml of API version 2, requirements.yaml of version 1, and the lock file of either.
#[derive(Deserialize)]
struct List {
    #[serde(default)]
    dependencies: Option<Vec<Dependency>>,
}

/// The files that tell.
pub(super) fn is_metadata(name: &str) -> bool {
    let top = [
        "Chart.yaml",
        "Chart.lock",
        "requirements.yaml",
        "requirements.lock",
    ];
    top.contains(&name) || (name.starts_with("charts/") && name.ends_with("/Chart.yaml"))
}

/// What the chart declares; the error says which file is not valid.
pub(super) fn declared(files: &[File]) -> Result<Vec<Dependency>, String> {
    let list = first(files, &["Chart.yaml", "requirements.yaml"])?;
    Ok(list.unwrap_or_default())
}

/// What its lock file says; `None` without one.
pub(super) fn locked(files: &[File]) -> Result<Option<Vec<Dependency>>, String> {
    first(files, &["Chart.lock", "requirements.lock"])
}

/// As Helm's `CheckDependencies`: by the name of the chart that is there, whatever its folder or
/// archive is called.
pub(super) fn missing(mut declared: Vec<Dependency>, files: &[File]) -> Vec<Dependency> {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let direct = |path: &str| path.matches('/').count() <= 3 && path.starts_with("charts/");
    let there: Vec<String> = files
        .iter()
        .filter(|file| direct(&file.path) && file.path.ends_with("/Chart.yaml"))
        .filter_map(|file| parse::<Named>(file).ok())
        .map(|named| named.name)
        .collect();
    declared.retain(|dependency| !there.contains(&dependency.name));
    declared
}

fn first(files: &[File], names: &[&str]) -> Result<Option<Vec<Dependency>>, String> {
    for name in names {
        let Some(file) = files.iter().find(|file| file.path == *name) else {
            continue;
        };
        let list: List = parse(file).map_err(|reason| format!("{name}: {reason}"))?;
        if list.dependencies.is_some() {
            return Ok(list.dependencies);
        }
    }
    Ok(None)
}

pub(super) fn parse<T: DeserializeOwned>(file: &File) -> Result<T, String> {
    let text = std::str::from_utf8(&file.bytes).map_err(|error| error.to_string())?;
    serde_saphyr::from_str(text).map_err(|error| error.to_string())
}
