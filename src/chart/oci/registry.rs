//! Tags, manifests and layers.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use http::{HeaderValue, Uri, header};
use serde::Deserialize;

use super::{Keyring, Reference, challenge::Challenge, keyring::Credentials, token::authorize};
use crate::{
    chart::{
        Access, FetchError,
        error::Kind,
        net::{DOWNLOAD, Net, Reporter},
    },
    digest::Digest,
    http::{Ask, Authorization, Received, Sink, TransferError, is_same_origin, parse, resolve},
};

/// Longest manifest, and page of tags.
const DOCUMENT: u64 = 4 * 1024 * 1024;

/// Tags asked for at once, and pages read at most.
const TAGS: usize = 1000;
const PAGES: usize = 200;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
/// The second one is of Helm before 3.7.
const LAYERS: [&str; 2] = [
    "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
    "application/tar+gzip",
];

/// Who asks which registry about which chart.
#[derive(Debug, Clone, Copy)]
pub(in crate::chart) struct Call<'a> {
    /// The way there.
    pub(in crate::chart) net: &'a Net,
    /// The chart.
    pub(in crate::chart) reference: &'a Reference,
    /// Own credentials and TLS settings.
    pub(in crate::chart) access: &'a Access,
    /// Who is told.
    pub(in crate::chart) report: &'a Reporter,
}

/// Asks registries, and remembers what they wanted to see. One for a run.
#[derive(Debug)]
pub(in crate::chart) struct Registry {
    keyring: Keyring,
    sessions: Mutex<HashMap<String, Authorization>>,
}

#[derive(Deserialize)]
struct TagList {
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
}

impl Registry {
    /// With these stored credentials.
    pub(in crate::chart) fn new(keyring: Keyring) -> Self {
        Self {
            keyring,
            sessions: Mutex::default(),
        }
    }

    /// All tags.
    pub(in crate::chart) async fn tags(&self, call: &Call<'_>) -> Result<Vec<String>, FetchError> {
        let what = format!("the tags of {}", call.reference.source());
        let mut next = Some(address(call, &format!("tags/list?n={TAGS}"))?);
        let mut tags = Vec::new();
        for _ in 0..PAGES {
            let Some(url) = next else {
                return Ok(tags);
            };
            let mut body = Vec::new();
            let ask = Ask::get(url, DOCUMENT);
            let received = self.send(call, ask, &mut body, &what).await?;
            let page: TagList = serde_json::from_slice(&body)
                .map_err(|_| odd(call, "it did not answer with a list of tags"))?;
            tags.extend(page.tags.unwrap_or_default());
            next = next_page(&received);
        }
        Err(odd(
            call,
            &format!("it has more than {} tags", PAGES * TAGS),
        ))
    }

    /// The digest of the chart's archive, behind a tag or the digest of a manifest.
    pub(in crate::chart) async fn layer(
        &self,
        call: &Call<'_>,
        pin: &str,
    ) -> Result<Digest, FetchError> {
        let what = format!("the manifest of {} {pin}", call.reference.source());
        let mut ask = Ask::get(address(call, &format!("manifests/{pin}"))?, DOCUMENT);
        ask.headers
            .insert(header::ACCEPT, HeaderValue::from_static(MANIFEST));
        let mut body = Vec::new();
        self.send(call, ask, &mut body, &what).await?;
        if let Some(expected) = Digest::parse(pin).filter(|_| pin.starts_with("sha256:")) {
            let found = Digest::of(&body);
            if found != expected {
                return Err(FetchError::Digest {
                    what,
                    promised: "its reference",
                    expected: expected.to_string(),
                    found: found.to_string(),
                    hint: "",
                });
            }
        }
        chart_layer(&body).map_err(|reason| odd(call, &format!("{pin} {reason}")))
    }

    /// Downloads an archive. Its digest is for the caller to check.
    pub(in crate::chart) async fn download(
        &self,
        call: &Call<'_>,
        digest: &Digest,
        sink: &mut dyn Sink,
        what: &str,
    ) -> Result<(), FetchError> {
        let ask = Ask::get(address(call, &format!("blobs/{digest}"))?, DOWNLOAD);
        self.send(call, ask, sink, what).await.map(drop)
    }

    /// Sends with what the registry wanted last time, and once more if it now wants something else.
    async fn send(
        &self,
        call: &Call<'_>,
        mut ask: Ask,
        sink: &mut dyn Sink,
        what: &str,
    ) -> Result<Received, FetchError> {
        let session = call.reference.source();
        let known = {
            let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.get(&session).cloned()
        };
        ask.authorization = known;
        let net = call.net;
        let first = net
            .send(call.access, &ask, sink, what, Kind::Registry, call.report)
            .await;
        let Err(error) = first else {
            return first;
        };
        let refusal = error
            .refusal()
            .filter(|refusal| refusal.status == 401 && !refusal.withheld);
        let challenge = refusal.and_then(|refusal| Challenge::best(&refusal.challenges));
        let Some(challenge) = challenge else {
            return Err(error);
        };
        let credentials = self.credentials(call).await;
        let ours = credentials.as_ref().ok().and_then(Option::as_ref);
        let Some(authorization) = authorize(call, &challenge, ours).await? else {
            return Err(unreadable(call, credentials).unwrap_or(error));
        };
        ask.authorization = Some(authorization.clone());
        let second = net
            .send(call.access, &ask, sink, what, Kind::Registry, call.report)
            .await;
        match second {
            Ok(received) => {
                let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
                sessions.insert(session, authorization);
                Ok(received)
            }
            Err(error) if ours.is_none() => {
                Err(unreadable(call, credentials).unwrap_or_else(|| as_nobody(what, error)))
            }
            Err(error) => Err(error),
        }
    }

    /// Own ones first. Not being able to read stored ones matters only if nobody is refused.
    async fn credentials(&self, call: &Call<'_>) -> Result<Option<Credentials>, String> {
        match &call.access.username {
            Some(username) => {
                let password = call.access.password.clone();
                let password = password.unwrap_or_else(|| crate::secret::Secret::new(""));
                Ok(Some(Credentials::Password {
                    username: username.clone(),
                    password,
                }))
            }
            None => self.keyring.find(call.reference.server()).await,
        }
    }
}

fn unreadable(
    call: &Call<'_>,
    credentials: Result<Option<Credentials>, String>,
) -> Option<FetchError> {
    let host = call.reference.host.clone();
    credentials
        .err()
        .map(|reason| FetchError::Credentials { host, reason })
}

/// A token for nobody was sent: that is no wrong password.
fn as_nobody(what: &str, error: FetchError) -> FetchError {
    match error {
        FetchError::Get {
            error: TransferError::Refused(mut refusal),
            ..
        } => {
            refusal.authorized = false;
            FetchError::get(what, Kind::Registry, TransferError::Refused(refusal))
        }
        other => other,
    }
}

fn address(call: &Call<'_>, rest: &str) -> Result<Uri, FetchError> {
    let scheme = if call.access.plain_http {
        "http"
    } else {
        "https"
    };
    let (server, repository) = (call.reference.server(), &call.reference.repository);
    parse(&format!("{scheme}://{server}/v2/{repository}/{rest}"))
        .map_err(|error| FetchError::Address(error.to_string()))
}

/// The `Link` header's `</v2/…>; rel="next"`, unless it leads to another server.
fn next_page(received: &Received) -> Option<Uri> {
    let link = received.headers.get(header::LINK)?.to_str().ok()?;
    let (target, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = rest.contains("rel=\"next\"") || rest.contains("rel=next");
    let next = resolve(&received.url, target).ok().filter(|_| is_next)?;
    is_same_origin(&received.url, &next).then_some(next)
}

/// The chart in a manifest; the error says what else it is.
fn chart_layer(manifest: &[u8]) -> Result<Digest, String> {
    let manifest: Manifest =
        serde_json::from_slice(manifest).map_err(|_| "is no manifest".to_owned())?;
    let config = manifest
        .config
        .ok_or("is no Helm chart: its manifest is a list of images")?;
    if config.media_type != CONFIG {
        return Err(format!("is no Helm chart: it is a {}", config.media_type));
    }
    let layers = manifest.layers.unwrap_or_default();
    let layer = layers
        .iter()
        .find(|layer| LAYERS.contains(&layer.media_type.as_str()));
    let layer = layer.ok_or("is no Helm chart: it has no layer with one")?;
    let digest = Some(&layer.digest).filter(|digest| digest.starts_with("sha256:"));
    let digest = digest.and_then(|digest| Digest::parse(digest));
    digest.ok_or_else(|| {
        format!(
            "has a chart with digest {}, which is no sha256",
            layer.digest
        )
    })
}

fn odd(call: &Call<'_>, reason: &str) -> FetchError {
    FetchError::Registry {
        what: call.reference.source(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_chart_is_taken_for_one() {
        let digest = Digest::of(b"x");
        let manifest = |config: &str, layer: &str, digest: &str| {
            format!(
                r#"{{"schemaVersion":2,"config":{{"mediaType":"{config}","digest":"sha256:0","size":1}},
                "layers":[{{"mediaType":"application/vnd.cncf.helm.chart.provenance.v1.prov","digest":"sha256:1"}},
                {{"mediaType":"{layer}","digest":"{digest}","size":3}}]}}"#
            )
        };
        let chart = manifest(CONFIG, LAYERS[0], &digest.to_string());
        assert_eq!(chart_layer(chart.as_bytes()), Ok(digest.clone()));
        for (manifest, expected) in [
            (
                manifest("application/vnd.oci.image.config.v1+json", LAYERS[0], ""),
                "it is a application/vnd.oci.image",
            ),
            (manifest(CONFIG, "application/x", ""), "no layer"),
            (manifest(CONFIG, LAYERS[0], "sha512:00"), "no sha256"),
            (r#"{"manifests":[]}"#.into(), "a list of images"),
            ("<html>".into(), "is no manifest"),
        ] {
            let error = chart_layer(manifest.as_bytes()).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
