//! Downloads a chart, and checks it before it is believed.

use std::path::PathBuf;

use tempfile::NamedTempFile;

use super::{
    Asker, Found, Run, blocking, local,
    target::{Bytes, Target},
};
use crate::{
    chart::{
        FetchError, LocalChart, LockEntry, archive,
        error::Kind,
        net::{DOWNLOAD, basic},
        remote::Remote,
    },
    digest::Digest,
    http::{Ask, TransferError::Refused},
    name::parse_version,
    stack::VersionRange,
};

impl Run<'_> {
    pub(super) async fn download(
        &self,
        remote: &Remote,
        target: &Target,
        asker: &Asker,
    ) -> Result<NamedTempFile, FetchError> {
        let cache = self.cache.clone();
        let mut file = blocking(move || cache.incoming()).await?;
        let what = remote.describe();
        match &target.bytes {
            Bytes::At { url, authorized } => {
                let access = &remote.access;
                let mut ask = Ask::get(url.clone(), DOWNLOAD);
                ask.authorization = basic(access).filter(|_| *authorized);
                ask.send_everywhere = access.pass_credentials;
                let sink = file.as_file_mut();
                let sent = self
                    .net
                    .send(access, &ask, sink, &what, Kind::Web, &asker.report);
                sent.await
                    .map_err(|error| explain(error, remote, *authorized))?;
            }
            Bytes::Layer {
                reference,
                access,
                digest,
            } => {
                let call = self.call(reference, access, asker);
                self.registry
                    .download(&call, digest, file.as_file_mut(), &what)
                    .await?;
            }
        }
        Ok(file)
    }

    /// Checks an archive and puts it into the cache.
    pub(super) async fn accept(
        &self,
        remote: &Remote,
        target: Target,
        file: Archive,
    ) -> Result<Found, FetchError> {
        let (cache, remote) = (self.cache.clone(), remote.clone());
        blocking(move || {
            let what = remote.describe();
            let at = match &file {
                Archive::Cached(path) => path.as_path(),
                Archive::New(file) => file.path(),
            };
            let unreadable = |error| FetchError::cache(at, error);
            let digest = Digest::of_file(at).map_err(unreadable)?;
            let checked = archive::check(at);
            let broken = target
                .promised
                .iter()
                .find(|(_, promised)| *promised != digest);
            let packed = match (checked, broken) {
                (Ok(packed), None) => packed,
                (Ok(_), Some((by, expected))) => {
                    return Err(wrong_digest(what, by, expected, &digest));
                }
                (Err(reason), None) => return Err(FetchError::Archive { what, reason }),
                (Err(reason), Some((by, expected))) => {
                    let reason =
                        format!("{reason} (its digest is {digest}, but {by} says {expected})");
                    return Err(FetchError::Archive { what, reason });
                }
            };
            check_identity(&remote, target.version.as_deref(), &packed)?;
            let path = match file {
                Archive::Cached(path) => path,
                Archive::New(file) => cache.place(file, &digest)?,
            };
            let entry = LockEntry {
                source: remote.identity.source,
                name: packed.name.clone(),
                wanted: remote.identity.wanted,
                version: packed.version.clone(),
                digest: digest.to_string(),
            };
            Ok(Found {
                chart: local(path, packed.name, packed.version, &digest),
                entry,
            })
        })
        .await
    }
}

/// An archive that is to be accepted.
pub(super) enum Archive {
    /// In the cache already.
    Cached(PathBuf),
    /// Just downloaded.
    New(NamedTempFile),
}

/// A refusal of a host that the index names and the credentials are not for.
fn explain(error: FetchError, remote: &Remote, authorized: bool) -> FetchError {
    match error {
        FetchError::Get {
            what,
            error: Refused(mut refusal),
            ..
        } if !authorized && remote.access.username.is_some() => {
            refusal.withheld = true;
            FetchError::get(&what, Kind::Web, Refused(refusal))
        }
        other => other,
    }
}

/// What an index or registry promises now against the lock file, before anything is downloaded.
pub(super) fn check_promises(remote: &Remote, target: &Target) -> Result<(), FetchError> {
    if let [(_, now), .., (by, locked)] = target.promised.as_slice()
        && now != locked
    {
        return Err(wrong_digest(remote.describe(), by, locked, now));
    }
    Ok(())
}

fn wrong_digest(what: String, by: &'static str, expected: &Digest, found: &Digest) -> FetchError {
    let hint = match by {
        "the lock file" => ": if that is meant, run `stackctl fetch --update`",
        _ => "",
    };
    FetchError::Digest {
        what,
        promised: by,
        expected: expected.to_string(),
        found: found.to_string(),
        hint,
    }
}

fn check_identity(
    remote: &Remote,
    version: Option<&str>,
    packed: &archive::Packed,
) -> Result<(), FetchError> {
    let other = |expected: String| FetchError::Other {
        what: remote.describe(),
        expected,
        found: format!("{} {}", packed.name, packed.version),
    };
    if let Some(name) = remote
        .identity
        .name
        .as_ref()
        .filter(|name| **name != packed.name)
    {
        return Err(other(name.clone()));
    }
    let found = parse_version(&packed.version);
    if let Some(version) = version
        && version != packed.version
        && (found.is_none() || parse_version(version) != found)
    {
        return Err(other(version.to_owned()));
    }
    match (&remote.range, &found) {
        (Some(range), Some(found)) if !range.matches(found) => {
            Err(other(range.as_str().to_owned()))
        }
        (_, None) => Err(other("one with a semantic version".to_owned())),
        _ => Ok(()),
    }
}

/// Of a chart on this machine.
pub(in crate::chart) fn check_range(
    chart: &LocalChart,
    range: Option<&VersionRange>,
) -> Result<(), FetchError> {
    let version = parse_version(&chart.version);
    let is_in = |range: &&VersionRange| version.as_ref().is_some_and(|it| range.matches(it));
    match range {
        Some(range) if !is_in(&range) => Err(FetchError::Other {
            what: chart.path.display().to_string(),
            expected: range.as_str().to_owned(),
            found: format!("{} {}", chart.name, chart.version),
        }),
        _ => Ok(()),
    }
}
