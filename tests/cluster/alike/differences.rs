//! Where two snapshots differ, and which of it is known.

use std::{collections::BTreeSet, fs, sync::Mutex};

use serde_json::Value;

use super::snapshot::Snapshot;
use crate::support::repository;

/// The list, and which of its lines were needed.
pub(super) struct Known {
    lines: Vec<Line>,
    needed: Mutex<BTreeSet<usize>>,
}

/// `| Kind | /path | why |`; what is below the path is meant, too.
struct Line {
    kind: String,
    path: Vec<String>,
    text: String,
}

/// One difference of one object.
#[derive(Debug)]
pub(super) struct Difference {
    object: String,
    path: Vec<String>,
    text: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} /{}: {}", self.object, self.path.join("/"), self.text)
    }
}

impl Known {
    /// What the sandbox does otherwise, as its documentation says it.
    pub(super) fn read() -> Self {
        let file = repository("src/sandbox/differences.md");
        let list = fs::read_to_string(file).expect("it is committed");
        let rows = list.lines().filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
            let bare = |cell: &str| cell.trim_matches('`').to_owned();
            let (kind, path) = (bare(cells.next()?), bare(cells.next()?));
            assert!(cells.next().is_some_and(|why| !why.is_empty()), "{line}");
            let path = path.split('/').skip(1).map(str::to_owned);
            Some(Line {
                kind,
                path: path.collect(),
                text: line.to_owned(),
            })
        });
        let lines: Vec<Line> = rows.collect();
        assert!(!lines.is_empty(), "the list is a table: {list}");
        Self {
            lines,
            needed: Mutex::default(),
        }
    }

    /// The differences that are not on the list.
    pub(super) fn unknown<'d>(&self, differences: &'d [Difference]) -> Vec<&'d Difference> {
        let known = |it: &&Difference| self.lines.iter().any(|line| line.is(it));
        differences.iter().filter(|it| !known(it)).collect()
    }

    /// These differences need their lines.
    pub(super) fn note(&self, differences: &[Difference]) {
        let mut needed = self.needed.lock().expect("nobody panics with it");
        let lines = self.lines.iter().enumerate();
        let lines = lines.filter(|(_, line)| differences.iter().any(|it| line.is(it)));
        needed.extend(lines.map(|(index, _)| index));
    }

    /// Lines for which there was no difference.
    pub(super) fn unneeded(&self) -> Vec<&str> {
        let needed = self.needed.lock().expect("nobody panics with it");
        let lines = self.lines.iter().enumerate();
        let lines = lines.filter(|(index, _)| !needed.contains(index));
        lines.map(|(_, line)| line.text.as_str()).collect()
    }
}

impl Line {
    fn is(&self, difference: &Difference) -> bool {
        let kind = difference.object.split('/').next();
        // Names of fields have slashes, too.
        let path = difference.path.join("/");
        let path: Vec<String> = path.split('/').map(str::to_owned).collect();
        Some(&*self.kind) == kind && path.starts_with(&self.path)
    }
}

/// Where the sandbox's objects are not those of the real server. A field that only the real server
/// has, and that nobody owns, is a default: nobody sent it.
pub(super) fn differences(real: &Snapshot, ours: &Snapshot) -> Vec<Difference> {
    let names: BTreeSet<&String> = real.keys().chain(ours.keys()).collect();
    let mut all = Vec::new();
    for name in names {
        let mut walk = Walk {
            object: name,
            found: &mut all,
        };
        match (real.get(name), ours.get(name)) {
            (Some(real), Some(ours)) => {
                let entries = real.pointer("/metadata/managedFields");
                let entries = entries.and_then(Value::as_object).into_iter();
                let entries = entries.flat_map(serde_json::Map::values);
                let owned: Vec<&Value> = entries.map(|entry| &entry["fieldsV1"]).collect();
                walk.compare(&mut Vec::new(), (real, ours), &owned);
            }
            (Some(_), None) => walk.note(&[], "only on the real server".to_owned()),
            (None, _) => walk.note(&[], "only in the sandbox".to_owned()),
        }
    }
    all
}

struct Walk<'a> {
    object: &'a str,
    found: &'a mut Vec<Difference>,
}

impl Walk<'_> {
    fn note(&mut self, path: &[String], text: String) {
        self.found.push(Difference {
            object: self.object.to_owned(),
            path: path.to_vec(),
            text,
        });
    }

    /// `owned`: what managers say they own here.
    fn compare(&mut self, path: &mut Vec<String>, pair: (&Value, &Value), owned: &[&Value]) {
        match pair {
            (Value::Object(real), Value::Object(ours)) => {
                let names: BTreeSet<&String> = real.keys().chain(ours.keys()).collect();
                for name in names {
                    let below = below(owned, &format!("f:{name}"));
                    path.push(name.clone());
                    match (real.get(name), ours.get(name)) {
                        (Some(real), Some(ours)) => self.compare(path, (real, ours), &below),
                        (Some(real), None) if !below.is_empty() || is_servers(path) => {
                            self.note(path, format!("only on the real server: {real}"));
                        }
                        (Some(_), None) => {}
                        (None, ours) => {
                            let ours = ours.unwrap_or(&Value::Null);
                            self.note(path, format!("only in the sandbox: {ours}"));
                        }
                    }
                    path.pop();
                }
            }
            (Value::Array(reals), Value::Array(all_ours)) => {
                self.compare_lists(path, (reals, all_ours), owned);
            }
            (real, ours) if real == ours => {}
            (real, ours) => self.note(path, format!("{real} on the real server, not {ours}")),
        }
    }

    fn compare_lists(
        &mut self,
        path: &mut Vec<String>,
        (reals, all_ours): (&[Value], &[Value]),
        owned: &[&Value],
    ) {
        let [real_names, our_names] = names_of([reals, all_ours]);
        for (name, real) in real_names.iter().zip(reals) {
            let below: Vec<&Value> = owned.iter().flat_map(|set| of_item(set, real)).collect();
            path.push(name.clone());
            match our_names.iter().position(|other| other == name) {
                Some(place) => self.compare(path, (real, &all_ours[place]), &below),
                None if !below.is_empty() || is_servers(path) => {
                    self.note(path, format!("only on the real server: {real}"));
                }
                None => {}
            }
            path.pop();
        }
        let both = |names: &[String], others: &[String]| -> Vec<String> {
            let both = names.iter().filter(|name| others.contains(name));
            both.cloned().collect()
        };
        if both(&real_names, &our_names) != both(&our_names, &real_names) {
            let orders = format!("{real_names:?} on the real server, not {our_names:?}");
            self.note(path, orders);
        }
        for (name, ours) in our_names.iter().zip(all_ours) {
            if !real_names.contains(name) {
                path.push(name.clone());
                self.note(path, format!("only in the sandbox: {ours}"));
                path.pop();
            }
        }
    }
}

/// What elements of lists are told apart by: their keys, if all have one of their own, else their
/// places.
fn names_of(lists: [&[Value]; 2]) -> [Vec<String>; 2] {
    let keys = ["name", "mountPath", "type"];
    let named = keys.iter().find_map(|key| {
        let names = lists.map(|list| {
            let names = list
                .iter()
                .map(|item| item[*key].as_str().map(str::to_owned));
            let names: Option<Vec<String>> = names.collect();
            names.filter(|names| names.iter().collect::<BTreeSet<_>>().len() == names.len())
        });
        let [Some(one), Some(other)] = names else {
            return None;
        };
        Some([one, other])
    });
    let places = |list: &[Value]| (0..list.len()).map(|place| place.to_string()).collect();
    named.unwrap_or_else(|| lists.map(places))
}

/// Metadata and states are no defaults.
fn is_servers(path: &[String]) -> bool {
    ["metadata", "status"].contains(&&*path[0])
}

/// What of the sets is about the part.
fn below<'a>(owned: &[&'a Value], part: &str) -> Vec<&'a Value> {
    let sets = owned.iter().filter_map(|set| {
        let fields = set.as_object()?;
        // All of it is owned.
        if fields.is_empty() {
            return Some(*set);
        }
        fields.get(part)
    });
    sets.collect()
}

/// What of the set is about this item of a list.
fn of_item<'a>(set: &'a Value, item: &Value) -> Vec<&'a Value> {
    let Some(fields) = set.as_object() else {
        return Vec::new();
    };
    if fields.is_empty() {
        return vec![set];
    }
    let fits = |key: &str| {
        if let Some(value) = key.strip_prefix("v:") {
            return serde_json::from_str::<Value>(value).is_ok_and(|value| value == *item);
        }
        let keys = key.strip_prefix("k:").map(serde_json::from_str::<Value>);
        let Some(Ok(Value::Object(keys))) = keys else {
            return false;
        };
        keys.iter()
            .all(|(name, value)| item.get(name) == Some(value))
    };
    let fields = fields.iter().filter(|(key, _)| fits(key));
    fields.map(|(_, below)| below).collect()
}
