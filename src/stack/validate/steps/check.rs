//! The verbs that check: `exists`, `absent`, `count`, `equals`, `contains`, `pods`, `http`,
//! `helm_test`.

use crate::stack::{
    findings::{Finding, Findings},
    grammar::{self, Shape},
    layers::{
        node::{Node, Table, Value},
        origin::Text,
    },
    model::{HttpTarget, Objects, Verb},
    raw::{
        reader::{self, Reader, table, wrong},
        steps::RawVerb,
    },
    template::Template,
    validate::steps::{
        Reading, count, field,
        objects::{Accept, Naming},
        value,
    },
    values::{TemplatedValue, ValuePath},
};

fn naming(verb: &RawVerb<'_>, shape: &'static Shape) -> Naming {
    Naming {
        shape,
        origin: verb.said.origin,
        accept: Accept::Any,
    }
}

impl Reading<'_> {
    pub(super) fn exists(&self, verb: &RawVerb<'_>, f: &mut Findings) -> Option<Verb> {
        let naming = naming(verb, &grammar::EXISTS);
        let (objects, ()) = self.targets(verb.said, "exists", naming, f, |_, _| ())?;
        Some(Verb::Exists { objects })
    }

    pub(super) fn absent(&self, verb: &RawVerb<'_>, f: &mut Findings) -> Option<Verb> {
        let naming = naming(verb, &grammar::ABSENT);
        let (objects, ()) = self.targets(verb.said, "absent", naming, f, |_, _| ())?;
        Some(Verb::Absent { objects })
    }

    pub(super) fn count(&self, verb: &RawVerb<'_>, f: &mut Findings) -> Option<Verb> {
        let mut reader = Reader::new(&grammar::COUNTED, table(verb.said, "count", f)?);
        let naming = naming(verb, &grammar::COUNTED);
        let objects = self.objects(&mut reader, naming, f);
        if !["min", "max", "equals"].iter().any(|key| reader.has(key)) {
            let message = "`count` needs `min`, `max` or `equals`";
            f.add(Finding::error(message).at(naming.origin, ""));
        }
        let count = count(&mut reader, naming.origin, f);
        reader.finish(f);
        Some(Verb::Count {
            objects: objects?,
            count: count?,
        })
    }

    pub(super) fn equals(&self, verb: &RawVerb<'_>, f: &mut Findings) -> Option<Verb> {
        let (objects, field, value) =
            self.field_and_value(verb, naming(verb, &grammar::EQUALS), f)?;
        Some(Verb::Equals {
            objects,
            field,
            value,
        })
    }

    pub(super) fn contains(&self, verb: &RawVerb<'_>, f: &mut Findings) -> Option<Verb> {
        let (objects, field, value) =
            self.field_and_value(verb, naming(verb, &grammar::CONTAINS), f)?;
        Some(Verb::Contains {
            objects,
            field,
            value,
        })
    }

    fn field_and_value(
        &self,
        verb: &RawVerb<'_>,
        naming: Naming,
        f: &mut Findings,
    ) -> Option<(Objects, ValuePath, TemplatedValue)> {
        let mut reader = Reader::new(naming.shape, table(verb.said, verb.word, f)?);
        let objects = self.objects(&mut reader, naming, f);
        let field = field(&mut reader, naming.shape.what, naming.origin, f);
        let value = value(&mut reader, naming.shape.what, naming.origin, self, f);
        reader.finish(f);
        Some((objects?, field?, value?))
    }

    pub(super) fn pods(&self, verb: &RawVerb<'_>, f: &mut Findings) -> Option<Verb> {
        let mut pods = Reader::new(&grammar::PODS, table(verb.said, "pods", f)?);
        let naming = Naming {
            accept: Accept::Pods,
            ..naming(verb, &grammar::PODS)
        };
        let objects = self.objects(&mut pods, naming, f);
        let min = pods.number("min", "a whole number, at least 1", f);
        if min == Some(0) {
            let origin = pods.origin_or("min", naming.origin);
            f.add(Finding::error("`min` must be at least 1").at(
                origin,
                "no pod at all would pass, even with a misspelt selector",
            ));
        }
        pods.finish(f);
        Some(Verb::Pods {
            objects: objects?,
            min: min.unwrap_or(1),
        })
    }

    pub(super) fn http(&self, verb: &RawVerb<'_>, f: &mut Findings) -> Option<Verb> {
        let node = verb.said;
        let table = table(node, "http", f)?;
        let mut http = Reader::new(&grammar::HTTP, table);
        let target = self.http_target(table, node, &mut http, f);
        let status = http.number("status", "an HTTP status, 100 to 599", f);
        let body = http.text("body", f);
        if let Some(wrong) = status.filter(|status| !(100..=599).contains(status)) {
            let origin = http.origin_or("status", node.origin);
            f.add(Finding::error(format!("{wrong} is not an HTTP status")).at(origin, ""));
        }
        http.finish(f);
        Some(Verb::Http {
            target: target?,
            status,
            body: self.optional(body, f),
        })
    }

    fn http_target(
        &self,
        table: &Table,
        node: &Node,
        http: &mut Reader<'_>,
        f: &mut Findings,
    ) -> Option<HttpTarget> {
        let url = http.text("url", f);
        let service = http.text("service", f);
        let namespace = http.text("namespace", f);
        let port = http.node("port").and_then(|node| port(node, f));
        let path = http.text("path", f);
        match (table.get("url").is_some(), table.get("service").is_some()) {
            (true, false) => {
                for key in ["namespace", "port", "path"] {
                    if let Some(origin) = table.key_origin(key) {
                        f.add(
                            Finding::error(format!("`{key}` goes with `service`, not with `url`"))
                                .at(origin, ""),
                        );
                    }
                }
                let url = url?;
                check_url(url, f);
                Some(HttpTarget::Url(self.template(url, f)))
            }
            (false, true) => {
                let present = table.get("port").is_some();
                let what = "`http` with `service`";
                let port = reader::required(port, what, "port", present, node.origin, f);
                if let Some(path) = &path
                    && !path.value.starts_with('/')
                {
                    f.add(Finding::error("`path` must start with `/`").at(path.origin, ""));
                }
                Some(HttpTarget::Service {
                    service: self.template(service?, f),
                    namespace: self.optional(namespace, f),
                    port: port?,
                    path: self
                        .optional(path, f)
                        .unwrap_or_else(|| Template::literal("/")),
                })
            }
            (both, _) => {
                let message = if both { "one, not both, of" } else { "one of" };
                let message = format!("`http` needs {message} `url` and `service`");
                f.add(Finding::error(message).at(node.origin, ""));
                None
            }
        }
    }

    pub(super) fn helm_test(&self, verb: &RawVerb<'_>, f: &mut Findings) -> Option<Verb> {
        let (filter, logs) = match &verb.said.value {
            Value::Flag(true) => (Vec::new(), false),
            Value::Table(table) => {
                let mut test = Reader::new(&grammar::HELM_TEST, table);
                let filter = test.texts("filter", f).unwrap_or_default();
                let logs = test.flag("logs", f).unwrap_or_default();
                test.finish(f);
                (filter, logs)
            }
            _ => return wrong(f, "helm_test", "`true` or a table", verb.said),
        };
        let name = |said: Text<'_>| Some(self.known.now(said, f)?.value.into_owned());
        Some(Verb::HelmTest {
            filter: filter.into_iter().filter_map(name).collect(),
            logs,
        })
    }
}

/// A number or a Service's port name.
fn port(node: &Node, f: &mut Findings) -> Option<String> {
    match &node.value {
        Value::Integer(Some(port @ 1..=65535)) => Some(port.to_string()),
        Value::Integer(_) => {
            f.add(Finding::error("`port` must be between 1 and 65535").at(node.origin, ""));
            None
        }
        Value::Text(name) if !name.is_empty() => Some(name.clone()),
        _ => wrong(f, "port", "a number or the name of a port", node),
    }
}

fn check_url(said: Text<'_>, f: &mut Findings) {
    let url = said.value;
    if url.contains("${") {
        return;
    }
    let uri = url.parse::<http::Uri>().ok();
    let sound = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
    });
    if !sound {
        let message = format!("`{url}` is not an HTTP URL");
        f.add(Finding::error(message).at(said.origin, "expected `http://…` or `https://…`"));
    }
}
