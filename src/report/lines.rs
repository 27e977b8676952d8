//! Plain lines, one for each thing worth knowing: for logs, pipes and CI.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use super::{
    Detail, Look, Reporter,
    board::Board,
    text::{Palette, clock},
    wording::{self, Place},
};
use crate::{
    event::{Event, EventKind},
    name::NodeName,
};

/// A chart nothing was said about for so long is mentioned again, with what it waits for: a log
/// that stands still looks like a run that hangs, and some CI systems end it.
const SILENCE_MS: u64 = 30_000;

/// Writes a line for each thing worth knowing.
#[derive(Debug)]
pub struct Lines<W> {
    out: W,
    detail: Detail,
    palette: Palette,
    board: Board,
    /// When each running chart was last mentioned.
    mentioned: BTreeMap<NodeName, u64>,
    pending: String,
}

impl<W: Write + Send> Lines<W> {
    /// Writes to `out` (standard error).
    pub fn new(out: W, look: Look) -> Self {
        Self {
            out,
            detail: look.detail,
            palette: Palette::new(look.color),
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
            let step = match step.as_str() {
                "" => "still running".to_owned(),
                step => format!("still at {step}"),
            };
            let status = match status.as_str() {
                "" => status,
                status => format!(": {status}"),
            };
            let since = clock(elapsed_ms.saturating_sub(since_ms));
            let words = format!("{step}{status} ({since})");
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
        if matches!(event.kind, EventKind::RunStarted { .. }) {
            self.mentioned.clear();
        }
        let line = wording::line(&self.board, event, self.detail, Place::Log, &self.palette);
        if let Some(line) = line {
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
        if self.detail > Detail::Notices {
            self.break_silence(elapsed_ms);
        }
        self.out.write_all(self.pending.as_bytes())?;
        self.pending.clear();
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{name::Direction, report::samples};

    fn log(detail: Detail, events: &[Event]) -> String {
        let mut out = Vec::new();
        let mut lines = Lines::new(&mut out, look(detail));
        for event in events {
            lines.event(event).unwrap();
            lines.show(event.elapsed_ms).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    fn look(detail: Detail) -> Look {
        Look {
            detail,
            color: false,
        }
    }

    #[test]
    fn quiet_leaves_what_is_no_event() {
        let mut out = Vec::new();
        let mut lines = Lines::new(&mut out, look(Detail::Notices));
        for event in samples::waiting_run() {
            lines.event(&event).unwrap();
        }
        lines.notice("stopping").unwrap();
        lines.show(100_000).unwrap();
        assert_eq!(out, b"stopping\n");
    }

    #[test]
    fn a_run_as_a_log() {
        insta::assert_snapshot!(log(Detail::Progress, &samples::failed_run()), @r"
        platform: up, 4 charts in kind-dev, run 20261122t163501-ab12cd
           0.0s  storage-class  unchanged
           0.0s  db             install
           0.2s  db             warning: namespace shop was created
          12.3s  db             succeeded in 12.2s
          12.3s  api            upgrade
          16.5s  api            failed after 4.2s at exec: helm upgrade of shop/api failed
          16.5s  web            not run, because of api
        ");
    }

    #[test]
    fn a_rollback_shows_its_plan_first() {
        insta::assert_snapshot!(log(Detail::Progress, &samples::rolled_back()), @r"
        platform: rollback of run 20261122t163501-ab12cd, 2 charts in kind-dev, run 20261122t163501-ab12cd
          api  rollback: to revision 3
          db   skip: reinstalled by this run
           0.0s  api  rollback
           0.4s  api  succeeded in 0.4s
           0.4s  db   skip
           0.4s  db   skipped in 0.0s
        ");
    }

    #[test]
    fn crds_are_no_charts() {
        let events = samples::Script::new(Direction::Up, &["db:crds", "db"]).unfinished();
        insta::assert_snapshot!(log(Detail::Progress, &events), @"platform: up, 1 chart and the CRDs of 1 in kind-dev, run 20261122t163501-ab12cd");
    }

    #[test]
    fn a_verbose_log_has_every_step_and_what_helm_wrote() {
        insta::assert_snapshot!(log(Detail::Everything, &samples::failed_run()), @r"
        platform: up, 4 charts in kind-dev, run 20261122t163501-ab12cd
           0.0s  storage-class  unchanged
           0.0s  db             install
           0.0s  db             step exec
        db            │ level=WARN chart is old
           0.2s  db             warning: namespace shop was created
           0.3s  db             deployed
           0.3s  db             step ready
          12.3s  db             ready
          12.3s  db             validated
          12.3s  db             succeeded in 12.2s
          12.3s  api            upgrade
          12.3s  api            step exec
          16.5s  api            failed after 4.2s at exec: helm upgrade of shop/api failed
          16.5s  web            not run, because of api
        ");
    }

    #[test]
    fn a_chart_that_waits_long_is_mentioned_with_what_it_waits_for() {
        let mut out = Vec::new();
        let mut lines = Lines::new(&mut out, look(Detail::Progress));
        for event in samples::waiting_run() {
            lines.event(&event).unwrap();
        }
        for elapsed_ms in (10_000..100_000).step_by(100) {
            lines.show(elapsed_ms).unwrap();
        }
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        platform: up, 5 charts in kind-dev, run 20261122t163501-ab12cd
           0.0s  db                     install
           2.0s  kube-prometheus-stack  upgrade
           9.0s  cache                  install
          30.0s  db                     still at ready: statefulset/db 0 of 1 ready, persistentvolumeclaim/data-db-0 Pending (30s)
          32.0s  kube-prometheus-stack  still at validate/pods (30s)
          39.0s  cache                  still running (30s)
          1m00s  db                     still at ready: statefulset/db 0 of 1 ready, persistentvolumeclaim/data-db-0 Pending (1m00s)
          1m02s  kube-prometheus-stack  still at validate/pods (1m00s)
          1m09s  cache                  still running (1m00s)
          1m30s  db                     still at ready: statefulset/db 0 of 1 ready, persistentvolumeclaim/data-db-0 Pending (1m30s)
          1m32s  kube-prometheus-stack  still at validate/pods (1m30s)
          1m39s  cache                  still running (1m30s)
        ");
    }
}
