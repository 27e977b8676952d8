//! What can go wrong with a request, in words for the person at the terminal.

use std::{error::Error as StdError, time::Duration};

use kube::client::AuthError;

/// Why a request to the API server failed. Every message carries its cause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// No connection: refused, no such host, TLS.
    #[error("cannot reach the API server {server}: {message}")]
    Unreachable {
        /// Its URL.
        server: String,
        /// What the network said.
        message: String,
    },
    /// The server took the request and did not answer in time. Of a write the outcome is unknown.
    #[error("the API server {server} did not answer within {} s ({operation})", after.as_secs())]
    Timeout {
        /// Its URL.
        server: String,
        /// The deadline of the request.
        after: Duration,
        /// What was asked (`GET Deployment/web`).
        operation: String,
    },
    /// No usable credentials: a failing credential plugin, an unreadable token file.
    #[error("no credentials for the cluster: {message}")]
    Credentials {
        /// What the plugin or the file system said.
        message: String,
    },
    /// 401.
    #[error("the API server {server} does not accept the credentials: {message}")]
    Unauthorized {
        /// Its URL.
        server: String,
        /// The server's words.
        message: String,
    },
    /// 403.
    #[error("not allowed: {message}")]
    Forbidden {
        /// The server's words: they name user, verb, resource and namespace.
        message: String,
    },
    /// 404 where the object had to be there.
    #[error("not found: {message}")]
    NotFound {
        /// The server's words.
        message: String,
    },
    /// 409: someone else changed or created the object.
    #[error("in conflict with the state of the cluster: {message}")]
    Conflict {
        /// The server's words.
        message: String,
        /// The object exists already (`AlreadyExists`), as opposed to a changed resourceVersion.
        exists: bool,
    },
    /// 400, 422 and the like: the server refuses the content.
    #[error("refused by the API server: {message}")]
    Invalid {
        /// The server's words.
        message: String,
    },
    /// The server serves no such kind.
    #[error("the cluster knows no kind {kind}{}", .api_version.as_ref().map(|it| format!(" in {it}")).unwrap_or_default())]
    UnknownKind {
        /// The apiVersion asked for; none: any.
        api_version: Option<String>,
        /// The kind asked for.
        kind: String,
    },
    /// Several groups have a kind of this name, none of which is Kubernetes' own.
    #[error("several groups have a kind {kind}: {}", .served_as.join(", "))]
    AmbiguousKind {
        /// The kind asked for.
        kind: String,
        /// Their apiVersions.
        served_as: Vec<String>,
    },
    /// 410: a list or watch went on from a version the server no longer has.
    #[error("the API server no longer has what was asked for: {message}")]
    Expired {
        /// The server's words.
        message: String,
    },
    /// 429 and 5xx that outlasted the retries.
    #[error("the API server {server} is in trouble (HTTP {code}): {message}")]
    Server {
        /// Its URL.
        server: String,
        /// HTTP status.
        code: u16,
        /// The server's words.
        message: String,
        /// How long it asked to stay away (`retryAfterSeconds`).
        retry_after: Option<Duration>,
    },
    /// An answer that is not what the API promises.
    #[error("unexpected answer of the API server to {operation}: {message}")]
    Unexpected {
        /// What was asked.
        operation: String,
        /// What is wrong with the answer.
        message: String,
    },
}

impl ClusterError {
    /// What to do next, if there is something to say.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unreachable { message, .. } if message.contains("certificate") => Some(
                "the server's certificate is not trusted: check `certificate-authority` of the \
                 kubeconfig, and whether the server is the one it should be",
            ),
            Self::Unreachable { .. } | Self::Timeout { .. } => {
                Some("check with `kubectl version` whether the cluster can be reached from here")
            }
            Self::Credentials { .. } | Self::Unauthorized { .. } => Some(
                "the credentials may have expired: log in to the cluster's provider again, and \
                 check with `kubectl auth whoami`",
            ),
            Self::Forbidden { .. } => {
                Some("check with `kubectl auth can-i --list` what this user may do")
            }
            Self::UnknownKind { .. } => {
                Some("the chart that brings its CRD may be missing from `needs`")
            }
            Self::AmbiguousKind { .. } => Some("say which with `api_version`"),
            Self::NotFound { .. }
            | Self::Conflict { .. }
            | Self::Invalid { .. }
            | Self::Expired { .. }
            | Self::Server { .. }
            | Self::Unexpected { .. } => None,
        }
    }

    /// Whether the same request may succeed a little later. A certificate that is not trusted will
    /// not be.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { message, .. } => !message.contains("certificate"),
            Self::Server { .. } | Self::Timeout { .. } => true,
            _ => false,
        }
    }
}

/// Sorts an error of the client library into ours.
pub(super) fn classify(error: kube::Error, server: &str, operation: &str) -> ClusterError {
    let server = server.to_owned();
    match error {
        kube::Error::Api(status) => from_status(*status, server),
        kube::Error::Auth(error) => credentials(&error),
        kube::Error::Service(error) => match error.downcast::<AuthError>() {
            Ok(error) => credentials(&error),
            Err(error) => ClusterError::Unreachable {
                server,
                message: chain(error.as_ref()),
            },
        },
        kube::Error::HyperError(error) => ClusterError::Unreachable {
            server,
            message: chain(&error),
        },
        kube::Error::ReadEvents(error) => ClusterError::Unreachable {
            server,
            message: chain(&error),
        },
        other => ClusterError::Unexpected {
            operation: operation.to_owned(),
            message: chain(&other),
        },
    }
}

/// Sorts a `Status` the server answered with.
pub(super) fn from_status(status: kube::core::Status, server: String) -> ClusterError {
    let retry_after = status
        .details
        .as_ref()
        .map(|details| details.retry_after_seconds)
        .filter(|&seconds| seconds > 0)
        .map(|seconds| Duration::from_secs(u64::from(seconds)));
    let message = if status.message.is_empty() {
        status.reason.clone()
    } else {
        status.message
    };
    match status.code {
        // What server-side apply says to a field that its schema does not have.
        500 if message.starts_with("failed to create typed") => ClusterError::Invalid { message },
        401 => ClusterError::Unauthorized { server, message },
        403 => ClusterError::Forbidden { message },
        404 => ClusterError::NotFound { message },
        409 => ClusterError::Conflict {
            message,
            exists: status.reason == "AlreadyExists",
        },
        410 => ClusterError::Expired { message },
        429 => ClusterError::Server {
            server,
            code: 429,
            message,
            retry_after,
        },
        400..=499 => ClusterError::Invalid { message },
        code => ClusterError::Server {
            server,
            code,
            message,
            retry_after,
        },
    }
}

/// A failing credential plugin is shown by its own words.
pub(super) fn credentials(error: &AuthError) -> ClusterError {
    let message = match error {
        // Its `cmd` is the whole environment and command line: none of that is shown.
        AuthError::AuthExecRun { out, .. } => {
            let stderr = String::from_utf8_lossy(&out.stderr);
            format!(
                "the kubeconfig's credential plugin failed ({}): {}",
                out.status,
                stderr.trim()
            )
        }
        AuthError::AuthExecStart(error) => {
            format!("the kubeconfig's credential plugin could not be started: {error}")
        }
        other => chain(other),
    };
    ClusterError::Credentials { message }
}

/// An error and its sources as one line. The libraries below say some things twice (a message
/// that repeats its source), and some without saying anything.
pub(super) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut line = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        let says_nothing = text.starts_with("client error (") || text == "tcp connect error";
        let omit = says_nothing && error.source().is_some();
        if !omit && !line.contains(&text) {
            if !line.is_empty() {
                line.push_str(": ");
            }
            line.push_str(&text);
        }
        next = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::ExitStatusExt, process::Output};

    use super::*;

    fn status(code: u16, reason: &str) -> ClusterError {
        said(code, reason, "words")
    }

    fn said(code: u16, reason: &str, words: &str) -> ClusterError {
        let status = kube::core::Status::failure(words, reason).with_code(code);
        classify(kube::Error::Api(status.boxed()), "https://s", "GET x")
    }

    #[test]
    fn answers_of_the_server_are_told_apart() {
        assert!(matches!(status(401, ""), ClusterError::Unauthorized { .. }));
        assert!(matches!(status(403, ""), ClusterError::Forbidden { .. }));
        assert!(matches!(status(404, ""), ClusterError::NotFound { .. }));
        assert!(matches!(
            status(409, "AlreadyExists"),
            ClusterError::Conflict { exists: true, .. }
        ));
        assert!(matches!(
            status(409, "Conflict"),
            ClusterError::Conflict { exists: false, .. }
        ));
        assert!(matches!(status(422, ""), ClusterError::Invalid { .. }));
        let untyped = "failed to create typed patch object: .spec.typo: field not declared";
        assert!(matches!(
            said(500, "", untyped),
            ClusterError::Invalid { .. }
        ));
        assert!(matches!(status(410, ""), ClusterError::Expired { .. }));
        assert!(status(429, "").is_passing());
        assert!(status(503, "").is_passing());
        assert!(!status(403, "").is_passing());
    }

    #[test]
    fn a_failing_plugin_is_shown_by_its_stderr() {
        let error = AuthError::AuthExecRun {
            cmd: r#"SECRET="x" "aws" "eks" "get-token""#.into(),
            out: Box::new(Output {
                status: std::process::ExitStatus::from_raw(255 << 8),
                stdout: Vec::new(),
                stderr: b"the SSO session has expired\n".to_vec(),
            }),
        };
        let error = credentials(&error);
        assert_eq!(
            error.to_string(),
            "no credentials for the cluster: the kubeconfig's credential plugin failed (exit \
             status: 255): the SSO session has expired"
        );
        assert!(error.hint().is_some_and(|hint| hint.contains("log in")));
    }

    #[test]
    fn a_chain_says_everything_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("{text}")]
        struct Link {
            text: &'static str,
            source: Option<Box<Self>>,
        }
        let link = |text, source: Option<Link>| Link {
            text,
            source: source.map(Box::new),
        };
        let error = link(
            "client error (Connect)",
            Some(link(
                "tls: bad certificate",
                Some(link("bad certificate", None)),
            )),
        );
        assert_eq!(chain(&error), "tls: bad certificate");
    }
}
