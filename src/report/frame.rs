//! The live part of a terminal, as lines of text: what runs, and how far the run is. Pure.

use super::{
    board::Board,
    text::{Palette, clock, fit, pad, paint, width},
    wording,
};

/// Names and steps longer than this are cut.
const WIDEST_NAME: usize = 30;
const WIDEST_STEP: usize = 24;

/// On wider terminals the times stay this near: the eye must find the line they belong to.
const WIDEST_LINE: usize = 120;

/// Columns of the overall bar.
const BAR: usize = 20;

/// Columns and rows of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
}

/// The lines to show now: a line per running chart, as many as fit, then the overall bar. No line
/// is as wide as the terminal, so that none wraps.
pub(super) fn frame(board: &Board, elapsed_ms: u64, size: Size, palette: &Palette) -> Vec<String> {
    let columns = size.columns.saturating_sub(1).min(WIDEST_LINE);
    let running = board.running();
    // One row for the bar, one for the cursor.
    let room = size.rows.saturating_sub(2).max(1);
    let shown = if running.len() > room {
        room.saturating_sub(1)
    } else {
        running.len()
    };
    let doing: Vec<_> = running[..shown]
        .iter()
        .map(|(name, chart, since_ms)| {
            let (step, status) = wording::doing(chart);
            Doing {
                name: fit(&name.to_string(), WIDEST_NAME),
                step: fit(&step, WIDEST_STEP),
                status,
                since: clock(elapsed_ms.saturating_sub(*since_ms)),
            }
        })
        .collect();
    // Of all charts, not only of those that run: columns that jump cannot be read.
    let names = board.charts.keys().map(|name| width(&name.to_string()));
    let name_columns = names.max().unwrap_or(0).min(WIDEST_NAME);
    let mut lines = running_lines(&doing, name_columns, columns, palette);
    if running.len() > shown {
        let more = format!("… and {} more", running.len() - shown);
        lines.push(paint(palette.faint, &fit(&more, columns)));
    }
    lines.push(overall(board, elapsed_ms, columns, palette));
    lines
}

struct Doing {
    name: String,
    step: String,
    status: String,
    since: String,
}

fn running_lines(
    doing: &[Doing],
    name_columns: usize,
    columns: usize,
    palette: &Palette,
) -> Vec<String> {
    let widest = |of: fn(&Doing) -> &String| doing.iter().map(|one| width(of(one))).max();
    let step_columns = widest(|one| &one.step).unwrap_or(0);
    let since_columns = widest(|one| &one.since).unwrap_or(0);
    doing
        .iter()
        .map(|one| {
            let left = format!(
                "{}  {}  {}",
                pad(&one.name, name_columns),
                pad(&one.step, step_columns),
                one.status
            );
            let room = columns.saturating_sub(since_columns + 2);
            let left = pad(&fit(left.trim_end(), room), room);
            let line = format!("{left}  {:>since_columns$}", one.since);
            if room < name_columns {
                // Too narrow for columns: the name is what matters.
                return fit(&one.name, columns);
            }
            let rest = line.strip_prefix(one.name.as_str()).unwrap_or_default();
            format!("{}{rest}", paint(palette.strong, &one.name))
        })
        .collect()
}

fn overall(board: &Board, elapsed_ms: u64, columns: usize, palette: &Palette) -> String {
    let counts = board.counts();
    let ended = counts.done + counts.failed + counts.stopped;
    let filled = (BAR * ended).checked_div(counts.total).unwrap_or(0);
    let mut words = vec![format!("{} of {} done", counts.done, counts.total)];
    for (count, word) in [
        (counts.running, "running"),
        (counts.waiting, "waiting"),
        (counts.failed, "failed"),
        (counts.stopped, "not run"),
    ] {
        if count > 0 {
            words.push(format!("{count} {word}"));
        }
    }
    let text = format!("{}  {}", words.join(", "), clock(elapsed_ms));
    if columns < BAR + 2 + width(&text) {
        return fit(&text, columns);
    }
    let style = if counts.failed > 0 {
        palette.bad
    } else {
        palette.good
    };
    let (done, left) = ("█".repeat(filled), "░".repeat(BAR - filled));
    format!("{}{left}  {text}", paint(style, &done))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    fn draw(board: &Board, columns: usize, rows: usize) -> String {
        let size = Size { columns, rows };
        let lines = frame(board, 75_000, size, &Palette::new(false));
        assert!(
            lines.len() < rows.max(3),
            "{} lines in {rows} rows",
            lines.len()
        );
        for line in &lines {
            assert!(width(line) < columns, "{line:?} is wider than {columns}");
        }
        lines.join("\n")
    }

    fn board(events: &[crate::event::Event]) -> Board {
        let mut board = Board::default();
        for event in events {
            board.apply(event);
        }
        board
    }

    #[test]
    fn each_running_chart_has_a_line_with_what_it_waits_for() {
        insta::assert_snapshot!(draw(&board(&samples::waiting_run()), 80, 24), @r"
        db                     ready          statefulset/db 0 of 1 ready, pers…  1m15s
        kube-prometheus-stack  validate/pods                                      1m13s
        cache                                                                     1m06s
        ░░░░░░░░░░░░░░░░░░░░  0 of 5 done, 3 running, 2 waiting  1m15s
        ");
    }

    #[test]
    fn a_narrow_terminal_gets_cut_lines() {
        insta::assert_snapshot!(draw(&board(&samples::waiting_run()), 40, 24), @r"
        db                     ready   …  1m15s
        kube-prometheus-stack  validate…  1m13s
        cache                             1m06s
        0 of 5 done, 3 running, 2 waiting  1m1…
        ");
        for columns in 1..40 {
            draw(&board(&samples::waiting_run()), columns, 24);
        }
    }

    #[test]
    fn more_charts_than_rows_are_counted() {
        insta::assert_snapshot!(draw(&board(&samples::crowd(40)), 60, 6), @r"
        chart-00  exec                                        1m14s
        chart-01  exec                                        1m14s
        chart-02  exec                                        1m14s
        … and 37 more
        ░░░░░░░░░░░░░░░░░░░░  0 of 40 done, 40 running  1m15s
        ");
        for rows in 3..50 {
            draw(&board(&samples::crowd(40)), 60, rows);
        }
    }

    #[test]
    fn colours_do_not_change_what_is_shown() {
        let size = Size {
            columns: 60,
            rows: 10,
        };
        let board = board(&samples::crowd(3));
        let plain = frame(&board, 75_000, size, &Palette::new(false));
        let styled: Vec<String> = frame(&board, 75_000, size, &Palette::new(true))
            .iter()
            .map(|line| anstream::adapter::strip_str(line).to_string())
            .collect();
        assert_eq!(styled, plain);
    }
}
