//! Whole files in, stacks or findings out.

mod commands;
mod edges;
mod environments;
mod explain;
mod keys;
mod outputs;
mod parse;
mod problems;
mod schema;
mod sources;
mod step_problems;
mod steps;
mod values;

use std::{fs, path::Path};

use tempfile::TempDir;

use super::{FileSource, LoadOptions, Loaded, Stack, load};
use crate::diagnostic::{Problems, render};

/// A folder with a chart for every `./charts/NAME` a text mentions, unless it is called missing.
fn folder(text: &str) -> TempDir {
    let root = TempDir::new().unwrap();
    for (at, start) in text.match_indices("./charts/") {
        let name = text[at + start.len()..].split('"').next().unwrap();
        if !name.starts_with("missing") {
            write(
                root.path(),
                &format!("charts/{name}/Chart.yaml"),
                "name: x\n",
            );
        }
    }
    root
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn options(root: &TempDir, text: &str) -> LoadOptions {
    LoadOptions::new(FileSource::Text {
        name: "stack.toml".into(),
        text: text.into(),
        root: root.path().into(),
    })
}

fn try_load(text: &str) -> Result<Loaded, Problems> {
    load(options(&folder(text), text))
}

/// The stack of a text that must be sound.
#[track_caller]
fn sound(text: &str) -> Stack {
    schema::agrees(text, &[]);
    match try_load(text) {
        Ok(loaded) if loaded.warnings.is_empty() => loaded.stack,
        Ok(loaded) => panic!("{}", render(&loaded.warnings, false)),
        Err(problems) => panic!("{}", render(&problems.0, false)),
    }
}

/// What is said about a text that must not be sound, drawn.
#[track_caller]
fn drawn(text: &str) -> String {
    drawn_with(&folder(text), |root| options(root, text))
}

#[track_caller]
fn drawn_with(root: &TempDir, options: impl Fn(&TempDir) -> LoadOptions) -> String {
    let found = match load(options(root)) {
        Ok(loaded) => loaded.warnings,
        Err(problems) => problems.0,
    };
    assert!(!found.is_empty(), "nothing was found");
    if let FileSource::Text { text, .. } = options(root).file {
        schema::agrees(&text, &found);
    }
    render(&found, false).replace(&root.path().display().to_string(), "ROOT")
}

/// The message of each finding, with its place.
fn messages(text: &str) -> Vec<String> {
    let root = folder(text);
    let found = match load(options(&root, text)) {
        Ok(loaded) => loaded.warnings,
        Err(problems) => problems.0,
    };
    schema::agrees(text, &found);
    messages_of(&root, &found)
}

fn messages_of(root: &TempDir, found: &[crate::diagnostic::Diagnostic]) -> Vec<String> {
    let root = root.path().display().to_string();
    let shown = |one: &crate::diagnostic::Diagnostic| {
        let mut help = one.help.join(" | ");
        if !help.is_empty() {
            help.insert_str(0, " | ");
        }
        let label = one.labels.first().map_or("", |label| &label.text);
        let label = if label.is_empty() {
            String::new()
        } else {
            format!(" ({label})")
        };
        format!("{one}{label}{help}").replace(&root, "ROOT")
    };
    found.iter().map(shown).collect()
}
