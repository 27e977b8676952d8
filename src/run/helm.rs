//! The Helm of a run.

use super::{Notice, RunError, Settings};
use crate::{
    helm::{DetectError, Helm},
    provide::{self, Progress},
    shutdown::Shutdown,
    stack::Stack,
};

/// The binary, of a version the stack accepts. Only a rehearsal gets one where there is none;
/// `notice` hears of it.
pub(super) async fn find_helm(
    stack: &Stack,
    settings: &Settings,
    shutdown: &Shutdown,
    notice: Notice<'_>,
) -> Result<Helm, RunError> {
    let helm = match Helm::detect(settings.helm.as_deref(), &settings.env, shutdown).await {
        Err(error) if may_be_provided(&error, settings) => {
            Box::pin(provided(&error, settings, shutdown, notice)).await?
        }
        found => found?,
    };
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

/// Whoever names a Helm wants that one.
fn may_be_provided(error: &DetectError, settings: &Settings) -> bool {
    let named =
        settings.helm.is_some() || settings.var("HELM_BINARY").is_some_and(|it| !it.is_empty());
    let rehearsal = settings.sandbox.as_ref();
    let unusable = matches!(
        error,
        DetectError::NotFound { .. }
            | DetectError::NotRun { .. }
            | DetectError::Unsupported { .. }
            | DetectError::NotHelm { .. }
    );
    !named && unusable && rehearsal.is_some_and(|rehearsal| rehearsal.download)
}

async fn provided(
    missing: &DetectError,
    settings: &Settings,
    shutdown: &Shutdown,
    notice: Notice<'_>,
) -> Result<Helm, RunError> {
    let version = provide::HELM.version;
    let mut quarters = 0;
    let mut watch = |progress: Progress<'_>| match progress {
        Progress::Missing => notice(&format!(
            "{missing}\nfor rehearsals stackctl keeps helm {version} in its cache (--no-download: never)"
        )),
        Progress::Asking { source } => {
            quarters = 0;
            notice(&format!("getting helm {version} from {source}"));
        }
        Progress::Received { received, total } => {
            let Some(total) = total.filter(|total| *total > 0) else {
                return;
            };
            let done = received * 4 / total;
            if done > quarters {
                quarters = done;
                notice(&format!("getting helm {version}: {} %", done * 25));
            }
        }
        Progress::Failed { source, reason } => {
            notice(&format!("not from {source}: {reason}"));
        }
    };
    let cache = settings.cache_dir();
    let pinned = &provide::HELM;
    let binary = provide::helm(pinned, &cache, &settings.env, shutdown, &mut watch).await?;
    Ok(Helm::detect(Some(&binary), &settings.env, shutdown).await?)
}

fn release_of(version: &semver::Version) -> semver::Version {
    semver::Version::new(version.major, version.minor, version.patch)
}
