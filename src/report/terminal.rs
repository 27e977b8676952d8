//! The live view of a run: running charts and a bar, redrawn in place, log lines above.
//!
//! What is drawn is decided by [`frame`](super::frame); indicatif puts it on the terminal, as one
//! bar whose message is the whole frame, so that a frame is drawn at once or not at all.

use std::io;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    Detail, Look, Reporter,
    board::Board,
    echo::Silenced,
    frame::{Size, frame},
    text::Palette,
    wording::{self, Place},
};
use crate::event::Event;

/// Between two redraws, in milliseconds.
const REDRAW_MS: u64 = 80;

/// Redraws a second indicatif lets through: above ours, so that ours is the limit.
pub(super) const DRAWS_PER_SECOND: u8 = 20;

/// Assumed when the terminal does not tell its size.
const DEFAULT_SIZE: Size = Size {
    columns: 80,
    rows: 24,
};

/// Draws a run on a terminal.
pub struct Terminal {
    bar: ProgressBar,
    size: Box<dyn Fn() -> Size + Send>,
    detail: Detail,
    palette: Palette,
    board: Board,
    /// Lines to go above the frame.
    pending: Vec<String>,
    shown: Vec<String>,
    shown_ms: Option<u64>,
    /// While the view is there.
    echo: Option<Silenced>,
}

impl Terminal {
    /// Draws on standard error, which must be a terminal: elsewhere nothing would be seen.
    pub fn stderr(look: Look) -> Self {
        let size = || match terminal_size::terminal_size_of(io::stderr()) {
            Some((columns, rows)) => Size {
                columns: columns.0.into(),
                rows: rows.0.into(),
            },
            None => DEFAULT_SIZE,
        };
        let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND);
        Self {
            echo: Silenced::new(io::stderr()),
            ..Self::new(target, size, look)
        }
    }

    /// Draws on any terminal, whose size `size` tells.
    pub fn new(
        target: ProgressDrawTarget,
        size: impl Fn() -> Size + Send + 'static,
        look: Look,
    ) -> Self {
        let style = ProgressStyle::with_template("{msg}").expect("the template is valid");
        Self {
            bar: ProgressBar::with_draw_target(None, target).with_style(style),
            size: Box::new(size),
            detail: look.detail,
            palette: Palette::new(look.color),
            board: Board::default(),
            pending: Vec::new(),
            shown: Vec::new(),
            shown_ms: None,
            echo: None,
        }
    }

    fn print_pending(&mut self) {
        if !self.pending.is_empty() {
            self.bar.println(self.pending.join("\n"));
            self.pending.clear();
        }
    }
}

impl Reporter for Terminal {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.board.apply(event);
        let place = Place::AboveLive;
        let line = wording::line(&self.board, event, self.detail, place, &self.palette);
        self.pending.extend(line);
        Ok(())
    }

    fn notice(&mut self, text: &str) -> io::Result<()> {
        self.pending.push(text.to_owned());
        Ok(())
    }

    fn show(&mut self, elapsed_ms: u64) -> io::Result<()> {
        // The clock of a run that follows another one begins anew.
        let too_soon = |shown_ms| (shown_ms..shown_ms + REDRAW_MS).contains(&elapsed_ms);
        if self.shown_ms.is_some_and(too_soon) {
            return Ok(());
        }
        self.shown_ms = Some(elapsed_ms);
        self.print_pending();
        let frame = frame(&self.board, elapsed_ms, (self.size)(), &self.palette);
        if self.board.head.is_some() && frame != self.shown {
            self.bar.set_message(frame.join("\n"));
            self.shown = frame;
        }
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.print_pending();
        self.bar.finish_and_clear();
        self.echo = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    use super::*;
    use crate::report::samples;

    /// A terminal that keeps its screen: enough of one for what indicatif does.
    #[derive(Debug, Clone, Default)]
    struct Screen(Arc<Mutex<Cells>>);

    #[derive(Debug, Default)]
    struct Cells {
        lines: Vec<Vec<char>>,
        row: usize,
        column: usize,
        draws: usize,
    }

    const COLUMNS: usize = 70;

    impl Screen {
        fn text(&self) -> String {
            let cells = self.0.lock().unwrap();
            let lines: Vec<String> = cells
                .lines
                .iter()
                .map(|line| line.iter().collect::<String>().trim_end().to_owned())
                .collect();
            lines.join("\n").trim_end().to_owned()
        }

        fn draws(&self) -> usize {
            self.0.lock().unwrap().draws
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            u16::try_from(COLUMNS).unwrap()
        }
        fn height(&self) -> u16 {
            24
        }
        fn move_cursor_up(&self, n: usize) -> io::Result<()> {
            self.0.lock().unwrap().row -= n;
            Ok(())
        }
        fn move_cursor_down(&self, n: usize) -> io::Result<()> {
            self.0.lock().unwrap().row += n;
            Ok(())
        }
        fn move_cursor_right(&self, n: usize) -> io::Result<()> {
            self.0.lock().unwrap().column += n;
            Ok(())
        }
        fn move_cursor_left(&self, n: usize) -> io::Result<()> {
            let mut cells = self.0.lock().unwrap();
            cells.column = cells.column.saturating_sub(n);
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)?;
            self.write_str("\n")
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            let mut cells = self.0.lock().unwrap();
            for c in text.chars() {
                if c == '\r' {
                    cells.column = 0;
                    continue;
                }
                // A terminal wraps when the next character comes, not when a line is full.
                if c == '\n' || cells.column == COLUMNS {
                    cells.row += 1;
                    cells.column = 0;
                }
                if c == '\n' {
                    continue;
                }
                let (row, column) = (cells.row, cells.column);
                while cells.lines.len() <= row {
                    cells.lines.push(vec![' '; COLUMNS]);
                }
                cells.lines[row][column] = c;
                cells.column += 1;
            }
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            let mut cells = self.0.lock().unwrap();
            let row = cells.row;
            if let Some(line) = cells.lines.get_mut(row) {
                line.fill(' ');
            }
            cells.column = 0;
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            self.0.lock().unwrap().draws += 1;
            Ok(())
        }
    }

    fn terminal(screen: &Screen) -> Terminal {
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(screen.clone()), 255);
        let size = || Size {
            columns: COLUMNS,
            rows: 24,
        };
        let look = Look {
            detail: Detail::Progress,
            color: false,
        };
        Terminal::new(target, size, look)
    }

    #[test]
    fn log_lines_stay_above_and_the_live_part_goes_at_the_end() {
        let screen = Screen::default();
        let mut terminal = terminal(&screen);
        let events = samples::failed_run();
        let (before, after) = events.split_at(events.len() - 5);
        for event in before {
            terminal.event(event).unwrap();
        }
        terminal.notice("stopping: …").unwrap();
        terminal.show(14_000).unwrap();
        insta::assert_snapshot!("live", screen.text());
        for event in after {
            terminal.event(event).unwrap();
        }
        terminal.end().unwrap();
        insta::assert_snapshot!("ended", screen.text());
    }

    #[test]
    fn a_run_that_follows_another_one_is_shown_from_its_beginning() {
        let screen = Screen::default();
        let mut terminal = terminal(&screen);
        for event in samples::failed_run() {
            terminal.event(&event).unwrap();
        }
        terminal.show(60_000).unwrap();
        for event in samples::rollback() {
            terminal.event(&event).unwrap();
        }
        terminal.show(100).unwrap();
        insta::assert_snapshot!("following", screen.text());
    }

    #[test]
    fn a_flood_of_events_is_drawn_a_dozen_times_a_second() {
        let screen = Screen::default();
        let mut terminal = terminal(&screen);
        let events = samples::crowd(3);
        for elapsed_ms in 0..1000 {
            for event in &events {
                terminal.event(event).unwrap();
            }
            terminal.notice("a line").unwrap();
            terminal.show(elapsed_ms).unwrap();
        }
        // A log line and a frame each time.
        assert!(screen.draws() <= 26, "{} draws", screen.draws());
        terminal.end().unwrap();
        assert_eq!(screen.text().matches("a line").count(), 1000);
    }
}
