//! Where exactly the bytes of a chart are.

use std::sync::Arc;

use super::{Asker, Run, blocking};
use crate::{
    chart::{
        Access, FetchError, LockEntry,
        error::Kind,
        index::{Index, IndexEntry},
        net::basic,
        oci::{Call, Pin, Reference},
        pick::{self, pick},
        remote::{Identity, Place, Remote, inherited},
    },
    digest::Digest,
    http::{Ask, is_same_origin, resolve},
    name::parse_version,
    stack::VersionRange,
};

/// Longest index.
const INDEX: u64 = 128 * 1024 * 1024;

/// Close names shown for one that is not in an index.
const SIMILAR: usize = 3;

/// Where the bytes are, and what was promised about them.
pub(super) struct Target {
    pub(super) bytes: Bytes,
    /// Who promised which digest.
    pub(super) promised: Vec<(&'static str, Digest)>,
    /// The version that was chosen.
    pub(super) version: Option<String>,
}

/// Where bytes are.
pub(super) enum Bytes {
    /// At an address; credentials are for it or not.
    At { url: http::Uri, authorized: bool },
    /// In a registry.
    Layer {
        reference: Reference,
        access: Access,
        digest: Digest,
    },
}

impl Run<'_> {
    pub(super) async fn target(
        &self,
        remote: &Remote,
        locked: Option<&LockEntry>,
        asker: &Asker,
    ) -> Result<Target, FetchError> {
        match &remote.place {
            Place::Url(url) => Ok(Target {
                bytes: Bytes::At {
                    url: url.clone(),
                    authorized: true,
                },
                promised: Vec::new(),
                version: None,
            }),
            Place::Repository(url) => self.in_index(remote, url, locked, asker).await,
            Place::Oci(reference) => {
                let call = self.call(reference, &remote.access, asker);
                let tag = self.tag(remote, &call, locked).await?;
                let layer = match tag.layer {
                    Some(layer) => layer,
                    None => self.registry.layer(&call, &tag.pin).await?,
                };
                Ok(in_registry(&call, layer, tag.version))
            }
        }
    }

    async fn in_index(
        &self,
        remote: &Remote,
        url: &http::Uri,
        locked: Option<&LockEntry>,
        asker: &Asker,
    ) -> Result<Target, FetchError> {
        let name = remote.identity.name.clone().unwrap_or_default();
        let source = &remote.identity.source;
        let index = self
            .indexes
            .get(
                source.clone(),
                self.index(source, url, &remote.access, asker),
            )
            .await?;
        let chosen = {
            let (remote, name) = (remote.clone(), name.clone());
            let locked = locked.map(|entry| entry.version.clone());
            // A chart with a thousand versions takes its time.
            blocking(move || choose(&index, &remote, &name, locked.as_deref())).await?
        };
        let nonsense = |reason: String| FetchError::NotAnIndex {
            url: source.clone(),
            reason,
        };
        let at = chosen.urls.as_ref().and_then(|urls| urls.first());
        let at = at.ok_or_else(|| nonsense(format!("`{name}` has a version without address")))?;
        if at.starts_with("oci://") {
            let reference = Reference::parse(at).map_err(nonsense)?;
            let pin = match &reference.pin {
                Some(Pin::Tag(tag)) => tag.clone(),
                Some(Pin::Digest(digest)) => digest.to_string(),
                None => tag_of(chosen.version.as_deref().unwrap_or_default()),
            };
            // Another server: the repository's own credentials are not for it.
            let access = inherited(at, self.options.repositories.values());
            let call = self.call(&reference, &access, asker);
            let layer = self.registry.layer(&call, &pin).await?;
            return Ok(in_registry(&call, layer, chosen.version));
        }
        let at = resolve(url, at).map_err(|error| nonsense(error.to_string()))?;
        let authorized = remote.access.pass_credentials || is_same_origin(url, &at);
        let digest = chosen.digest.as_deref().and_then(Digest::parse);
        Ok(Target {
            bytes: Bytes::At {
                url: at,
                authorized,
            },
            promised: digest
                .map(|digest| ("the index", digest))
                .into_iter()
                .collect(),
            version: chosen.version,
        })
    }

    async fn index(
        &self,
        source: &str,
        url: &http::Uri,
        access: &Access,
        asker: &Asker,
    ) -> Result<Arc<Index>, FetchError> {
        let bad = |reason: String| FetchError::NotAnIndex {
            url: source.to_owned(),
            reason,
        };
        let at = resolve(url, "index.yaml").map_err(|error| bad(error.to_string()))?;
        let ask = Ask {
            authorization: basic(access),
            send_everywhere: access.pass_credentials,
            ..Ask::get(at, INDEX)
        };
        let what = format!("the index of {source}");
        let mut bytes = Vec::new();
        self.net
            .send(access, &ask, &mut bytes, &what, Kind::Web, &asker.report)
            .await?;
        let index = blocking(move || Index::read(bytes)).await;
        index.map(Arc::new).map_err(bad)
    }

    /// The tag to ask for. One whole version is asked for by name, without a look at the others,
    /// unless the registry does not have it under that name.
    async fn tag(
        &self,
        remote: &Remote,
        call: &Call<'_>,
        locked: Option<&LockEntry>,
    ) -> Result<Tag, FetchError> {
        if let Some(pin) = &call.reference.pin {
            return Ok(match pin {
                Pin::Digest(digest) => Tag::new(digest.to_string(), None),
                // `latest` says nothing about the version.
                Pin::Tag(tag) => {
                    let version = Some(version_of(tag));
                    Tag::new(
                        tag.clone(),
                        version.filter(|text| parse_version(text).is_some()),
                    )
                }
            });
        }
        if let Some(entry) = locked {
            return Ok(Tag::new(
                tag_of(&entry.version),
                Some(entry.version.clone()),
            ));
        }
        let exact = remote
            .range
            .as_ref()
            .filter(|range| pick::exact(range).is_some());
        if let Some(range) = exact {
            let text = range.as_str().trim().trim_start_matches('=');
            let there = self.registry.layer(call, &tag_of(text)).await;
            let is_absent =
                |error: &FetchError| error.refusal().is_some_and(|refusal| refusal.status == 404);
            match there {
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(error),
                Ok(layer) => {
                    let tag = Tag::new(tag_of(text), Some(text.to_owned()));
                    return Ok(Tag {
                        layer: Some(layer),
                        ..tag
                    });
                }
            }
        }
        let tags = self.registry.tags(call).await?;
        let versions: Vec<String> = tags.iter().map(|tag| version_of(tag)).collect();
        let chosen = pick(versions.iter().map(String::as_str), remote.range.as_ref());
        let chosen = chosen
            .map_err(|none| no_version(remote, remote.range.as_ref(), none.near))?
            .to_owned();
        Ok(Tag::new(tag_of(&chosen), Some(chosen)))
    }

    pub(super) fn call<'c>(
        &'c self,
        reference: &'c Reference,
        access: &'c Access,
        asker: &'c Asker,
    ) -> Call<'c> {
        Call {
            net: self.net,
            reference,
            access,
            report: &asker.report,
        }
    }
}

/// What to ask a registry for.
struct Tag {
    pin: String,
    version: Option<String>,
    /// What is behind it, if that is known already.
    layer: Option<Digest>,
}

impl Tag {
    fn new(pin: String, version: Option<String>) -> Self {
        Self {
            pin,
            version,
            layer: None,
        }
    }
}

fn in_registry(call: &Call<'_>, layer: Digest, version: Option<String>) -> Target {
    let bytes = Bytes::Layer {
        reference: call.reference.clone(),
        access: call.access.clone(),
        digest: layer.clone(),
    };
    Target {
        bytes,
        promised: vec![("the registry", layer)],
        version,
    }
}

/// Tags cannot hold a `+`; Helm writes `_`.
fn tag_of(version: &str) -> String {
    version.replace('+', "_")
}

fn version_of(tag: &str) -> String {
    tag.replace('_', "+")
}

fn choose(
    index: &Index,
    remote: &Remote,
    name: &str,
    locked: Option<&str>,
) -> Result<IndexEntry, FetchError> {
    let url = &remote.identity.source;
    let entries = index.versions(name);
    let entries = entries.map_err(|reason| {
        let reason = format!("entry `{name}`: {reason}");
        FetchError::NotAnIndex {
            url: url.clone(),
            reason,
        }
    })?;
    let Some(entries) = entries else {
        let (url, name) = (url.clone(), name.to_owned());
        return Err(FetchError::NoChart {
            url,
            similar: similar(index, &name),
            name,
        });
    };
    let versions = || entries.iter().filter_map(|entry| entry.version.as_deref());
    // The chart may say its locked version in another way than the index (`v1.2.0`).
    let exact = locked.and_then(|version| VersionRange::parse(version).ok());
    let wanted = exact.as_ref().or(remote.range.as_ref());
    let chosen = pick(versions(), wanted).map_err(|none| no_version(remote, wanted, none.near))?;
    let entry = entries
        .iter()
        .find(|entry| entry.version.as_deref() == Some(chosen));
    Ok(entry.cloned().unwrap_or_default())
}

fn similar(index: &Index, name: &str) -> Vec<String> {
    let distance = |other: &str| strsim::damerau_levenshtein(name, other);
    let close = |other: &&str| distance(other) <= 2 || other.contains(name) || name.contains(other);
    let mut names: Vec<&str> = index.names().filter(close).collect();
    names.sort_by_key(|other| (distance(other), *other));
    names.into_iter().take(SIMILAR).map(str::to_owned).collect()
}

fn no_version(remote: &Remote, wanted: Option<&VersionRange>, near: Vec<String>) -> FetchError {
    let Identity { source, name, .. } = &remote.identity;
    let what = format!(
        "chart {} from {source}",
        name.as_deref().unwrap_or_default()
    );
    let wanted = wanted.map(|range| range.as_str().to_owned());
    FetchError::NoVersion { what, wanted, near }
}
