//! Where charts come from: `[repositories]`, and each chart's `chart`.

use std::collections::BTreeMap;

use super::{disk::Disk, known::Known};
use crate::stack::{
    findings::{Finding, Findings},
    layers::origin::Text,
    model::{ChartSource, RepositorySpec},
    raw::repositories::RawRepository,
};

/// The repositories that are sound.
pub(crate) fn repositories(
    raw: &[RawRepository<'_>],
    known: &Known<'_>,
    disk: &mut Disk,
    f: &mut Findings,
) -> BTreeMap<String, RepositorySpec> {
    let mut repositories = BTreeMap::new();
    for one in raw {
        if let Some(spec) = repository(one, known, disk, f) {
            repositories.insert(one.name.value.to_owned(), spec);
        }
    }
    repositories
}

fn repository(
    raw: &RawRepository<'_>,
    known: &Known<'_>,
    disk: &mut Disk,
    f: &mut Findings,
) -> Option<RepositorySpec> {
    let name = raw.name.value;
    if name.is_empty() || name.contains('/') {
        f.add(
            Finding::error(format!("repository name `{name}` is not valid"))
                .at(raw.name.origin, "use letters, digits, `_` and `-`"),
        );
    }
    for (one, other, has, needs) in [
        ("password", "username", raw.password, raw.username),
        ("username", "password", raw.username, raw.password),
        ("cert_file", "key_file", raw.cert_file, raw.key_file),
        ("key_file", "cert_file", raw.key_file, raw.cert_file),
    ] {
        if let (Some(has), None) = (has, needs) {
            let message = format!("repository `{name}` has `{one}`, but no `{other}`");
            f.add(Finding::error(message).at(has.origin, ""));
        }
    }
    let mut file = |said: Option<Text<'_>>, what: &str, f: &mut Findings| {
        let said = known.now(said?, f)?;
        Some(disk.file(what, said.text(), f))
    };
    let ca_file = file(raw.ca_file, "certificate file", f);
    let cert_file = file(raw.cert_file, "certificate file", f);
    let key_file = file(raw.key_file, "key file", f);
    let username = raw.username.and_then(|said| known.template(said, f));
    let password = raw.password.and_then(|said| known.template(said, f));
    let url = known.now(raw.url?, f)?;
    let is_oci = url.value.starts_with("oci://");
    if !is_oci && !is_web(&url.value) {
        f.add(
            Finding::error(format!(
                "`{}` is not the address of a repository",
                url.value
            ))
            .at(
                url.origin,
                "it starts with `https://`, `http://` or `oci://`",
            ),
        );
        return None;
    }
    if raw.plain_http && !is_oci {
        f.add(
            Finding::error("`plain_http` is for `oci://` addresses")
                .at(raw.name.origin, "an address says `http://` itself"),
        );
    }
    Some(RepositorySpec {
        url: url.value.into_owned(),
        username,
        password,
        ca_file,
        cert_file,
        key_file,
        pass_credentials: raw.pass_credentials,
        plain_http: raw.plain_http,
        place: f.sources.place(raw.name.origin),
    })
}

/// What a chart's `chart` means. `repositories` are the names that are declared.
pub(crate) fn source(
    said: Text<'_>,
    disk: &mut Disk,
    repositories: &[&str],
    f: &mut Findings,
) -> Option<ChartSource> {
    let text = said.value;
    if text.starts_with("oci://") {
        return Some(ChartSource::Oci(text.to_owned()));
    }
    if is_web(text) {
        let path = text.split(['?', '#']).next().unwrap_or(text);
        if path.strip_suffix(".tgz").is_none() {
            f.add(
                Finding::error(format!("`{text}` is not the address of a packed chart"))
                    .at(said.origin, "it ends in `.tgz`")
                    .help("for a chart of a repository, put the address into `[repositories]` and say `chart = \"REPOSITORY/NAME\"`"),
            );
            return None;
        }
        return Some(ChartSource::Url(text.to_owned()));
    }
    let other = ["file://", "git+", "git://", "ssh://", "s3://", "gs://"]
        .into_iter()
        .find(|scheme| text.starts_with(scheme));
    if let Some(scheme) = other {
        f.add(
            Finding::error(format!("charts cannot come from `{scheme}`"))
                .at(said.origin, "")
                .help("use a folder (`./…`), a `.tgz` file, `REPOSITORY/NAME`, `oci://…` or `https://….tgz`"),
        );
        return None;
    }
    if text.is_empty() || Disk::is_local(text) {
        return disk.chart(said, f);
    }
    if let Some((repository, name)) = text.split_once('/')
        && !name.is_empty()
        && repositories.contains(&repository)
    {
        return Some(ChartSource::Repository {
            repository: repository.to_owned(),
            name: name.trim_end_matches('/').to_owned(),
        });
    }
    let finding = unknown(said, disk, repositories, f);
    f.add(finding);
    None
}

/// A text that looks like `REPOSITORY/NAME`, but names no repository.
fn unknown(said: Text<'_>, disk: &mut Disk, repositories: &[&str], f: &Findings) -> Finding {
    let text = said.value;
    let finding = match text.split_once('/') {
        Some((repository, _)) => {
            let finding = Finding::error(format!("undefined repository `{repository}`"))
                .at(said.origin, "not in `[repositories]`");
            finding.suggest(repository, repositories.iter().copied())
        }
        None => Finding::error(format!("`{text}` does not say where the chart is")).at(
            said.origin,
            "a folder is `./…`, a chart of a repository `REPOSITORY/NAME`",
        ),
    };
    if disk.holds_chart(said, f) {
        finding.help(format!("there is a chart at `./{text}`"))
    } else {
        finding
    }
}

fn is_web(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}
