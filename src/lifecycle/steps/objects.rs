//! Finds the objects that a step names.

use std::fmt;

use futures::StreamExt as _;
use serde_json::Value;

use super::field::{self, same};
use crate::{
    cluster::{ClusterError, ObjectRef, ServedKind},
    lifecycle::{Context, StepError},
    name::Namespace,
    secret::Secret,
    stack::{
        ErrorClass, Objects, Resolved, Template, TemplatedValue, ValuePath, Which, Within,
        secrets_of,
    },
};

/// Objects read at once.
const AT_ONCE: usize = 8;

/// Objects that are named in one sentence.
const NAMED: usize = 5;

/// An object of the cluster.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) object: ObjectRef,
    pub(super) value: Value,
    /// What it holds must not be seen.
    pub(super) secret: bool,
}

/// What one chart sees of the cluster.
#[derive(Clone, Copy)]
pub(in crate::lifecycle) struct View<'a> {
    pub(in crate::lifecycle) cx: &'a Context<'a>,
    /// Where objects are whose namespace is not said.
    pub(in crate::lifecycle) namespace: &'a Namespace,
}

/// What a step names, with texts filled in, of a kind that the cluster knows.
#[derive(Debug, Clone)]
pub(super) struct Named<'a> {
    kind: ServedKind,
    /// None: all of them, or the kind has none.
    namespace: Option<String>,
    which: NamedWhich<'a>,
}

#[derive(Debug, Clone)]
enum NamedWhich<'a> {
    Names(Vec<String>),
    Matching {
        selector: String,
        fields: Vec<(&'a ValuePath, Value)>,
    },
}

/// What was found of it.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) live: Vec<Live>,
    /// Names that nothing has.
    pub(super) missing: Vec<String>,
}

impl<'a> View<'a> {
    /// A text of the step.
    pub(in crate::lifecycle) fn text(&self, template: &Template) -> Result<String, StepError> {
        Ok(template.expand(&self.cx.scope())?.text)
    }

    /// A value of the step. What is secret in it will be masked wherever it turns up.
    pub(in crate::lifecycle) fn value(&self, tree: &TemplatedValue) -> Result<Resolved, StepError> {
        Ok(tree.resolve(&self.cx.scope())?)
    }

    /// Masks a value from now on.
    pub(in crate::lifecycle) fn hide(&self, value: &Value) {
        let mut secrets: Vec<Secret> = Vec::new();
        secrets_of(value, &mut secrets);
        for secret in &secrets {
            self.cx.run.redactor.add(secret);
        }
    }

    /// What a step names.
    pub(super) async fn named(&self, objects: &'a Objects) -> Result<Named<'a>, StepError> {
        let which = match &objects.which {
            Which::Named(names) => {
                let names = names.iter().map(|name| self.name(name));
                NamedWhich::Names(names.collect::<Result<_, _>>()?)
            }
            Which::Matching { selector, fields } => {
                let selector = selector.as_ref().map(|selector| self.text(selector));
                let mut wanted = Vec::with_capacity(fields.len());
                for (path, value) in fields {
                    wanted.push((path, self.value(value)?.value));
                }
                NamedWhich::Matching {
                    selector: selector.transpose()?.unwrap_or_default(),
                    fields: wanted,
                }
            }
        };
        let cluster = &self.cx.run.cluster;
        let kind = cluster
            .resolve_kind(&objects.kind, objects.api_version.as_deref())
            .await?;
        let namespace = match &objects.within {
            Within::Release => Some(self.namespace.to_string()),
            Within::Namespace(namespace) => Some(self.name(namespace)?),
            Within::Everywhere => None,
        };
        Ok(Named {
            namespace: namespace.filter(|_| kind.namespaced),
            kind,
            which,
        })
    }

    /// As [`Self::named`]; `None` if the cluster does not know the kind: then there is no such
    /// object either.
    pub(super) async fn named_if_served(
        &self,
        objects: &'a Objects,
    ) -> Result<Option<Named<'a>>, StepError> {
        match self.named(objects).await {
            Ok(named) => Ok(Some(named)),
            Err(error) if error.class() == ErrorClass::NoMatch => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The name of an object, or of a namespace.
    fn name(&self, template: &Template) -> Result<String, StepError> {
        let name = self.text(template)?;
        let bad = |c: char| "/%?#".contains(c) || c.is_whitespace() || c.is_control();
        if name.is_empty() || name.contains(bad) {
            let message = format!(
                "`{}` (from `{template}`) cannot be a name",
                name.escape_debug()
            );
            return Err(StepError::new(message).of_class(ErrorClass::Template));
        }
        Ok(name)
    }

    /// Everything that is there of what a step names.
    pub(super) async fn find(&self, which: &Named<'_>) -> Result<Found, StepError> {
        let mut found = Found::default();
        match &which.which {
            NamedWhich::Names(names) => {
                // A loop, as closures over references are not general enough for the `Send` of
                // our callers.
                let mut reads = Vec::with_capacity(names.len());
                for name in names {
                    let object = which.object(name, which.namespace.clone());
                    reads.push(async { (self.cx.run.cluster.get(&object).await, object) });
                }
                let mut reads = futures::stream::iter(reads).buffered(AT_ONCE);
                while let Some((read, object)) = reads.next().await {
                    match read? {
                        Some(value) => found.live.push(self.live(object, value)),
                        None => found.missing.push(object.name),
                    }
                }
            }
            NamedWhich::Matching { selector, fields } => {
                let ServedKind {
                    api_version, kind, ..
                } = &which.kind;
                let namespace = which.namespace.as_deref();
                let listed = self
                    .cx
                    .run
                    .cluster
                    .list(api_version, kind, namespace, selector)
                    .await?;
                for value in listed {
                    let text = |key: &str| value["metadata"][key].as_str().map(str::to_owned);
                    let Some(name) = text("name") else { continue };
                    let live = self.live(which.object(&name, text("namespace")), value);
                    let is = |(path, wanted): &(&ValuePath, Value)| {
                        field::read(&live, path).is_some_and(|found| same(&found, wanted))
                    };
                    if fields.iter().all(is) {
                        found.live.push(live);
                    }
                }
            }
        }
        Ok(found)
    }

    /// Everything that is there of what several entries name; kinds that the cluster does not know
    /// have no objects.
    pub(super) async fn find_any(&self, objects: &'a [Objects]) -> Result<Vec<Live>, StepError> {
        let mut live = Vec::new();
        for one in objects {
            if let Some(named) = self.named_if_served(one).await? {
                live.extend(self.find(&named).await?.live);
            }
        }
        Ok(live)
    }

    /// What a step names, and must be there: every name, and something of a selection.
    pub(super) async fn need(&self, objects: &'a Objects) -> Result<Vec<Live>, StepError> {
        let named = self.named(objects).await?;
        let found = self.find(&named).await?;
        match named.lack(&found) {
            None => Ok(found.live),
            Some(error) => Err(error),
        }
    }

    /// As [`Self::need`], of several entries; with `optional` what is there will do.
    pub(super) async fn need_all(
        &self,
        objects: &'a [Objects],
        optional: bool,
    ) -> Result<Vec<Live>, StepError> {
        if optional {
            let live = self.find_any(objects).await?;
            if live.is_empty() {
                self.cx.status("nothing there, which is fine");
            }
            return Ok(live);
        }
        let mut live = Vec::new();
        for one in objects {
            live.extend(self.need(one).await?);
        }
        Ok(live)
    }

    fn live(&self, object: ObjectRef, value: Value) -> Live {
        let secret = object.kind == "Secret" && object.api_version == "v1";
        let live = Live {
            object,
            value,
            secret,
        };
        if secret {
            let data = ValuePath(vec![crate::stack::PathPart::Key("data".to_owned())]);
            if let Some(data) = field::read(&live, &data) {
                self.hide(&data);
            }
        }
        live
    }
}

impl Named<'_> {
    fn object(&self, name: &str, namespace: Option<String>) -> ObjectRef {
        ObjectRef {
            api_version: self.kind.api_version.clone(),
            kind: self.kind.kind.clone(),
            namespace: namespace.filter(|_| self.kind.namespaced),
            name: name.to_owned(),
        }
    }

    /// What is missing: a name, or anything at all. An empty match proves nothing (engine.md W18).
    pub(super) fn lack(&self, found: &Found) -> Option<StepError> {
        let message = if !found.missing.is_empty() {
            let names: Vec<String> = found
                .missing
                .iter()
                .map(|name| format!("{}/{name}", self.kind.kind))
                .collect();
            let verb = if names.len() == 1 { "is" } else { "are" };
            format!("{}{} {verb} not there", names.join(", "), self.place())
        } else if found.live.is_empty() {
            format!("there are no {self}")
        } else {
            return None;
        };
        Some(StepError::new(message).of_class(ErrorClass::NotFound))
    }

    fn place(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!(" in {namespace}"),
            None if self.kind.namespaced => " in any namespace".to_owned(),
            None => String::new(),
        }
    }
}

impl fmt::Display for Named<'_> {
    /// `Deployment/web in shop`; `pods in shop with app=web, status.phase "Running"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.which {
            NamedWhich::Names(names) => {
                let names = names
                    .iter()
                    .map(|name| format!("{}/{name}", self.kind.kind));
                write!(
                    f,
                    "{}{}",
                    names.collect::<Vec<_>>().join(", "),
                    self.place()
                )
            }
            NamedWhich::Matching { selector, fields } => {
                write!(f, "{}{}", self.kind.plural, self.place())?;
                let mut parts = Vec::new();
                if !selector.is_empty() {
                    parts.push(format!("`{selector}`"));
                }
                for (path, value) in fields {
                    parts.push(format!("`{path}` {}", field::shown(value, false)));
                }
                if parts.is_empty() {
                    Ok(())
                } else {
                    write!(f, " with {}", parts.join(" and "))
                }
            }
        }
    }
}

impl fmt::Display for Live {
    /// `ConfigMap/settings in shop`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.object.fmt(f)?;
        match &self.object.namespace {
            Some(namespace) => write!(f, " in {namespace}"),
            None => Ok(()),
        }
    }
}

/// Some objects for people: `Pod/a in shop, Pod/b in shop and 3 more`.
pub(super) fn listed(live: &[Live]) -> String {
    let names: Vec<String> = live.iter().take(NAMED).map(ToString::to_string).collect();
    match live.len().saturating_sub(NAMED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// The objects alone.
pub(super) fn refs(live: &[Live]) -> Vec<ObjectRef> {
    live.iter().map(|one| one.object.clone()).collect()
}

/// Whether an object that was there a moment ago is not any more: somebody was faster.
pub(super) fn is_gone<T>(result: &Result<T, ClusterError>) -> bool {
    matches!(result, Err(ClusterError::NotFound { .. }))
}
