//! One GET within one deadline, for `http` checks that go straight to a URL.
//!
//! Checks through the API server's proxy are `cluster`'s. Redirects are not followed: a check says
//! what it expects of the address it names.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Request, Uri};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};

use super::{
    USER_AGENT, chain,
    message::TransferError,
    tls::crypto,
    url::{BadUrl, parse},
};

/// Bodies are read up to this many bytes; a check looks for a text, it does not download.
const BODY_LIMIT: usize = 256 * 1024;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body, lossy UTF-8.
    pub body: String,
}

/// No answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Not a URL.
    #[error(transparent)]
    Url(#[from] BadUrl),
    /// Nothing came, or not in time.
    #[error(transparent)]
    Transfer(#[from] TransferError),
}

/// Sends a GET and reads the answer, all within `deadline`.
pub async fn get(url: &str, deadline: Duration) -> Result<Answer, HttpError> {
    let uri = parse(url)?;
    let host = uri
        .authority()
        .map_or_else(String::new, |a| a.host().to_owned());
    let Ok(answer) = tokio::time::timeout(deadline, exchange(uri, &host)).await else {
        return Err(TransferError::Timeout {
            host,
            after: deadline,
        }
        .into());
    };
    Ok(answer?)
}

async fn exchange(uri: Uri, host: &str) -> Result<Answer, TransferError> {
    let failed = |error: &dyn std::error::Error| TransferError::Transport {
        host: host.to_owned(),
        reason: chain(error),
    };
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(crypto())
        .map_err(|error| failed(&error))?
        .https_or_http()
        .enable_http1()
        .build();
    let client: Client<_, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let request = Request::get(uri)
        .header("user-agent", USER_AGENT)
        .body(Empty::new())
        .map_err(|error| failed(&error))?;
    let answer = client
        .request(request)
        .await
        .map_err(|error| failed(&error))?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), BODY_LIMIT)
        .collect()
        .await
        .map_err(|error| failed(&*error))?
        .to_bytes();
    Ok(Answer {
        status,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    async fn serve(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = socket.read(&mut request).await;
            socket.write_all(answer.as_bytes()).await.unwrap();
            // An empty answer means: hold the connection open and say nothing.
            if answer.is_empty() {
                std::future::pending::<()>().await;
            }
        });
        format!("http://{address}/health")
    }

    #[tokio::test]
    async fn an_answer_is_status_and_body() {
        let url = serve("HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nlate").await;
        let answer = get(&url, Duration::from_secs(10)).await.unwrap();
        assert_eq!(
            answer,
            Answer {
                status: 503,
                body: "late".into()
            }
        );
    }

    #[tokio::test]
    async fn silence_ends_at_the_deadline() {
        let url = serve("").await;
        let error = get(&url, Duration::from_millis(50)).await.unwrap_err();
        let HttpError::Transfer(TransferError::Timeout { .. }) = error else {
            panic!("{error}")
        };
    }

    #[tokio::test]
    async fn errors_name_the_host_and_the_cause() {
        let error = get("ftp://x/", Duration::from_secs(1)).await.unwrap_err();
        assert!(
            error.to_string().contains("must start with http://"),
            "{error}"
        );
        let error = get("http://127.0.0.1:1/token", Duration::from_secs(5))
            .await
            .unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("127.0.0.1") && text.contains("refused"),
            "{text}"
        );
        assert!(!text.contains("token"), "{text}");
    }
}
