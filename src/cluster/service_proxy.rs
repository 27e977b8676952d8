//! Talks to a Service through the API server, for `http` validations from outside the cluster.

use http_body_util::BodyExt;
use kube::{client::Body, core::Status};

use super::{
    Cluster, ClusterError,
    error::from_status,
    gate::{Effect, Request},
};
use crate::name::Namespace;

/// More of a body is not read.
pub(super) const BODY_LIMIT: usize = 64 * 1024;

/// What a Service answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyAnswer {
    /// HTTP status, of the Service or (502, 503: nobody behind the Service) of the API server on
    /// its way to it.
    pub status: u16,
    /// The first 64 KiB of the body.
    pub body: Vec<u8>,
}

impl Cluster {
    /// `GET` of `path` (with its query, if any) at a port (number or name) of a Service. An answer
    /// of any status is an answer; that the Service is not there, or that we may not reach it, is
    /// an error.
    pub async fn service_proxy(
        &self,
        namespace: &Namespace,
        service: &str,
        port: &str,
        path: &str,
    ) -> Result<ProxyAnswer, ClusterError> {
        let path = path.trim_start_matches('/');
        let url = format!("/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy/{path}");
        let operation = format!("GET Service/{service}:{port}/{path}");
        let request: Request =
            http::Request::get(url)
                .body(Vec::new())
                .map_err(|error| ClusterError::Invalid {
                    message: format!("`/{path}` is no path: {error}"),
                })?;
        let answer = self
            .gate()
            .attempts(&operation, Effect::Read, |client| {
                let request = request.clone().map(Body::from);
                async move {
                    let response = client.send(request).await?;
                    let status = response.status().as_u16();
                    let body = first_bytes(response.into_body()).await?;
                    Ok(ProxyAnswer { status, body })
                }
            })
            .await?;
        match words_of_the_api_server(&answer) {
            Some(status) => Err(from_status(status, self.server().to_owned())),
            None => Ok(answer),
        }
    }
}

pub(super) async fn first_bytes(mut body: Body) -> kube::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame?.data_ref() {
            let room = BODY_LIMIT - bytes.len();
            bytes.extend_from_slice(&data[..data.len().min(room)]);
        }
        if bytes.len() == BODY_LIMIT {
            break;
        }
    }
    Ok(bytes)
}

/// The API server refuses with a `Status` about `services`; anything else comes from behind it.
fn words_of_the_api_server(answer: &ProxyAnswer) -> Option<Status> {
    if !matches!(answer.status, 401 | 403 | 404) {
        return None;
    }
    let value: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    let about_services = value["details"]["kind"] == "services" || answer.status == 401;
    let is_status = value["kind"] == "Status" && value["apiVersion"] == "v1";
    if !(is_status && about_services) {
        return None;
    }
    serde_json::from_value(value).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::testing::{Answer, Script};

    async fn get(cluster: &Cluster, path: &str) -> Result<ProxyAnswer, ClusterError> {
        let namespace = Namespace::new("apps").unwrap();
        cluster.service_proxy(&namespace, "web", "http", path).await
    }

    #[tokio::test(start_paused = true)]
    async fn any_answer_of_the_service_is_an_answer() {
        let (cluster, script) = Script::cluster(|nth, _| match nth {
            0 => Answer::Body(500, b"broken".to_vec()),
            1 => Answer::Body(404, b"{\"kind\":\"Status\"}".to_vec()),
            _ => Answer::Body(200, vec![b'x'; BODY_LIMIT + 10]),
        });
        assert_eq!(get(&cluster, "/health?full=1").await.unwrap().status, 500);
        assert_eq!(get(&cluster, "health").await.unwrap().status, 404);
        assert_eq!(get(&cluster, "").await.unwrap().body.len(), BODY_LIMIT);
        let path = &script.calls()[0].path;
        assert_eq!(
            path,
            "/api/v1/namespaces/apps/services/web:http/proxy/health?full=1"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_api_server_refuses_is_an_error() {
        let (cluster, _script) = Script::cluster(|nth, _| {
            let (code, words) = if nth == 0 {
                (404, "not found")
            } else {
                (403, "forbidden")
            };
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
                "message": words, "details": { "name": "web", "kind": "services" },
            });
            Answer::Body(code, status.to_string().into_bytes())
        });
        assert!(matches!(
            get(&cluster, "").await,
            Err(ClusterError::NotFound { .. })
        ));
        assert!(matches!(
            get(&cluster, "").await,
            Err(ClusterError::Forbidden { .. })
        ));
        assert!(matches!(
            get(&cluster, "a b").await,
            Err(ClusterError::Invalid { .. })
        ));
    }
}
