//! Amounts (`100m`, `64Mi`), in the one way that the real server writes each of them.
//!
//! From apimachinery `pkg/api/resource/quantity.go`: parsed, and written with the largest suffix that
//! leaves a whole number. `0.1` is `100m`, `1024Mi` is `1Gi`, `1000` is `1k`.

use serde_json::Value;

/// The type's name in OpenAPI.
pub(super) const DEFINITION: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";

/// Decimal suffixes with their powers of ten.
const DECIMAL: [(&str, i32); 10] = [
    ("E", 18),
    ("P", 15),
    ("T", 12),
    ("G", 9),
    ("M", 6),
    ("k", 3),
    ("", 0),
    ("m", -3),
    ("u", -6),
    ("n", -9),
];

/// Binary suffixes, from 1024 on.
const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// The smallest amount there is, as a power of ten.
const SMALLEST: i32 = -9;

/// Writes it as the real server does. What is no amount stays: `check` speaks of it.
pub(super) fn settle(value: &mut Value) {
    let written = match &*value {
        Value::Number(number) => canonical(&number.to_string()),
        Value::String(text) => canonical(text.trim()),
        _ => None,
    };
    if let Some(written) = written {
        *value = written.into();
    }
}

/// How powers of ten are written.
#[derive(Clone, Copy)]
enum Format {
    Suffix,
    Exponent,
}

fn canonical(text: &str) -> Option<String> {
    let end = text.find(|letter: char| !matches!(letter, '0'..='9' | '.' | '+' | '-'));
    let (number, suffix) = text.split_at(end.unwrap_or(text.len()));
    let (amount, places) = mantissa(number)?;
    let decimal = DECIMAL.iter().find(|(name, _)| *name == suffix);
    if let Some((_, power)) = decimal {
        return Some(decimals(scaled(amount, power - places)?, Format::Suffix));
    }
    if let Some(index) = BINARY.iter().position(|name| *name == suffix) {
        let steps = u32::try_from(index).ok()? + 1;
        let amount = amount.checked_mul(1024_i128.checked_pow(steps)?)?;
        return Some(binaries(scaled(amount, -places)?));
    }
    let power: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    let amount = scaled(amount, power.checked_sub(places)?)?;
    Some(decimals(amount, Format::Exponent))
}

/// `1.50` as 150 and its 2 decimal places.
fn mantissa(number: &str) -> Option<(i128, i32)> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if whole.len() + part.len() > 30 {
        return None;
    }
    let amount = format!("{whole}{part}").parse().ok()?;
    Some((amount, i32::try_from(part.len()).ok()?))
}

/// In billionths, rounded up (away from zero), as nothing smaller is kept.
fn scaled(amount: i128, power: i32) -> Option<i128> {
    let power = power.checked_sub(SMALLEST)?;
    let factor = 10_i128.checked_pow(power.unsigned_abs())?;
    if power >= 0 {
        return amount.checked_mul(factor);
    }
    let rest = i128::from(amount % factor != 0) * amount.signum();
    Some(amount / factor + rest)
}

fn decimals(amount: i128, format: Format) -> String {
    let whole = |power: i32| amount % 10_i128.pow((power - SMALLEST).unsigned_abs()) == 0;
    let found = DECIMAL.iter().find(|(_, power)| whole(*power));
    let (suffix, power) = found.filter(|_| amount != 0).copied().unwrap_or(("", 0));
    let number = amount / 10_i128.pow((power - SMALLEST).unsigned_abs());
    match format {
        Format::Exponent if power != 0 => format!("{number}e{power}"),
        Format::Exponent => number.to_string(),
        Format::Suffix => format!("{number}{suffix}"),
    }
}

fn binaries(amount: i128) -> String {
    let one = 10_i128.pow(SMALLEST.unsigned_abs());
    // Small amounts, and broken ones, are told in decimals.
    if amount.abs() < 1024 * one || amount % one != 0 {
        return decimals(amount, Format::Suffix);
    }
    let (mut number, mut suffix) = (amount / one, "");
    for larger in BINARY {
        if number % 1024 != 0 {
            break;
        }
        (number, suffix) = (number / 1024, larger);
    }
    format!("{number}{suffix}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_amount_is_written_in_one_way() {
        for (said, written) in [
            (json!(0.1), "100m"),
            (json!(2), "2"),
            (json!("0.5"), "500m"),
            (json!("1000m"), "1"),
            (json!("1500m"), "1500m"),
            (json!("1000"), "1k"),
            (json!("1e3"), "1e3"),
            (json!("1E"), "1E"),
            (json!("0"), "0"),
            (json!("64Mi"), "64Mi"),
            (json!("1024Mi"), "1Gi"),
            (json!("1.5Gi"), "1536Mi"),
            (json!("0.5Ki"), "512"),
            (json!("128974848"), "128974848"),
            (json!("-2000"), "-2k"),
            (json!("0.1n"), "1n"),
        ] {
            let mut value = said.clone();
            settle(&mut value);
            assert_eq!(value, written, "{said}");
            let once = value.clone();
            settle(&mut value);
            assert_eq!(value, once, "it stays");
        }
    }

    #[test]
    fn what_is_no_amount_stays() {
        for said in [
            "",
            "much",
            "1Xi",
            "1.2.3",
            "--1",
            "1e",
            "9999999999999999999999999999Ei",
        ] {
            let mut value = json!(said);
            settle(&mut value);
            assert_eq!(value, said);
        }
    }
}
