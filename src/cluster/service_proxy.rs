//! Talks to a Service through the API server, for `http` validations from outside the cluster.

use super::{Cluster, ClusterError};
use crate::name::Namespace;

/// What a Service answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyAnswer {
    /// HTTP status, of the Service or (502, 503: no endpoints) of the API server on its way to it.
    pub status: u16,
    /// At most 64 KiB of the body.
    pub body: Vec<u8>,
}

impl Cluster {
    /// `GET` of `path` (with its query, if any) at a port (number or name) of a Service.
    pub async fn service_proxy(
        &self,
        namespace: &Namespace,
        service: &str,
        port: &str,
        path: &str,
    ) -> Result<ProxyAnswer, ClusterError> {
        let _ = (namespace, service, port, path);
        todo!()
    }
}
