//! What the JSON Schema accepts and refuses, against what loading does; and the reference page.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::*;
use crate::stack::{
    grammar::{FILE, Holds, Key, Rule, Shape},
    schema,
};

static SCHEMA: LazyLock<jsonschema::Validator> =
    LazyLock::new(|| jsonschema::draft7::new(&schema::json()).unwrap());

/// What the schema has against a text; nothing if it is not TOML.
fn refusals(text: &str) -> Vec<String> {
    let Ok(table) = toml::from_str::<toml::Table>(text) else {
        return Vec::new();
    };
    let json = serde_json::to_value(table).unwrap();
    let errors = SCHEMA.iter_errors(&json);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// Whether it is for the shape of the text that something is said.
fn is_about_shape(message: &str) -> bool {
    message.starts_with("unknown key")
        || message.contains(": expected ") && message.contains(", found ")
        || message.contains("` is not a value of `")
        || message.starts_with("a step does one thing")
        || message.starts_with("this step does nothing")
}

/// Not of the command line, or an included file.
fn is_in_file(found: &crate::diagnostic::Diagnostic) -> bool {
    let label = found.labels.first();
    label.is_some_and(|label| label.place.source.name == "stack.toml")
}

/// The schema says of a text what loading said: nothing, if it is sound, and something, if what was
/// found is about its shape.
#[track_caller]
pub(super) fn agrees(text: &str, found: &[crate::diagnostic::Diagnostic]) {
    let refused = refusals(text);
    let mut errors = found
        .iter()
        .filter(|one| one.severity == crate::diagnostic::Severity::Error);
    if errors.clone().next().is_none() {
        assert!(refused.is_empty(), "{refused:#?}\n{text}");
    } else if let Some(wrong) = errors.find(|one| is_about_shape(&one.message) && is_in_file(one)) {
        assert!(!refused.is_empty(), "the schema accepts: {wrong}\n{text}");
    }
}

#[test]
fn every_example_satisfies_the_schema() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = Vec::new();
    for folder in ["stacks", "tests/fixtures"] {
        files(&root.join(folder), &mut texts);
    }
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let examples = readme.split("```toml\n").skip(1);
    texts.extend(
        examples.map(|rest| ("README.md".into(), rest.split("```").next().unwrap().into())),
    );
    assert!(texts.len() > 6, "{texts:?}");
    for (name, text) in texts {
        assert!(toml::from_str::<toml::Table>(&text).is_ok(), "{name}");
        assert_eq!(refusals(&text), [""; 0], "{name}");
    }
}

fn files(folder: &Path, texts: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, texts);
        } else if path.extension().is_some_and(|end| end == "toml") {
            let text = fs::read_to_string(&path).unwrap();
            texts.push((path.display().to_string(), text));
        }
    }
}

#[test]
fn every_key_is_in_the_schema_with_its_meaning() {
    let schema = schema::json();
    let mut keys = 0;
    for shape in shapes() {
        let table = match shape.name {
            "file" => &schema,
            name => &schema["definitions"][name],
        };
        for key in shape.keys() {
            let said = &table["properties"][key.name];
            let description = said["description"].as_str().unwrap_or_default();
            assert!(description.len() > 6, "{}.{}", shape.name, key.name);
            assert!(description.ends_with(['.', '`']), "{description}");
            if let Some(default) = key.default {
                assert_eq!(Value::to_string(&said["default"]), default, "{}", key.name);
            }
            keys += 1;
        }
    }
    assert!(keys > 150, "{keys}");
}

#[test]
fn the_reference_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/stack-file.md");
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == schema::markdown(),
        "docs/stack-file.md is not what the grammar says: write it anew with\n  \
         cargo run --locked -- schema -o markdown > docs/stack-file.md"
    );
}

/// Every key with values of every type, in a stack that is sound without it.
#[test]
fn the_schema_refuses_wrong_types_and_nothing_that_loading_accepts() {
    let mut walk = Walk {
        root: folder("\"./charts/web\""),
        seen: Vec::new(),
        accepted: 0,
        wrong: Vec::new(),
    };
    walk.table(&FILE, &with_a_chart);
    let wrong = walk.wrong;
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(walk.accepted > 300, "{} were accepted", walk.accepted);
}

/// So that somebody uses what the file says.
fn with_a_chart(mut stack: Value) -> Value {
    if stack.get("charts").is_none() {
        stack["charts"] = json!({ "web": { "chart": "./charts/web" } });
    }
    stack
}

/// All tables of the grammar.
fn shapes() -> Vec<&'static Shape> {
    fn add(holds: &'static Holds, all: &mut Vec<&'static Shape>) {
        match holds {
            Holds::Table(shape) if all.iter().all(|one| one.name != shape.name) => {
                all.push(shape);
                shape.keys().for_each(|key| add(&key.holds, all));
            }
            Holds::List(item) | Holds::Names(_, _, item) => add(item, all),
            Holds::Or(ways) => ways.iter().for_each(|way| add(way, all)),
            _ => {}
        }
    }
    let mut all = vec![&FILE];
    FILE.keys().for_each(|key| add(&key.holds, &mut all));
    all
}

struct Walk {
    root: TempDir,
    seen: Vec<&'static str>,
    accepted: usize,
    wrong: Vec<String>,
}

impl Walk {
    /// What is wrong with a text, in its environment if it has one.
    fn problems(&self, text: &str) -> Vec<crate::diagnostic::Diagnostic> {
        let mut options = options(&self.root, text);
        if text.contains("[environments.x") {
            options.environment = Some("x".to_owned());
        }
        let problems = load(options).err();
        problems.map_or_else(Vec::new, |problems| problems.0)
    }

    /// Tries every key of a table that `wrap` makes a stack of.
    fn table(&mut self, shape: &'static Shape, wrap: &dyn Fn(Value) -> Value) {
        if self.seen.contains(&shape.name) {
            return;
        }
        self.seen.push(shape.name);
        let sound = sound_table(shape);
        let text = toml::to_string(&wrap(sound.clone())).unwrap();
        for problem in self.problems(&text) {
            let name = shape.name;
            self.wrong
                .push(format!("{name} is not sound: {problem}\n{text}"));
        }
        for key in shape.keys() {
            for value in values(key) {
                self.compare(shape, key, &wrap(with(shape, key, value, &sound)));
            }
            self.below(&key.holds, &|inner| wrap(with(shape, key, inner, &sound)));
        }
    }

    fn below(&mut self, holds: &'static Holds, wrap: &dyn Fn(Value) -> Value) {
        match holds {
            Holds::Table(shape) => self.table(shape, wrap),
            Holds::List(item) => self.below(item, &|inner| wrap(json!([inner]))),
            Holds::Names(_, _, item) => self.below(item, &|inner| wrap(json!({ "x": inner }))),
            Holds::Or(ways) => ways.iter().for_each(|way| self.below(way, wrap)),
            _ => {}
        }
    }

    fn compare(&mut self, shape: &Shape, key: &Key, stack: &Value) {
        let text = toml::to_string(stack).unwrap();
        let refused = refusals(&text);
        let errors = self.problems(&text);
        let said = errors.iter().find(|one| is_about_shape(&one.message));
        let of = format!("{}.{}", shape.name, key.name);
        match said {
            Some(wrong) if refused.is_empty() => {
                self.wrong
                    .push(format!("{of}: the schema accepts: {wrong}\n{text}"));
            }
            None if errors.is_empty() && !refused.is_empty() => {
                self.wrong.push(format!(
                    "{of}: only the schema refuses: {refused:?}\n{text}"
                ));
            }
            _ => self.accepted += usize::from(errors.is_empty()),
        }
    }
}

/// The table with a key, and without those that this excludes.
fn with(shape: &Shape, key: &Key, value: Value, table: &Value) -> Value {
    let mut table = table.clone();
    let others = shape.rules.iter().filter_map(|rule| match rule {
        Rule::One(keys) if keys.contains(&key.name) => Some(*keys),
        _ => None,
    });
    for other in others.flatten() {
        table.as_object_mut().unwrap().remove(*other);
    }
    table[key.name] = value;
    table
}

/// A table that lacks nothing.
fn sound_table(shape: &'static Shape) -> Value {
    let sample = |name: &str| {
        let key = shape.keys().find(|key| key.name == name).unwrap();
        (name.to_owned(), sample(key.name, &key.holds))
    };
    let required = shape.keys().filter(|key| key.required).map(|key| key.name);
    let chosen = shape.rules.iter().filter_map(|rule| match rule {
        Rule::One(keys) | Rule::Some(keys) => Some(keys[0]),
        Rule::With(..) => None,
    });
    required
        .chain(chosen)
        .map(sample)
        .collect::<Map<_, _>>()
        .into()
}

/// A value that a key may have.
fn sample(key: &str, holds: &'static Holds) -> Value {
    match (key, holds) {
        ("chart", _) => json!("./charts/web"),
        ("kind", _) => json!("Deployment"),
        ("version", _) => json!("1.2.3"),
        ("url", _) => json!("https://x/y"),
        ("yaml", _) => json!("apiVersion: v1\nkind: X\nmetadata: { name: x }"),
        (_, Holds::Flag | Holds::True) => json!(true),
        (_, Holds::Text | Holds::Anything) => json!("x"),
        (_, Holds::TextLike(pattern)) => {
            let texts = ["x", "Deployment/x", "/x", "${env.X}"];
            let schema = json!({ "pattern": pattern });
            let mut fitting = texts.iter().map(|text| json!(text));
            fitting
                .find(|text| jsonschema::is_valid(&schema, text))
                .unwrap()
        }
        (_, Holds::Word(words)) => json!(words()[0]),
        (_, Holds::Whole(min, _)) => json!(min.max(&1)),
        (_, Holds::Number(..)) => json!(2.5),
        (_, Holds::Duration) => json!("1h30m"),
        (_, Holds::Tree) => json!({}),
        (_, Holds::List(item)) => json!([sample("", item)]),
        (_, Holds::Names(_, _, item)) => json!({ "x": sample("", item) }),
        (_, Holds::Table(shape)) => sound_table(shape),
        (key, Holds::Or(ways)) => sample(key, &ways[0]),
    }
}

/// Values of every type, and those that fit.
fn values(key: &'static Key) -> Vec<Value> {
    let mut values = vec![
        json!(true),
        json!(false),
        json!(-1),
        json!(0),
        json!(7),
        json!(1.5),
        json!("x"),
        json!("1.5h"),
        json!("a/b"),
        json!([]),
        json!(["x"]),
        json!([1]),
        json!([{}]),
        json!({}),
        json!({ "x": "x" }),
        json!({ "x": 1 }),
        json!({ "x": {} }),
    ];
    fitting(key.name, &key.holds, &mut values);
    values
}

/// Values that fit.
fn fitting(key: &str, holds: &'static Holds, values: &mut Vec<Value>) {
    match holds {
        Holds::Or(ways) => ways.iter().for_each(|way| fitting(key, way, values)),
        Holds::Word(words) => values.extend(words().into_iter().map(Value::from)),
        other => values.push(sample(key, other)),
    }
}
