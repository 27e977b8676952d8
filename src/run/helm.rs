//! The Helm of a run.

use super::{RunError, Settings};
use crate::{helm::Helm, shutdown::Shutdown, stack::Stack};

/// The binary, of a version the stack accepts.
pub(super) async fn find_helm(
    stack: &Stack,
    settings: &Settings,
    shutdown: &Shutdown,
) -> Result<Helm, RunError> {
    let helm = Helm::detect(settings.helm.as_deref(), &settings.env, shutdown).await?;
    match &stack.helm {
        // A pre-release counts as the release it leads to.
        Some(range)
            if !range.matches(&helm.version) && !range.matches(&release_of(&helm.version)) =>
        {
            Err(RunError::HelmVersion {
                binary: helm.binary.clone(),
                found: helm.version.clone(),
                wanted: range.to_string(),
            })
        }
        _ => Ok(helm),
    }
}

fn release_of(version: &semver::Version) -> semver::Version {
    semver::Version::new(version.major, version.minor, version.patch)
}
