//! What `apply` applies: whole objects, from YAML files, YAML in the stack file, or its tables.

use std::fs;

use serde_json::Value as Json;

use crate::stack::{
    findings::{Finding, Findings},
    layers::{
        node::{Node, Value},
        origin::{Located, Origin, Text},
    },
    model::Parse,
    raw::reader::wrong,
    validate::{steps::Reading, tree},
    values::{Templated, TemplatedValue},
};

impl Reading<'_> {
    /// Files, and all files of folders, in order. They are taken as they stand.
    pub(super) fn manifest_files(
        &mut self,
        said: &[Text<'_>],
        manifests: &mut Vec<TemplatedValue>,
        f: &mut Findings,
    ) {
        for &one in said {
            let Some(path) = self.known.now(one, f) else {
                continue;
            };
            for file in self.disk.manifests(path.text(), f) {
                let text = match fs::read_to_string(&file) {
                    Ok(text) => text,
                    Err(error) => {
                        let message = format!("`{}` cannot be read: {error}", file.display());
                        f.add(Finding::error(message).at(one.origin, ""));
                        continue;
                    }
                };
                for document in documents(&text) {
                    match Parse::Yaml.read(&document.padded(), false) {
                        Ok(Json::Null) => {}
                        Ok(object) => {
                            let which = format!("`{}`, line {}", file.display(), document.line);
                            for object in items(object) {
                                let object = TemplatedValue {
                                    content: Templated::Plain(object),
                                    origin: one.origin,
                                };
                                accept(object, &which, one.origin, manifests, f);
                            }
                        }
                        Err(reason) => {
                            let message = format!("manifest `{}` cannot be read", file.display());
                            f.add(Finding::error(message).at(one.origin, reason));
                        }
                    }
                }
            }
        }
    }

    /// YAML documents in a text of the stack file.
    pub(super) fn manifest_text(
        &self,
        said: Text<'_>,
        manifests: &mut Vec<TemplatedValue>,
        f: &mut Findings,
    ) {
        for document in documents(said.value) {
            let origin = said.origin;
            let value = document.text;
            if document.is_empty() {
                continue;
            }
            if let Some(object) = self.yaml(Located { value, origin }, f) {
                accept(object, "`yaml`", origin, manifests, f);
            }
        }
    }

    /// Tables of the stack file.
    pub(super) fn manifest_tables(
        &self,
        node: &Node,
        manifests: &mut Vec<TemplatedValue>,
        f: &mut Findings,
    ) {
        let Value::List(items) = &node.value else {
            wrong::<()>(f, "objects", "an array of tables", node);
            return;
        };
        for item in items {
            accept(self.tree(item, f), "this", item.origin, manifests, f);
        }
    }

    /// A YAML document in a text of the stack file.
    pub(super) fn yaml(&self, said: Text<'_>, f: &mut Findings) -> Option<TemplatedValue> {
        tree::of_yaml_text(said, Some(self.known), f)
    }
}

/// Takes an object, if it is one.
fn accept(
    object: TemplatedValue,
    which: &str,
    origin: Origin,
    manifests: &mut Vec<TemplatedValue>,
    f: &mut Findings,
) {
    let paths: [&[&str]; 3] = [&["apiVersion"], &["kind"], &["metadata", "name"]];
    match paths.into_iter().find(|path| !object.has_text(path)) {
        None => manifests.push(object),
        Some(path) => f.add(
            Finding::error(format!("{which} is not an object of Kubernetes"))
                .at(origin, format!("it has no `{}`", path.join("."))),
        ),
    }
}

/// The objects of a document: a `List`, as kubectl prints several, is its items.
fn items(mut object: Json) -> Vec<Json> {
    let is_list = object["kind"] == "List";
    match object.get_mut("items") {
        Some(Json::Array(items)) if is_list => std::mem::take(items),
        _ => vec![object],
    }
}

/// One document of a YAML text.
struct Document<'t> {
    text: &'t str,
    /// Its first line, from 1.
    line: usize,
}

impl Document<'_> {
    fn is_empty(&self) -> bool {
        let mut lines = self.text.lines().map(str::trim_start);
        lines.all(|line| line.is_empty() || line.starts_with('#'))
    }

    /// With as many lines before it as it has in its file, so that messages name the right one.
    fn padded(&self) -> String {
        format!("{}{}", "\n".repeat(self.line - 1), self.text)
    }
}

/// Splits at lines that are `---`.
fn documents(text: &str) -> Vec<Document<'_>> {
    let mut documents = Vec::new();
    let (mut start, mut first, mut at) = (0, 1, 0);
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let end = at + line.len();
        if line.trim_end() == "---" || line.starts_with("--- ") {
            let text = &text[start..at];
            documents.push(Document { text, line: first });
            (start, first) = (end, number + 1);
        }
        at = end;
    }
    let text = &text[start..];
    documents.push(Document { text, line: first });
    documents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_know_their_lines() {
        let text = "# head\n---\na: 1\n--- # next\n\nb: |\n  ---not\n---\n";
        let found: Vec<_> = documents(text)
            .into_iter()
            .filter(|document| !document.is_empty())
            .map(|document| (document.line, document.text))
            .collect();
        assert_eq!(found, [(3, "a: 1\n"), (5, "\nb: |\n  ---not\n")]);
        assert_eq!(documents("a: 1")[0].text, "a: 1");
    }
}
