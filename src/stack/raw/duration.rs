//! Durations as Helm writes them.

use std::time::Duration;

/// Longer ones are typing errors, and would overflow clocks further on.
const LONGEST: Duration = Duration::from_hours(8760);

const EXPECTED: &str =
    "expected a duration such as `90s`, `5m`, `1h30m` or `300ms`, or a whole number of seconds";

/// Reads `1h30m`, `1.5h`, `300ms`: Go's `time.ParseDuration`, which Helm's `--timeout` uses,
/// without signs; and whole numbers as seconds.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text
            .parse()
            .map_err(|_| EXPECTED.to_owned())
            .and_then(seconds);
    }
    let mut rest = text;
    let mut total = 0.0_f64;
    while !rest.is_empty() {
        let number = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (digits, tail) = rest.split_at(number);
        let unit = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let amount: f64 = digits.parse().map_err(|_| EXPECTED.to_owned())?;
        total += amount * unit_seconds(unit).ok_or(EXPECTED)?;
        rest = tail;
    }
    if text.is_empty() {
        return Err(EXPECTED.to_owned());
    }
    Duration::try_from_secs_f64(total)
        .map_err(|_| too_long())
        .and_then(in_range)
}

/// A bare number of seconds.
pub(crate) fn seconds(seconds: u64) -> Result<Duration, String> {
    in_range(Duration::from_secs(seconds))
}

fn in_range(duration: Duration) -> Result<Duration, String> {
    if duration.is_zero() {
        return Err("a duration must be longer than nothing".to_owned());
    }
    if duration > LONGEST {
        return Err(too_long());
    }
    Ok(duration)
}

fn too_long() -> String {
    "a duration cannot be longer than a year".to_owned()
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" | "μs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_helm_reads_them() {
        for (text, millis) in [
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("300ms", 300),
            ("1.5h", 5_400_000),
            ("90", 90_000),
            ("2m0.5s", 120_500),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "5 m",
            "m",
            "5",
            "-5m",
            "5x",
            "5m3",
            "1..5s",
            ".",
            "1e3s",
            "0",
            "0s",
            "9999999h",
            "99999999999999999999",
            "5分",
        ] {
            let result = parse(text);
            assert_eq!(result.is_ok(), text == "5", "{text}: {result:?}");
        }
    }
}
