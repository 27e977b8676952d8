//! Which module may use which: the table of `src/lib.rs`, enforced.
//!
//! Reads every source file as tokens (comments and texts left out) and finds each path that leaves
//! its module: `crate::x`, `use crate::{a, b::c}`, and `super::` that climbs up to the crate. Test
//! modules count too. An arrow that the table does not hold fails the test.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Anyone may use these.
const LEAVES: [&str; 6] = [
    "name",
    "secret",
    "diagnostic",
    "digest",
    "event",
    "shutdown",
];

/// Module, and what else it may use.
const TABLE: [(&str, &[&str]); 25] = [
    ("name", &[]),
    ("secret", &[]),
    ("diagnostic", &[]),
    ("digest", &[]),
    ("event", &[]),
    ("shutdown", &[]),
    ("stack", &[]),
    ("inputs", &["stack", "process"]),
    ("graph", &["stack"]),
    ("plan", &["graph", "stack", "lock"]),
    ("engine", &["plan"]),
    ("process", &[]),
    ("http", &[]),
    ("chart", &["stack", "http", "process", "helm"]),
    ("helm", &["process"]),
    ("provide", &["http", "process"]),
    ("cluster", &[]),
    ("release", &["cluster"]),
    ("lock", &[]),
    ("journal", &[]),
    (
        "lifecycle",
        &[
            "engine", "plan", "stack", "helm", "cluster", "release", "chart", "process", "http",
            "journal", "lock",
        ],
    ),
    (
        "run",
        &[
            "stack",
            "inputs",
            "graph",
            "plan",
            "engine",
            "process",
            "http",
            "chart",
            "helm",
            "provide",
            "cluster",
            "release",
            "lock",
            "journal",
            "lifecycle",
            "sandbox",
        ],
    ),
    ("report", &[]),
    ("sandbox", &[]),
    (
        "cli",
        &["run", "report", "plan", "graph", "stack", "sandbox"],
    ),
];

#[test]
fn no_module_uses_what_the_table_does_not_allow() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    list(&source, &mut files);
    assert!(files.len() > 20, "the sources are there");
    let mut wrong = BTreeSet::new();
    for file in files {
        let path = file.strip_prefix(&source).expect("listed below it");
        let Some(module) = Module::of(path) else {
            continue;
        };
        let text = fs::read_to_string(&file).expect("a source file");
        for used in module.uses(&text) {
            if !allowed(&module.name, &used) {
                wrong.insert(format!(
                    "{}: `{}` must not use `{used}`",
                    path.display(),
                    module.name
                ));
            }
        }
    }
    let wrong: Vec<String> = wrong.into_iter().collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn allowed(module: &str, used: &str) -> bool {
    let table: BTreeMap<&str, &[&str]> = TABLE.into();
    let Some(may_use) = table.get(module) else {
        return false;
    };
    module == used || LEAVES.contains(&used) || may_use.contains(&used)
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("a folder entry").path();
        if path.is_dir() {
            list(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The module a file belongs to.
#[derive(Debug)]
struct Module {
    /// First part of its path: a row of the table.
    name: String,
    /// How many modules deep the file is: 1 for `name.rs` and `stack/mod.rs`.
    depth: usize,
}

impl Module {
    /// Nothing for `lib.rs` and `main.rs`, which hold no code of their own.
    fn of(path: &Path) -> Option<Self> {
        let path = path.with_extension("");
        let parts = path.iter().map(|part| part.to_string_lossy().into_owned());
        let mut parts: Vec<String> = parts.collect();
        parts.pop_if(|last| last == "mod");
        let name = parts.first()?.clone();
        let is_root = parts.len() == 1 && ["lib", "main"].contains(&name.as_str());
        let depth = parts.len();
        (!is_root).then_some(Self { name, depth })
    }

    /// Modules of the crate that the text names.
    fn uses(&self, text: &str) -> BTreeSet<String> {
        let tokens = tokens(text);
        let mut used = BTreeSet::new();
        let mut inline = Inline::default();
        let mut at = 0;
        while at < tokens.len() {
            inline.pass(&tokens, at);
            // In the middle of a path or behind a dot these words lead nowhere else.
            let starts = at == 0 || !["::", "."].contains(&tokens[at - 1].as_str());
            let root = match tokens[at].as_str() {
                "crate" if starts => Some(at + 1),
                "super" if starts => climb(&tokens, at, self.depth + inline.depth()),
                _ => None,
            };
            if let Some(root) = root.filter(|&root| token(&tokens, root) == "::") {
                heads(&tokens, root + 1, &mut used);
            }
            at += 1;
        }
        used
    }
}

/// Inline modules (`mod tests { … }`) around a token.
#[derive(Debug, Default)]
struct Inline {
    n_braces: usize,
    /// Open braces before each inline module's own.
    opened_at: Vec<usize>,
}

impl Inline {
    fn pass(&mut self, tokens: &[String], at: usize) {
        match tokens[at].as_str() {
            "{" => {
                if at >= 2 && tokens[at - 2] == "mod" {
                    self.opened_at.push(self.n_braces);
                }
                self.n_braces += 1;
            }
            "}" => {
                self.n_braces = self.n_braces.saturating_sub(1);
                self.opened_at.pop_if(|opened| *opened == self.n_braces);
            }
            _ => {}
        }
    }

    fn depth(&self) -> usize {
        self.opened_at.len()
    }
}

/// Where `super::super…` ends, if it climbs to the crate itself.
fn climb(tokens: &[String], start: usize, depth: usize) -> Option<usize> {
    let mut at = start + 1;
    let mut n_up = 1;
    while token(tokens, at) == "::" && token(tokens, at + 1) == "super" {
        at += 2;
        n_up += 1;
    }
    (n_up >= depth).then_some(at)
}

/// First names of a path or of each path of a group.
fn heads(tokens: &[String], start: usize, used: &mut BTreeSet<String>) {
    if token(tokens, start) != "{" {
        let head = token(tokens, start);
        // `crate::*` names everything: no row allows it.
        used.insert(head.to_owned());
        return;
    }
    let mut at = start + 1;
    let mut depth = 1;
    let mut at_head = true;
    while depth > 0 && at < tokens.len() {
        match token(tokens, at) {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," => at_head = depth == 1,
            // `crate::{self}` names the root, no module.
            "self" => at_head = false,
            head if at_head => {
                used.insert(head.to_owned());
                at_head = false;
            }
            _ => {}
        }
        at += 1;
    }
}

fn token(tokens: &[String], at: usize) -> &str {
    tokens.get(at).map_or("", String::as_str)
}

/// Words, `::`, and single other characters, without comments, texts and characters.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let here = &chars[at..];
        if let Some(skipped) = comment(here).or_else(|| literal(here)) {
            at += skipped;
        } else if is_word(here[0]) {
            let raw = here.starts_with(&['r', '#']) && here.get(2).is_some_and(|&c| is_word(c));
            let start = if raw { 2 } else { 0 };
            let rest = here[start..].iter().take_while(|&&c| is_word(c)).count();
            tokens.push(here[start..start + rest].iter().collect());
            at += start + rest;
        } else if here.starts_with(&[':', ':']) {
            tokens.push("::".into());
            at += 2;
        } else {
            if here[0] == '$' && here[1..].starts_with(&['c', 'r', 'a', 't', 'e']) {
                // A macro's `$crate` is the crate all the same.
                at += 1;
                continue;
            }
            if !here[0].is_whitespace() {
                tokens.push(here[0].to_string());
            }
            at += 1;
        }
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Length of a comment that starts here. Block comments nest.
fn comment(here: &[char]) -> Option<usize> {
    if here.starts_with(&['/', '/']) {
        return Some(here.iter().take_while(|&&c| c != '\n').count());
    }
    if !here.starts_with(&['/', '*']) {
        return None;
    }
    let (mut depth, mut at) = (1, 2);
    while depth > 0 && at < here.len() {
        if here[at..].starts_with(&['/', '*']) {
            depth += 1;
            at += 2;
        } else if here[at..].starts_with(&['*', '/']) {
            depth -= 1;
            at += 2;
        } else {
            at += 1;
        }
    }
    Some(at)
}

/// Length of a text or character that starts here (`"…"`, `b"…"`, `r#"…"#`, `'…'`); a lifetime is
/// neither.
fn literal(here: &[char]) -> Option<usize> {
    let prefix = here.iter().take_while(|c| "bcr".contains(**c)).count();
    let is_raw = here[..prefix].contains(&'r');
    let n_hashes = here[prefix..].iter().take_while(|&&c| c == '#').count();
    if is_raw && here.get(prefix + n_hashes) == Some(&'"') {
        let mut end = vec!['"'];
        end.extend(std::iter::repeat_n('#', n_hashes));
        let start = prefix + n_hashes + 1;
        let length = here[start..].windows(end.len()).position(|w| w == end)?;
        return Some(start + length + end.len());
    }
    match here.get(prefix)? {
        '"' => Some(prefix + quoted(&here[prefix..], '"')),
        '\'' if here.get(prefix + 1) == Some(&'\\') => Some(prefix + quoted(&here[prefix..], '\'')),
        '\'' if here.get(prefix + 2) == Some(&'\'') => Some(prefix + 3),
        _ => None,
    }
}

fn quoted(here: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < here.len() && here[at] != quote {
        at += if here[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

mod the_reader {
    use super::*;

    fn uses(path: &str, text: &str) -> Vec<String> {
        let module = Module::of(Path::new(path)).expect("a module");
        module.uses(text).into_iter().collect()
    }

    #[test]
    fn finds_paths_groups_and_climbs() {
        for (text, expected) in [
            ("use crate::plan::Plan;", &["plan"][..]),
            (
                "pub(in crate::plan) fn f() -> crate :: stack::Stack {}",
                &["plan", "stack"],
            ),
            (
                "use crate::{\n  event::{self, Event, run},\n  name::{a::{b, c}, d},\n  helm,\n};",
                &["event", "helm", "name"],
            ),
            ("use crate::{self, plan as p};", &["plan"]),
            ("let x = $crate::plan::X;", &["plan"]),
            ("use crate::r#run::X;", &["run"]),
            ("use crate::*;", &["*"]),
            ("use super::super::plan::X;", &["plan"]),
            ("use super::plan::X;", &[]),
            ("mod tests { use super::super::super::plan::X; }", &["plan"]),
            ("mod tests { use super::super::plan::X; }", &[]),
            (
                "mod tests { fn f() { {} } } use super::super::plan::X;",
                &["plan"],
            ),
            (
                "use other::crate_x::plan; self::plan::x(); mycrate::plan::x()",
                &[],
            ),
        ] {
            assert_eq!(uses("engine/run.rs", text), expected, "{text}");
        }
        assert_eq!(uses("engine/mod.rs", "use super::plan::X;"), ["plan"]);
        assert_eq!(
            uses("name.rs", "use super::{plan, stack::X};"),
            ["plan", "stack"]
        );
    }

    #[test]
    fn does_not_read_comments_and_texts() {
        for text in [
            "// crate::plan",
            "//! [`x`](crate::plan)\n",
            "/* crate::plan /* crate::plan */ crate::plan */",
            r#"let x = "crate::plan \" crate::plan";"#,
            r##"let x = r#"crate::plan " crate::plan"#;"##,
            r#"let x = b"crate::plan";"#,
        ] {
            assert_eq!(uses("engine/run.rs", text), [""; 0], "{text}");
        }
        for text in [
            r#"'"' ; crate::plan::x('"')"#,
            r"'\'' ; crate::plan::x('\'')",
            "fn f<'a>(x: &'a str) -> crate::plan::X<'a>",
            r#""" ; crate::plan"#,
            "/* */ crate::plan",
        ] {
            assert_eq!(uses("engine/run.rs", text), ["plan"], "{text}");
        }
    }

    #[test]
    fn knows_whose_file_it_reads() {
        let module = |path: &str| Module::of(Path::new(path)).map(|m| (m.name, m.depth));
        assert_eq!(module("name.rs"), Some(("name".into(), 1)));
        assert_eq!(module("stack/mod.rs"), Some(("stack".into(), 1)));
        assert_eq!(module("stack/model.rs"), Some(("stack".into(), 2)));
        assert_eq!(module("engine/tests/mod.rs"), Some(("engine".into(), 2)));
        assert_eq!(module("lib.rs"), None);
        assert_eq!(module("main.rs"), None);
    }

    #[test]
    fn the_table_says_no() {
        assert!(allowed("plan", "graph") && allowed("plan", "name") && allowed("plan", "plan"));
        assert!(!allowed("plan", "engine") && !allowed("engine", "stack"));
        assert!(!allowed("newcomer", "name"), "a new module needs a row");
    }
}
