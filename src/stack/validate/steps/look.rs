//! The verbs that look: `capture` and `wait`.

use crate::stack::{
    findings::{Finding, Findings},
    grammar,
    layers::origin::Text,
    model::{CaptureSource, Objects, Until, Verb},
    raw::{
        reader::{self, Reader, table},
        steps::RawVerb,
    },
    template::is_name,
    validate::steps::{
        Reading,
        change::command_of,
        count, field,
        objects::{Accept, Naming},
        value,
    },
};

impl Reading<'_> {
    pub(super) fn capture(&self, verb: &RawVerb<'_>, f: &mut Findings) -> Option<Verb> {
        let origin = verb.said.origin;
        let table = table(verb.said, "capture", f)?;
        let shape = if table.get("command").is_some() {
            &grammar::CAPTURE_COMMAND
        } else {
            &grammar::CAPTURE_FIELD
        };
        let mut capture = Reader::new(shape, table);
        let present = capture.has("name");
        let name = capture.text("name", f);
        let name = reader::required(name, "`capture`", "name", present, origin, f)
            .and_then(|said| self.capture_name(said, f));
        let source = if capture.has("command") {
            self.captured_output(&mut capture, verb, f)
        } else {
            self.captured_field(&mut capture, verb, f)
        };
        let default = capture.node("default").map(|node| self.tree(node, f));
        let hash = capture.flag("hash", f).unwrap_or_default();
        let secret = capture.flag("secret", f).unwrap_or_default();
        capture.finish(f);
        Some(Verb::Capture {
            name: name?,
            source: source?,
            default,
            hash,
            secret,
        })
    }

    fn capture_name(&self, said: Text<'_>, f: &mut Findings) -> Option<String> {
        if !is_name(said.value) {
            let message = format!("`{}` is not a name", said.value.escape_debug());
            f.add(Finding::error(message).at(said.origin, "use letters, digits, `-` and `_`"));
            return None;
        }
        if self.captures().iter().any(|name| name == said.value) {
            let message = format!("`{}` is captured twice", said.value);
            f.add(Finding::error(message).at(said.origin, "a step before this captures it"));
        }
        Some(said.value.to_owned())
    }

    fn captured_field(
        &self,
        capture: &mut Reader<'_>,
        verb: &RawVerb<'_>,
        f: &mut Findings,
    ) -> Option<CaptureSource> {
        let naming = Naming {
            shape: &grammar::CAPTURE_FIELD,
            origin: verb.said.origin,
            accept: Accept::OneName,
        };
        let (objects, field) = self.one_field(capture, naming, f)?;
        Some(CaptureSource::Field { objects, field })
    }

    /// A field of one object.
    pub(crate) fn one_field(
        &self,
        table: &mut Reader<'_>,
        naming: Naming,
        f: &mut Findings,
    ) -> Option<(Objects, crate::stack::ValuePath)> {
        let objects = self.objects(table, naming, f);
        let field = field(table, naming.shape.what, naming.origin, f);
        Some((objects?, field?))
    }

    fn captured_output(
        &self,
        capture: &mut Reader<'_>,
        verb: &RawVerb<'_>,
        f: &mut Findings,
    ) -> Option<CaptureSource> {
        let said = command_of(capture, "`capture`", verb.said.origin, f);
        let parse = capture.word("parse", &grammar::FORMS, f);
        let (words, env) = said?;
        Some(CaptureSource::Command {
            run: self.command(&words, &env, f),
            parse: parse.unwrap_or_default(),
        })
    }

    pub(super) fn wait(&self, verb: &RawVerb<'_>, f: &mut Findings) -> Option<Verb> {
        let origin = verb.said.origin;
        let mut wait = Reader::new(&grammar::WAIT, table(verb.said, "wait", f)?);
        let naming = Naming {
            shape: &grammar::WAIT,
            origin,
            accept: Accept::Any,
        };
        let objects = self.objects(&mut wait, naming, f);
        let said: Vec<&str> = grammar::GOALS
            .into_iter()
            .filter(|key| wait.has(key))
            .collect();
        let condition = wait.text("condition", f);
        let condition = condition.and_then(|said| condition_of(said, f));
        let field = (wait.has("field") || wait.has("value")).then(|| {
            let field = field(&mut wait, "`wait`", origin, f);
            let value = value(&mut wait, "`wait` for a `field`", origin, self, f);
            Some(Until::Field {
                field: field?,
                value: value?,
            })
        });
        let flags = [("gone", Until::Gone), ("rollout", Until::Rollout)];
        let flags = flags.map(|(key, goal)| {
            let flag = wait.flag(key, f);
            if flag == Some(false) {
                let origin = wait.origin_or(key, origin);
                f.add(Finding::error(format!("`{key}` can only be `true`")).at(origin, ""));
            }
            flag.map(|_| goal)
        });
        let count = count(&mut wait, origin, f).map(Until::Count);
        wait.finish(f);
        let counts = |key: &&str| ["min", "max", "equals"].contains(key);
        let several = said.len() > 1 && !said.iter().all(counts);
        if said.is_empty() || several {
            let one = if several { "only one" } else { "one" };
            let message = format!("`wait` waits for {one} thing");
            f.add(Finding::error(message).at(origin, "").help(
                "say `condition = \"Ready\"`, `field = …` with `value = …`, `gone = true`, \
                 `rollout = true`, or how many with `min`, `max` or `equals`",
            ));
            return None;
        }
        let [gone, rollout] = flags;
        let until = condition.or(field.flatten()).or(gone).or(rollout).or(count);
        Some(Verb::Wait {
            objects: objects?,
            until: until?,
        })
    }
}

/// `Ready`, or `Ready=False`, as kubectl writes it.
fn condition_of(said: Text<'_>, f: &mut Findings) -> Option<Until> {
    let (name, status) = said.value.split_once('=').unwrap_or((said.value, "True"));
    let statuses = ["True", "False", "Unknown"];
    let status = statuses
        .into_iter()
        .find(|one| one.eq_ignore_ascii_case(status));
    let sound = !name.is_empty() && !name.contains(char::is_whitespace);
    let Some(status) = status.filter(|_| sound) else {
        let message = format!("`{}` is not a condition", said.value.escape_debug());
        f.add(Finding::error(message).at(said.origin, "expected `Ready`, or `Ready=False`"));
        return None;
    };
    Some(Until::Condition {
        name: name.to_owned(),
        status: status.to_owned(),
    })
}
