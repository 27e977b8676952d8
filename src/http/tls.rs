//! Whom a client trusts, and who it says it is.

use std::path::{Path, PathBuf};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

/// TLS settings of a client.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Tls {
    /// PEM file with the certificate authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM file with the client's certificate chain; needs `key_file`.
    pub cert_file: Option<PathBuf>,
    /// PEM file with the client's private key; needs `cert_file`.
    pub key_file: Option<PathBuf>,
}

/// The settings cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds something else.
    #[error("could not read {what} from {}: {reason}", path.display())]
    File {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A certificate without a key, or a key without a certificate.
    #[error("`cert_file` and `key_file` belong together: one of them is missing")]
    Half,
    /// Certificates that do not work.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}

/// kube brings ring; two providers in one process would panic unless one is named.
pub(super) fn crypto() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

impl Tls {
    /// Reads the files.
    pub(super) fn config(&self) -> Result<ClientConfig, TlsError> {
        let setup = |error: rustls::Error| TlsError::Setup(error.to_string());
        let roots = match &self.ca_file {
            Some(path) => trusted(path)?,
            None => system(),
        };
        let builder = ClientConfig::builder_with_provider(crypto().into())
            .with_safe_default_protocol_versions()
            .map_err(setup)?
            .with_root_certificates(roots);
        match (&self.cert_file, &self.key_file) {
            (None, None) => Ok(builder.with_no_client_auth()),
            (Some(certificate), Some(key)) => {
                let chain = certificates("certificates", certificate)?;
                let key = PrivateKeyDer::from_pem_file(key)
                    .map_err(|error| file("a private key", key, &error))?;
                builder.with_client_auth_cert(chain, key).map_err(setup)
            }
            _ => Err(TlsError::Half),
        }
    }
}

fn trusted(path: &Path) -> Result<RootCertStore, TlsError> {
    let what = "certificate authorities";
    let mut roots = RootCertStore::empty();
    for certificate in certificates(what, path)? {
        roots
            .add(certificate)
            .map_err(|error| file(what, path, &error))?;
    }
    Ok(roots)
}

/// What cannot be read of the system's is left out, as in every other program: a server that needs
/// it is refused with the certificate's own reason.
fn system() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| file(what, path, &error))?;
    if found.is_empty() {
        return Err(file(what, path, &"it holds none"));
    }
    Ok(found)
}

fn file(what: &'static str, path: &Path, reason: &dyn std::fmt::Display) -> TlsError {
    TlsError::File {
        what,
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}
