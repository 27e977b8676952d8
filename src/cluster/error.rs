//! What can go wrong with a request, in words for the person at the terminal.

use std::time::Duration;

/// Why a request to the API server failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClusterError {
    /// No connection: refused, no such host, TLS.
    #[error("cannot reach the API server {server}: {message}")]
    Unreachable {
        /// Its URL.
        server: String,
        /// What the network said.
        message: String,
    },
    /// The server took the request and did not answer in time. For a write the outcome is unknown.
    #[error("the API server {server} did not answer within {after:?} ({operation})")]
    Timeout {
        /// Its URL.
        server: String,
        /// The deadline of the request.
        after: Duration,
        /// What was asked (`GET deployments web`).
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
    #[error("changed by someone else meanwhile: {message}")]
    Conflict {
        /// The server's words.
        message: String,
        /// The object exists already (`AlreadyExists`), as opposed to a changed resourceVersion.
        exists: bool,
    },
    /// 400, 422: the server refuses the content.
    #[error("refused as invalid: {message}")]
    Invalid {
        /// The server's words.
        message: String,
    },
    /// The server serves no such kind.
    #[error("the cluster knows no kind {kind} in {api_version}")]
    UnknownKind {
        /// The apiVersion asked for.
        api_version: String,
        /// The kind asked for.
        kind: String,
    },
    /// 429 and 5xx that outlasted the retries.
    #[error("the API server {server} is in trouble ({code}): {message}")]
    Server {
        /// Its URL.
        server: String,
        /// HTTP status.
        code: u16,
        /// The server's words.
        message: String,
    },
    /// An answer that is not what the API promises.
    #[error("unexpected answer to {operation}: {message}")]
    Unexpected {
        /// What was asked.
        operation: String,
        /// What is wrong with the answer.
        message: String,
    },
}

impl ClusterError {
    /// What to do next, if there is something to say.
    pub fn hint(&self) -> Option<String> {
        todo!()
    }
}
