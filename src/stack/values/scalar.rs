//! What plain YAML scalars mean: to Helm, and by YAML 1.2.

use std::fmt;

use serde_json::Number;

/// What a plain scalar means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    /// `.inf`, `.nan`: JSON, and so Helm, cannot hold them.
    NotFinite,
    Text,
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::NotFinite => f.write_str("no finite number"),
            Self::Text => f.write_str("a text"),
            Self::Integer(_) | Self::Float(_) => match self.number() {
                Some(number) => write!(f, "{number}"),
                None => f.write_str("a number"),
            },
        }
    }
}

impl Scalar {
    /// A number that JSON can hold. Whole floats count as integers: `089` is 89 either way.
    pub(crate) fn number(self) -> Option<Number> {
        match self {
            Self::Integer(integer) => i64::try_from(integer)
                .map(Number::from)
                .or_else(|_| u64::try_from(integer).map(Number::from))
                .ok()
                .or_else(|| {
                    #[expect(clippy::cast_precision_loss, reason = "as Helm's parser loses it")]
                    let float = integer as f64;
                    Number::from_f64(float)
                }),
            Self::Float(float) if float.fract() == 0.0 && float.abs() < 1e15 => {
                #[expect(clippy::cast_possible_truncation, reason = "whole and small")]
                let whole = float as i64;
                Some(Number::from(whole))
            }
            Self::Float(float) => Number::from_f64(float),
            _ => None,
        }
    }
}

/// The YAML 1.2 core schema (10.3.2).
pub(crate) fn as_core(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Bool(true),
        "false" | "False" | "FALSE" => return Scalar::Bool(false),
        _ => {}
    }
    if is_not_finite(text) {
        return Scalar::NotFinite;
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return integer(digits, 16, false);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return integer(digits, 8, false);
    }
    let (negative, digits) = sign(text);
    match integer(digits, 10, negative) {
        Scalar::Text => decimal(text),
        integer => integer,
    }
}

/// go-yaml v2's `resolve.go`, checked against helm 3.22 and 4.3.
pub(crate) fn as_helm(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Scalar::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Bool(false);
        }
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return Scalar::Text;
    }
    if is_not_finite(text) {
        return Scalar::NotFinite;
    }
    let plain = text.replace('_', "");
    let (negative, digits) = sign(&plain);
    let lower = digits.to_ascii_lowercase();
    let based = match lower.get(..2) {
        Some("0x") => integer(&digits[2..], 16, negative),
        Some("0o") => integer(&digits[2..], 8, negative),
        Some("0b") => integer(&digits[2..], 2, negative),
        Some(two) if two.starts_with('0') => integer(digits, 8, negative),
        _ => integer(digits, 10, negative),
    };
    match based {
        Scalar::Integer(integer)
            if i64::try_from(integer).is_ok() || u64::try_from(integer).is_ok() =>
        {
            based
        }
        _ => decimal(&plain),
    }
}

fn is_not_finite(text: &str) -> bool {
    let (_, unsigned) = sign(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

fn sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

fn integer(digits: &str, radix: u32, negative: bool) -> Scalar {
    if digits.starts_with(['+', '-']) {
        return Scalar::Text;
    }
    match i128::from_str_radix(digits, radix) {
        Ok(integer) => Scalar::Integer(if negative { -integer } else { integer }),
        Err(_) => Scalar::Text,
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, and finite.
fn decimal(text: &str) -> Scalar {
    let (_, unsigned) = sign(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(sign(&unsigned[at + 1..]).1)),
        None => (unsigned, None),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let shaped = digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent));
    match text.parse::<f64>() {
        Ok(float) if shaped && float.is_finite() => Scalar::Float(float),
        _ => Scalar::Text,
    }
}

/// Whether a plain key is the text it looks like for Helm, too.
pub(crate) fn is_clear_key(key: &str) -> bool {
    match (as_helm(key), as_core(key)) {
        (Scalar::Text, Scalar::Text) => true,
        (Scalar::Bool(_), Scalar::Bool(core)) => key == core.to_string(),
        (Scalar::Integer(helm), Scalar::Integer(core)) => helm == core && key == core.to_string(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::stack::values::yaml::{YamlError, parse};

    fn read(text: &str) -> Result<Value, YamlError> {
        parse(text)?.to_json()
    }

    /// What helm 3.22 and 4.3.1 made of plain scalars (`helm template` of `{{ .Values | toJson }}`,
    /// both the same), where that is also what YAML 1.2 says.
    #[test]
    fn scalars_are_what_helm_makes_of_them() {
        for (text, expected) in [
            ("100000", json!(100_000)),
            ("089", json!(89)),
            ("0o14", json!(12)),
            ("0x1F", json!(31)),
            ("12:30:45", json!("12:30:45")),
            ("2020-01-01", json!("2020-01-01")),
            ("1e3", json!(1000)),
            (".5", json!(0.5)),
            ("5.", json!(5)),
            ("+5", json!(5)),
            ("~", json!(null)),
            ("Null", json!(null)),
            ("_1", json!("_1")),
            ("0.1e-3", json!(0.0001)),
            ("=", json!("=")),
            ("-0", json!(0)),
            ("1e", json!("1e")),
            ("tRUE", json!("tRUE")),
            ("TRUE", json!(true)),
            ("0o9", json!("0o9")),
            ("00", json!(0)),
            ("01.5", json!(1.5)),
            ("0x", json!("0x")),
            ("9223372036854775807", json!(9_223_372_036_854_775_807_i64)),
            ("99999999999999999999999", json!(1e23)),
        ] {
            assert_eq!(
                read(&format!("a: {text}")),
                Ok(json!({ "a": expected })),
                "{text}"
            );
        }
    }

    #[test]
    fn scalars_helm_reads_differently_must_be_quoted() {
        for text in [
            "yes", "y", "On", "N", "off", "012", "1_000", "0b11", "0X1F", "1__0", "1_", "-0x1f",
            "0_7", "1_000.5", ".5_0", "0O14", "-012", "0B1", "+0x1F", "-0o14", "0x1_F", ".inf",
            "-.Inf", ".nan",
        ] {
            let yaml = format!("ok: 1\nlist:\n- {text}\n");
            let error = read(&yaml).unwrap_err();
            assert_eq!(error.line, 3, "{text}");
            assert_eq!(&yaml[error.span], text);
            let quoted = format!("a: '{text}'");
            assert_eq!(read(&quoted), Ok(json!({ "a": text })));
        }
        for key in ["on", "y", "012", "~", "1.5", "True"] {
            assert!(read(&format!("{key}: 1")).is_err(), "{key}");
        }
        assert_eq!(read("1: a\ntrue: b"), Ok(json!({"1": "a", "true": "b"})));
    }
}
