//! Which helm, and whether it will do.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::Helm;
use crate::{process::ProcessError, shutdown::Shutdown};

/// No usable helm.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// None was named and none is in `PATH`.
    #[error(
        "no helm found: there is no `helm` in PATH; install Helm 4, or name one with --helm-binary or HELM_BINARY"
    )]
    NotFound,
    /// The one that was named is not there.
    #[error("{origin} names `{}`, which does not exist", path.display())]
    Missing {
        /// `--helm-binary` or `HELM_BINARY`.
        origin: &'static str,
        /// What it says.
        path: PathBuf,
    },
    /// It is there but cannot be run.
    #[error("`{}` could not be run", binary.display())]
    NotRun {
        /// The binary.
        binary: PathBuf,
        /// Why.
        #[source]
        source: ProcessError,
    },
    /// It did not answer in time.
    #[error("`{} version` did not answer within 20 s", binary.display())]
    Hung {
        /// The binary.
        binary: PathBuf,
    },
    /// A helm that stackctl does not drive.
    #[error("`{}` is helm {version}, and {why}; stackctl needs Helm 3.14 or later, or Helm 4", binary.display())]
    Unsupported {
        /// The binary.
        binary: PathBuf,
        /// What it says.
        version: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Something else called helm.
    #[error("`{}` does not seem to be Helm, the Kubernetes package manager: {answer}", binary.display())]
    NotHelm {
        /// The binary.
        binary: PathBuf,
        /// What it did, or the first line it printed.
        answer: String,
    },
    /// The stack asks for another.
    #[error("the stack asks for helm {required}, but `{}` is {version}", binary.display())]
    Requirement {
        /// The binary.
        binary: PathBuf,
        /// `[stack] helm`.
        required: semver::VersionReq,
        /// What it is.
        version: semver::Version,
    },
    /// Records are not in Secrets.
    #[error(
        "HELM_DRIVER={driver} is not supported: stackctl reads release records from Secrets; unset it, or set it to `secret`"
    )]
    Driver {
        /// What it says.
        driver: String,
    },
    /// The run was asked to terminate.
    #[error("interrupted while asking helm for its version")]
    Interrupted,
}

impl Helm {
    /// Finds the helm to use and asks it for its version: `flag` (`--helm-binary`), else
    /// `HELM_BINARY` of `env`, else `helm` in `PATH` of `env`.
    pub async fn detect(
        flag: Option<&Path>,
        env: &BTreeMap<OsString, OsString>,
        shutdown: &Shutdown,
    ) -> Result<Self, DetectError> {
        let _ = (flag, env, shutdown);
        todo!()
    }

    /// Checks it against `[stack] helm`.
    pub fn check(&self, required: &semver::VersionReq) -> Result<(), DetectError> {
        let _ = required;
        todo!()
    }
}
