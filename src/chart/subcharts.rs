//! Folders with the subcharts they declare: in a copy in the cache, never in the user's folder.

use std::{
    fs,
    path::{Path, PathBuf},
    pin::Pin,
};

use futures::future::join_all;
use serde::Deserialize;

use super::{
    Access, FetchError, LocalChart, Repository, Source, dependencies,
    dependencies::Dependency,
    files,
    run::{Asker, Run, blocking, check_range, local},
    tree,
};
use crate::{
    digest::{Digest, Hasher},
    name::parse_version,
    stack::VersionRange,
};

/// Changes when built folders do.
const RECIPE: &str = "1";

/// What a folder says about itself.
struct Declared {
    name: String,
    version: String,
    missing: Vec<Dependency>,
    locked: Option<Vec<Dependency>>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    version: String,
}

/// The folder itself if it holds all it declares, else a copy with what it lacks. `above` are the
/// folders whose dependency it is.
///
/// What is missing is taken at the version Chart.lock says; without one, at the newest that
/// Chart.yaml allows, as `helm dependency build` does.
pub(super) fn prepare<'a>(
    run: &'a Run<'_>,
    folder: &'a Path,
    asker: &'a Asker,
    above: &'a [PathBuf],
) -> Pin<Box<dyn Future<Output = Result<LocalChart, FetchError>> + Send + 'a>> {
    Box::pin(async move {
        let at = folder.to_owned();
        let (declared, digest) = blocking(move || {
            let declared = read(&at)?;
            let digest = tree::digest(&at).map_err(|error| super::ChartError::Read {
                path: at,
                reason: error.to_string(),
            })?;
            Ok::<_, FetchError>((declared, digest))
        })
        .await?;
        let Declared {
            name,
            version,
            missing,
            locked,
        } = declared;
        if missing.is_empty() {
            return Ok(local(folder.to_owned(), name, version, &digest));
        }
        let here = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        if above.contains(&here) {
            let reason = "it is a dependency of itself".to_owned();
            return Err(FetchError::Dependencies {
                folder: folder.to_owned(),
                reason,
            });
        }
        let above: Vec<PathBuf> = above.iter().cloned().chain([here]).collect();
        let parts = missing.iter().map(|dependency| {
            let locked = locked.as_deref();
            part(run, folder, dependency, locked, asker, &above)
        });
        let parts = join_all(parts)
            .await
            .into_iter()
            .collect::<Result<Vec<_>, _>>()?;
        let (cache, from) = (run.cache.clone(), folder.to_owned());
        let (path, digest) = blocking(move || {
            let key = key(&digest, &parts);
            match cache.built(&key) {
                Some(found) => Ok(found),
                None => cache.build(&key, |to| fill(to, &from, &parts)),
            }
        })
        .await?;
        Ok(local(path, name, version, &digest))
    })
}

fn read(folder: &Path) -> Result<Declared, FetchError> {
    let files = files::read(folder, &dependencies::is_metadata)?;
    let bad = |reason: String| super::ChartError::Metadata {
        path: folder.to_owned(),
        reason,
    };
    let top = files.iter().find(|file| file.path == "Chart.yaml");
    let top = top.ok_or_else(|| super::ChartError::NotAChart {
        path: folder.to_owned(),
    })?;
    let Named { name, version } = dependencies::parse(top).map_err(bad)?;
    let declared = dependencies::declared(&files).map_err(bad)?;
    let missing = dependencies::missing(declared, &files);
    let locked = dependencies::locked(&files).map_err(bad)?;
    Ok(Declared {
        name,
        version,
        missing,
        locked,
    })
}

/// Gets one dependency.
async fn part(
    run: &Run<'_>,
    folder: &Path,
    dependency: &Dependency,
    locked: Option<&[Dependency]>,
    asker: &Asker,
    above: &[PathBuf],
) -> Result<LocalChart, FetchError> {
    let wrap = |error| FetchError::Dependency {
        folder: folder.to_owned(),
        name: dependency.name.clone(),
        error: Box::new(error),
    };
    let bad = |reason: String| FetchError::Dependencies {
        folder: folder.to_owned(),
        reason,
    };
    let source = source(run, folder, dependency).map_err(bad)?;
    if let Source::Folder(path) = &source {
        let chart = prepare(run, path, asker, above).await.map_err(wrap)?;
        let range = range(dependency.version.as_deref()).map_err(bad)?;
        return check_range(&chart, range.as_ref())
            .map(|()| chart)
            .map_err(wrap);
    }
    let range = wanted(folder, dependency, locked).map_err(bad)?;
    run.fetch(&source, range.as_ref(), asker)
        .await
        .map_err(wrap)
}

fn source(run: &Run<'_>, folder: &Path, dependency: &Dependency) -> Result<Source, String> {
    let name = &dependency.name;
    let repository = dependency.repository.as_deref().unwrap_or_default();
    if repository.is_empty() {
        return Err(format!("`{name}` has no repository and is not in charts/"));
    }
    if let Some(path) = repository.strip_prefix("file://") {
        return Ok(Source::Folder(folder.join(path)));
    }
    let alias = repository
        .strip_prefix('@')
        .or_else(|| repository.strip_prefix("alias:"));
    let repository = match alias {
        Some(alias) => run
            .options
            .repositories
            .get(alias)
            .cloned()
            .ok_or_else(|| {
                format!("`{name}` is from repository `{alias}`, which is not in [repositories]")
            })?,
        None => Repository {
            url: repository.to_owned(),
            access: Access::default(),
        },
    };
    Ok(Source::in_repository(&repository, name))
}

/// The version in Chart.lock, if it is one that Chart.yaml allows.
fn wanted(
    folder: &Path,
    dependency: &Dependency,
    locked: Option<&[Dependency]>,
) -> Result<Option<VersionRange>, String> {
    let declared = range(dependency.version.as_deref())?;
    let Some(locked) = locked else {
        return Ok(declared);
    };
    let name = &dependency.name;
    let stale = |says: String| {
        let folder = folder.display();
        format!(
            "Chart.lock {says}, but Chart.yaml wants {}: run `helm dependency update {folder}`",
            dependency.version.as_deref().unwrap_or("any version")
        )
    };
    let said = locked
        .iter()
        .filter(|it| it.name == *name)
        .filter_map(|it| it.version.as_deref());
    let fits = |text: &&str| {
        let version = parse_version(text);
        version.is_some_and(|it| declared.as_ref().is_none_or(|range| range.matches(&it)))
    };
    let said: Vec<&str> = said.collect();
    match said.iter().copied().find(fits) {
        Some(version) => range(Some(version)),
        None if said.is_empty() => Err(stale(format!("does not know `{name}`"))),
        None => Err(stale(format!("has `{name}` at {}", said.join(", ")))),
    }
}

fn range(text: Option<&str>) -> Result<Option<VersionRange>, String> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    text.map(VersionRange::parse)
        .transpose()
        .map_err(|error| error.to_string())
}

fn key(digest: &Digest, parts: &[LocalChart]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.field(RECIPE);
    hasher.field(digest.hex());
    for part in parts {
        hasher.field(&part.name);
        hasher.field(&part.version);
        hasher.field(&part.digest);
    }
    hasher.finish()
}

fn fill(to: &Path, from: &Path, parts: &[LocalChart]) -> std::io::Result<()> {
    tree::copy(from, to)?;
    let charts = to.join("charts");
    fs::create_dir_all(&charts)?;
    for part in parts {
        let name = format!("{}-{}", part.name, part.version);
        if part.path.is_dir() {
            tree::copy(&part.path, &charts.join(name))?;
        } else {
            fs::copy(&part.path, charts.join(format!("{name}.tgz")))?;
        }
    }
    Ok(())
}
