//! `docs/lessons.md`: every weakness of the original (engine.md, section 6) and the tests that show
//! why it cannot happen here. They must be there.

use std::{collections::BTreeSet, fs, path::Path};

#[test]
fn every_lesson_names_tests_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = BTreeSet::new();
    for folder in ["src", "tests"] {
        functions(&root.join(folder), &mut tests);
    }
    let page = fs::read_to_string(root.join("docs/lessons.md")).unwrap();
    let mut lessons = Vec::new();
    for row in page.lines().filter(|line| line.starts_with("| W")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, number, wrong, why_not, shown_by, _] = cells.as_slice() else {
            panic!("not five cells: {row}");
        };
        assert!(!wrong.is_empty() && !why_not.is_empty(), "{row}");
        let named: Vec<&str> = shown_by
            .split(", ")
            .map(|name| name.trim_matches('`'))
            .collect();
        for name in named {
            assert!(tests.contains(name), "{number}: there is no test `{name}`");
        }
        lessons.push((*number).to_owned());
    }
    let all: Vec<String> = (1..=20).map(|number| format!("W{number}")).collect();
    assert_eq!(lessons, all);
}

/// Names of all functions without arguments.
fn functions(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            functions(&path, names);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let found = text
                .split("fn ")
                .skip(1)
                .filter_map(|rest| rest.split_once("()"));
            names.extend(found.map(|(name, _)| name.to_owned()));
        }
    }
}
