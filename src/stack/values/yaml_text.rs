//! Writes values as YAML that Helm's reader (YAML 1.1) and readers of YAML 1.2 read alike.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    said::{By, Content, Said, Table},
    scalar::{Scalar, as_core, as_helm},
};

/// Says who, for a comment.
pub(super) type Who<'a> = &'a dyn Fn(By) -> String;

/// A table as a YAML document in block style, keys sorted; with `who`, comments behind the values.
pub(super) fn write(root: &Said, who: Option<Who<'_>>) -> String {
    let lines = match root.as_table() {
        Some(table) => table_lines(table, None, who),
        None => Vec::new(),
    };
    let is_empty = root.as_table().is_none_or(is_bare);
    let first = if is_empty { "{}\n" } else { "" };
    let mut text = first.to_owned();
    for line in lines {
        text.push_str(line.trim_end_matches(' '));
        text.push('\n');
    }
    text
}

/// Whether nothing is in the table but what was taken away.
fn is_bare(table: &Table) -> bool {
    table.values().all(Said::is_removed)
}

/// `above`: who said the list that the table is in.
fn table_lines(table: &Table, above: Option<By>, who: Option<Who<'_>>) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, said) in table {
        let key = text(key);
        if said.is_removed() {
            if let Some(who) = who {
                lines.push(format!("# {key}: removed by {}", who(said.by)));
            }
            continue;
        }
        let comment = comment(said, above, who);
        let (head, below) = value_lines(said, above, who);
        // A list stands below its key without being indented, as Helm writes it.
        let indent = match said.content {
            Content::List(_) => "",
            _ => "  ",
        };
        lines.push(join(&format!("{key}:"), &head, &comment));
        lines.extend(below.into_iter().map(|line| format!("{indent}{line}")));
    }
    lines
}

fn list_lines(items: &[Said], above: By, who: Option<Who<'_>>) -> Vec<String> {
    let mut lines = Vec::new();
    for item in items {
        let (head, below) = value_lines(item, Some(above), who);
        let mut below = below.into_iter();
        let head = match head {
            // A table or list begins on the line of its dash.
            head if head.is_empty() => below.next().unwrap_or_default(),
            head => join("", &head, &comment(item, Some(above), who)),
        };
        lines.push(format!("- {head}"));
        lines.extend(below.map(|line| format!("  {line}")));
    }
    lines
}

/// What stands behind the key or dash, and the lines below.
fn value_lines(said: &Said, above: Option<By>, who: Option<Who<'_>>) -> (String, Vec<String>) {
    match &said.content {
        Content::Table(table) => {
            let head = if is_bare(table) { "{}" } else { "" };
            (head.to_owned(), table_lines(table, above, who))
        }
        Content::List(items) if items.is_empty() => ("[]".to_owned(), Vec::new()),
        Content::List(items) => {
            let above = above.filter(|above| said.by.is_with(*above));
            let lines = list_lines(items, above.unwrap_or(said.by), who);
            (String::new(), lines)
        }
        Content::Scalar(Value::String(said)) => match block(said) {
            Some((head, lines)) => (head.to_owned(), lines),
            None => (text(said), Vec::new()),
        },
        Content::Scalar(value) => (value.to_string(), Vec::new()),
        Content::Removed => (String::new(), Vec::new()),
    }
}

/// Tables say nothing: what is in them does. Neither do parts of a list that it says itself.
fn comment(said: &Said, above: Option<By>, who: Option<Who<'_>>) -> String {
    let is_news = above.is_none_or(|above| !said.by.is_with(above));
    let is_leaf = said.as_table().is_none_or(is_bare);
    match who {
        Some(who) if is_news && is_leaf => who(said.by),
        _ => String::new(),
    }
}

fn join(key: &str, value: &str, comment: &str) -> String {
    let blank = if key.is_empty() || value.is_empty() {
        ""
    } else {
        " "
    };
    let mut line = format!("{key}{blank}{value}");
    if !comment.is_empty() {
        let _ = write!(line, "  # {}", comment.replace(char::is_control, " "));
    }
    line
}

/// A text of several lines as a literal block, if it can be one: the indicator, and the lines.
fn block(said: &str) -> Option<(&'static str, Vec<String>)> {
    let is_printable =
        |c: char| c == '\n' || c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric();
    let body = said.trim_end_matches('\n');
    let lines: Vec<String> = body.split('\n').map(str::to_owned).collect();
    let is_plain = said.contains('\n')
        && !body.is_empty()
        && said.chars().all(is_printable)
        && !body.starts_with([' ', '\n'])
        && lines.iter().all(|line| !line.ends_with(' '));
    match said.len() - body.len() {
        _ if !is_plain => None,
        0 => Some(("|-", lines)),
        1 => Some(("|", lines)),
        _ => None,
    }
}

/// A text on one line: plain if nobody takes it for anything else.
fn text(said: &str) -> String {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let is_text = as_helm(said) == Scalar::Text && as_core(said) == Scalar::Text;
    let written = serde_saphyr::to_string_with_options(&said, options).unwrap_or_default();
    match written.strip_suffix('\n') {
        Some(written) if is_text || written != said => written.to_owned(),
        _ => Value::from(said).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::stack::values::yaml;

    fn written(value: &Value) -> String {
        write(&Said::of_json(value, By::Helm, false), None)
    }

    #[test]
    fn values_are_written_as_helm_writes_them() {
        let value = json!({
            "a": {"on": true, "text": "on", "number": "012", "none": null, "empty": {}},
            "l": [1, "x y", {"k": "v", "m": ["deep", []]}, {}, [[2]]],
            "block": "first\n  second\n\nlast\n",
            "mask": "***",
            "colon": "a: b",
            "date": "2026-01-01",
            "float": 1.5,
        });
        insta::assert_snapshot!(written(&value), @r#"
        a:
          empty: {}
          none: null
          number: "012"
          "on": true
          text: "on"
        block: |
          first
            second

          last
        colon: "a: b"
        date: "2026-01-01"
        float: 1.5
        l:
        - 1
        - x y
        - k: v
          m:
          - deep
          - []
        - {}
        - - - 2
        mask: "***"
        "#);
    }

    fn tree() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            "[a-z0-9 :#'\"\\n\\t~*&!|>%@`,{}\\[\\]?<.=_é\u{85}\u{2028}\u{feff}\u{1b}-]{0,9}",
            "(yes|no|on|y|0x1f|012|1_0|1e3|null|<<|\\.inf|12:30:45|2026-01-01|---|\\+1|=)",
            any::<String>(),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            text.clone().prop_map(Value::from),
        ];
        let inner = leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(text.clone(), inner, 0..4)
                    .prop_map(|map| json!(map)),
            ]
        });
        proptest::collection::btree_map("[a-z]{1,3}", inner, 0..4).prop_map(|map| json!(map))
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(value in tree()) {
            let text = written(&value);
            let read = yaml::parse(&text).and_then(|tree| tree.to_json());
            prop_assert_eq!(read.as_ref(), Ok(&value), "{}", text);
        }
    }
}
