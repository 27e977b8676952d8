//! Plain lines, one for each thing worth knowing: for logs, pipes and CI.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use super::{
    Reporter,
    board::Board,
    text::{Palette, clock},
    wording::{self, Detail},
};
use crate::{event::Event, name::ChartName};

/// A chart nothing was said about for so long is mentioned again, with what it waits for: a log
/// that stands still looks like a run that hangs, and some CI systems end it.
const SILENCE_MS: u64 = 30_000;

/// Writes a line for each thing worth knowing.
#[derive(Debug)]
pub struct Lines<W> {
    out: W,
    /// Steps, milestones and output too.
    verbose: bool,
    palette: Palette,
    board: Board,
    /// When each running chart was last mentioned.
    mentioned: BTreeMap<ChartName, u64>,
    pending: String,
}

impl<W: Write + Send> Lines<W> {
    /// Writes to `out` (standard error); with `verbose` also every step and every line of output.
    pub fn new(out: W, verbose: bool, color: bool) -> Self {
        Self {
            out,
            verbose,
            palette: Palette::new(color),
            board: Board::default(),
            mentioned: BTreeMap::new(),
            pending: String::new(),
        }
    }

    fn push(&mut self, line: &str) {
        self.pending.push_str(line);
        self.pending.push('\n');
    }

    /// Mentions the running charts that were silent for too long.
    fn break_silence(&mut self, elapsed_ms: u64) {
        let mut lines = Vec::new();
        for (name, chart, since_ms) in self.board.running() {
            let mentioned = self.mentioned.entry(name.clone()).or_insert(since_ms);
            if elapsed_ms.saturating_sub(*mentioned) < SILENCE_MS {
                continue;
            }
            *mentioned = elapsed_ms;
            let (step, status) = wording::doing(chart);
            let parts = ["still running", &step, &status];
            let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            let since = clock(elapsed_ms.saturating_sub(since_ms));
            let words = format!("{} ({since})", parts.join(": "));
            lines.push(wording::chart_line(
                &self.board,
                name,
                elapsed_ms,
                &words,
                &self.palette,
            ));
        }
        for line in lines {
            self.push(&line);
        }
    }
}

impl<W: Write + Send> Reporter for Lines<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.board.apply(event);
        let detail = Detail {
            progress: true,
            everything: self.verbose,
        };
        if let Some(line) = wording::line(&self.board, event, detail, &self.palette) {
            self.push(&line);
            if let Some(chart) = &event.chart {
                self.mentioned.insert(chart.clone(), event.elapsed_ms);
            }
        }
        Ok(())
    }

    fn notice(&mut self, text: &str) -> io::Result<()> {
        self.push(text);
        Ok(())
    }

    fn show(&mut self, elapsed_ms: u64) -> io::Result<()> {
        self.break_silence(elapsed_ms);
        self.out.write_all(self.pending.as_bytes())?;
        self.pending.clear();
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    fn log(verbose: bool, events: &[Event]) -> String {
        let mut out = Vec::new();
        let mut lines = Lines::new(&mut out, verbose, false);
        for event in events {
            lines.event(event).unwrap();
            lines.show(event.elapsed_ms).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_run_as_a_log() {
        insta::assert_snapshot!(log(false, &samples::failed_run()), @"");
    }

    #[test]
    fn a_verbose_log_has_every_step_and_what_helm_wrote() {
        insta::assert_snapshot!(log(true, &samples::failed_run()), @"");
    }

    #[test]
    fn a_chart_that_waits_long_is_mentioned_with_what_it_waits_for() {
        let mut out = Vec::new();
        let mut lines = Lines::new(&mut out, false, false);
        for event in samples::waiting_run() {
            lines.event(&event).unwrap();
        }
        for elapsed_ms in (10_000..100_000).step_by(100) {
            lines.show(elapsed_ms).unwrap();
        }
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @"");
    }
}
