//! Walks the files of a chart, in a folder or an archive, subcharts included.

use std::{
    fs,
    io::{Cursor, Read},
    path::{Component, Path, PathBuf},
};

use flate2::read::GzDecoder;

use super::ChartError;

/// Subcharts of subcharts, symlinks to parents: deeper than this is no chart.
const DEPTH: usize = 24;

/// Unpacked bytes of one archive: Helm's own limit is 100 MiB (`MaxDecompressedChartSize`).
pub(super) const UNPACKED: u64 = 100 * 1024 * 1024;

/// One file of a chart.
pub(super) struct File {
    /// Path inside the chart, with `/`; files of a packed subchart have that archive as a folder.
    pub path: String,
    /// Content.
    pub bytes: Vec<u8>,
}

/// All files of the chart at `path` for which `wanted` says yes.
pub(super) fn read(path: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<File>, ChartError> {
    let mut found = Vec::new();
    if path.is_dir() {
        folder(path, "", wanted, &mut found, 0)?;
    } else {
        let bytes = fs::read(path).map_err(|error| ChartError::read(path, error))?;
        archive(path, &bytes, "", wanted, &mut found, 0)?;
    }
    Ok(found)
}

fn folder(
    folder_path: &Path,
    prefix: &str,
    wanted: &dyn Fn(&str) -> bool,
    found: &mut Vec<File>,
    depth: usize,
) -> Result<(), ChartError> {
    if depth > DEPTH {
        return Err(ChartError::read(folder_path, "folders are nested too deep"));
    }
    let failed = |error| ChartError::read(folder_path, error);
    let mut entries = fs::read_dir(folder_path)
        .map_err(failed)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        // Follows links, as Helm does.
        let kind = fs::metadata(&path).map_err(|error| ChartError::read(&path, error))?;
        if kind.is_dir() {
            folder(&path, &format!("{name}/"), wanted, found, depth + 1)?;
        } else if is_packed_subchart(&name) {
            let bytes = fs::read(&path).map_err(|error| ChartError::read(&path, error))?;
            archive(&path, &bytes, &format!("{name}/"), wanted, found, depth + 1)?;
        } else if wanted(&name) {
            let bytes = fs::read(&path).map_err(|error| ChartError::read(&path, error))?;
            found.push(File { path: name, bytes });
        }
    }
    Ok(())
}

fn is_packed_subchart(name: &str) -> bool {
    let parent = Path::new(name).parent().and_then(Path::file_name);
    Path::new(name).extension().is_some_and(|ext| ext == "tgz")
        && parent.is_some_and(|folder| folder == "charts")
}

fn archive(
    path: &Path,
    bytes: &[u8],
    prefix: &str,
    wanted: &dyn Fn(&str) -> bool,
    found: &mut Vec<File>,
    depth: usize,
) -> Result<(), ChartError> {
    if depth > DEPTH {
        return Err(ChartError::read(path, "archives are nested too deep"));
    }
    let failed = |error: std::io::Error| ChartError::read(path, error);
    let unpacked = GzDecoder::new(Cursor::new(bytes)).take(UNPACKED + 1);
    let mut entries = tar::Archive::new(unpacked);
    let mut total = 0;
    for entry in entries.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        total += entry.size();
        if total > UNPACKED {
            return Err(ChartError::read(path, "it unpacks to more than 100 MiB"));
        }
        let inner = entry.path().map_err(failed)?.into_owned();
        let Some(name) = inside(&inner).map(|name| format!("{prefix}{name}")) else {
            continue;
        };
        let subchart = is_packed_subchart(&name);
        if entry.header().entry_type().is_file() && (subchart || wanted(&name)) {
            let mut content = Vec::new();
            entry.read_to_end(&mut content).map_err(failed)?;
            if subchart {
                archive(
                    path,
                    &content,
                    &format!("{name}/"),
                    wanted,
                    found,
                    depth + 1,
                )?;
            } else {
                found.push(File {
                    path: name,
                    bytes: content,
                });
            }
        }
    }
    Ok(())
}

/// The path below the archive's top folder; `None` for the folder itself and for paths that lead
/// out of it.
fn inside(path: &Path) -> Option<String> {
    let mut parts = path.components().filter(|part| *part != Component::CurDir);
    parts.next()?;
    let rest: PathBuf = parts.collect();
    let clean = rest
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    (clean && !rest.as_os_str().is_empty()).then(|| rest.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archive_paths_stay_inside() {
        for (path, expected) in [
            ("web/Chart.yaml", Some("Chart.yaml")),
            ("./web/templates/a.yaml", Some("templates/a.yaml")),
            ("web", None),
            ("web/../../etc/passwd", None),
            ("/etc/passwd", Some("etc/passwd")),
        ] {
            assert_eq!(inside(Path::new(path)).as_deref(), expected, "{path}");
        }
    }
}
