//! Why a chart could not be had.

use std::path::PathBuf;

use super::ChartError;
use crate::http::{Refusal, TransferError};

/// A chart could not be had. Messages are whole: they say what was asked of whom, what came back,
/// and what to do. They never hold a password.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FetchError {
    /// The chart that is there cannot be used.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// An address, reference or certificate file in the stack file cannot be used.
    #[error("{0}")]
    Address(String),
    /// A server did not give what it was asked for.
    #[error("could not get {what}: {error}{hint}")]
    Get {
        /// What, and where from.
        what: String,
        /// What came instead.
        error: TransferError,
        /// What it means and what to do: nothing, or `; …`.
        hint: String,
    },
    /// What the repository sent is no index.
    #[error(
        "{url} is not the address of a chart repository: its index.yaml is not valid: {reason}"
    )]
    NotAnIndex {
        /// The repository.
        url: String,
        /// Why.
        reason: String,
    },
    /// The repository has no chart of that name.
    #[error("{url} has no chart `{name}`{}", close_to(.similar))]
    NoChart {
        /// The repository.
        url: String,
        /// The chart.
        name: String,
        /// Names that are close.
        similar: Vec<String>,
    },
    /// No version of the chart is the one that is wanted.
    #[error("no version of {what} is {}; there are {}", said_or_stable(.wanted.as_deref()), list(.near))]
    NoVersion {
        /// The chart, and where it is from.
        what: String,
        /// The version or range; none means any stable one.
        wanted: Option<String>,
        /// Versions there are: the nearest, or the newest.
        near: Vec<String>,
    },
    /// The bytes are not those that were promised.
    #[error("{what} has digest {found}, but {promised} says {expected}{hint}")]
    Digest {
        /// What was downloaded.
        what: String,
        /// Who promised: the index, the registry, the lock file.
        promised: &'static str,
        /// The digest it should have.
        expected: String,
        /// The digest it has.
        found: String,
        /// What to do: nothing, or `: …`.
        hint: &'static str,
    },
    /// The archive is unsound or not safe to unpack.
    #[error("{what} is not a usable chart archive: {reason}")]
    Archive {
        /// Which.
        what: String,
        /// Why.
        reason: String,
    },
    /// The chart is another one than was asked for.
    #[error("{what} holds chart {found}, not {expected}")]
    Other {
        /// Which archive or folder.
        what: String,
        /// Name or version, as asked for.
        expected: String,
        /// Name or version in its Chart.yaml.
        found: String,
    },
    /// `--frozen`, and the lock file does not hold it.
    #[error("{what} is not in the lock file: run `stackctl fetch` and commit the result")]
    NotLocked {
        /// The chart, the wanted version, and where it is from.
        what: String,
    },
    /// It is not in the cache, and the network must not be used.
    #[error("{what} is not in the cache, and the network is not to be used")]
    Offline {
        /// What.
        what: String,
    },
    /// The registry's answer makes no sense, or is not about a chart.
    #[error("{what}: {reason}")]
    Registry {
        /// The reference.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// Stored credentials cannot be read.
    #[error("could not read the credentials for {host}: {reason}")]
    Credentials {
        /// The registry.
        host: String,
        /// Why.
        reason: String,
    },
    /// The declared dependencies of a folder make no sense.
    #[error("the dependencies of {} cannot be built: {reason}", folder.display())]
    Dependencies {
        /// The folder.
        folder: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// One dependency of a folder could not be had.
    #[error("dependency `{name}` of {}: {error}", folder.display())]
    Dependency {
        /// The folder.
        folder: PathBuf,
        /// The dependency.
        name: String,
        /// Why.
        error: Box<Self>,
    },
    /// The cache cannot be read or written.
    #[error("the chart cache cannot be used: {}: {reason}", path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Whom credentials are given to, for advice.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A chart repository or an address.
    Web,
    /// An OCI registry.
    Registry,
}

impl FetchError {
    /// For a transfer that failed.
    pub(super) fn get(what: &str, kind: Kind, error: TransferError) -> Self {
        let hint = match &error {
            TransferError::Refused(refusal) => advice(kind, refusal),
            _ => String::new(),
        };
        Self::Get {
            what: what.to_owned(),
            error,
            hint,
        }
    }

    /// The refusal, if a server refused.
    pub(super) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Get {
                error: TransferError::Refused(refusal),
                ..
            } => Some(refusal),
            _ => None,
        }
    }

    /// Whether the same may succeed a little later, when what serves the chart is about to come
    /// up: it does not answer, answers with something else, or does not have the chart yet.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Get { error, .. } => match error {
                TransferError::Refused(refusal) => !matches!(refusal.status, 401 | 403),
                TransferError::Transport { .. }
                | TransferError::Timeout { .. }
                | TransferError::Truncated { .. } => true,
                TransferError::Redirect { .. }
                | TransferError::TooLarge { .. }
                | TransferError::Keep { .. }
                | TransferError::Invalid { .. } => false,
            },
            Self::NotAnIndex { .. }
            | Self::NoChart { .. }
            | Self::NoVersion { .. }
            | Self::Registry { .. } => true,
            Self::Dependency { error, .. } => error.may_pass(),
            Self::Chart(_)
            | Self::Address(_)
            | Self::Digest { .. }
            | Self::Archive { .. }
            | Self::Other { .. }
            | Self::NotLocked { .. }
            | Self::Offline { .. }
            | Self::Credentials { .. }
            | Self::Dependencies { .. }
            | Self::Cache { .. } => false,
        }
    }

    pub(super) fn cache(path: &std::path::Path, error: impl std::fmt::Display) -> Self {
        Self::Cache {
            path: path.to_owned(),
            reason: error.to_string(),
        }
    }
}

fn advice(kind: Kind, refusal: &Refusal) -> String {
    let host = &refusal.host;
    let text = match refusal.status {
        401 | 403 if refusal.withheld => format!(
            "the credentials were not sent, since {host} is not the host they are for: with \
             `pass_credentials = true` they are"
        ),
        401 if refusal.authorized => "the user or the password is wrong".into(),
        401 => match kind {
            Kind::Web => "it wants a user: set `username` and `password` in [repositories]".into(),
            Kind::Registry => format!(
                "it wants a user: run `helm registry login {host}`, or set `username` and \
                 `password` in [repositories]"
            ),
        },
        403 if refusal.authorized => "the user may not read it".into(),
        403 => "it may not be read without a user, or does not exist".into(),
        404 => "there is nothing at that address".into(),
        429 => match refusal.retry_after {
            Some(pause) => format!("too many requests: it wants {} s of rest", pause.as_secs()),
            None => "too many requests: try again later".into(),
        },
        500.. => "the server is at fault: try again later".into(),
        _ => String::new(),
    };
    let said = said(refusal);
    match (text.is_empty(), said) {
        (true, None) => String::new(),
        (true, Some(said)) => format!("; it says: {said}"),
        (false, None) => format!("; {text}"),
        (false, Some(said)) => format!("; {text}; it says: {said}"),
    }
}

/// The messages of a registry's error document.
fn said(refusal: &Refusal) -> Option<String> {
    let body: serde_json::Value = serde_json::from_str(&refusal.body).ok()?;
    let errors = body.get("errors")?.as_array()?;
    let messages = errors
        .iter()
        .filter_map(|error| error.get("message")?.as_str());
    let messages: Vec<_> = messages.filter(|message| !message.is_empty()).collect();
    let text: String = messages
        .join(", ")
        .chars()
        .filter(|c| !c.is_control())
        .take(200)
        .collect();
    (!text.is_empty()).then_some(text)
}

fn close_to(names: &[String]) -> String {
    if names.is_empty() {
        String::new()
    } else {
        format!("; close to it: {}", names.join(", "))
    }
}

fn said_or_stable(range: Option<&str>) -> String {
    range.map_or_else(|| "stable".to_owned(), |range| format!("`{range}`"))
}

fn list(versions: &[String]) -> String {
    if versions.is_empty() {
        "none".to_owned()
    } else {
        versions.join(", ")
    }
}
