//! The live view of a run: running charts and a bar, redrawn in place, log lines above.
//!
//! What is drawn is decided by [`frame`](super::frame); indicatif puts it on the terminal, as one
//! bar whose message is the whole frame, so that a frame is drawn at once or not at all.

use std::io;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    Reporter,
    board::Board,
    frame::{Size, frame},
    text::Palette,
    wording::{self, Detail},
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
    /// Steps, milestones and output too.
    verbose: bool,
    palette: Palette,
    board: Board,
    /// Lines to go above the frame.
    pending: Vec<String>,
    shown: Vec<String>,
    shown_ms: Option<u64>,
}

impl Terminal {
    /// Draws on standard error, which must be a terminal: elsewhere nothing would be seen.
    pub fn stderr(verbose: bool, color: bool) -> Self {
        let size = || match terminal_size::terminal_size_of(io::stderr()) {
            Some((columns, rows)) => Size {
                columns: columns.0.into(),
                rows: rows.0.into(),
            },
            None => DEFAULT_SIZE,
        };
        let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND);
        Self::new(target, size, verbose, color)
    }

    /// Draws on any terminal, whose size `size` tells.
    pub fn new(
        target: ProgressDrawTarget,
        size: impl Fn() -> Size + Send + 'static,
        verbose: bool,
        color: bool,
    ) -> Self {
        let style = ProgressStyle::with_template("{msg}").expect("the template is valid");
        Self {
            bar: ProgressBar::with_draw_target(None, target).with_style(style),
            size: Box::new(size),
            verbose,
            palette: Palette::new(color),
            board: Board::default(),
            pending: Vec::new(),
            shown: Vec::new(),
            shown_ms: None,
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
        let detail = Detail {
            progress: false,
            everything: self.verbose,
        };
        let line = wording::line(&self.board, event, detail, &self.palette);
        self.pending.extend(line);
        Ok(())
    }

    fn notice(&mut self, text: &str) -> io::Result<()> {
        self.pending.push(text.to_owned());
        Ok(())
    }

    fn show(&mut self, elapsed_ms: u64) -> io::Result<()> {
        let too_soon = |shown_ms| elapsed_ms.saturating_sub(shown_ms) < REDRAW_MS;
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
        Ok(())
    }
}
