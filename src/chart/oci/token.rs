//! From a registry's challenge to what it wants to see.

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use serde::Deserialize;

use super::{challenge::Challenge, keyring::Credentials, registry::Call};
use crate::{
    chart::{FetchError, error::Kind},
    http::{Ask, Authorization, parse, query},
    secret::Secret,
};

/// Longest answer of a token service.
const LIMIT: u64 = 1024 * 1024;

/// What we call ourselves to token services.
const CLIENT: &str = "stackctl";

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// What to send with the next request; nothing if the registry wants what we do not have.
pub(super) async fn authorize(
    call: &Call<'_>,
    challenge: &Challenge,
    credentials: Option<&Credentials>,
) -> Result<Option<Authorization>, FetchError> {
    let (realm, service, scope) = match challenge {
        Challenge::Basic => return Ok(credentials.and_then(basic)),
        Challenge::Bearer {
            realm,
            service,
            scope,
        } => (realm, service, scope),
    };
    let scope = scope
        .clone()
        .unwrap_or_else(|| format!("repository:{}:pull", call.reference.repository));
    let mut fields = vec![("scope", scope.as_str())];
    fields.extend(service.as_deref().map(|service| ("service", service)));
    let ask = match credentials {
        Some(Credentials::Refresh(token)) => {
            fields.extend([
                ("grant_type", "refresh_token"),
                ("client_id", CLIENT),
                ("refresh_token", token.expose()),
            ]);
            let mut ask = Ask::get(service_url(call, realm)?, LIMIT);
            ask.method = Method::POST;
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            ask.headers.insert(header::CONTENT_TYPE, form);
            ask.body = Bytes::from(query(&fields));
            ask
        }
        credentials => {
            let mark = if realm.contains('?') { '&' } else { '?' };
            let url = service_url(call, &format!("{realm}{mark}{}", query(&fields)))?;
            let authorization = credentials.and_then(basic);
            Ask {
                authorization,
                ..Ask::get(url, LIMIT)
            }
        }
    };
    let what = format!("a token for {}", call.reference.source());
    let mut body = Vec::new();
    call.net
        .send(
            call.access,
            &ask,
            &mut body,
            &what,
            Kind::Registry,
            call.report,
        )
        .await?;
    let nonsense = || FetchError::Registry {
        what: what.clone(),
        reason: "the token service did not answer with a token".into(),
    };
    let token: Token = serde_json::from_slice(&body).ok().ok_or_else(&nonsense)?;
    let token = token
        .token
        .or(token.access_token)
        .filter(|token| !token.is_empty());
    let token = Secret::new(token.ok_or_else(&nonsense)?);
    call.net.redactor.add(&token);
    Ok(Some(Authorization::Bearer(token)))
}

fn basic(credentials: &Credentials) -> Option<Authorization> {
    match credentials {
        Credentials::Password { username, password } => Some(Authorization::Basic {
            username: username.clone(),
            password: password.clone(),
        }),
        Credentials::Refresh(_) => None,
    }
}

/// A registry that is asked with TLS must not have passwords sent without.
fn service_url(call: &Call<'_>, realm: &str) -> Result<http::Uri, FetchError> {
    let bad = |reason: String| FetchError::Registry {
        what: call.reference.source(),
        reason,
    };
    let url = parse(realm).map_err(|error| bad(format!("its token service: {error}")))?;
    if url.scheme_str() == Some("http") && !call.access.plain_http {
        return Err(bad(
            "its token service is to be asked without TLS, which is refused".into(),
        ));
    }
    Ok(url)
}
