//! Steps of the model, from what the file says of them.

use std::time::Duration;

use crate::stack::{
    findings::{Finding, Findings},
    layers::origin::Text,
    model::{HttpTarget, Retry, Step, Steps, Verb},
    raw::{
        RawRetry,
        steps::{RawStep, RawSteps, RawTarget, RawVerb, default_actions},
    },
    template::Template,
    validate::known::Known,
};

/// Deadline of one attempt of a check.
const CHECK_TIMEOUT: Duration = Duration::from_mins(1);

/// Pause between two attempts.
const RETRY_DELAY: Duration = Duration::from_secs(5);

/// All steps of a chart; `timeout` is the chart's.
pub(crate) fn steps(
    raw: &RawSteps<'_>,
    timeout: Duration,
    known: &Known<'_>,
    f: &mut Findings,
) -> Steps {
    let mut phase = |steps: &[RawStep<'_>]| {
        let mut phase: Vec<Step> = Vec::with_capacity(steps.len());
        for raw in steps {
            let mut step = step(raw, timeout, known, f);
            step.name = unique(&step.name, &phase);
            phase.push(step);
        }
        phase
    };
    Steps {
        pre: phase(&raw.pre),
        post: phase(&raw.post),
        validate: phase(&raw.validate),
        on_failure: phase(&raw.on_failure),
    }
}

/// `run`, `run-2`, `run-3`.
fn unique(name: &str, before: &[Step]) -> String {
    let taken = |name: &str| before.iter().any(|step| step.name == name);
    let mut unique = name.to_owned();
    let mut number = 2;
    while taken(&unique) {
        unique = format!("{name}-{number}");
        number += 1;
    }
    unique
}

fn step(raw: &RawStep<'_>, timeout: Duration, known: &Known<'_>, f: &mut Findings) -> Step {
    let verb = verb(&raw.verb, known, f);
    let default_timeout = match verb {
        Verb::Run { .. } => timeout,
        Verb::Pods { .. } | Verb::Http { .. } => CHECK_TIMEOUT,
    };
    let name = raw.name.and_then(|said| name(said, known, f));
    Step {
        name: name.unwrap_or_else(|| verb.as_str().to_owned()),
        actions: raw.actions.clone().unwrap_or_else(default_actions),
        timeout: raw.timeout.unwrap_or(default_timeout),
        retry: retry(&raw.retry),
        place: f.sources.place(raw.origin),
        verb,
    }
}

/// Events call a step `PHASE/NAME`, on one line.
fn name(said: Text<'_>, known: &Known<'_>, f: &mut Findings) -> Option<String> {
    let text = known.now(said, f)?;
    let bad = |c: char| c == '/' || c.is_control();
    if text.value.trim().is_empty() || text.value.contains(bad) {
        let message = format!("step name `{}` is not valid", text.value.escape_debug());
        f.add(Finding::error(message).at(text.origin, "use one line of text without `/`"));
        return None;
    }
    Some(text.value.into_owned())
}

fn retry(raw: &RawRetry) -> Retry {
    Retry {
        attempts: raw.attempts.unwrap_or(1),
        delay: raw.delay.unwrap_or(RETRY_DELAY),
    }
}

fn verb(raw: &RawVerb<'_>, known: &Known<'_>, f: &mut Findings) -> Verb {
    match raw {
        RawVerb::Run { command, env } => Verb::Run {
            command: command
                .iter()
                .map(|word| template(*word, known, f))
                .collect(),
            dir: command
                .first()
                .map(|word| f.sources.folder(word.origin))
                .unwrap_or_default(),
            env: env
                .iter()
                .map(|(name, value)| (name.value.to_owned(), template(*value, known, f)))
                .collect(),
        },
        RawVerb::Pods {
            selector,
            namespace,
            min,
        } => Verb::Pods {
            selector: template(*selector, known, f),
            namespace: optional(*namespace, known, f),
            min: *min,
        },
        RawVerb::Http {
            target,
            status,
            body,
        } => Verb::Http {
            target: self::target(target, known, f),
            status: *status,
            body: optional(*body, known, f),
        },
    }
}

fn target(raw: &RawTarget<'_>, known: &Known<'_>, f: &mut Findings) -> HttpTarget {
    match raw {
        RawTarget::Url(said) => {
            let url = template(*said, known, f);
            if !said.value.contains("${") {
                check_url(*said, f);
            }
            HttpTarget::Url(url)
        }
        RawTarget::Service {
            service,
            namespace,
            port,
            path,
        } => HttpTarget::Service {
            service: template(*service, known, f),
            namespace: optional(*namespace, known, f),
            port: port.clone(),
            path: optional(*path, known, f).unwrap_or_else(|| Template::literal("/")),
        },
    }
}

fn check_url(said: Text<'_>, f: &mut Findings) {
    let url = said.value;
    let uri = url.parse::<http::Uri>().ok();
    let sound = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
    });
    if !sound {
        let message = format!("`{url}` is not an HTTP URL");
        f.add(Finding::error(message).at(said.origin, "expected `http://…` or `https://…`"));
    }
}

fn optional(said: Option<Text<'_>>, known: &Known<'_>, f: &mut Findings) -> Option<Template> {
    said.map(|text| template(text, known, f))
}

/// A text of the step; empty if something is wrong with it, which is reported.
fn template(said: Text<'_>, known: &Known<'_>, f: &mut Findings) -> Template {
    let template = known.template(said, f);
    template.unwrap_or_else(|| Template::literal(""))
}
