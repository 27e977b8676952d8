//! Requests and answers of the [`Client`](super::Client).

use std::{
    fs::File,
    io::{self, Seek as _, Write as _},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri};

use crate::secret::Secret;

/// A request.
#[derive(Debug, Clone)]
pub struct Ask {
    /// GET or POST.
    pub method: Method,
    /// Where to. Any user in it is ignored.
    pub url: Uri,
    /// Beside the user agent and the authorization.
    pub headers: HeaderMap,
    /// Sent with a POST.
    pub body: Bytes,
    /// Who asks. It goes to the origin of `url` only (see [`super::is_same_origin`]), unless
    /// `send_everywhere`.
    pub authorization: Option<Authorization>,
    /// Authorization follows redirects to other origins. Never from https to http: such redirects
    /// are refused.
    pub send_everywhere: bool,
    /// Longest body, in bytes.
    pub limit: u64,
}

impl Ask {
    /// A plain GET.
    pub fn get(url: Uri, limit: u64) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            authorization: None,
            send_everywhere: false,
            limit,
        }
    }
}

/// The `Authorization` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// User and password.
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A token.
    Bearer(Secret),
}

impl Authorization {
    /// `None` if the token cannot stand in a header.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let text = match self {
            Self::Basic { username, password } => {
                let pair = format!("{username}:{}", password.expose());
                format!("Basic {}", STANDARD.encode(pair))
            }
            Self::Bearer(token) => format!("Bearer {}", token.expose()),
        };
        let mut value = HeaderValue::try_from(text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// A 2xx answer. Its body is in the [`Sink`].
#[derive(Debug, Clone)]
pub struct Received {
    /// Where it came from in the end.
    pub url: Uri,
    /// Its headers.
    pub headers: HeaderMap,
}

/// Where a body goes.
pub trait Sink: Send {
    /// Forgets everything: the request is sent again.
    ///
    /// # Errors
    /// What was written cannot be taken back.
    fn restart(&mut self) -> io::Result<()>;

    /// Takes the next piece.
    ///
    /// # Errors
    /// It cannot be kept.
    fn write(&mut self, piece: &[u8]) -> io::Result<()>;
}

impl Sink for Vec<u8> {
    fn restart(&mut self) -> io::Result<()> {
        self.clear();
        Ok(())
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.extend_from_slice(piece);
        Ok(())
    }
}

impl Sink for File {
    fn restart(&mut self) -> io::Result<()> {
        self.rewind()?;
        self.set_len(0)
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.write_all(piece)
    }
}

/// What happens while a request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transfer {
    /// Bytes have come.
    Bytes {
        /// So far.
        received: u64,
        /// In all, if the server says.
        total: Option<u64>,
    },
    /// The request failed and is sent again.
    Again {
        /// Why.
        reason: String,
        /// After this long.
        pause: Duration,
    },
}

/// A status other than 2xx, and what came with it.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Who said it: host and port.
    pub host: String,
    /// HTTP status.
    pub status: u16,
    /// How long to wait before asking again, if it says.
    pub retry_after: Option<Duration>,
    /// `WWW-Authenticate` headers.
    pub challenges: Vec<String>,
    /// Authorization was sent.
    pub authorized: bool,
    /// There was one, and it was not sent: the host is not the one it is for.
    pub withheld: bool,
    /// The beginning of the body.
    pub body: String,
}

/// No 2xx answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TransferError {
    /// Connecting, sending or reading failed.
    #[error("no answer from {host}: {reason}")]
    Transport {
        /// Host and port.
        host: String,
        /// The chain of causes.
        reason: String,
    },
    /// Silence.
    #[error("no answer from {host} within {after:?}")]
    Timeout {
        /// Host and port.
        host: String,
        /// The deadline that passed.
        after: Duration,
    },
    /// The connection ended before the body did.
    #[error("the answer of {host} was cut off after {received} bytes")]
    Truncated {
        /// Host and port.
        host: String,
        /// Bytes that came.
        received: u64,
    },
    /// A status other than 2xx.
    #[error("{} answered {}", .0.host, status_text(.0.status))]
    Refused(Box<Refusal>),
    /// A redirect that is not followed.
    #[error("{host} redirects {reason}")]
    Redirect {
        /// Host and port.
        host: String,
        /// Where, and why that is refused.
        reason: String,
    },
    /// The body is longer than allowed.
    #[error("{host} sent more than {} MiB", .limit / (1024 * 1024))]
    TooLarge {
        /// Host and port.
        host: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The body could not be kept.
    #[error("could not keep what {host} sent: {reason}")]
    Keep {
        /// Host and port.
        host: String,
        /// Why.
        reason: String,
    },
    /// What is to be sent is no HTTP.
    #[error("the request to {host} cannot be sent: {reason}")]
    Invalid {
        /// Host and port.
        host: String,
        /// Why.
        reason: String,
    },
}

fn status_text(status: u16) -> String {
    let name = http::StatusCode::from_u16(status).ok();
    let name = name.and_then(|status| status.canonical_reason());
    name.map_or_else(|| status.to_string(), |name| format!("{status} {name}"))
}
