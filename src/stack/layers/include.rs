//! `[stack] include`: the files a stack is made of, merged.
//!
//! What a file includes lies under it, in the order of the list, so that a file wins over what it
//! includes and a later item over an earlier one. A file that is reached twice is read once, where
//! it is met first. A chart is declared in one file only: two declarations are a mistake, not a
//! merge (an environment is what changes a chart of another file).

use std::{
    collections::HashSet,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use crate::{
    diagnostic::{Diagnostic, Problems, Source},
    stack::{
        findings::Finding,
        layers::{
            Layers,
            node::{Node, Table, Value},
            origin::{Origin, SourceIx, Sources},
            put_over,
        },
    },
};

/// Reads a stack file's text and everything it includes. `path` is where the text came from, if
/// from a file: including that again is a cycle.
///
/// # Errors
/// All includes that cannot be read, and what is declared twice. Nothing else of the stack can be
/// judged then: what is missing would be reported all over.
pub(crate) fn read(
    name: &str,
    text: String,
    folder: &Path,
    path: Option<&Path>,
) -> Result<Layers, Problems> {
    let mut reader = Reader::default();
    let own = path.and_then(|path| path.canonicalize().ok());
    let root = reader.file(name, text, folder, own.as_deref());
    match root {
        Some(root) if reader.problems.is_empty() => Ok(Layers {
            sources: reader.sources,
            root,
        }),
        _ => Err(Problems(reader.problems)),
    }
}

#[derive(Default)]
struct Reader {
    sources: Sources,
    /// Files read, or being read.
    seen: HashSet<PathBuf>,
    /// The files that include each other down to here, by real path and by name.
    chain: Vec<(Option<PathBuf>, String)>,
    problems: Vec<Diagnostic>,
}

impl Reader {
    /// One file over what it includes; `None` if it is not TOML.
    fn file(
        &mut self,
        name: &str,
        text: String,
        folder: &Path,
        real: Option<&Path>,
    ) -> Option<Table> {
        let source = Source {
            name: name.to_owned(),
            text,
        };
        let source = self.sources.add_file(source, folder);
        let mut own = self.parse(source)?;
        self.seen.extend(real.map(Path::to_owned));
        self.chain.push((real.map(Path::to_owned), name.to_owned()));
        let mut merged = Table::default();
        for (said, origin) in self.included(&mut own) {
            if let Some(table) = self.include(&said, origin, folder) {
                self.put_over(&mut merged, table);
            }
        }
        self.chain.pop();
        self.put_over(&mut merged, own);
        Some(merged)
    }

    fn parse(&mut self, source: SourceIx) -> Option<Table> {
        let whole = self.sources.place(source.origin(0..0));
        let text = whole.as_ref().map_or("", |place| &*place.source.text);
        match toml::de::DeTable::parse(text) {
            Ok(table) => Some(Table::read(table.into_inner(), source)),
            Err(error) => {
                let place = error
                    .span()
                    .and_then(|span| self.sources.place(source.origin(span)));
                self.problems.push(
                    Diagnostic::error("the stack file is not valid TOML")
                        .at(place, error.message()),
                );
                None
            }
        }
    }

    /// Takes the list of included files out of a file's table.
    fn included(&mut self, table: &mut Table) -> Vec<(String, Origin)> {
        let stack = table.get_mut("stack").and_then(Node::as_table_mut);
        let Some(list) = stack.and_then(|stack| stack.remove("include")) else {
            return Vec::new();
        };
        let Value::List(items) = list.value else {
            self.wrong(list.origin, &list.value);
            return Vec::new();
        };
        let mut files = Vec::with_capacity(items.len());
        for item in items {
            match item.value {
                Value::Text(file) => files.push((file, item.origin)),
                other => self.wrong(item.origin, &other),
            }
        }
        files
    }

    fn wrong(&mut self, origin: Origin, found: &Value) {
        let message = format!(
            "`include`: expected an array of paths, found {}",
            found.kind()
        );
        self.report(Finding::error(message).at(origin, ""));
    }

    fn report(&mut self, finding: Finding) {
        self.problems.push(finding.into_diagnostic(&self.sources));
    }

    /// One item of a list; `None` if there is nothing (more) to merge.
    fn include(&mut self, said: &str, origin: Origin, folder: &Path) -> Option<Table> {
        if said.is_empty() || said.contains("${") {
            self.report(
                Finding::error("`include` takes paths as they stand")
                    .at(origin, "there is nothing yet that it could refer to"),
            );
            return None;
        }
        let path = folder.join(said.trim_start_matches("./"));
        let name = path.display().to_string();
        let name = name.strip_prefix("./").unwrap_or(&name);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                self.report(unreadable(name, &error).at(origin, ""));
                return None;
            }
        };
        let real = path.canonicalize().ok();
        if let Some(at) = self.position(real.as_deref()) {
            let finding = self.cycle(at, name).at(origin, "");
            self.report(finding);
            return None;
        }
        if real.as_ref().is_some_and(|real| self.seen.contains(real)) {
            return None;
        }
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        self.file(name, text, &folder, real.as_deref())
    }

    fn position(&self, real: Option<&Path>) -> Option<usize> {
        let real = real?;
        let mut chain = self.chain.iter();
        chain.position(|(path, _)| path.as_deref() == Some(real))
    }

    fn cycle(&self, from: usize, back: &str) -> Finding {
        let names = self.chain[from..].iter().map(|(_, name)| name.as_str());
        let way: Vec<&str> = names.chain([back]).collect();
        let message = format!("`{}` includes itself", self.chain[from].1);
        match way.as_slice() {
            [_, _] => Finding::error(message),
            _ => Finding::error(message).help(format!("the way round: {}", way.join(" -> "))),
        }
    }

    /// Merges a file over those it includes, or over its elder siblings.
    fn put_over(&mut self, under: &mut Table, over: Table) {
        let charts = |table: &Table| table.get("charts").and_then(Node::as_table).cloned();
        if let (Some(below), Some(above)) = (charts(under), charts(&over)) {
            for (name, origin, _) in above.iter() {
                if let Some(first) = below.key_origin(name) {
                    self.report(
                        Finding::error(format!("chart `{name}` is declared twice"))
                            .at(origin, "here")
                            .at(first, "and here")
                            .help(
                                "declare it in one file; what differs from case to case belongs \
                                 into `[environments.NAME.charts…]`",
                            ),
                    );
                }
            }
        }
        put_over(under, over);
    }
}

fn unreadable(name: &str, error: &io::Error) -> Finding {
    Finding::error(match error.kind() {
        ErrorKind::NotFound => format!("included file `{name}` does not exist"),
        ErrorKind::IsADirectory => format!("`{name}` is a folder, not a stack file"),
        ErrorKind::InvalidData => format!("included file `{name}` is not UTF-8 text"),
        _ => format!("included file `{name}` cannot be read: {error}"),
    })
}
