//! What charts get as values, from a whole file.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::diagnostic::Source;
use crate::stack::{
    Composed, Edit, Layer, PathPart, Resolved, Scope, Templated, TemplatedValue, ValuePath, Values,
    ValuesLayer,
    layers::origin::Sources,
    values::said::{By, Said},
};

fn scope() -> Scope {
    let resolved = |value, secret| Resolved { value, secret };
    Scope {
        inputs: [
            ("replicas".to_owned(), resolved(json!(3), false)),
            ("key".to_owned(), resolved(json!("hunter2"), true)),
            ("hosts".to_owned(), resolved(json!(["a", "b"]), false)),
        ]
        .into(),
        env: [("API_TOKEN".to_owned(), "t0ken".to_owned())].into(),
        ..Scope::default()
    }
}

fn compose(chart: &str, files: &[(&str, &str)], set: &[&str]) -> Result<Composed, String> {
    with_values(chart, files, set, |values, root| {
        let composed = values.compose(&scope());
        composed.map_err(|error| error.to_string().replace(root, "ROOT"))
    })?
}

/// Looks at the values of `web` while its folder is there.
fn with_values<T>(
    chart: &str,
    files: &[(&str, &str)],
    set: &[&str],
    look: impl FnOnce(&Values, &str) -> T,
) -> Result<T, String> {
    let text = format!(
        "[stack]\nname = \"demo\"\n[inputs]\nreplicas = {{}}\nkey = {{ secret = true }}\nhosts = {{}}\n\
         [charts.web]\nchart = \"./charts/web\"\n{chart}\n"
    );
    let root = folder(&text);
    for (path, text) in files {
        write(root.path(), path, text);
    }
    let extra = root.path().join("extra.yaml");
    let loaded = load(LoadOptions {
        set: set.iter().map(|one| format!("web:{one}")).collect(),
        values: extra
            .exists()
            .then(|| ("web".to_owned(), extra))
            .into_iter()
            .collect(),
        ..options(&root, &text)
    });
    let loaded = loaded.map_err(|problems| render(&problems.0, false))?;
    let root = root.path().display().to_string();
    Ok(look(&loaded.stack.charts["web"].values, &root))
}

/// Helm's `--set` would split the first at its comma, and make a number of the second (engine.md
/// W14).
#[test]
fn texts_reach_helm_as_they_stand() {
    let values = r#"
        values."service.beta/attributes" = "preserve_client_ip=true,delay=30"
        values.port = "8080"
        set = { 'a\.b.zones' = "A,B" }
    "#;
    let composed = compose(values, &[], &[]).unwrap();
    let expected = json!({
        "service.beta/attributes": "preserve_client_ip=true,delay=30",
        "port": "8080",
        "a.b": { "zones": "A,B" },
    });
    assert_eq!(composed.document, expected);
}

#[test]
fn what_is_known_of_values_does_without_what_is_not() {
    let known = with_values(
        r#"
values_files = ["a.yaml", "gone.yaml", { command = ["sops"] }, "b.yaml"]
values = { b = { use = false, key = "${inputs.replicas}" }, hosts = "${inputs.hosts}", c = 3 }
set = { "b.more" = "${env.NOT_SET}", "b.last" = 4 }
unset = ["gone"]
"#,
        &[
            ("a.yaml", "a: yes\nb: {use: true, file: 1}\n"),
            ("gone.yaml", ""),
            ("b.yaml", "d: 5\n"),
        ],
        &[],
        |values, root| {
            std::fs::remove_file(format!("{root}/gone.yaml")).unwrap();
            values.known(&Scope::default())
        },
    );
    let expected = json!({
        "a": true, "b": { "use": false, "file": 1, "last": 4 }, "c": 3, "d": 5, "gone": null,
    });
    let mut known = known.unwrap();
    // A text that has no value may leave its key behind, but nothing more.
    assert!(
        known["b"]
            .as_object_mut()
            .unwrap()
            .remove("more")
            .unwrap_or_default()
            .is_null()
    );
    assert_eq!(known, expected);
}

#[test]
fn later_layers_win() {
    let composed = compose(
        r#"
values_files = ["a.yaml"]
values_yaml = ["a: 1\nkeep: {x: 1, l: [1, 2]}", "b: 1\n"]
values = { b = 2, c = 2, keep = { l = [3] }, n = "${inputs.replicas}", h = "${inputs.hosts}" }
set = { c = 3, "d\\.e.f" = 3, "keep.z" = { q = 1 } }
unset = ["gone", "keep.x"]
"#,
        &[
            ("a.yaml", "b: file\n"),
            ("extra.yaml", "c: 4\nd: ${literal}\n"),
        ],
        &["e=5,f={x,1}", "c=6"],
    );
    assert_eq!(
        composed.unwrap().document,
        json!({
            "a": 1, "b": 2, "c": 6, "d": "${literal}", "e": 5, "f": ["x", 1],
            "d.e": {"f": 3}, "gone": null, "n": 3, "h": ["a", "b"],
            "keep": {"x": null, "l": [3], "z": {"q": 1}},
        })
    );
}

#[test]
fn secrets_that_went_in_are_known() {
    let composed = compose(
        r#"values = { a = "${inputs.key}", b = "Bearer ${env.API_TOKEN}", c = "n=${inputs.replicas}" }"#,
        &[],
        &[],
    )
    .unwrap();
    let secrets: Vec<_> = composed
        .secrets
        .iter()
        .map(crate::secret::Secret::expose)
        .collect();
    assert_eq!(secrets, ["hunter2", "Bearer t0ken"]);
    assert_eq!(composed.document["c"], "n=3");
}

#[test]
fn an_index_sees_the_list_of_the_last_file_that_has_it() {
    let files = [
        ("a.yaml", "l: [{x: 1}, {x: 2}]\nm: [0, 012]\n"),
        ("b.yaml", "other: yes\n"),
    ];
    let chart = r#"values_files = ["a.yaml", "b.yaml"]"#;
    let with = |set: &str| compose(&format!("{chart}\nset = {{ {set} }}"), &files, &[]);
    assert_eq!(
        with(r#""l[1].x" = 9"#).unwrap().document,
        json!({"l": [{"x": 1}, {"x": 9}]})
    );
    assert_eq!(
        with(r#""new[1]" = 9"#).unwrap().document,
        json!({"new": [null, 9]})
    );
    assert_eq!(
        with(r#""m[0]" = 9"#).unwrap_err(),
        "ROOT/a.yaml, line 2: `012` is ambiguous: Helm reads 10; quote it if it is a text"
    );
    let both = format!("{chart}\nvalues = {{ l = [7] }}\nset = {{ \"l[0]\" = 8 }}");
    assert_eq!(
        compose(&both, &files, &[]).unwrap().document,
        json!({"l": [8]})
    );
}

#[test]
fn an_edit_that_does_not_fit_says_why() {
    for (chart, expected) in [
        (
            r#"values = { a = 1 }
set = { "a.b" = 2 }"#,
            "`a.b` cannot be set: `b` is not inside a table",
        ),
        (
            r#"values = { a = {} }
set = { "a[0]" = 2 }"#,
            "`a[0]` cannot be set: `[0]` is not inside a list",
        ),
        (
            r#"values = { a = "${env.NOPE}" }"#,
            "environment variable `NOPE` is not set",
        ),
    ] {
        assert_eq!(compose(chart, &[], &[]).unwrap_err(), expected);
    }
}

/// Trees in which a key is a table or a leaf, never one here and the other there: where the two
/// meet, Helm's merge forgets the table, and so is not associative.
fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<i8>().prop_map(Value::from),
        Just(json!([1]))
    ];
    let leaves = proptest::collection::btree_map("[a-c]", leaf, 0..3);
    leaves
        .prop_map(|map| map.into_iter().collect::<Value>())
        .prop_recursive(3, 16, 3, |inner| {
            let tables = proptest::collection::btree_map("[x-z]", inner.clone(), 0..3);
            (tables, inner).prop_map(|(tables, mut leaves)| {
                if let Value::Object(map) = &mut leaves {
                    map.extend(tables);
                }
                leaves
            })
        })
}

pub(super) fn merged(under: &Value, over: &Value) -> Value {
    let said = |value: &Value| Said::of_json(value, By::Helm, false);
    let mut merged = said(under);
    merged.merge(said(over));
    merged.to_json()
}

fn part() -> impl Strategy<Value = PathPart> {
    prop_oneof![
        3 => "[a-c]".prop_map(PathPart::Key),
        1 => (0..3_usize).prop_map(PathPart::Index),
    ]
}

proptest! {
    #[test]
    fn merging_is_associative_and_nothing_changes_nothing(a in tree(), b in tree(), c in tree()) {
        let left = merged(&merged(&a, &b), &c);
        let right = merged(&a, &merged(&b, &c));
        prop_assert_eq!(left, right);
        prop_assert_eq!(&merged(&a, &json!({})), &a);
        prop_assert_eq!(&merged(&json!({}), &a), &a);
        prop_assert_eq!(&merged(&a, &a), &a);
    }

    #[test]
    fn what_is_set_is_there(first in "[a-c]", rest in proptest::collection::vec(part(), 0..4), value in any::<i32>()) {
        let parts: Vec<_> = std::iter::once(PathPart::Key(first)).chain(rest).collect();
        let mut sources = Sources::default();
        let source = Source { name: String::new(), text: String::new() };
        let edit = Edit {
            layer: Layer::Set,
            path: ValuePath(parts.clone()),
            value: TemplatedValue {
                content: Templated::Plain(value.into()),
                origin: sources.add(source).origin(0..0),
            },
        };
        let values = Values { layers: vec![ValuesLayer::Edit(edit)], ..Values::default() };
        let document = values.compose(&Scope::default()).unwrap().document;
        let found = parts.iter().fold(&document, |tree, part| match part {
            PathPart::Key(key) => &tree[key],
            PathPart::Index(index) => &tree[index],
        });
        prop_assert_eq!(found, &json!(value));
    }
}
