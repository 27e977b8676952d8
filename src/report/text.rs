//! Text for terminals: widths, cleaning, durations, styles.

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Foreign text made harmless: no escape sequences, no control characters (a chart's notes must
/// not move the cursor, nor a progress bar's `\r` overwrite a line).
pub(super) fn clean(text: &str) -> String {
    let stripped = anstream::adapter::strip_str(text).to_string();
    stripped
        .chars()
        .map(|c| if matches!(c, '\t' | '\n') { ' ' } else { c })
        .filter(|c| !c.is_control())
        .collect()
}

/// Columns a text takes on a terminal; styles take none.
pub(super) fn width(text: &str) -> usize {
    anstream::adapter::strip_str(text).to_string().width()
}

/// The text, cut to so many columns; what was cut off is marked by `…`. For text without styles.
pub(super) fn fit(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut fitted = String::new();
    let mut left = columns.saturating_sub(1);
    for c in text.chars() {
        let width = c.width().unwrap_or(0);
        if width > left {
            break;
        }
        left -= width;
        fitted.push(c);
    }
    if columns > 0 {
        fitted.push('…');
    }
    fitted
}

/// The text with spaces after it, up to so many columns.
pub(super) fn pad(text: &str, columns: usize) -> String {
    let spaces = columns.saturating_sub(width(text));
    format!("{text}{:spaces$}", "")
}

/// The text with spaces before it, up to so many columns.
pub(super) fn pad_left(text: &str, columns: usize) -> String {
    let spaces = columns.saturating_sub(width(text));
    format!("{:spaces$}{text}", "")
}

/// A measured duration: `0.4s`, `12.3s`, `2m05s`, `1h02m`.
pub(super) fn duration(milliseconds: u64) -> String {
    if milliseconds < 60_000 {
        // Down, as a clock counts: never `60.0s`.
        let tenths = milliseconds / 100;
        return format!("{}.{}s", tenths / 10, tenths % 10);
    }
    clock(milliseconds)
}

/// A running duration, in whole seconds: `4s`, `2m05s`, `1h02m`.
pub(super) fn clock(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    let minutes = seconds / 60;
    match (minutes / 60, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{:02}s", seconds % 60),
        (hours, _) => format!("{hours}h{:02}m", minutes % 60),
    }
}

/// How long ago a moment is, as kubectl writes ages: two units at most, none below seconds.
pub fn age(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(since).as_secs().max(0);
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, m) => format!("{m}m{}s", seconds % 60),
        (0, h, m) => format!("{h}h{m}m"),
        (d, h, _) => format!("{d}d{h}h"),
    }
}

/// `1 chart`, `2 charts`.
pub(super) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Colours, or none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Palette {
    pub(super) good: Style,
    pub(super) bad: Style,
    pub(super) warning: Style,
    pub(super) hint: Style,
    pub(super) strong: Style,
    pub(super) faint: Style,
}

impl Palette {
    pub(super) fn new(color: bool) -> Self {
        let plain = Style::new();
        if !color {
            return Self {
                good: plain,
                bad: plain,
                warning: plain,
                hint: plain,
                strong: plain,
                faint: plain,
            };
        }
        Self {
            good: AnsiColor::Green.on_default(),
            bad: AnsiColor::Red.on_default().bold(),
            warning: AnsiColor::Yellow.on_default().bold(),
            hint: AnsiColor::Cyan.on_default(),
            strong: plain.bold(),
            faint: plain.dimmed(),
        }
    }
}

/// The text in a style.
pub(super) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_move_the_cursor() {
        assert_eq!(
            clean("\u{1b}[31mred\u{1b}[0m\r\u{7}\tx\u{1b}[2K\ny"),
            "red x y"
        );
        assert_eq!(clean("naïve 漢字"), "naïve 漢字");
    }

    #[test]
    fn text_is_cut_by_columns_not_characters() {
        assert_eq!(fit("abc", 3), "abc");
        assert_eq!(fit("abcd", 3), "ab…");
        assert_eq!(fit("漢字漢字", 5), "漢字…");
        assert_eq!(fit("漢字漢字", 4), "漢…");
        assert_eq!(fit("abc", 0), "");
        assert_eq!(width(&paint(Palette::new(true).bad, "漢x")), 3);
        assert_eq!(pad("漢", 4), "漢  ");
    }

    #[test]
    fn durations_read_as_people_say_them() {
        for (milliseconds, measured, running) in [
            (0, "0.0s", "0s"),
            (449, "0.4s", "0s"),
            (12_345, "12.3s", "12s"),
            (59_999, "59.9s", "59s"),
            (60_000, "1m00s", "1m00s"),
            (125_000, "2m05s", "2m05s"),
            (3_725_000, "1h02m", "1h02m"),
        ] {
            assert_eq!(duration(milliseconds), measured);
            assert_eq!(clock(milliseconds), running);
        }
    }

    #[test]
    fn ages_are_short() {
        let now = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24 * 365);
        for (seconds, expected) in [
            (-5, "0s"),
            (59, "59s"),
            (61, "1m1s"),
            (3700, "1h1m"),
            (90_000, "1d1h"),
        ] {
            let since = now - jiff::SignedDuration::from_secs(seconds);
            assert_eq!(age(since, now), expected);
        }
    }
}
