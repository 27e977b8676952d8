//! Steps of the model, from what the file says of them.
//!
//! - this file: the frame of a step (when, how often, how long), and which verb it has;
//! - `objects`: how a verb names objects of the cluster, the same for all of them; `selector`
//!   checks label selectors;
//! - `change`, `look`, `check`: the verbs, by group; `manifests` reads what `apply` applies.

mod change;
mod check;
mod look;
mod manifests;
mod objects;
mod selector;

use std::time::Duration;

pub(crate) use self::objects::{Accept, Naming};

use crate::stack::{
    findings::{Finding, Findings, list},
    layers::{
        node::Node,
        origin::{Origin, Text},
    },
    model::{Count, ErrorClass, Retry, Step, Verb, VerbGroup, When},
    raw::{
        RawRetry,
        reader::Reader,
        steps::{RawStep, RawVerb, RawWhen, default_actions},
    },
    template::Template,
    validate::{disk::Disk, known::Known, tree},
    values::{TemplatedValue, ValuePath},
};

/// Deadline of one attempt of what need not wait for anything.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Pause between two attempts.
const RETRY_DELAY: Duration = Duration::from_secs(5);

/// What reading the steps of a chart needs.
pub(crate) struct Reading<'c> {
    pub(crate) known: &'c Known<'c>,
    pub(crate) disk: &'c mut Disk,
    /// The chart's.
    pub(crate) timeout: Duration,
}

/// A phase of the lifecycle that the file declares steps for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Pre,
    Post,
    Validate,
    OnFailure,
}

impl Reading<'_> {
    /// The steps of one phase, in order. What they capture is known after them.
    pub(crate) fn phase(
        &mut self,
        phase: Phase,
        steps: &[RawStep<'_>],
        f: &mut Findings,
    ) -> Vec<Step> {
        let mut read: Vec<Step> = Vec::with_capacity(steps.len());
        for raw in steps {
            if let Some(mut step) = self.step(phase, raw, f) {
                step.name = unique(&step.name, &read);
                read.push(step);
            }
        }
        read
    }

    fn step(&mut self, phase: Phase, raw: &RawStep<'_>, f: &mut Findings) -> Option<Step> {
        let when = self.when(&raw.when, f);
        let name = raw.name.and_then(|said| name(said, self.known, f));
        let verb = self.verb(&raw.verb, f)?;
        if phase == Phase::Validate && verb.group() == VerbGroup::Change {
            let message = format!(
                "`{}` changes the cluster, and `validate` only looks",
                raw.verb.word
            );
            f.add(
                Finding::error(message)
                    .at(raw.verb.origin, "")
                    .help("make it a step of `post`"),
            );
        }
        if let Verb::Capture { name, .. } = &verb {
            let mut here = self.known.here.borrow_mut();
            let captures = &mut here.get_or_insert_default().captures;
            if !captures.contains(name) {
                captures.push(name.clone());
            }
        }
        let default_timeout = if verb.takes_time() {
            self.timeout
        } else {
            TIMEOUT
        };
        Some(Step {
            name: name.unwrap_or_else(|| raw.verb.word.to_owned()),
            when,
            on_error: raw.on_error,
            timeout: raw.timeout.unwrap_or(default_timeout),
            retry: retry(&raw.retry, &passing()),
            place: f.sources.place(raw.origin),
            verb,
        })
    }

    fn when(&self, raw: &RawWhen<'_>, f: &mut Findings) -> When {
        let changed = raw.changed.and_then(|said| self.changed(said, f));
        let inputs = raw.inputs.iter().filter_map(|(input, wanted)| {
            let input = self.known.input(*input, f)?;
            Some((input, wanted.clone()))
        });
        When {
            actions: raw.actions.clone().unwrap_or_else(default_actions),
            changed,
            installed: raw.installed,
            inputs: inputs.collect(),
        }
    }

    fn changed(&self, said: Text<'_>, f: &mut Findings) -> Option<String> {
        let captures = self.captures();
        let before = || captures.iter().map(String::as_str);
        if before().any(|name| name == said.value) {
            return Some(said.value.to_owned());
        }
        let message = format!("nothing captures `{}` before this step", said.value);
        let finding = Finding::error(message).at(said.origin, "");
        f.add(if captures.is_empty() {
            finding.help(format!(
                "add a step to `pre`: capture = {{ name = \"{}\", kind = …, object = …, field = … }}",
                said.value
            ))
        } else {
            finding
                .suggest(said.value, before())
                .help(format!("captured before this: {}", list(before())))
        });
        None
    }

    /// What was captured before.
    fn captures(&self) -> Vec<String> {
        let here = self.known.here.borrow();
        here.as_ref()
            .map_or_else(Vec::new, |here| here.captures.clone())
    }

    fn verb(&mut self, verb: &RawVerb<'_>, f: &mut Findings) -> Option<Verb> {
        match verb.word {
            "adopt" => self.adopt(verb, f),
            "apply" => self.apply(verb, f),
            "patch" => self.patch(verb, f),
            "delete" => self.delete(verb, f),
            "scale" => self.scale(verb, f),
            "restart" => self.restart(verb, f),
            "run" => self.run(verb, f),
            "capture" => self.capture(verb, f),
            "wait" => self.wait(verb, f),
            "exists" => self.exists(verb, f),
            "absent" => self.absent(verb, f),
            "count" => self.count(verb, f),
            "equals" => self.equals(verb, f),
            "contains" => self.contains(verb, f),
            "pods" => self.pods(verb, f),
            "http" => self.http(verb, f),
            _ => self.helm_test(verb, f),
        }
    }

    /// A text of the step; empty if something is wrong with it, which is reported.
    fn template(&self, said: Text<'_>, f: &mut Findings) -> Template {
        let template = self.known.template(said, f);
        template.unwrap_or_else(|| Template::literal(""))
    }

    fn optional(&self, said: Option<Text<'_>>, f: &mut Findings) -> Option<Template> {
        said.map(|text| self.template(text, f))
    }

    fn tree(&self, node: &Node, f: &mut Findings) -> TemplatedValue {
        tree::of_toml(node, self.known, f)
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

/// All failures that can pass: what is tried again where nothing is said.
fn passing() -> Vec<ErrorClass> {
    let all = ErrorClass::ALL.into_iter();
    all.filter(|class| class.can_pass()).collect()
}

/// `retry`, where `on` says nothing for `default`.
pub(crate) fn retry(raw: &RawRetry, default: &[ErrorClass]) -> Retry {
    Retry {
        attempts: raw.attempts.unwrap_or(1),
        delay: raw.delay.unwrap_or(RETRY_DELAY),
        backoff: raw.backoff.unwrap_or(1.0),
        on: raw.on.clone().unwrap_or_else(|| default.to_vec()),
    }
}

/// `field`: a path, as in `set`.
fn field(
    reader: &mut Reader<'_>,
    what: &str,
    whole: Origin,
    f: &mut Findings,
) -> Option<ValuePath> {
    let present = reader.has("field");
    let said = reader.text("field", f);
    if said.is_none() && !present {
        f.add(Finding::error(format!("{what} has no `field`")).at(whole, ""));
    }
    path(said?, f)
}

/// A path to a field.
fn path(said: Text<'_>, f: &mut Findings) -> Option<ValuePath> {
    ValuePath::parse(said.value)
        .map_err(|reason| {
            let message = format!("`{}` is not a path to a field", said.value);
            f.add(Finding::error(message).at(said.origin, reason).help(
                "for example `spec.clusterIP`, `spec.ports[0].port`, `metadata.annotations.a\\.b`",
            ));
        })
        .ok()
}

/// `value`: any value.
fn value(
    reader: &mut Reader<'_>,
    what: &str,
    whole: Origin,
    cx: &Reading<'_>,
    f: &mut Findings,
) -> Option<TemplatedValue> {
    let Some(node) = reader.node("value") else {
        f.add(Finding::error(format!("{what} has no `value`")).at(whole, ""));
        return None;
    };
    Some(cx.tree(node, f))
}

/// `min`, `max` and `equals`; `None` if none of them is there, or something is wrong with them.
fn count(reader: &mut Reader<'_>, whole: Origin, f: &mut Findings) -> Option<Count> {
    let range = "a whole number, at least 1";
    let keys = ["min", "max", "equals"];
    let said = keys.map(|key| reader.number::<u32>(key, range, f));
    for (key, number) in keys.into_iter().zip(said) {
        if number == Some(0) {
            let message = format!("`{key}` must be at least 1");
            f.add(
                Finding::error(message)
                    .at(
                        reader.origin_or(key, whole),
                        "none at all would pass, even of a misspelt selection",
                    )
                    .help("`absent` makes sure that there is none"),
            );
        }
    }
    let [min, max, equals] = said;
    if equals.is_some() && (min.is_some() || max.is_some()) {
        let origin = reader.origin_or("equals", whole);
        f.add(Finding::error("`equals` says it all").at(origin, "leave out `min` and `max`"));
    }
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        let origin = reader.origin_or("max", whole);
        f.add(Finding::error("`max` is less than `min`").at(origin, ""));
    }
    match (min, max, equals) {
        (None, None, None) => None,
        (_, _, Some(n)) => Some(Count {
            min: n,
            max: Some(n),
        }),
        (min, max, None) => Some(Count {
            min: min.unwrap_or(1),
            max,
        }),
    }
}
