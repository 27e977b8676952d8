//! `http`: an address answers as it should.

use super::{Context, StepError, expand, pods::namespace_of};
use crate::{
    http,
    stack::{HttpTarget, Step, Template},
};

/// Bodies are shown up to this many characters.
const SHOWN: usize = 200;

/// Any 2xx is right unless `status` says otherwise.
pub(super) async fn check(
    cx: &Context<'_>,
    step: &Step,
    target: &HttpTarget,
    status: Option<u16>,
    body: Option<&Template>,
) -> Result<(), StepError> {
    let (whom, answer) = ask(cx, step, target).await?;
    let status_is_right = match status {
        Some(wanted) => answer.status == wanted,
        None => (200..300).contains(&answer.status),
    };
    let wanted = status.map_or_else(|| "a 2xx".to_owned(), |status| status.to_string());
    let shown: String = answer.body.chars().take(SHOWN).collect();
    if !status_is_right {
        let message = format!("{whom} answered {}, {wanted} was wanted", answer.status);
        return Err(StepError::new(message).cause(shown));
    }
    if let Some(text) = body {
        let text = expand(cx, text)?;
        if !answer.body.contains(&text) {
            let message = format!("the answer of {whom} does not hold `{text}`");
            return Err(StepError::new(message).cause(shown));
        }
    }
    Ok(())
}

async fn ask(
    cx: &Context<'_>,
    step: &Step,
    target: &HttpTarget,
) -> Result<(String, http::Answer), StepError> {
    match target {
        HttpTarget::Url(url) => {
            let url = expand(cx, url)?;
            let answer = http::get(&url, step.timeout).await;
            Ok((
                url,
                answer.map_err(|error| StepError::new(error.to_string()))?,
            ))
        }
        HttpTarget::Service {
            service,
            namespace,
            port,
            path,
        } => {
            let service = expand(cx, service)?;
            let namespace = namespace_of(cx, namespace.as_ref())?;
            let path = expand(cx, path)?;
            let answer = cx
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
