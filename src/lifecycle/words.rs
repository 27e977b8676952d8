//! Durations in messages, as a stack file would have them.

use std::time::Duration;

/// `3m`, `1h30m`, `90s` as `1m30s`, `1.5s`: the way Helm and stack files write durations.
pub(super) fn in_words(duration: Duration) -> String {
    let whole = duration.as_secs();
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if duration.subsec_nanos() != 0 || whole == 0 {
        // A fraction is only ever written on purpose, of something short.
        return format!("{duration:?}");
    }
    let parts: Vec<String> = [(hours, "h"), (minutes, "m"), (seconds, "s")]
        .into_iter()
        .filter(|&(count, _)| count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    parts.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_reads_as_it_is_written_in_a_stack_file() {
        for (milliseconds, words) in [
            (300, "300ms"),
            (1_500, "1.5s"),
            (45_000, "45s"),
            (90_000, "1m30s"),
            (180_000, "3m"),
            (5_400_000, "1h30m"),
            (3_605_000, "1h5s"),
        ] {
            assert_eq!(in_words(Duration::from_millis(milliseconds)), words);
        }
    }
}
