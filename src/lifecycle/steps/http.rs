//! `http`: an address answers as it should.

use super::{StepError, attempt::Attempt};
use crate::{
    http,
    name::Namespace,
    stack::{ErrorClass, HttpTarget, Template},
};

/// Bodies are shown up to this many characters.
const SHOWN: usize = 200;

/// Any 2xx is right unless `status` says otherwise.
pub(super) async fn check(
    at: &Attempt<'_>,
    target: &HttpTarget,
    status: Option<u16>,
    body: Option<&Template>,
) -> Result<(), StepError> {
    let (whom, answer) = ask(at, target).await?;
    let status_is_right = match status {
        Some(wanted) => answer.status == wanted,
        None => (200..300).contains(&answer.status),
    };
    let wanted = status.map_or_else(|| "a 2xx".to_owned(), |status| status.to_string());
    let shown: String = answer.body.chars().take(SHOWN).collect();
    if !status_is_right {
        let message = format!("{whom} answered {}, {wanted} was wanted", answer.status);
        return Err(StepError::new(message)
            .of_class(ErrorClass::Mismatch)
            .cause(shown));
    }
    if let Some(text) = body {
        let text = at.view.text(text)?;
        if !answer.body.contains(&text) {
            let message = format!("the answer of {whom} does not hold `{text}`");
            return Err(StepError::new(message)
                .of_class(ErrorClass::Mismatch)
                .cause(shown));
        }
    }
    Ok(())
}

async fn ask(at: &Attempt<'_>, target: &HttpTarget) -> Result<(String, http::Answer), StepError> {
    match target {
        HttpTarget::Url(url) => {
            let url = at.view.text(url)?;
            let answer = http::get(&url, at.limit.timeout).await;
            Ok((
                url,
                answer.map_err(|error| {
                    StepError::new(error.to_string()).of_class(ErrorClass::Network)
                })?,
            ))
        }
        HttpTarget::Service {
            service,
            namespace,
            port,
            path,
        } => {
            let service = at.view.text(service)?;
            let namespace = namespace_of(at, namespace.as_ref())?;
            let path = at.view.text(path)?;
            let answer = at
                .cx
                .run
                .cluster
                .service_proxy(&namespace, &service, port, &path)
                .await?;
            let whom = format!("service {namespace}/{service}:{port}{path}");
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            Ok((
                whom,
                http::Answer {
                    status: answer.status,
                    body,
                },
            ))
        }
    }
}

fn namespace_of(at: &Attempt<'_>, namespace: Option<&Template>) -> Result<Namespace, StepError> {
    let Some(template) = namespace else {
        return Ok(at.cx.chart.release.namespace.clone());
    };
    let namespace = Namespace::new(&at.view.text(template)?);
    namespace.map_err(|error| StepError::new(error.to_string()).of_class(ErrorClass::Template))
}
