//! Charts that are somewhere else: what identifies them, and where exactly they are.

use http::Uri;

use super::{
    Access, FetchError, Repository, Source,
    oci::{Pin, Reference},
};
use crate::{
    http::{parse, without_user},
    secret::{Redactor, Secret},
    stack::VersionRange,
};

/// A chart that has to be fetched.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    /// What it is in the lock file.
    pub(super) identity: Identity,
    /// The range its version must be in.
    pub(super) range: Option<VersionRange>,
    /// Where it is.
    pub(super) place: Place,
    /// How to get in.
    pub(super) access: Access,
}

/// What makes two wishes the same one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    /// Address without credentials.
    pub(super) source: String,
    /// Name, where it is known before the chart is.
    pub(super) name: Option<String>,
    /// The version, range, tag or digest that is wanted.
    pub(super) wanted: Option<String>,
}

/// Where a remote chart is.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// In the index of the repository at this address.
    Repository(Uri),
    /// In a registry.
    Oci(Reference),
    /// At this address.
    Url(Uri),
}

impl Remote {
    /// `None` for what is on this machine. The access of a repository of the stack is used for
    /// addresses inside it that bring none of their own.
    pub(super) fn new<'a>(
        source: &Source,
        range: Option<&VersionRange>,
        repositories: impl Iterator<Item = &'a Repository>,
        redactor: &Redactor,
    ) -> Result<Option<Self>, FetchError> {
        let bad = |error: crate::http::BadUrl| FetchError::Address(error.to_string());
        let range_text = range.map(|range| range.as_str().to_owned());
        let (text, access) = match source {
            Source::Folder(_) | Source::Archive(_) => return Ok(None),
            Source::Repository { repository, .. } => (&repository.url, &repository.access),
            Source::Oci { reference, access } => (reference, access),
            Source::Url { url, access } => (url, access),
        };
        let access = if *access == Access::default() {
            inherited(text, repositories)
        } else {
            access.clone()
        };
        let (text, access) = entered(text, access, redactor);
        // Tokens are in queries. A path stays as it is: it identifies the chart in the lock file.
        let shown = |text: &str| match text.split_once('?') {
            Some((path, query)) => format!("{path}?{}", redactor.redact(query)),
            None => text.trim_end_matches('/').to_owned(),
        };
        let (place, identity) = match source {
            Source::Repository { name, .. } => {
                let place = Place::Repository(parse(&text).map_err(bad)?);
                let identity = Identity {
                    source: shown(&text),
                    name: Some(name.clone()),
                    wanted: range_text,
                };
                (place, identity)
            }
            Source::Url { .. } => {
                let place = Place::Url(parse(&text).map_err(bad)?);
                (
                    place,
                    Identity {
                        source: shown(&text),
                        name: None,
                        wanted: range_text,
                    },
                )
            }
            _ => {
                let reference = Reference::parse(&text).map_err(FetchError::Address)?;
                let pinned = reference.pin.as_ref().map(|pin| match pin {
                    Pin::Tag(tag) => tag.clone(),
                    Pin::Digest(digest) => digest.to_string(),
                });
                let identity = Identity {
                    source: reference.source(),
                    name: Some(reference.name().to_owned()),
                    wanted: pinned.or(range_text),
                };
                (Place::Oci(reference), identity)
            }
        };
        if let Some(password) = &access.password {
            redactor.add(password);
        }
        Ok(Some(Self {
            identity,
            range: range.cloned(),
            place,
            access,
        }))
    }

    /// For messages: `chart web ~1.2 from https://…`.
    pub(super) fn describe(&self) -> String {
        let Identity {
            source,
            name,
            wanted,
        } = &self.identity;
        let name = name
            .as_ref()
            .map_or_else(String::new, |name| format!(" {name}"));
        let wanted = wanted
            .as_ref()
            .map_or_else(String::new, |wanted| format!(" {wanted}"));
        format!("chart{name}{wanted} from {source}")
    }
}

/// The access of the repository that holds the address.
pub(super) fn inherited<'a>(
    url: &str,
    repositories: impl Iterator<Item = &'a Repository>,
) -> Access {
    let holds = |repository: &&Repository| {
        let base = repository.url.trim_end_matches('/');
        let rest = url.strip_prefix(base);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':', '@']))
    };
    // The one that says most about it.
    let found = repositories
        .filter(holds)
        .max_by_key(|repository| repository.url.len());
    found
        .map(|repository| repository.access.clone())
        .unwrap_or_default()
}

/// Takes `user:password@` out of an address.
fn entered(url: &str, mut access: Access, redactor: &Redactor) -> (String, Access) {
    let (plain, user) = without_user(url);
    if let Some((username, password)) = user {
        let password = Secret::new(password);
        redactor.add(&password);
        if access.username.is_none() {
            access.username = Some(username);
            access.password = Some(password);
        }
    }
    (plain, access)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(source: &Source, range: Option<&str>) -> Remote {
        let corp = |url: &str, user: &str| Repository {
            url: url.into(),
            access: Access {
                username: Some(user.into()),
                ..Access::default()
            },
        };
        let all = [
            corp("oci://r.corp/charts", "a"),
            corp("oci://r.corp/charts/team/", "b"),
        ];
        let range = range.map(|text| VersionRange::parse(text).unwrap());
        let remote = Remote::new(source, range.as_ref(), all.iter(), &Redactor::default());
        remote.unwrap().unwrap()
    }

    fn oci(reference: &str) -> Source {
        Source::Oci {
            reference: reference.into(),
            access: Access::default(),
        }
    }

    #[test]
    fn a_chart_is_identified_without_credentials() {
        let repository = Repository {
            url: "https://u:hunter2@h/charts/".into(),
            access: Access::default(),
        };
        let found = remote(&Source::in_repository(&repository, "web"), Some("~1"));
        assert_eq!(found.describe(), "chart web ~1 from https://h/charts");
        assert_eq!(found.access.username.as_deref(), Some("u"));
        assert!(!format!("{found:?}").contains("hunter2"));
        let found = remote(&oci("oci://h/a/web:1.0_b"), Some("~1"));
        assert_eq!(found.describe(), "chart web 1.0_b from oci://h/a/web");
    }

    #[test]
    fn addresses_inside_a_repository_inherit_its_access() {
        for (reference, user) in [
            ("oci://r.corp/charts/web", Some("a")),
            ("oci://r.corp/charts/team/web:1", Some("b")),
            ("oci://r.corp/charts-of-others/web", None),
            ("oci://other/charts/web", None),
        ] {
            assert_eq!(
                remote(&oci(reference), None).access.username.as_deref(),
                user,
                "{reference}"
            );
        }
    }
}
