//! What all sources of a stack say together, and who said what.
//!
//! A layer is a table from one source; later ones win. Today: the file and the command line, and
//! within the file `[defaults]` under every chart. Whatever comes later is one more
//! [`Layers::push`].

pub(crate) mod command_line;
pub(crate) mod node;
pub(crate) mod origin;

use self::node::{Node, Table, Value};
use self::origin::{Origin, SourceIx, Sources};
use crate::diagnostic::{Diagnostic, Place, Source};

/// The merged tables of all sources.
#[derive(Debug, Clone)]
pub struct Layers {
    pub(crate) sources: Sources,
    pub(crate) root: Table,
}

/// What `[defaults]` give one chart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Defaults<'a> {
    /// `[defaults]` itself.
    pub(crate) table: &'a Table,
    /// The keys for which both it and the chart have tables, merged deep.
    pub(crate) both: &'a Table,
}

impl Layers {
    /// The lowest layer: a stack file's text.
    ///
    /// # Errors
    /// The text is not TOML.
    pub(crate) fn of_file(name: &str, text: String) -> Result<Self, Diagnostic> {
        let mut sources = Sources::default();
        let source = sources.add(Source {
            name: name.to_owned(),
            text,
        });
        let whole = source.origin(0..0);
        let place = sources.place(whole);
        let text = place.as_ref().map_or("", |place| &*place.source.text);
        match toml::de::DeTable::parse(text) {
            Ok(table) => {
                let root = Table::read(table.into_inner(), source);
                Ok(Self { sources, root })
            }
            Err(error) => {
                let place = error
                    .span()
                    .and_then(|span| sources.place(source.origin(span)));
                Err(Diagnostic::error("the stack file is not valid TOML")
                    .at(place, error.message()))
            }
        }
    }

    /// Adds a text that findings may point at.
    pub(crate) fn add_source(&mut self, name: &str, text: String) -> SourceIx {
        self.sources.add(Source {
            name: name.to_owned(),
            text,
        })
    }

    /// Puts a layer on top.
    pub(crate) fn push(&mut self, over: Table) {
        self.root.merge(over);
    }

    /// For every chart, in order, the keys for which both it and `[defaults]` have tables, merged.
    pub(crate) fn merged_with_defaults(&self) -> Vec<Table> {
        let table = |key| self.root.get(key).and_then(Node::as_table);
        let (Some(charts), Some(defaults)) = (table("charts"), table("defaults")) else {
            return Vec::new();
        };
        let tables: Vec<_> = defaults
            .iter()
            .filter(|(_, _, node)| node.as_table().is_some())
            .collect();
        let merge = |chart: &Table| {
            let mut both = Table::default();
            for (key, origin, under) in &tables {
                if let Some(own) = chart.get(key).filter(|own| own.as_table().is_some()) {
                    let mut merged = (*under).clone();
                    merged.merge(own.clone());
                    merged.origin = own.origin;
                    both.insert(key, *origin, merged);
                }
            }
            both
        };
        let charts = charts.iter().map(|(_, _, node)| node.as_table());
        charts
            .map(|chart| chart.map(merge).unwrap_or_default())
            .collect()
    }

    /// Where the value at a path was said: keys, and indices of arrays as decimal numbers. What a
    /// chart does not say itself is looked up in `[defaults]`.
    ///
    /// ```
    /// # use stackctl::stack::{FileSource, LoadOptions, load};
    /// let text = "[stack]\nname = \"demo\"\n[defaults]\ntimeout = \"5m\"\n[charts]\n";
    /// let loaded = load(LoadOptions::new(FileSource::Text {
    ///     name: "stack.toml".into(),
    ///     text: text.into(),
    ///     root: ".".into(),
    /// }))?;
    /// let place = loaded.layers.locate(&["charts", "web", "timeout"]).expect("said in defaults");
    /// assert_eq!(place.to_string(), "stack.toml:4");
    /// # Ok::<(), stackctl::diagnostic::Problems>(())
    /// ```
    pub fn locate(&self, path: &[&str]) -> Option<Place> {
        let origin = find(&self.root, path).or_else(|| match path {
            ["charts", _, rest @ ..] if !rest.is_empty() => {
                find(self.root.get("defaults")?.as_table()?, rest)
            }
            _ => None,
        })?;
        self.sources.place(origin)
    }
}

fn find(table: &Table, path: &[&str]) -> Option<Origin> {
    let (key, rest) = path.split_first()?;
    descend(table.get(key)?, rest)
}

fn descend(node: &Node, path: &[&str]) -> Option<Origin> {
    let Some((step, rest)) = path.split_first() else {
        return Some(node.origin);
    };
    match &node.value {
        Value::Table(table) => descend(table.get(step)?, rest),
        Value::List(items) => descend(items.get(step.parse::<usize>().ok()?)?, rest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_at(layers: &Layers, path: &[&str]) -> Option<String> {
        let place = layers.locate(path)?;
        let said = &place.source.text[place.span.clone()];
        Some(format!("{place} {said}"))
    }

    #[test]
    fn every_leaf_knows_who_said_it() {
        let file = "[charts.web]\nneeds = [\"db\", \"cache\"]\nvalues.a.b = 1\n\
                    [defaults]\nwait = false\nvalues.c = 2\n";
        let mut layers = Layers::of_file("stack.toml", file.to_owned()).unwrap();
        let text = "--concurrency 3";
        let source = layers.add_source("command line", text.to_owned());
        let mut settings = Table::default();
        let origin = source.origin(14..15);
        let value = Value::Integer(Some(3));
        settings.insert("concurrency", origin, Node { value, origin });
        let mut over = Table::default();
        let value = Value::Table(settings);
        over.insert("settings", origin, Node { value, origin });
        layers.push(over);

        for (path, expected) in [
            (
                &["charts", "web", "needs", "1"][..],
                "stack.toml:2 \"cache\"",
            ),
            (&["charts", "web", "values", "a", "b"], "stack.toml:3 1"),
            (&["charts", "web", "wait"], "stack.toml:5 false"),
            (&["charts", "web", "values", "c"], "stack.toml:6 2"),
            (&["settings", "concurrency"], "command line:1 3"),
        ] {
            assert_eq!(text_at(&layers, path).as_deref(), Some(expected));
        }
        assert_eq!(text_at(&layers, &["charts", "web", "needs", "2"]), None);
        assert_eq!(text_at(&layers, &["charts", "db"]), None);
        assert_eq!(text_at(&layers, &[]), None);
    }
}
