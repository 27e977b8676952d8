//! Paths into values, in the grammar of Helm's `--set` (`pkg/strvals`).

use std::{fmt, iter::Peekable, str::Chars};

use serde_json::Value;

use super::model::{PathPart, ValuePath};

/// Helm's `MaxIndex`.
const MAX_INDEX: usize = 65536;

impl ValuePath {
    /// Reads `a.b`, `a\.b`, `list[0].c`. A backslash takes the next character as it is.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut chars = text.chars().peekable();
        read_path(&mut chars, |_| false)
    }
}

impl fmt::Display for ValuePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.0.iter().enumerate() {
            match part {
                PathPart::Index(number) => write!(f, "[{number}]")?,
                PathPart::Key(key) => {
                    if index > 0 {
                        f.write_str(".")?;
                    }
                    for c in key.chars() {
                        if matches!(c, '.' | '[' | '\\' | ',' | '=') {
                            f.write_str("\\")?;
                        }
                        write!(f, "{c}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Reads what follows `--set`: `a.b=1,c={x,y}`, with Helm's typing of scalars.
pub(crate) fn parse_set(text: &str) -> Result<Vec<(ValuePath, Value)>, String> {
    let mut chars = text.chars().peekable();
    let mut pairs = Vec::new();
    while chars.peek().is_some() {
        let path = read_path(&mut chars, |c| matches!(c, '=' | ','))?;
        if chars.next() != Some('=') {
            return Err(format!("`{path}` has no value"));
        }
        let value = if chars.peek() == Some(&'{') {
            chars.next();
            read_list(&mut chars)?
        } else {
            typed(&read_value(&mut chars, |c| c == ','))
        };
        match chars.next() {
            None | Some(',') => pairs.push((path, value)),
            Some(c) => return Err(format!("expected `,` after the list, found `{c}`")),
        }
    }
    if pairs.is_empty() {
        return Err("expected `path=value`".to_owned());
    }
    Ok(pairs)
}

fn read_path(
    chars: &mut Peekable<Chars<'_>>,
    ends: impl Fn(char) -> bool,
) -> Result<ValuePath, String> {
    let mut parts = Vec::new();
    loop {
        let mut key = String::new();
        while let Some(c) = chars.next_if(|c| !matches!(c, '.' | '[') && !ends(*c)) {
            match c {
                '\\' => key.push(chars.next().ok_or("a path cannot end with `\\`")?),
                c => key.push(c),
            }
        }
        if key.is_empty() {
            return Err("a part of the path is empty".to_owned());
        }
        parts.push(PathPart::Key(key));
        while chars.next_if_eq(&'[').is_some() {
            parts.push(PathPart::Index(read_index(chars)?));
        }
        if chars.next_if_eq(&'.').is_none() {
            break;
        }
    }
    match chars.peek() {
        Some(c) if !ends(*c) => Err("expected `.` or `[` after `]`".to_owned()),
        _ => Ok(ValuePath(parts)),
    }
}

fn read_index(chars: &mut Peekable<Chars<'_>>) -> Result<usize, String> {
    let mut digits = String::new();
    for c in chars.by_ref() {
        if c == ']' {
            return digits
                .parse()
                .ok()
                .filter(|index| *index <= MAX_INDEX && !digits.starts_with('+'))
                .ok_or_else(|| format!("`[{digits}]` is not an index from 0 to {MAX_INDEX}"));
        }
        digits.push(c);
    }
    Err("`[` is not closed".to_owned())
}

fn read_value(chars: &mut Peekable<Chars<'_>>, ends: impl Fn(char) -> bool) -> String {
    let mut value = String::new();
    while let Some(c) = chars.next_if(|c| !ends(*c)) {
        match c {
            '\\' => value.extend(chars.next()),
            c => value.push(c),
        }
    }
    value
}

fn read_list(chars: &mut Peekable<Chars<'_>>) -> Result<Value, String> {
    let mut items = Vec::new();
    if chars.next_if_eq(&'}').is_some() {
        return Ok(Value::Array(items));
    }
    loop {
        items.push(typed(&read_value(chars, |c| matches!(c, ',' | '}'))));
        match chars.next() {
            Some(',') => {}
            Some(_) => return Ok(Value::Array(items)),
            None => return Err("`{` is not closed".to_owned()),
        }
    }
}

/// `typedVal`: a number with a leading zero is a text, and there are no floats.
fn typed(text: &str) -> Value {
    if text.eq_ignore_ascii_case("true") {
        Value::Bool(true)
    } else if text.eq_ignore_ascii_case("false") {
        Value::Bool(false)
    } else if text.eq_ignore_ascii_case("null") {
        Value::Null
    } else if text == "0" {
        Value::from(0)
    } else if text.starts_with('0') {
        Value::from(text)
    } else {
        text.parse::<i64>()
            .map_or_else(|_| Value::from(text), Value::from)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn key(text: &str) -> PathPart {
        PathPart::Key(text.to_owned())
    }

    #[test]
    fn paths_are_read_as_helm_reads_them() {
        for (text, parts) in [
            ("a", vec![key("a")]),
            ("a.b", vec![key("a"), key("b")]),
            (r"a\.b/c\,d", vec![key("a.b/c,d")]),
            ("l[0].x", vec![key("l"), PathPart::Index(0), key("x")]),
            (
                "l[1][2]",
                vec![key("l"), PathPart::Index(1), PathPart::Index(2)],
            ),
            ("a=b", vec![key("a=b")]),
        ] {
            assert_eq!(ValuePath::parse(text), Ok(ValuePath(parts)), "{text}");
        }
        for text in [
            "", ".a", "a..b", "a.", "[0]", "a[", "a[x]", "a[-1]", "a[+1]", "a[65537]", "a[0]b",
            "a\\", "a[0].",
        ] {
            assert!(ValuePath::parse(text).is_err(), "{text}");
        }
    }

    /// From the tables of Helm's `pkg/strvals/parser_test.go`.
    #[test]
    fn the_command_line_is_typed_as_helm_types_it() {
        for (text, expected) in [
            ("a=1", json!([["a", 1]])),
            ("a=0", json!([["a", 0]])),
            ("a=007", json!([["a", "007"]])),
            ("a=1.5", json!([["a", "1.5"]])),
            ("a=-3,b=+4", json!([["a", -3], ["b", 4]])),
            (
                "a=TRUE,b=null,c=",
                json!([["a", true], ["b", null], ["c", ""]]),
            ),
            ("a={x,2,true}", json!([["a", ["x", 2, true]]])),
            ("a={},b=x", json!([["a", []], ["b", "x"]])),
            (r"a=x\,y,b=p=q", json!([["a", "x,y"], ["b", "p=q"]])),
            (r"a\.b.c=x y", json!([[r"a\.b.c", "x y"]])),
            (
                "a=12345678901234567890",
                json!([["a", "12345678901234567890"]]),
            ),
        ] {
            let pairs = parse_set(text).unwrap();
            let pairs: Vec<_> = pairs
                .iter()
                .map(|(path, value)| json!([path.to_string(), value]))
                .collect();
            assert_eq!(Value::from(pairs), expected, "{text}");
        }
        for text in ["", "a", "a,b=1", "=1", "a={1,2", "a={1}2", "a[0=1"] {
            assert!(parse_set(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_path_prints_as_it_can_be_read(
            keys in proptest::collection::vec(("[a-z.,=\\[\\]\\\\é]{1,4}", proptest::option::of(0..9_usize)), 1..4),
        ) {
            let parts = keys.into_iter().flat_map(|(key, index)| {
                std::iter::once(PathPart::Key(key)).chain(index.map(PathPart::Index))
            });
            let path = ValuePath(parts.collect());
            prop_assert_eq!(ValuePath::parse(&path.to_string()), Ok(path));
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            let _ = ValuePath::parse(&text);
            let _ = parse_set(&text);
        }
    }
}
