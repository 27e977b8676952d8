//! Who the server is, and who may ask it: a certificate and a token, new with every start.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{CertificateParams, KeyPair};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use serde_json::json;
use tokio_rustls::TlsAcceptor;

use super::random;

/// Name of the one context, cluster and user of the kubeconfig.
pub(super) const CONTEXT: &str = "sandbox";

/// A certificate of its own and a token. Clients send tokens over TLS only.
pub(super) struct Identity {
    pub(super) acceptor: TlsAcceptor,
    pub(super) token: String,
    certificate: String,
}

impl Identity {
    /// Makes both. Fails only where the system has no randomness.
    pub(super) fn new() -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| error.to_string();
        let key = KeyPair::generate().map_err(|error| failed(&error))?;
        let names = [Ipv4Addr::LOCALHOST.to_string(), "localhost".to_owned()];
        let params = CertificateParams::new(names).map_err(|error| failed(&error))?;
        let certificate = params.self_signed(&key).map_err(|error| failed(&error))?;
        let private =
            PrivateKeyDer::try_from(key.serialize_der()).map_err(|error| failed(&error))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)
            .map_err(|error| failed(&error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            token: random::token().map_err(|error| failed(&error))?,
            certificate: certificate.pem(),
        })
    }

    /// For clients. JSON is YAML.
    pub(super) fn kubeconfig(&self, address: SocketAddr) -> String {
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": CONTEXT,
            "contexts": [{ "name": CONTEXT, "context": { "cluster": CONTEXT, "user": CONTEXT } }],
            "clusters": [{ "name": CONTEXT, "cluster": {
                "server": format!("https://{address}"),
                "certificate-authority-data": STANDARD.encode(&self.certificate),
            } }],
            "users": [{ "name": CONTEXT, "user": { "token": self.token } }],
        });
        format!("{config:#}\n")
    }
}
