//! Trees with references, alone: those of steps. A chart's values are composed of many.

use serde_json::{Map, Value};

use super::model::{Templated, TemplatedValue};
use crate::stack::{
    scope::{ExpandError, Resolved, Scope},
    template::Template,
};

impl TemplatedValue {
    /// The value, with everything put in.
    ///
    /// # Errors
    /// A reference has no value.
    pub fn resolve(&self, scope: &Scope) -> Result<Resolved, ExpandError> {
        let mut secret = false;
        let value = self.fill(scope, &mut secret)?;
        Ok(Resolved { value, secret })
    }

    fn fill(&self, scope: &Scope, secret: &mut bool) -> Result<Value, ExpandError> {
        Ok(match &self.content {
            Templated::Plain(value) => value.clone(),
            Templated::Text(template) => {
                let resolved = template.resolve(scope)?;
                *secret |= resolved.secret;
                resolved.value
            }
            Templated::List(items) => {
                let items = items.iter().map(|item| item.fill(scope, secret));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            Templated::Table(entries) => {
                let mut map = Map::new();
                for (key, value) in entries {
                    map.insert(key.clone(), value.fill(scope, secret)?);
                }
                Value::Object(map)
            }
        })
    }

    /// Every text that may refer to something.
    pub(crate) fn templates<'a>(&'a self, found: &mut Vec<&'a Template>) {
        match &self.content {
            Templated::Plain(_) => {}
            Templated::Text(template) => found.push(template),
            Templated::List(items) => items.iter().for_each(|item| item.templates(found)),
            Templated::Table(entries) => {
                for (_, value) in entries {
                    value.templates(found);
                }
            }
        }
    }

    /// Whether there is a text at a path, or something that becomes one.
    pub(crate) fn has_text(&self, path: &[&str]) -> bool {
        match (&self.content, path) {
            (Templated::Text(_), []) => true,
            (Templated::Plain(value), _) => {
                let mut path = path.iter();
                let found = path.try_fold(value, |value, key| value.get(key));
                found.is_some_and(|found| found.as_str().is_some_and(|text| !text.is_empty()))
            }
            (Templated::Table(entries), [key, rest @ ..]) => {
                let mut entries = entries.iter();
                entries.any(|(name, value)| name == key && value.has_text(rest))
            }
            _ => false,
        }
    }
}
