//! Trees with references, alone: those of steps. A chart's values are composed of many.

use serde_json::{Map, Value};

use crate::stack::{
    model::TemplatedValue,
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
        Ok(match self {
            Self::Plain(value) => value.clone(),
            Self::Text(template) => {
                let resolved = template.resolve(scope)?;
                *secret |= resolved.secret;
                resolved.value
            }
            Self::List(items) => {
                let items = items.iter().map(|item| item.fill(scope, secret));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            Self::Table(entries) => {
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
        match self {
            Self::Plain(_) => {}
            Self::Text(template) => found.push(template),
            Self::List(items) => items.iter().for_each(|item| item.templates(found)),
            Self::Table(entries) => {
                entries.iter().for_each(|(_, value)| value.templates(found));
            }
        }
    }

    /// Whether there is a text at a path, or something that becomes one.
    pub(crate) fn has_text(&self, path: &[&str]) -> bool {
        match (self, path) {
            (Self::Text(_), []) => true,
            (Self::Plain(value), _) => {
                let mut path = path.iter();
                let found = path.try_fold(value, |value, key| value.get(key));
                found.is_some_and(|found| found.as_str().is_some_and(|text| !text.is_empty()))
            }
            (Self::Table(entries), [key, rest @ ..]) => {
                let mut entries = entries.iter();
                entries.any(|(name, value)| name == key && value.has_text(rest))
            }
            _ => false,
        }
    }
}
