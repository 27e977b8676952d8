//! The way to a server: TLS with own certificates, and proxies.

use std::{
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex},
};

use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use stackctl::chart::Access;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{
    charts::{Lab, from, from_with, index, packed},
    server::{Reply, Seen, Server, answer},
};

/// A certificate authority with a server's and a client's certificate, by openssl.
struct Certificates {
    folder: tempfile::TempDir,
}

impl Certificates {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let this = Self { folder };
        this.openssl("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.pem");
        for name in ["server", "client"] {
            this.openssl(&format!("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"));
            std::fs::write(this.path("ext"), "subjectAltName=DNS:localhost\n").unwrap();
            this.openssl(&format!("x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out {name}.pem"));
        }
        this
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    #[expect(clippy::disallowed_methods, reason = "a test's tool that ends at once")]
    fn openssl(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        command
            .args(arguments.split(' '))
            .current_dir(self.folder.path());
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// A repository at `https://localhost:PORT` that wants to see the client's certificate.
    async fn serve(&self) -> String {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(self.path("ca.pem")).unwrap())
            .unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(
                vec![CertificateDer::from_pem_file(self.path("server.pem")).unwrap()],
                PrivateKeyDer::from_pem_file(self.path("server.key")).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let handler = |seen: &Seen| match seen.path.as_str() {
                "/index.yaml" => Reply::ok(index(&[("web", "1.0.0", "web.tgz", None)])),
                "/web.tgz" => Reply::ok(packed("web", "1.0.0")),
                // Out of TLS.
                _ => Reply::redirect("http://localhost:1/index.yaml"),
            };
            while let Ok((socket, _)) = listener.accept().await {
                if let Ok(socket) = acceptor.accept(socket).await {
                    answer(socket, &handler, &Mutex::default()).await;
                }
            }
        });
        format!("https://localhost:{port}")
    }
}

#[tokio::test]
async fn own_certificates_open_the_door_and_wrong_ones_say_why() {
    let certificates = Certificates::new();
    let url = certificates.serve().await;
    let lab = Lab::new();
    let file = |name: &str| Some(certificates.path(name));
    let access = Access {
        ca_file: file("ca.pem"),
        cert_file: file("client.pem"),
        key_file: file("client.key"),
        ..Access::default()
    };
    lab.get(from_with(&url, "web", "", access.clone()))
        .await
        .unwrap();

    let cases = [
        (Access::default(), "UnknownIssuer"),
        (
            Access {
                cert_file: None,
                key_file: None,
                ..access.clone()
            },
            "no answer from localhost",
        ),
        (
            Access {
                key_file: None,
                ..access.clone()
            },
            "belong together",
        ),
        (
            Access {
                ca_file: file("gone"),
                ..access.clone()
            },
            "could not read certificate authorities from",
        ),
        (
            Access {
                ca_file: file("ext"),
                ..access.clone()
            },
            "it holds none",
        ),
        (
            Access {
                key_file: file("ca.pem"),
                ..access.clone()
            },
            "could not read a private key from",
        ),
    ];
    let mut lab = Lab::new();
    lab.options.patience.attempts = 1;
    for (access, expected) in cases {
        let error = lab
            .get(from_with(&url, "web", "", access))
            .await
            .unwrap_err();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let error = lab
        .get(from_with(&format!("{url}/moved"), "web", "", access))
        .await
        .unwrap_err();
    assert!(
        error.contains("redirects to localhost:1 without TLS"),
        "{error}"
    );
}

#[tokio::test]
async fn proxies_of_the_environment_are_used() {
    let proxy = Server::start(|seen| match seen.path.as_str() {
        "http://charts.corp/index.yaml" => Reply::ok(index(&[("web", "1.0.0", "web.tgz", None)])),
        "http://charts.corp/web.tgz" => Reply::ok(packed("web", "1.0.0")),
        _ => Reply::status(403),
    })
    .await;
    let mut lab = Lab::new();
    let at = proxy.url.replace("http://", "http://ada:hunter2@");
    lab.options
        .env
        .insert("http_proxy".into(), at.clone().into());
    lab.options.env.insert("HTTPS_PROXY".into(), at.into());
    lab.get(from("http://charts.corp", "web", ""))
        .await
        .unwrap();
    let all = proxy.seen();
    let proxied = |seen: &Seen| seen.headers.get("proxy-authorization").cloned();
    assert!(
        all.iter()
            .all(|seen| proxied(seen).as_deref() == Some(super::charts::BASIC))
    );

    // TLS goes through a tunnel, which this proxy refuses.
    let error = lab
        .get(from("https://charts.corp", "web", ""))
        .await
        .unwrap_err();
    assert!(
        error.contains("no answer from charts.corp") && !error.contains("hunter2"),
        "{error}"
    );
    assert!(
        proxy
            .seen()
            .iter()
            .any(|seen| seen.path == "charts.corp:443")
    );

    lab.options.env.insert("NO_PROXY".into(), "corp".into());
    let n_requests = proxy.seen().len();
    lab.get(from("http://charts.corp", "web", "2.x"))
        .await
        .unwrap_err();
    assert_eq!(proxy.seen().len(), n_requests);
}
